//! Accounts on behalf of an administrator.

use std::sync::Arc;
use std::time::Duration;

use crossauth_core::AuthConfig;
use crossauth_core::account::{
    AccountError, AccountUpdate, FactorReset, ListError, MAX_SKIPPED, NewAccount, ResetMail, Role,
    StateRequest,
};
use crossauth_core::clock::Clock as _;
use crossauth_core::email_link::Activation;
use crossauth_core::factor::Configured;
use crossauth_core::form::{Field, Rule};
use crossauth_core::login::{Door, LoginOutcome};
use crossauth_core::outbox::Preview;
use crossauth_core::password_reset::ResetForm;
use crossauth_core::secret::Password;
use crossauth_core::storage::{UserPosition, UserQuery};
use crossauth_core::user::{FactorName, NewUser, Refusal, User, UserSecrets, UserState};
use crossauth_testkit::storage::create_user;
use serde_json::Map;

use crate::site::{OTHER, PASSWORD, Site};

/// A site where mail can be sent and a second factor can be set up.
fn site() -> Site {
    Site::with(with_mail)
}

fn with_mail(config: &mut AuthConfig) {
    config.delivery.preview = Some(Preview::new());
    config.factors.second = vec![Configured::Totp { issuer: "Example".into() }];
}

fn with_address(username: &str) -> NewAccount {
    let address = format!("{username}@example.com");
    let fields = Map::from_iter([("email".to_owned(), address.into())]);
    NewAccount { fields, ..NewAccount::named(username) }
}

impl Site {
    /// A user with a password and an address.
    async fn reachable(&self, username: &str, role: Role) -> User {
        let password = Some(Password::new(PASSWORD));
        let new = NewAccount { password, role, ..with_address(username) };
        self.auth.accounts.create_account(new).await.unwrap().0
    }

    /// The kinds of the messages, and the value of a variable in the latest one.
    async fn mailed(&self, variable: &str) -> (Vec<String>, Option<String>) {
        let now = self.clock.now();
        let queued = self.storage.inner().outbox.claim(now, now, 1000).await.unwrap();
        let kinds = queued.iter().map(|queued| queued.message.kind.to_string()).collect();
        let content = queued.last().map(|last| self.auth.messages.open(&last.message).unwrap());
        let value = content
            .and_then(|content| content.variables.get(variable)?.as_str().map(str::to_owned));
        (kinds, value)
    }

    async fn state(&self, username: &str) -> UserState {
        self.auth.accounts.find(username).await.unwrap().unwrap().state
    }
}

fn assert_field(error: &AccountError, field: &Field, rule: &Rule) {
    let AccountError::Form(errors) = error else { panic!("{error:?}") };
    assert!(errors.iter().any(|e| e.field == *field && e.rule == *rule), "{errors:?}");
}

#[tokio::test]
async fn user_without_a_password_chooses_one_by_the_link_in_the_invitation() {
    let site = site();
    let (bob, mail) = site.auth.accounts.create_account(with_address("bob")).await.unwrap();
    assert_eq!((bob.state, mail), (UserState::PasswordResetNeeded, ResetMail::Sent));
    for password in ["", PASSWORD] {
        assert!(matches!(site.log_in("bob", password).await, LoginOutcome::WrongCredentials));
    }
    let (kinds, token) = site.mailed("token").await;
    assert_eq!(kinds, ["invitation"]);
    let form = ResetForm::new(token.unwrap(), Password::new(OTHER));
    let done = site.auth.password_reset.reset(form, Door::default()).await.unwrap();
    assert_eq!(done.user.state, UserState::Active);
    assert!(matches!(site.log_in("bob", OTHER).await, LoginOutcome::LoggedIn(_)));
}

#[tokio::test]
async fn user_to_whom_no_link_can_be_mailed_is_not_created_without_a_password() {
    let site = site();
    let error = site.auth.accounts.create_account(NewAccount::named("bob")).await.unwrap_err();
    assert_field(&error, &Field::Email, &Rule::Missing);
    let wrong = NewAccount {
        fields: Map::from_iter([("email".into(), "bob".into())]),
        ..NewAccount::named("bob")
    };
    let error = site.auth.accounts.create_account(wrong).await.unwrap_err();
    assert_field(&error, &Field::Email, &Rule::Format);
    let named = NewAccount::named("bob@example.com");
    assert_eq!(site.auth.accounts.create_account(named).await.unwrap().1, ResetMail::Sent);

    let site = Site::with(|config| config.password_reset.activation = Activation::Off);
    let error = site.auth.accounts.create_account(with_address("bob")).await.unwrap_err();
    assert!(matches!(error, AccountError::ResetUnavailable), "{error}");
    assert_eq!(site.auth.accounts.find("bob").await.unwrap(), None);
}

