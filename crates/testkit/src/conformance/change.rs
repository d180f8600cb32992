//! Rules for changing and deleting users.

use crossauth_core::storage::{Change, Changed, Deleted, Effects, Guard, Storage};
use crossauth_core::user::{
    NewUser, Patch, SecretsUpdate, StateEvent, User, UserId, UserSecrets, UserState, UserUpdate,
};
use serde_json::json;

use super::sample::{
    bob, change, create, create_bob, create_named, fields, insert_key, new_password, race, secrets,
    stored, update,
};

/// A change writes only the fields that it sets.
pub(super) async fn absent_fields_are_kept_and_null_clears(storage: &Storage) {
    let before = create_bob(storage).await;
    let first = UserUpdate { factor2: Patch::Set("totp".into()), ..UserUpdate::default() };
    let after = update(storage, &before.id, &first).await;
    assert_eq!(after.factor2, Some("totp".into()));
    let unchanged = User { factor2: None, ..after };
    assert_eq!(unchanged, before);

    let second = UserUpdate { email: Patch::Clear, factor2: Patch::Clear, ..first };
    let after = update(storage, &before.id, &second).await;
    assert_eq!(after.email, None);
    assert_eq!((after.factor2, after.username.as_str()), (None, "Bob"));
    assert_eq!(storage.users.find_by_email("bob@example.com").await.unwrap(), None);
}

/// A new name also changes the normalized name.
pub(super) async fn renamed_user_is_found_under_the_new_name_only(storage: &Storage) {
    let bob = create_bob(storage).await;
    let renamed = UserUpdate {
        username: Some("Robert".into()),
        email: Patch::Set("Robert@Example.com".into()),
        ..UserUpdate::default()
    };
    let robert = update(storage, &bob.id, &renamed).await;
    assert_eq!(robert.email.as_deref(), Some("Robert@Example.com"));
    let users = &storage.users;
    assert!(users.find_by_username("ROBERT").await.unwrap().is_some());
    assert!(users.find_by_email("ROBERT@example.com").await.unwrap().is_some());
    assert_eq!(users.find_by_username("bob").await.unwrap(), None);
    assert_eq!(users.find_by_email("bob@example.com").await.unwrap(), None);
    create_bob(storage).await;
}

/// A user does not conflict with themselves.
pub(super) async fn user_may_change_the_spelling_of_the_name(storage: &Storage) {
    let bob = create_bob(storage).await;
    let respelled = UserUpdate {
        username: Some("BOB".into()),
        email: Patch::Set("BOB@example.com".into()),
        ..UserUpdate::default()
    };
    let after = update(storage, &bob.id, &respelled).await;
    assert_eq!(after.username, "BOB");
    assert!(storage.users.find_by_username("bob").await.unwrap().is_some());
}

/// A refused change changes neither the user nor the secrets.
pub(super) async fn change_to_a_taken_name_changes_nothing(storage: &Storage) {
    let bob = create_bob(storage).await;
    let carol = create_named(storage, "carol").await;
    let before = stored(storage, &carol.id).await;
    let name =
        UserUpdate { username: Some("BOB".into()), admin: Some(true), ..UserUpdate::default() };
    let email = UserUpdate { email: Patch::Set("BOB@example.com".into()), ..UserUpdate::default() };
    for (user, expected) in [(name, Changed::UsernameTaken), (email, Changed::EmailTaken)] {
        let change = Change { user, secrets: new_password("new"), ..Change::default() };
        assert_eq!(storage.users.change(&carol.id, &change).await.unwrap(), expected);
        assert_eq!(stored(storage, &carol.id).await, before);
    }
    assert_eq!(stored(storage, &bob.id).await.0, bob);
}

/// Changing an absent user reports `NoSuchUser`, even if the change is empty.
pub(super) async fn change_of_an_absent_user_is_reported(storage: &Storage) {
    for id in [UserId::Integer(999_999), UserId::Text("unknown".into())] {
        let admin = UserUpdate { admin: Some(true), ..UserUpdate::default() };
        for change in [
            Change::default(),
            Change { user: admin, ..Change::default() },
            Change { secrets: new_password("x"), ..Change::default() },
            Change { event: Some(StateEvent::Disabled), ..Change::default() },
        ] {
            let changed = storage.users.change(&id, &change).await.unwrap();
            assert_eq!(changed, Changed::NoSuchUser);
        }
    }
}

