//! A panic in the application costs one request, not the connection or the process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

/// What `future` gives, `None` if it panics. Every lock and pool that a request shares survives
/// the unwinding: none of ours is poisoned or left half-changed, for a store's method is one step.
pub(super) async fn catch_panic<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_a_value() {
        assert_eq!(catch_panic(pin!(async { 1 })).await, Some(1));
        assert_eq!(catch_panic(pin!(async { panic!("on purpose") })).await, None::<()>);
        let late = async {
            tokio::task::yield_now().await;
            panic!("on purpose, later");
        };
        assert_eq!(catch_panic(pin!(late)).await, None::<()>);
    }
}
