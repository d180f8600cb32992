//! Catches panics of the application: they fail one request, not the connection or the process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

/// Awaits `future`; `None` if it panics. Unwind safe: none of our locks is poisoned and no shared
/// state is left half-changed, because every method of a store is atomic.
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
    async fn panic_returns_none() {
        assert_eq!(catch_panic(pin!(async { 1 })).await, Some(1));
        assert_eq!(catch_panic(pin!(async { panic!("on purpose") })).await, None::<()>);
        let late = async {
            tokio::task::yield_now().await;
            panic!("on purpose, later");
        };
        assert_eq!(catch_panic(pin!(late)).await, None::<()>);
    }
}