#[tokio::test]
async fn second_factor_of_a_new_account_is_set_up_at_the_first_login() {
    let site = site();
    let totp = Some(FactorName::TOTP);
    let password = Some(Password::new(PASSWORD));
    let new = NewAccount { password, factor2: totp.clone(), ..NewAccount::named("bob") };
    let (bob, mail) = site.auth.accounts.create_account(new).await.unwrap();
    assert_eq!((bob.state, bob.factor2), (UserState::Factor2ResetNeeded, totp.clone()));
    assert_eq!(mail, ResetMail::NotNeeded);
    assert!(matches!(site.log_in("bob", PASSWORD).await, LoginOutcome::FactorReset(_)));

    let new = NewAccount { factor2: totp, ..with_address("carol") };
    let (carol, _) = site.auth.accounts.create_account(new).await.unwrap();
    assert_eq!(carol.state, UserState::PasswordAndFactor2ResetNeeded);

    let new = NewAccount { factor2: Some("sms".into()), ..with_address("dave") };
    let error = site.auth.accounts.create_account(new).await.unwrap_err();
    assert!(matches!(error, AccountError::FactorUnavailable), "{error}");
}

#[tokio::test]
async fn user_learns_that_an_administrator_has_set_the_password() {
    let site = site();
    let bob = site.reachable("bob", Role::User).await;
    site.auth.accounts.set_password(&bob, Password::new(OTHER)).await.unwrap();
    assert_eq!(
        site.mailed("username").await,
        (vec!["password_changed".into()], Some("bob".into()))
    );
}

#[tokio::test]
async fn password_of_an_administrator_ends_the_demand_for_one_and_no_other() {
    for (before, after) in [
        (UserState::PasswordResetNeeded, UserState::Active),
        (UserState::PasswordChangeNeeded, UserState::Active),
        (UserState::PasswordAndFactor2ResetNeeded, UserState::Factor2ResetNeeded),
        (UserState::Disabled, UserState::Disabled),
        (UserState::AwaitingTwoFactorSetup, UserState::AwaitingTwoFactorSetup),
    ] {
        let site = site();
        let new = NewUser { state: before.clone(), ..NewUser::named("bob") };
        create_user(site.storage.inner(), &new, &UserSecrets::default()).await;
        let bob = site.auth.accounts.set_password("bob", Password::new(OTHER)).await.unwrap();
        assert_eq!(bob.state, after, "{before:?}");
    }
}

#[tokio::test]
async fn link_of_an_administrator_resets_the_password_and_replaces_earlier_ones() {
    let site = site();
    site.reachable("bob", Role::User).await;
    assert_eq!(site.auth.accounts.send_reset("bob").await.unwrap(), ResetMail::Sent);
    let (_, first) = site.mailed("token").await;
    site.clock.advance(Duration::from_secs(1));
    assert_eq!(site.auth.accounts.send_reset("bob").await.unwrap(), ResetMail::Sent);
    let (_, second) = site.mailed("token").await;
    let reset = |token: Option<String>| ResetForm::new(token.unwrap(), Password::new(OTHER));
    assert!(site.auth.password_reset.reset(reset(first), Door::default()).await.is_err());
    site.auth.password_reset.reset(reset(second), Door::default()).await.unwrap();
    assert!(matches!(site.log_in("bob", OTHER).await, LoginOutcome::LoggedIn(_)));
}

#[tokio::test]
async fn links_of_an_administrator_do_not_flood_a_mailbox() {
    let site = site();
    site.reachable("bob", Role::User).await;
    for _ in 0..5 {
        assert_eq!(site.auth.accounts.send_reset("bob").await.unwrap(), ResetMail::Sent);
    }
    let retry_at = site.clock.now() + Duration::from_mins(12);
    let refused = site.auth.accounts.send_reset("bob").await.unwrap();
    assert_eq!(refused, ResetMail::TooMany { retry_at });
    assert_eq!(site.mailed("token").await.0.len(), 5);
    let disabled = site.auth.accounts.disable("bob").await.unwrap();
    let error = site.auth.accounts.send_reset(&disabled).await.unwrap_err();
    assert!(matches!(error, AccountError::NotAllowed), "{error}");
}

