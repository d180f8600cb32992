//! Operations on accounts.

use std::sync::Arc;

use crossauth_core::account::{AccountError, AccountUpdate, Role};
use crossauth_core::form::{Field, Rule};
use crossauth_core::key::Owner;
use crossauth_core::login::LoginOutcome;
use crossauth_core::secret::Password;
use crossauth_core::session::{NewSession, Replaced};
use crossauth_core::setup::SetupError;
use crossauth_core::signup::{SignupOutcome, SignupRequest};
use crossauth_core::user::{Patch, Refusal, UserState};
use crossauth_core::visitor::Visitor;
use serde_json::{Map, json};

use crate::site::{OTHER, PASSWORD, Site, form};

#[tokio::test]
async fn new_password_ends_every_session_in_the_same_step() {
    let site = Site::new();
    let bob = site.account("bob", Role::User).await;
    let stolen = site.session("bob").await;
    site.storage.take_calls();
    site.auth.accounts.set_password(&bob, Password::new(OTHER)).await.unwrap();
    assert_eq!(site.storage.take_calls(), ["users.find_by_id", "users.change"]);
    assert!(!site.is_accepted(&stolen).await);
    assert!(matches!(site.log_in("bob", OTHER).await, LoginOutcome::LoggedIn(_)));
}

#[tokio::test]
async fn failed_change_of_a_password_leaves_password_and_sessions_as_they_were() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let session = site.session("bob").await;
    site.storage.fail_call("users.change");
    let error = site.auth.accounts.set_password("bob", Password::new(OTHER)).await.unwrap_err();
    assert!(matches!(error, AccountError::Storage(_)), "{error}");
    site.storage.recover();
    assert!(site.is_accepted(&session).await);
    assert!(matches!(site.log_in("bob", OTHER).await, LoginOutcome::WrongCredentials));
    assert!(matches!(site.log_in("bob", PASSWORD).await, LoginOutcome::LoggedIn(_)));
}

/// The observable state of an account: whether its session is accepted, which password logs in, and
/// the state; `None` for a deleted account.
async fn observed(site: &Site, session: &NewSession) -> Option<(bool, [bool; 2], UserState)> {
    let user = site.auth.accounts.find("bob").await.unwrap()?;
    let mut logs_in = [false; 2];
    let enabled = user.state == UserState::Active;
    for (logs_in, password) in logs_in.iter_mut().zip([PASSWORD, OTHER]) {
        *logs_in =
            enabled && matches!(site.log_in("bob", password).await, LoginOutcome::LoggedIn(_));
    }
    Some((site.is_accepted(session).await, logs_in, user.state))
}

/// Executes an operation on bob's account, by its number.
async fn operate(site: &Site, operation: usize) -> Result<(), AccountError> {
    let accounts = &site.auth.accounts;
    match operation {
        0 => accounts.set_password("bob", Password::new(OTHER)).await.map(drop),
        1 => accounts.disable("bob").await.map(drop),
        2 => accounts.end_sessions("bob", None).await.map(drop),
        _ => accounts.delete("bob").await.map(drop),
    }
}

#[tokio::test]
async fn account_operations_are_atomic_whichever_call_fails() {
    for operation in 0..4 {
        let mut failures = 0;
        loop {
            let site = Site::new();
            site.account("bob", Role::User).await;
            let session = site.session("bob").await;
            let before = observed(&site, &session).await;
            site.storage.fail_after(failures);
            let outcome = operate(&site, operation).await;
            site.storage.recover();
            let after = observed(&site, &session).await;
            if outcome.is_ok() {
                assert!(after.is_none_or(|(accepted, ..)| !accepted), "operation {operation}");
                break;
            }
            assert_eq!(before, after, "operation {operation}, call {failures} fails");
            failures += 1;
        }
        assert!(failures > 0, "operation {operation} calls the store");
    }
}

#[tokio::test]
async fn event_is_applied_to_the_state_at_the_time_of_the_change() {
    let site = Site::new();
    let bob = site.account("bob", Role::User).await;
    let accounts = &site.auth.accounts;
    accounts.disable("bob").await.unwrap();
    let id = bob.id.clone();
    // Concurrently, another administrator requires a new password.
    site.storage.interrupt_after("users.find_id", |inner| async move {
        use crossauth_core::storage::Change;
        use crossauth_core::user::UserUpdate;
        let state = Some(UserState::PasswordResetNeeded);
        let user = UserUpdate { state, ..UserUpdate::default() };
        inner.users.change(&id, &Change { user, ..Change::default() }).await.unwrap();
    });
    let enabled = accounts.enable("bob").await;
    assert!(matches!(enabled, Err(AccountError::NotAllowed)), "{enabled:?}");
    let bob = accounts.find("bob").await.unwrap().unwrap();
    assert_eq!(bob.state, UserState::PasswordResetNeeded);
}

