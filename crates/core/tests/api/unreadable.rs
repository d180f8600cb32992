//! Accounts whose row cannot be decoded.

use std::num::NonZeroUsize;

use crossauth_core::account::{AccountError, Role};
use crossauth_core::form::{Field, Rule};
use crossauth_core::login::{LoginAttempt, LoginError, LoginOutcome};
use crossauth_core::password::{Argon2idParams, HashError, HasherConfig, NewHashes};
use crossauth_core::secret::Password;
use crossauth_core::session::SessionRefused;
use crossauth_core::signup::SignupRequest;

use crate::site::{PASSWORD, Site, form};

#[tokio::test]
async fn login_is_indistinguishable_from_a_wrong_password() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    assert!(matches!(site.log_in("bob", PASSWORD).await, LoginOutcome::LoggedIn(_)));
    site.storage.fail_call_with_bad_row("users.find_by_username");
    for password in [PASSWORD, "wrong"] {
        let outcome = site.log_in("bob", password).await;
        assert!(matches!(outcome, LoginOutcome::WrongCredentials), "{outcome:?}");
    }
}

/// Of many concurrent attempts, the hasher refuses those that do not fit into its queue.
#[tokio::test]
async fn login_occupies_the_hasher_like_any_other() {
    let site = Site::with(|config| {
        let params = Argon2idParams { memory_kib: 8192, passes: 1, lanes: 1 };
        let one = NonZeroUsize::MIN;
        config.hasher = HasherConfig {
            new_hashes: NewHashes::Argon2id(params),
            threads: Some(one),
            queue: one,
            ..HasherConfig::default()
        };
    });
    for is_unreadable in [false, true] {
        if is_unreadable {
            site.storage.fail_call_with_bad_row("users.find_by_username");
        }
        let attempts = (0..20).map(|_| {
            let (username, password) = ("bob", Password::new(PASSWORD));
            site.auth.login.attempt(LoginAttempt::new(username, password))
        });
        let outcomes = join_all(attempts).await;
        let is_busy =
            |outcome: &&Result<_, _>| matches!(outcome, Err(LoginError::Hash(HashError::Busy)));
        assert!(outcomes.iter().any(|outcome| is_busy(&outcome)), "unreadable: {is_unreadable}");
        assert!(outcomes.iter().any(Result::is_ok), "unreadable: {is_unreadable}");
    }
}

/// Polls all futures in turn until all are ready.
async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in &mut futures {
            if output.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if futures.iter().all(|(_, output)| output.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}

#[tokio::test]
async fn name_is_taken_at_sign_up() {
    let site = Site::new();
    let sign_up = async || {
        let request = SignupRequest::new(form("bob", PASSWORD));
        site.auth.signup.sign_up(request).await
    };
    assert!(sign_up().await.is_ok());
    site.storage.fail_call_with_bad_row("users.find_by_username");
    let refused = sign_up().await.unwrap_err();
    let AccountError::Form(errors) = refused else { panic!("{refused:?}") };
    assert_eq!((&errors[0].field, &errors[0].rule), (&Field::Username, &Rule::Taken));
}

#[tokio::test]
async fn session_is_refused_and_the_store_does_not_fail() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let session = site.session("bob").await;
    assert!(site.is_accepted(&session).await);
    site.storage.fail_call_with_bad_row("sessions.find");
    for _ in 0..2 {
        let refused = site.auth.sessions.check(&session.cookie).await;
        assert!(matches!(refused, Err(SessionRefused::Unreadable)), "{refused:?}");
    }
}
