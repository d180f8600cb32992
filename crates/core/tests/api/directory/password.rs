//! Passwords of accounts of the directory, of users who are logged in or must change them.

use std::time::Duration;

use crossauth_core::account::{AccountError, Role};
use crossauth_core::api_key::{ApiKeyCreation, ApiKeyError, ApiKeyRequest};
use crossauth_core::directory::{
    DirectoryErrorKind, Entry, EntryRefusal, FirstLogin, PasswordSet, Standing,
};
use crossauth_core::enrolment::{Assurance, Begun, EnrolmentError};
use crossauth_core::factor::Configured;
use crossauth_core::form::{Field, Rule};
use crossauth_core::fresh_login::Renewal;
use crossauth_core::login::{Door, LoginError, LoginOutcome};
use crossauth_core::password_change::{PasswordChangeOutcome, PasswordChangeRequest};
use crossauth_core::profile::Deletion;
use crossauth_core::reauthentication::PasswordRejection;
use crossauth_core::secret::Password;
use crossauth_core::session::Session;
use crossauth_core::user::{Refusal, User, UserState};
use crossauth_core::visitor::Visitor;
use crossauth_testkit::directory::{Answer, ScriptedDirectory, entry};

use super::{SECRET, is_logged_in, is_wrong, site, site_with};
use crate::site::{OTHER, Site};

impl Site {
    /// The session of a login of bob that is not fresh any more.
    pub(super) async fn stale(&self) -> Session {
        let session = self.enter("bob", SECRET).await;
        self.clock.advance(Duration::from_hours(1));
        self.auth.sessions.check(&session.cookie).await.unwrap()
    }

    async fn renew(&self, session: &Session, password: &str) -> Result<Renewal, LoginError> {
        let assurance = assured(password);
        self.auth.fresh_login.renew(session, assurance, Visitor::default()).await
    }

    pub(super) async fn change_password(
        &self,
        session: &Session,
        old: &str,
        new: &str,
    ) -> Result<PasswordChangeOutcome, AccountError> {
        let request = PasswordChangeRequest::new(Password::new(old), Password::new(new));
        self.auth.password_change.change(session, request).await
    }
}

fn assured(password: &str) -> Assurance<'static> {
    Assurance { password: Some(Password::new(password)), factor: None }
}

#[tokio::test]
async fn login_is_renewed_with_the_password_of_the_directory() {
    let (site, directory) = site();
    let session = site.stale().await;
    let wrong = site.renew(&session, "wrong").await.unwrap();
    assert!(matches!(wrong, Renewal::Rejected(PasswordRejection::Wrong)), "{wrong:?}");
    directory.answer("id-bob", Answer::Refused(EntryRefusal::Disabled));
    let refused = site.renew(&session, SECRET).await.unwrap();
    assert!(matches!(refused, Renewal::Rejected(PasswordRejection::Wrong)), "{refused:?}");
    directory.answer("id-bob", Answer::Match);
    let renewed = site.renew(&session, SECRET).await.unwrap();
    assert!(matches!(renewed, Renewal::Renewed(_)), "{renewed:?}");
}

#[tokio::test]
async fn directory_that_fails_rejects_no_password_and_counts_none() {
    let (site, directory) = site();
    let session = site.stale().await;
    directory.fail(DirectoryErrorKind::TimedOut);
    for password in [SECRET, "wrong"].repeat(10) {
        let failed = site.renew(&session, password).await;
        assert!(matches!(failed, Err(LoginError::Directory(_))), "{failed:?}");
    }
    let failed = site.change_password(&session, SECRET, OTHER).await;
    assert!(matches!(failed, Err(AccountError::Directory(_))), "{failed:?}");
    directory.recover();
    for _ in 0..10 {
        let wrong = site.renew(&session, "wrong").await.unwrap();
        assert!(matches!(wrong, Renewal::Rejected(PasswordRejection::Wrong)), "{wrong:?}");
    }
    let counted = site.renew(&session, SECRET).await.unwrap();
    let too_many = matches!(counted, Renewal::Rejected(PasswordRejection::TooMany { .. }));
    assert!(too_many, "wrong passwords are counted: {counted:?}");
}