#[tokio::test]
async fn refused_edits_do_not_use_up_the_limit_of_mail() {
    let site = site();
    site.reachable("bob", Role::User).await;
    site.reachable("ann", Role::User).await;
    let reset = || Some(StateRequest::Select(UserState::PasswordResetNeeded));
    let named = |name: &str| AccountUpdate { username: Some(name.into()), ..Default::default() };
    let accounts = &site.auth.accounts;
    // More than the limit.
    for _ in 0..7 {
        let refused = accounts.edit("bob", named("ann"), reset()).await;
        assert!(matches!(refused, Err(AccountError::Form(_))), "{refused:?}");
    }
    let edited = accounts.edit("bob", named("rob"), reset()).await.unwrap();
    assert_eq!(edited.mail, ResetMail::Sent);
}

#[tokio::test]
async fn every_selectable_state_is_reached_and_ends_the_sessions() {
    for state in UserState::Active.selectable() {
        let site = site();
        site.reachable("bob", Role::User).await;
        let session = site.session("bob").await;
        let selected = site.auth.accounts.set_state("bob", &state).await.unwrap();
        assert_eq!(selected.user.state, state);
        assert_eq!(site.state("bob").await, state);
        assert_eq!(site.is_accepted(&session).await, state == UserState::Active, "{state:?}");
        let by_mail = [UserState::PasswordResetNeeded, UserState::PasswordAndFactor2ResetNeeded];
        let expected =
            if by_mail.contains(&state) { ResetMail::Sent } else { ResetMail::NotNeeded };
        assert_eq!(selected.mail, expected, "{state:?}");
        let back = site.auth.accounts.set_state("bob", &UserState::Active).await;
        let can_go_back = state.selectable().contains(&UserState::Active);
        assert_eq!(back.is_ok(), can_go_back, "{state:?}");
    }
}

#[tokio::test]
async fn present_state_is_no_change_and_other_fields_are_written() {
    let site = site();
    site.reachable("bob", Role::User).await;
    let session = site.session("bob").await;
    let accounts = &site.auth.accounts;
    let update = AccountUpdate { username: Some("rob".into()), ..AccountUpdate::default() };
    let present = StateRequest::Select(UserState::Active);
    let edited = accounts.edit("bob", update, Some(present)).await.unwrap();
    assert_eq!((&*edited.user.username, edited.mail), ("rob", ResetMail::NotNeeded));
    let selected = accounts.set_state("rob", &UserState::Active).await.unwrap();
    assert_eq!(selected.user.state, UserState::Active);
    assert!(site.is_accepted(&session).await);
}

#[tokio::test]
async fn state_that_the_table_does_not_permit_is_refused() {
    let site = site();
    site.reachable("bob", Role::User).await;
    for state in [
        UserState::AwaitingEmailVerification,
        UserState::AwaitingTwoFactorSetup,
        UserState::AwaitingTwoFactorSetupAndEmailVerification,
        UserState::from("onholiday"),
    ] {
        let error = site.auth.accounts.set_state("bob", &state).await.unwrap_err();
        assert!(matches!(error, AccountError::NotAllowed), "{state:?}: {error}");
        assert_eq!(site.state("bob").await, UserState::Active);
    }
}

#[tokio::test]
async fn state_that_demands_a_reset_is_refused_where_no_link_can_be_mailed() {
    let site = site();
    site.account("bob", Role::User).await;
    let error =
        site.auth.accounts.set_state("bob", &UserState::PasswordResetNeeded).await.unwrap_err();
    assert_field(&error, &Field::Email, &Rule::Missing);
    assert_eq!(site.state("bob").await, UserState::Active);
}

#[tokio::test]
async fn last_administrator_is_not_put_into_a_state_without_login() {
    let site = site();
    site.reachable("root", Role::Administrator).await;
    let invited = NewAccount { role: Role::Administrator, ..with_address("late") };
    site.auth.accounts.create_account(invited).await.unwrap();
    for state in [
        UserState::Disabled,
        UserState::PasswordResetNeeded,
        UserState::PasswordAndFactor2ResetNeeded,
    ] {
        let error = site.auth.accounts.set_state("root", &state).await.unwrap_err();
        assert!(matches!(error, AccountError::LastAdmin), "{state:?}: {error}");
    }
    assert!(matches!(site.log_in("root", PASSWORD).await, LoginOutcome::LoggedIn(_)));
    site.auth.accounts.set_password("late", Password::new(OTHER)).await.unwrap();
    site.auth.accounts.set_state("root", &UserState::Disabled).await.unwrap();
}