/// Secrets that a change does not set are kept.
pub(super) async fn secrets_are_merged(storage: &Storage) {
    let bob = create_bob(storage).await;
    let totp = SecretsUpdate { totpsecret: Patch::Set("totp".into()), ..Default::default() };
    let both = UserSecrets { totpsecret: Some("totp".into()), ..secrets("bob's hash") };
    let cleared = SecretsUpdate { totpsecret: Patch::Clear, ..Default::default() };
    for (update, expected) in [
        (totp, both.clone()),
        (SecretsUpdate::default(), both.clone()),
        (new_password("new"), UserSecrets { password: Some("new".into()), ..both }),
        (cleared, secrets("new")),
    ] {
        let user = change(storage, &bob.id, &Change { secrets: update, ..Change::default() }).await;
        assert_eq!(user, bob);
        assert_eq!(stored(storage, &bob.id).await.1, expected);
    }
}

/// A user created without secrets can get them later.
pub(super) async fn secrets_may_be_added_later(storage: &Storage) {
    let user = create(storage, &bob(), &UserSecrets::default()).await;
    let with_password = Change { secrets: new_password("new"), ..Change::default() };
    change(storage, &user.id, &with_password).await;
    assert_eq!(stored(storage, &user.id).await.1, secrets("new"));
}

/// Every state is stored, including those of the application.
pub(super) async fn every_state_survives(storage: &Storage) {
    let bob = create_bob(storage).await;
    let custom = UserState::Custom("onholiday".into());
    for state in UserState::KNOWN.into_iter().chain([custom]) {
        let user = UserUpdate { state: Some(state.clone()), ..UserUpdate::default() };
        assert_eq!(update(storage, &bob.id, &user).await.state, state);
        assert_eq!(stored(storage, &bob.id).await.0.state, state);
    }
}

/// A change writes only the application fields that it sets; null deletes a field.
pub(super) async fn application_fields_are_changed_one_by_one(storage: &Storage) {
    let extra = fields([("phone", json!("1")), ("visits", json!(1))]);
    let new = NewUser { extra, ..bob() };
    let id = create(storage, &new, &UserSecrets::default()).await.id;
    let visits = UserUpdate { extra: fields([("visits", json!(2))]), ..UserUpdate::default() };
    let both = fields([("phone", json!("1")), ("visits", json!(2))]);
    assert_eq!(update(storage, &id, &visits).await.extra, both);
    let extra = fields([("phone", json!(null)), ("score", json!(null))]);
    let clear = UserUpdate { extra, ..UserUpdate::default() };
    assert_eq!(update(storage, &id, &clear).await.extra, fields([("visits", json!(2))]));
}

/// An event is applied to the stored state.
pub(super) async fn event_changes_the_stored_state(storage: &Storage) {
    let new = NewUser { state: UserState::AwaitingTwoFactorSetupAndEmailVerification, ..bob() };
    let id = create(storage, &new, &UserSecrets::default()).await.id;
    for (event, expected) in [
        (StateEvent::EmailVerified, UserState::AwaitingTwoFactorSetup),
        (StateEvent::TwoFactorSetUp, UserState::Active),
        (StateEvent::Disabled, UserState::Disabled),
        (StateEvent::Enabled, UserState::Active),
    ] {
        let moved = change(storage, &id, &event_change(event)).await;
        assert_eq!(moved.state, expected, "{event:?}");
    }
}

/// An event that the stored state does not allow changes nothing.
pub(super) async fn event_that_the_state_forbids_changes_nothing(storage: &Storage) {
    let new = NewUser { state: UserState::Disabled, ..bob() };
    let id = create(storage, &new, &secrets("bob's hash")).await.id;
    let before = stored(storage, &id).await;
    let change = Change {
        user: UserUpdate { admin: Some(true), ..UserUpdate::default() },
        secrets: new_password("new"),
        ..event_change(StateEvent::EmailVerified)
    };
    assert_eq!(storage.users.change(&id, &change).await.unwrap(), Changed::NotAllowed);
    assert_eq!(stored(storage, &id).await, before);
}