#[tokio::test]
async fn login_under_way_when_an_account_is_disabled_leaves_no_session() {
    let site = Site::new();
    let bob = site.account("bob", Role::User).await;
    let id = bob.id.clone();
    site.storage.interrupt_after("users.find_by_username", |inner| async move {
        use crossauth_core::storage::{Change, Effects, EndSessions};
        use crossauth_core::user::StateEvent;
        let effects = Effects { sessions: EndSessions::All, ..Effects::default() };
        let event = Some(StateEvent::Disabled);
        let change = Change { event, effects, ..Change::default() };
        inner.users.change(&id, &change).await.unwrap();
    });
    let outcome = site.log_in("bob", PASSWORD).await;
    assert!(matches!(outcome, LoginOutcome::Refused(Refusal::NotActive)), "{outcome:?}");
    site.auth.accounts.enable(&bob).await.unwrap();
    let keys = &site.storage.inner().keys;
    let prefix = crossauth_core::key::KeyPrefix::Session;
    assert_eq!(keys.list_for_user(Some(&bob.id), prefix, None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn reserved_fields_are_refused_when_accounts_are_created_and_changed() {
    let site = Site::new();
    for name in ["admin", "id", "state", "Admin", "password", "credential_epoch"] {
        let mut new = form("mallory", PASSWORD);
        new.fields.insert(name.into(), json!(true));
        let created = site.auth.accounts.create(new, Role::User).await;
        assert_field_error(created, &Field::Extra(name.into()), &Rule::Reserved);
    }
    let bob = site.account("bob", Role::User).await;
    for name in ["admin", "id", "state", "email"] {
        let mut update = AccountUpdate::default();
        update.fields.insert(name.into(), json!("x"));
        let updated = site.auth.accounts.update(&bob, update).await;
        assert_field_error(updated, &Field::Extra(name.into()), &Rule::Reserved);
    }
}

#[tokio::test]
async fn account_is_changed_found_and_deleted_by_name_address_and_id() {
    let site = Site::new();
    let bob = site.account("bob", Role::User).await;
    let mut update = AccountUpdate {
        username: Some("robert".into()),
        email: Patch::Set(" robert@example.com ".into()),
        role: Some(Role::Administrator),
        ..AccountUpdate::default()
    };
    update.fields.insert("phone".into(), json!("1"));
    let robert = site.auth.accounts.update("bob", update).await.unwrap();
    assert_eq!(robert.email.as_deref(), Some("robert@example.com"));
    assert!(robert.admin && robert.extra["phone"] == "1");
    let accounts = &site.auth.accounts;
    for found in [
        accounts.find(&bob.id).await,
        accounts.find("ROBERT").await,
        accounts.find("Robert@Example.com").await,
    ] {
        assert_eq!(found.unwrap().as_ref(), Some(&robert));
    }
    let LoginOutcome::LoggedIn(_) = site.log_in("robert@example.com", PASSWORD).await else {
        panic!("an address logs in");
    };
    assert!(matches!(accounts.delete(&bob.id).await, Err(AccountError::LastAdmin)));
    assert!(matches!(accounts.disable("robert").await, Err(AccountError::LastAdmin)));
    site.account("root", Role::Administrator).await;
    assert_eq!(accounts.delete("robert@example.com").await.unwrap(), robert.id);
    assert_eq!(accounts.find("robert").await.unwrap(), None);
    assert!(matches!(accounts.delete("robert").await, Err(AccountError::NoSuchUser)));
}

#[tokio::test]
async fn only_a_disabled_account_can_be_enabled() {
    let site = Site::new();
    let bob = site.account("bob", Role::User).await;
    let accounts = &site.auth.accounts;
    assert!(matches!(accounts.enable(&bob).await, Err(AccountError::NotAllowed)));
    assert_eq!(accounts.disable(&bob).await.unwrap(), bob.id);
    let disabled = accounts.find(&bob).await.unwrap().unwrap();
    assert_eq!(disabled.state, UserState::Disabled);
    assert_eq!(accounts.enable(&bob).await.unwrap().state, UserState::Active);
}

#[tokio::test]
async fn new_administrator_makes_setup_links_invalid() {
    let site = Site::new();
    let setup = &site.auth.setup;
    let tokens = [setup.issue_token().await.unwrap(), setup.issue_token().await.unwrap()];
    let tokens = tokens.map(Option::unwrap);
    // Another process adds an administrator after the link was found valid.
    site.storage.interrupt_after("users.has_admin", |inner| async move {
        use crossauth_core::key::KeyPrefix;
        use crossauth_core::storage::{Effects, Guard};
        use crossauth_core::user::{NewUser, UserSecrets};
        let effects = Effects { revoke: &[KeyPrefix::Setup], ..Effects::default() };
        let root = NewUser { admin: true, ..NewUser::named("root") };
        inner.users.create(&root, &UserSecrets::default(), Guard::None, &effects).await.unwrap();
    });
    let [first, second] = &tokens;
    let refused = setup.create_admin(first, SignupRequest::new(form("eve", PASSWORD))).await;
    assert!(refused.is_err(), "a second administrator");
    assert!(setup.check(second, Visitor::default()).await.is_err());
    assert_eq!(site.auth.accounts.find("eve").await.unwrap(), None);
}

#[tokio::test]
async fn account_has_the_time_of_its_creation_on_every_path() {
    let site = Site::new();
    let now = || Some(crossauth_core::clock::Clock::now(&site.clock));
    let begin = now();
    assert_eq!(site.account("bob", Role::User).await.created, begin);
    site.clock.advance(std::time::Duration::from_hours(1));
    let request = SignupRequest::new(form("carol", PASSWORD));
    let outcome = site.auth.signup.sign_up(request).await.unwrap();
    let SignupOutcome::LoggedIn(session) = outcome else { panic!("{outcome:?}") };
    assert_eq!(session.user.unwrap().created, now());
    let token = site.auth.setup.issue_token().await.unwrap().unwrap();
    let request = SignupRequest::new(form("root", PASSWORD));
    let outcome = site.auth.setup.create_admin(&token, request).await.unwrap();
    let LoginOutcome::LoggedIn(session) = outcome else { panic!("{outcome:?}") };
    assert_eq!(session.user.unwrap().created, now());
    let update = AccountUpdate { role: Some(Role::Administrator), ..AccountUpdate::default() };
    assert_eq!(site.auth.accounts.update("bob", update).await.unwrap().created, begin);
}

#[tokio::test]
async fn setup_link_that_outlives_the_check_for_administrators_creates_no_second_one() {
    let site = Site::new();
    let setup = &site.auth.setup;
    let token = setup.issue_token().await.unwrap().unwrap();
    // Another program creates an administrator without a link.
    site.storage.interrupt_after("users.has_admin", |inner| async move {
        use crossauth_core::user::{NewUser, UserSecrets};
        let root = NewUser { admin: true, ..NewUser::named("root") };
        crossauth_testkit::storage::create_user(&inner, &root, &UserSecrets::default()).await;
    });
    let refused = setup.create_admin(&token, SignupRequest::new(form("eve", PASSWORD))).await;
    assert!(matches!(refused, Err(SetupError::InvalidLink)), "{refused:?}");
    assert_eq!(site.auth.accounts.find("eve").await.unwrap(), None);
}

#[tokio::test]
async fn login_takes_one_look_up_and_one_transaction_besides_its_limits() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    site.storage.take_calls();
    let session = site.session("bob").await;
    assert_eq!(
        site.storage.take_calls(),
        ["users.find_by_username", "attempts.charge", "sessions.start", "attempts.refund",]
    );
    assert!(site.is_accepted(&session).await);
    assert_eq!(site.storage.take_calls(), ["sessions.find"]);
    let request = SignupRequest::new(form("carol", PASSWORD));
    let outcome = site.auth.signup.sign_up(request).await.unwrap();
    assert!(matches!(outcome, SignupOutcome::LoggedIn(_)), "{outcome:?}");
    // A taken name is detected before hashing.
    assert_eq!(site.storage.take_calls(), ["users.find_by_username", "users.create"]);
}

#[tokio::test]
async fn signing_up_ends_the_anonymous_session_and_keeps_what_the_application_chooses() {
    let site = Site::with(|config| {
        config.hooks.add_to_session = Some(Arc::new(|owner, _| {
            Map::from_iter([("shared".into(), (owner == Owner::NewUser).into())])
        }));
        config.hooks.carry_over = Some(Arc::new(|data| data));
    });
    let cart = Map::from_iter([("cart".into(), 7.into())]);
    let anonymous = site.auth.sessions.begin_anonymous(&cart).await.unwrap();
    let before = site.auth.sessions.check(&anonymous.cookie).await.unwrap();
    let replaces = Some(Replaced::new(&before.id, &before.key));
    let request = SignupRequest { replaces, ..SignupRequest::new(form("carol", PASSWORD)) };
    let outcome = site.auth.signup.sign_up(request).await.unwrap();
    let SignupOutcome::LoggedIn(session) = outcome else { panic!("{outcome:?}") };
    assert!(!site.is_accepted(&anonymous).await);
    let session = site.auth.sessions.check(&session.cookie).await.unwrap();
    assert_eq!(session.user.unwrap().username, "carol");
    assert_eq!(session.key.data.application_object().unwrap(), cart);
    assert_eq!(session.key.extra["shared"], true);
}

fn assert_field_error<T: std::fmt::Debug>(
    outcome: Result<T, AccountError>,
    field: &Field,
    rule: &Rule,
) {
    match outcome {
        Err(AccountError::Form(errors)) => {
            assert!(errors.iter().any(|error| error.field == *field && error.rule == *rule));
        }
        other => panic!("{field:?}: {other:?}"),
    }
}