#[tokio::test]
async fn every_act_that_asks_for_the_password_asks_the_directory() {
    let (site, directory) = site_with(FirstLogin::CreatesAccount, |config| {
        config.factors.second = vec![Configured::Totp { issuer: "Example".into() }];
    });
    let session = site.stale().await;
    directory.take_calls();
    for (password, is_correct) in [("wrong", false), (SECRET, true)] {
        let begun = site.auth.enrolment.change(&session, "totp", assured(password)).await.unwrap();
        assert_eq!(matches!(begun, Begun::Waiting { .. }), is_correct, "{begun:?}");
        let request = ApiKeyRequest {
            name: "key".into(),
            assurance: assured(password),
            ..ApiKeyRequest::default()
        };
        let created = site.auth.api_keys.create_own(&session, request).await.unwrap();
        assert_eq!(matches!(created, ApiKeyCreation::Created(_)), is_correct, "{created:?}");
    }
    assert_eq!(directory.take_calls(), ["verify id-bob"; 4]);
    directory.fail(DirectoryErrorKind::Unreachable);
    let begun = site.auth.enrolment.change(&session, "totp", assured(SECRET)).await;
    assert!(matches!(begun, Err(EnrolmentError::Directory(_))), "{begun:?}");
    let request =
        ApiKeyRequest { name: "b".into(), assurance: assured(SECRET), ..ApiKeyRequest::default() };
    let created = site.auth.api_keys.create_own(&session, request).await;
    assert!(matches!(created, Err(ApiKeyError::Directory(_))), "{created:?}");
    directory.recover();
    let user: User = site.user("bob").await.unwrap();
    let delete = |password: &str| site.auth.profile.delete(&user, Password::new(password));
    assert_eq!(delete("wrong").await.unwrap(), Deletion::Rejected(PasswordRejection::Wrong));
    assert_eq!(delete(SECRET).await.unwrap(), Deletion::Deleted);
    assert!(is_logged_in(&site.log_in("bob", SECRET).await), "a new account, of the same entry");
}

#[tokio::test]
async fn password_is_changed_in_the_directory_and_ends_the_other_sessions() {
    let (site, _directory) = site();
    let other = site.enter("bob", SECRET).await;
    let session = site.stale().await;
    let wrong = site.change_password(&session, "wrong", OTHER).await.unwrap();
    assert!(
        matches!(wrong, PasswordChangeOutcome::Rejected(PasswordRejection::Wrong)),
        "{wrong:?}"
    );
    let changed = site.change_password(&session, SECRET, OTHER).await.unwrap();
    let PasswordChangeOutcome::Changed(new) = changed else { panic!("{changed:?}") };
    assert!(site.is_accepted(&new).await);
    assert!(!site.is_accepted(&other).await);
    assert!(is_wrong(&site.log_in("bob", SECRET).await));
    assert!(is_logged_in(&site.log_in("bob", OTHER).await));
    assert!(site.acts("bob").await.contains(&"password.changed".to_owned()));
}

#[tokio::test]
async fn directory_decides_about_new_passwords_after_the_policy() {
    let (site, directory) = site();
    let session = site.stale().await;
    directory.take_calls();
    let short = site.change_password(&session, SECRET, "a").await;
    assert!(matches!(short, Err(AccountError::Form(_))), "{short:?}");
    assert_eq!(directory.take_calls(), [""; 0]);
    for (text, expected) in
        [(Some("was used before"), "was used before"), (None, "is not accepted by the directory")]
    {
        directory.answer_changes(PasswordSet::Refused(text.map(str::to_owned)));
        let refused = site.change_password(&session, SECRET, OTHER).await;
        let Err(AccountError::Form(errors)) = refused else { panic!("{refused:?}") };
        assert_eq!(errors[0].field, Field::NewPassword);
        assert_eq!(errors[0].rule, Rule::Custom(expected.into()));
    }
    directory.answer_changes(PasswordSet::NotSupported);
    let refused = site.change_password(&session, SECRET, OTHER).await;
    assert!(matches!(refused, Err(AccountError::DirectoryPassword)), "{refused:?}");
    directory.answer_changes(PasswordSet::WrongPassword);
    let wrong = site.change_password(&session, SECRET, OTHER).await.unwrap();
    assert!(matches!(wrong, PasswordChangeOutcome::Rejected(_)), "{wrong:?}");
    assert!(is_logged_in(&site.log_in("bob", SECRET).await), "nothing was changed");
}

