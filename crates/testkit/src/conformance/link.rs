//! Rules for mailed links and other tokens that work once: of fifty uses, one succeeds.

use std::time::Duration;

use crossauth_core::email_link::LinkError;
use crossauth_core::login::Door;
use crossauth_core::password_reset::{ResetError, ResetForm};
use crossauth_core::profile::{ProfileChange, ProfileUpdate};
use crossauth_core::secret::Password;
use crossauth_core::signup::{SignupOutcome, SignupRequest};
use crossauth_core::storage::Storage;
use crossauth_core::token::NewToken;
use crossauth_core::user::UserState;
use crossauth_core::visitor::Visitor;

use super::sample::{fields, race};
use super::site::{ADDRESS, NEW_PASSWORD, RACERS, Site};

/// One use of a link verifies the address of a sign-up.
pub(super) async fn one_verification_link_verifies_once(storage: &Storage) {
    let site = Site::new(storage);
    let request = SignupRequest::new(Site::form());
    let outcome = site.auth.signup.sign_up(request).await.unwrap();
    assert!(matches!(outcome, SignupOutcome::VerifyEmail), "{outcome:?}");
    let verified = verify(&site).await;
    assert_eq!(verified, Some(None));
    let bob = site.auth.accounts.find("bob").await.unwrap().unwrap();
    assert_eq!(bob.state, UserState::Active);
}

/// One use of a link changes the address, and one use of the other takes the change back.
pub(super) async fn one_change_of_address_is_made_and_taken_back_once(storage: &Storage) {
    let site = Site::new(storage);
    site.bob().await;
    let session = site.session().await;
    let fields = fields([("email", "new@example.com".into())]);
    let update = ProfileUpdate { fields, ..ProfileUpdate::default() };
    let changed = site.auth.profile.update(&session, update).await.unwrap();
    assert!(matches!(changed, ProfileChange::Done(_)), "{changed:?}");
    let verified = verify(&site).await;
    assert_eq!(verified, Some(Some(ADDRESS.to_owned())));

    let token = site.sent("token").await;
    let results = race(RACERS, |_| {
        let (auth, token) = (site.auth.clone(), token.clone());
        async move { auth.email_verification.restore(&token, Visitor::default()).await }
    })
    .await;
    let restored = only_success(results).unwrap();
    assert_eq!(restored.email.as_deref(), Some(ADDRESS));
    let bob = site.auth.accounts.find("bob").await.unwrap().unwrap();
    assert_eq!(bob.email.as_deref(), Some(ADDRESS));
}

/// Uses the link that was mailed last; the old address of the one use that succeeded.
async fn verify(site: &Site) -> Option<Option<String>> {
    let token = site.sent("token").await;
    let results = race(RACERS, |_| {
        let (auth, token) = (site.auth.clone(), token.clone());
        async move { auth.email_verification.verify(&token, Visitor::default()).await }
    })
    .await;
    only_success(results).map(|verified| verified.old_email)
}

/// One use of a link sets a new password.
pub(super) async fn one_reset_link_sets_one_password(storage: &Storage) {
    let site = Site::new(storage);
    site.bob().await;
    site.auth.password_reset.request(ADDRESS, Visitor::default()).await.unwrap();
    site.auth.handle_mail_requests().await;
    let token = site.sent("token").await;
    let results = race(RACERS, |number| {
        let (auth, token) = (site.auth.clone(), token.clone());
        async move {
            let form = ResetForm::new(token, Password::new(format!("{NEW_PASSWORD}{number}")));
            auth.password_reset.reset(form, Door::default()).await
        }
    })
    .await;
    let reset = |result| match result {
        Ok(done) => Some(Ok(done)),
        Err(ResetError::Link(error)) => Some(Err(error)),
        // More than can be hashed at once.
        Err(ResetError::Hash(_)) => None,
        Err(other) => panic!("{other}"),
    };
    assert!(only_success(results.into_iter().filter_map(reset).collect()).is_some());
}

/// One caller gets what a token of the application stands for.
pub(super) async fn one_token_of_the_application_is_taken_once(storage: &Storage) {
    let site = Site::new(storage);
    let bob = site.bob().await;
    let data = fields([("team", "blue".into())]);
    let day = Duration::from_hours(24);
    let new = NewToken { user: Some(&bob.id), data, ..NewToken::new("invitation", day) };
    let token = site.auth.tokens.issue(new.clone()).await.unwrap();
    assert!(site.auth.tokens.take("order", &token).await.unwrap().is_none());
    let found = site.auth.tokens.find("invitation", &token).await.unwrap();
    let results = race(RACERS, |_| {
        let (auth, token) = (site.auth.clone(), token.clone());
        async move { auth.tokens.take("invitation", &token).await.unwrap() }
    })
    .await;
    let results: Vec<_> = results.into_iter().flatten().collect();
    assert_eq!(results.as_slice(), found.as_slice());
    assert_eq!((results[0].user.as_ref(), &results[0].data), (Some(&bob.id), &new.data));
}

/// The one success; all others were refused because the link was used.
fn only_success<T>(results: Vec<Result<T, LinkError>>) -> Option<T> {
    let mut successes = Vec::new();
    for result in results {
        match result {
            Ok(success) => successes.push(success),
            Err(LinkError::Invalid) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert!(successes.len() <= 1, "{} succeeded", successes.len());
    successes.pop()
}