/// In either order, an account that is disabled and verified concurrently ends up disabled.
pub(super) async fn disabled_account_is_not_activated_by_a_concurrent_event(storage: &Storage) {
    let new = NewUser { state: UserState::AwaitingEmailVerification, ..bob() };
    let id = create(storage, &new, &UserSecrets::default()).await.id;
    let disabling = 17;
    let results = race(50, |number| {
        let (users, id) = (storage.users.clone(), id.clone());
        let event =
            if number == disabling { StateEvent::Disabled } else { StateEvent::EmailVerified };
        async move { users.change(&id, &event_change(event)).await.unwrap() }
    })
    .await;
    assert!(matches!(results[disabling], Changed::Done(_)), "{:?}", results[disabling]);
    assert_eq!(stored(storage, &id).await.0.state, UserState::Disabled);
}

/// Concurrent changes of different fields all take effect.
///
/// Each field of a user is written once: a second write would restore what the first one lost.
pub(super) async fn no_concurrent_change_is_lost(storage: &Storage) {
    for round in 0..20 {
        let id = create_named(storage, &format!("bob{round}")).await.id;
        race(5, |number| {
            let (users, id) = (storage.users.clone(), id.clone());
            let change = match number {
                0 => Change { user: with("phone", json!("1")), ..Change::default() },
                1 => Change { user: with("visits", json!(2)), ..Change::default() },
                2 => Change { user: with("score", json!(0.5)), ..Change::default() },
                3 => Change { secrets: new_password("new"), ..Change::default() },
                _ => Change { user: admin(), ..Change::default() },
            };
            async move { assert!(matches!(users.change(&id, &change).await, Ok(Changed::Done(_)))) }
        })
        .await;
        let (user, secrets) = stored(storage, &id).await;
        let expected = [("phone", json!("1")), ("visits", json!(2)), ("score", json!(0.5))];
        assert_eq!(user.extra, fields(expected));
        assert_eq!((user.admin, secrets.password.as_deref()), (true, Some("new")));
    }
}

/// Deleting a user deletes their secrets, keys and sessions, and no others.
pub(super) async fn deletion_removes_secrets_keys_and_sessions(storage: &Storage) {
    let bob = create_bob(storage).await;
    let carol = create_named(storage, "carol").await;
    insert_key(storage, "s:bob", Some(&bob.id)).await;
    insert_key(storage, "api:bob", Some(&bob.id)).await;
    insert_key(storage, "s:carol", Some(&carol.id)).await;
    insert_key(storage, "s:anonymous", None).await;
    let deleted = storage.users.delete(&bob.id, Guard::None, &Effects::default()).await.unwrap();
    assert_eq!(deleted, Deleted::Done(Box::new(bob.clone())));
    assert_eq!(storage.users.find_by_id(&bob.id).await.unwrap(), None);
    assert_eq!(storage.users.find_by_username("bob").await.unwrap(), None);
    assert_eq!(storage.keys.find("s:bob").await.unwrap(), None);
    assert_eq!(storage.keys.find("api:bob").await.unwrap(), None);
    assert_eq!(storage.sessions.find("s:bob").await.unwrap(), None);
    assert!(storage.sessions.find("s:carol").await.unwrap().is_some());
    assert!(storage.keys.find("s:anonymous").await.unwrap().is_some());
    assert_eq!(stored(storage, &carol.id).await.1, secrets("carol's hash"));

    let again = create(storage, &NewUser::named("bob"), &UserSecrets::default()).await;
    assert_eq!(stored(storage, &again.id).await.1, UserSecrets::default());
}

/// Deleting an absent user reports `NoSuchUser`.
pub(super) async fn deleting_an_absent_user_is_reported(storage: &Storage) {
    let bob = create_bob(storage).await;
    for id in [UserId::Integer(999_999), UserId::Text("bob".into())] {
        let deleted = storage.users.delete(&id, Guard::None, &Effects::default()).await.unwrap();
        assert_eq!(deleted, Deleted::NoSuchUser);
    }
    assert_eq!(stored(storage, &bob.id).await.0, bob);
}

fn event_change(event: StateEvent) -> Change<'static> {
    Change { event: Some(event), ..Change::default() }
}

fn with(name: &str, value: serde_json::Value) -> UserUpdate {
    UserUpdate { extra: fields([(name, value)]), ..UserUpdate::default() }
}

fn admin() -> UserUpdate {
    UserUpdate { admin: Some(true), ..UserUpdate::default() }
}