/// The required change of bob's password, after which the login continues.
async fn change_as_required(site: &Site, directory: &ScriptedDirectory) -> LoginOutcome {
    let outcome = site.log_in("bob", SECRET).await;
    let LoginOutcome::PasswordChange(session) = outcome else { panic!("{outcome:?}") };
    assert!(session.user.is_none());
    let session = site.auth.sessions.check(&session.cookie).await.unwrap();
    let found = site.auth.login.password_change_of(&session).await.unwrap().unwrap();
    let change = |old: &str| {
        let request = PasswordChangeRequest::new(Password::new(old), Password::new(OTHER));
        site.auth.password_change.change_required(&found, request)
    };
    assert_eq!(change("wrong").await.unwrap().unwrap_err(), PasswordRejection::Wrong);
    let user = change(SECRET).await.unwrap().unwrap();
    let calls = directory.take_calls();
    assert!(calls.contains(&"change_password id-bob".to_owned()), "{calls:?}");
    let new = Password::new(OTHER);
    site.auth.login.admit_changed(&user.id, new, Door::default()).await.unwrap()
}

#[tokio::test]
async fn password_that_must_be_changed_permits_only_that() {
    let (site, directory) = site();
    directory.answer("id-bob", Answer::MustChange);
    assert!(is_wrong(&site.log_in("bob", "wrong").await));
    assert!(is_logged_in(&change_as_required(&site, &directory).await));
    assert!(is_logged_in(&site.log_in("bob", OTHER).await));
}

/// Two programs with one database, of which one does not know the directory.
#[tokio::test]
async fn account_of_an_absent_directory_gets_no_local_password() {
    let site = Site::new();
    let bob = site.stored("bob", Some("ldap:id-bob")).await;
    let refused = site.auth.accounts.set_password(&bob.id, Password::new(OTHER)).await;
    assert!(matches!(refused, Err(AccountError::NoPassword)), "{refused:?}");
    let stored = site.storage.inner().users.find_by_id(&bob.id).await.unwrap().unwrap();
    assert!(stored.has_password_hash("ldap:id-bob"));
}

/// A demand that its user could not meet.
#[tokio::test]
async fn administrator_cannot_demand_a_new_password_that_is_not_changed_here() {
    let (site, directory) = site();
    let bob = site.enter("bob", SECRET).await.user.unwrap();
    let states = || site.auth.accounts.selectable_states(&bob);
    assert!(states().contains(&UserState::PasswordChangeNeeded));
    assert!(!states().contains(&UserState::PasswordResetNeeded));
    directory.answer_changes(PasswordSet::NotSupported);
    for state in [UserState::PasswordChangeNeeded, UserState::PasswordResetNeeded] {
        assert!(!states().contains(&state));
        let refused = site.auth.accounts.set_state("bob", &state).await;
        assert!(matches!(refused, Err(AccountError::DirectoryPassword)), "{refused:?}");
    }
    assert_eq!(site.user("bob").await.unwrap().state, UserState::Active);
}

#[tokio::test]
async fn password_that_must_be_changed_before_the_entry_can_be_read_needs_an_account() {
    let (site, directory) = site();
    directory.answer("id-bob", Answer::MustChangeUnread);
    let refused = site.log_in("bob", SECRET).await;
    assert!(matches!(refused, LoginOutcome::Refused(Refusal::PasswordChangeNeeded)), "{refused:?}");
    assert!(site.user("bob").await.is_none());
    directory.answer("id-bob", Answer::Match);
    site.enter("bob", SECRET).await;
    directory.answer("id-bob", Answer::MustChangeUnread);
    assert!(is_logged_in(&change_as_required(&site, &directory).await));
    assert!(is_logged_in(&site.log_in("bob", OTHER).await));
}

#[tokio::test]
async fn entry_that_is_not_readable_before_a_change_does_not_get_the_account_of_a_former_one() {
    let (site, directory) = site();
    let session = site.enter("bob", SECRET).await;
    directory.remove("id-bob");
    let mut new = entry("bob");
    new.id = "id-new-bob".into();
    directory.add(new, SECRET);
    directory.answer("id-new-bob", Answer::MustChangeUnread);
    assert!(is_wrong(&change_as_required(&site, &directory).await));
    assert!(is_wrong(&site.log_in("bob", OTHER).await));
    assert!(site.is_accepted(&session).await, "another person has ended a session");
    assert!(!site.acts("bob").await.contains(&"password.changed".to_owned()));
}

