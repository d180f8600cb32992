//! Passwords that are changed in the directory while the account cannot be changed here.

use std::sync::Arc;

use crossauth_core::account::AccountError;
use crossauth_core::login::LoginOutcome;
use crossauth_core::password_change::PasswordChangeRequest;
use crossauth_core::secret::Password;
use crossauth_core::session::Session;
use crossauth_testkit::directory::{Answer, ScriptedDirectory};

use super::{SECRET, is_logged_in, is_wrong, site};
use crate::site::{OTHER, Site};

/// Asserts that the directory has the new password, and that the error is the one for it.
async fn assert_changed(site: &Site, directory: &ScriptedDirectory, error: AccountError) {
    directory.answer("id-bob", Answer::Match);
    assert!(matches!(error, AccountError::ChangedInDirectory(_)), "{error:?}");
    assert!(is_wrong(&site.log_in("bob", SECRET).await));
    assert!(is_logged_in(&site.log_in("bob", OTHER).await));
}

#[tokio::test]
async fn password_that_the_directory_has_and_the_storage_not_is_told_to_the_user() {
    let (site, directory) = site();
    let other = site.enter("bob", SECRET).await;
    let session = site.stale().await;
    site.storage.fail_call("users.change");
    let error = site.change_password(&session, SECRET, OTHER).await.unwrap_err();
    site.storage.recover();
    assert!(matches!(error, AccountError::ChangedInDirectory(Some(_))), "{error:?}");
    assert_changed(&site, &directory, error).await;
    assert!(site.is_accepted(&other).await);
    let changed = site.change_password(&session, OTHER, SECRET).await;
    assert!(changed.is_ok(), "{changed:?}");
    assert!(!site.is_accepted(&other).await, "changing it once more ends the sessions");
}

#[tokio::test]
async fn storage_that_fails_once_keeps_no_session_alive_after_a_change_in_the_directory() {
    let (site, directory) = site();
    let session = site.stale().await;
    site.storage.take_calls();
    site.change_password(&session, SECRET, OTHER).await.unwrap();
    let calls = site.storage.take_calls();
    let before = calls.iter().position(|call| *call == "users.change").unwrap();
    site.change_back(&directory).await;

    let other = site.enter("bob", SECRET).await;
    let session = site.stale().await;
    site.storage.fail_after(before);
    let error = site.change_password(&session, SECRET, OTHER).await.unwrap_err();
    assert!(matches!(error, AccountError::ChangedInDirectory(None)), "{error:?}");
    assert!(!site.is_accepted(&other).await);
    let acts = site.acts("bob").await;
    assert_eq!(acts.iter().filter(|act| *act == "password.changed").count(), 3);
    assert_changed(&site, &directory, error).await;
}

#[tokio::test]
async fn session_that_ends_during_a_change_in_the_directory_takes_the_others_with_it() {
    let (site, directory) = site();
    let other = site.enter("bob", SECRET).await;
    let session = site.stale().await;
    site.log_out_during_next_call(&directory, session.clone());
    let error = site.change_password(&session, SECRET, OTHER).await.unwrap_err();
    assert!(matches!(error, AccountError::ChangedInDirectory(None)), "{error:?}");
    assert!(!site.is_accepted(&other).await);
    assert_eq!(site.acts("bob").await[0], "password.changed");
    assert_changed(&site, &directory, error).await;
}

#[tokio::test]
async fn required_change_that_cannot_be_stored_is_told_to_the_user() {
    let (site, directory) = site();
    let other = site.enter("bob", SECRET).await;
    directory.answer("id-bob", Answer::MustChange);
    let outcome = site.log_in("bob", SECRET).await;
    let LoginOutcome::PasswordChange(new) = outcome else { panic!("{outcome:?}") };
    let session = site.auth.sessions.check(&new.cookie).await.unwrap();
    let found = site.auth.login.password_change_of(&session).await.unwrap().unwrap();
    let request = PasswordChangeRequest::new(Password::new(SECRET), Password::new(OTHER));
    site.storage.fail_call("users.change");
    let error = site.auth.password_change.change_required(&found, request).await.unwrap_err();
    site.storage.recover();
    assert!(matches!(error, AccountError::ChangedInDirectory(Some(_))), "{error:?}");
    assert!(site.is_accepted(&other).await);
    assert_changed(&site, &directory, error).await;
}

impl Site {
    /// Gives bob the first password again.
    async fn change_back(&self, directory: &ScriptedDirectory) {
        directory.answer("id-bob", Answer::Match);
        let outcome = self.log_in("bob", OTHER).await;
        let LoginOutcome::LoggedIn(session) = outcome else { panic!("{outcome:?}") };
        let session = self.auth.sessions.check(&session.cookie).await.unwrap();
        self.change_password(&session, OTHER, SECRET).await.unwrap();
    }

    /// Ends the session while the directory is asked.
    fn log_out_during_next_call(self: &Arc<Self>, directory: &ScriptedDirectory, session: Session) {
        let site = self.clone();
        directory.during_next_call(move || async move {
            site.auth.sessions.log_out(&session).await.unwrap();
        });
    }
}