#[tokio::test]
async fn state_is_changed_by_the_state_that_is_stored() {
    let site = site();
    let bob = site.reachable("bob", Role::User).await;
    // Read before another administrator disables the account.
    site.auth.accounts.disable("bob").await.unwrap();
    let event = bob.state.selectable();
    assert!(event.contains(&UserState::PasswordChangeNeeded));
    let error = site.auth.accounts.reset_factor(&bob, FactorReset::SetUpAgain).await.unwrap_err();
    assert!(matches!(error, AccountError::NotAllowed), "{error}");
    assert!(matches!(
        site.log_in("bob", PASSWORD).await,
        LoginOutcome::Refused(Refusal::NotActive)
    ));
}

#[tokio::test]
async fn sessions_and_devices_of_another_user_are_listed_and_ended_one_by_one() {
    let site = site();
    let bob = site.account("bob", Role::User).await;
    let carol = site.account("carol", Role::User).await;
    let (first, second) = (site.session("bob").await, site.session("bob").await);
    let sessions = &site.auth.sessions;
    let listed = sessions.list_of(&bob.id).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|listed| !listed.current));
    assert!(!sessions.end_listed_of(&carol.id, &listed[0].id).await.unwrap());
    assert!(!sessions.end_listed_of(&bob.id, "").await.unwrap());
    assert!(sessions.end_listed_of(&bob.id, &listed[0].id).await.unwrap());
    let accepted = [site.is_accepted(&first).await, site.is_accepted(&second).await];
    assert_eq!(accepted.into_iter().filter(|accepted| *accepted).count(), 1);
    let left = sessions.list_of(&bob.id).await.unwrap();
    assert_eq!(left, listed[1..]);
    site.auth.accounts.end_sessions(&bob, None).await.unwrap();
    assert!(sessions.list_of(&bob.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn application_searches_in_place_of_names_and_addresses() {
    let site = Site::with(|config| {
        config.hooks.user_search = Some(Arc::new(|text, users| {
            Box::pin(async move {
                assert_eq!(text, "staff");
                let page = users.list(&UserQuery::first(100)).await?;
                let mut staff = page.users;
                staff.reverse();
                Ok(staff)
            })
        }));
    });
    for name in ["alice", "bob", "carol", "dave"] {
        site.account(name, Role::User).await;
    }
    site.auth.accounts.disable("bob").await.unwrap();
    let list = async |query: UserQuery<'_>| {
        let page = site.auth.accounts.list(&query).await.unwrap();
        let names: Vec<_> = page.users.into_iter().map(|user| user.username).collect();
        (names.join(" "), page.previous, page.next)
    };
    let some = |name: &str| Some(name.to_owned());
    let staff = |position| UserQuery { search: Some(" staff "), position, ..UserQuery::first(2) };
    assert_eq!(list(staff(UserPosition::First)).await, ("dave carol".into(), None, some("carol")));
    let after = staff(UserPosition::After("carol"));
    assert_eq!(list(after).await, ("bob alice".into(), some("bob"), None));
    let before = staff(UserPosition::Before("bob"));
    assert_eq!(list(before).await, ("dave carol".into(), None, some("carol")));
    assert_eq!(list(staff(UserPosition::Last)).await.0, "bob alice");
    assert_eq!(list(staff(UserPosition::Skip(3))).await.0, "alice");
    let disabled = UserQuery { state: Some(UserState::Disabled), ..staff(UserPosition::First) };
    assert_eq!(list(disabled).await.0, "bob");
    assert_eq!(
        list(UserQuery { search: Some("  "), ..UserQuery::first(9) }).await.0,
        "alice bob carol dave"
    );
}

#[tokio::test]
async fn list_skips_a_limited_number_of_accounts() {
    let site = Site::new();
    let skip = |number| UserQuery { position: UserPosition::Skip(number), ..UserQuery::first(2) };
    assert!(site.auth.accounts.list(&skip(MAX_SKIPPED)).await.unwrap().users.is_empty());
    let error = site.auth.accounts.list(&skip(MAX_SKIPPED + 1)).await.unwrap_err();
    assert!(matches!(error, ListError::TooFar), "{error}");
}

#[tokio::test]
async fn text_that_no_database_can_store_finds_nobody() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let all = || UserQuery::first(9);
    for query in [
        UserQuery { search: Some("b\0"), ..all() },
        UserQuery { position: UserPosition::After("\0"), ..all() },
        UserQuery { position: UserPosition::Before("\0"), ..all() },
    ] {
        assert!(site.auth.accounts.list(&query).await.unwrap().users.is_empty());
    }
    assert_eq!(site.auth.accounts.list(&all()).await.unwrap().users.len(), 1);
}