#[tokio::test]
async fn entry_that_cannot_be_read_confirms_no_user_who_is_logged_in() {
    let (site, directory) = site();
    let session = site.stale().await;
    directory.remove("id-bob");
    directory.add(Entry { id: "id-new-bob".into(), ..entry("bob") }, SECRET);
    directory.answer("id-new-bob", Answer::MustChangeUnread);
    let renewed = site.renew(&session, SECRET).await.unwrap();
    let is_refused = matches!(renewed, Renewal::Rejected(PasswordRejection::MustChange));
    assert!(is_refused, "{renewed:?}");
    let changed = site.change_password(&session, SECRET, OTHER).await.unwrap();
    let is_refused =
        matches!(changed, PasswordChangeOutcome::Rejected(PasswordRejection::MustChange));
    assert!(is_refused, "{changed:?}");
    let bob = site.user("bob").await.unwrap();
    let deleted = site.auth.profile.delete(&bob, Password::new(SECRET)).await.unwrap();
    assert_eq!(deleted, Deletion::Rejected(PasswordRejection::MustChange));
    let request =
        ApiKeyRequest { name: "a".into(), assurance: assured(SECRET), ..ApiKeyRequest::default() };
    let created = site.auth.api_keys.create_own(&session, request).await.unwrap();
    let is_refused = matches!(created, ApiKeyCreation::Rejected(PasswordRejection::MustChange));
    assert!(is_refused, "{created:?}");
    for _ in 0..6 {
        site.renew(&session, SECRET).await.unwrap();
    }
    let counted = site.renew(&session, SECRET).await.unwrap();
    let too_many = matches!(counted, Renewal::Rejected(PasswordRejection::TooMany { .. }));
    assert!(too_many, "such passwords are counted: {counted:?}");
}

#[tokio::test]
async fn password_that_must_be_changed_and_is_of_the_entry_confirms() {
    let (site, directory) = site();
    let session = site.stale().await;
    directory.answer("id-bob", Answer::MustChange);
    let renewed = site.renew(&session, SECRET).await.unwrap();
    assert!(matches!(renewed, Renewal::Renewed(_)), "{renewed:?}");
}

#[tokio::test]
async fn login_after_a_required_change_is_decided_by_the_entry_as_it_is_then() {
    for answer in [Answer::MustChange, Answer::MustChangeUnread] {
        let (site, directory) = site();
        site.account("ann", Role::Administrator).await;
        directory.change("id-bob", |entry| entry.admin = Some(true));
        site.enter("bob", SECRET).await;
        directory.change("id-bob", |entry| entry.admin = Some(false));
        directory.answer("id-bob", answer);
        let outcome = change_as_required(&site, &directory).await;
        let LoginOutcome::LoggedIn(session) = outcome else { panic!("{outcome:?}") };
        assert!(!session.user.unwrap().admin, "{answer:?}");
        assert!(!site.user("bob").await.unwrap().admin);
    }
    let (site, directory) = site();
    site.enter("bob", SECRET).await;
    directory.change("id-bob", |entry| entry.standing = Standing::Disabled);
    directory.answer("id-bob", Answer::MustChangeUnread);
    let outcome = change_as_required(&site, &directory).await;
    assert!(matches!(outcome, LoginOutcome::Refused(Refusal::NotActive)), "{outcome:?}");
    assert_eq!(site.user("bob").await.unwrap().state, UserState::Disabled);
}

#[tokio::test]
async fn directory_that_fails_after_a_required_change_logs_nobody_in() {
    let (site, directory) = site();
    let bob = site.enter("bob", SECRET).await.user.unwrap();
    directory.fail(DirectoryErrorKind::Unreachable);
    let admit = |password: &str| {
        site.auth.login.admit_changed(&bob.id, Password::new(password), Door::default())
    };
    let failed = admit(SECRET).await;
    assert!(matches!(failed, Err(LoginError::Directory(_))), "{failed:?}");
    directory.recover();
    assert!(is_wrong(&admit("wrong").await.unwrap()));
    assert!(is_logged_in(&admit(SECRET).await.unwrap()));
}

#[tokio::test]
async fn password_that_must_be_changed_elsewhere_is_refused() {
    let (site, directory) = site();
    directory.answer("id-bob", Answer::MustChange);
    directory.answer_changes(PasswordSet::NotSupported);
    let refused = site.log_in("bob", SECRET).await;
    assert!(matches!(refused, LoginOutcome::Refused(Refusal::PasswordChangeNeeded)), "{refused:?}");
    let bob = site.user("bob").await.unwrap();
    assert!(!site.auth.can_change_password(&bob));
    directory.answer_changes(PasswordSet::Done);
    let permitted = site.log_in("bob", SECRET).await;
    assert!(matches!(permitted, LoginOutcome::PasswordChange(_)), "{permitted:?}");
    assert!(site.auth.can_change_password(&bob));
}
