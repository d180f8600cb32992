//! What an administrator can do with accounts whose row cannot be decoded, for every database.

use crossauth_core::clock::Timestamp;
use crossauth_core::key::Key;
use crossauth_core::storage::{
    Change, Changed, Deleted, Effects, EndSessions, Guard, Storage, StorageErrorKind,
};
use crossauth_core::user::{
    NewUser, Patch, Refusal, SecretsUpdate, StateChecks, StateEvent, User, UserId, UserSecrets,
    UserUpdate,
};
use crossauth_testkit::storage::create_user;

use crate::opened::{Driver, Opened};

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_123);

/// What every database stores.
const NO_JSON: Damage = Damage {
    damage: "UPDATE crossauth_users SET extra = 'no JSON' WHERE username = 'bob'",
    repair: "UPDATE crossauth_users SET extra = NULL WHERE username = 'bob'",
};

pub(crate) async fn account_that_cannot_be_decoded_is_logged_out_disabled_and_deleted<D: Driver>() {
    is_logged_out_disabled_and_deleted::<D>(NO_JSON).await;
}

pub(crate) async fn administrator_who_cannot_be_decoded_does_not_count<D: Driver>() {
    administrator_does_not_count::<D>(NO_JSON).await;
}

/// Statements that make the row of `bob` undecodable, and decodable again.
pub(crate) struct Damage {
    pub(crate) damage: &'static str,
    pub(crate) repair: &'static str,
}

async fn admin(storage: &Storage, name: &str) -> User {
    let admin = NewUser { admin: true, ..NewUser::named(name) };
    create_user(storage, &admin, &UserSecrets::default()).await
}

fn ending_sessions() -> Effects<'static> {
    Effects { sessions: EndSessions::All, ..Effects::default() }
}

fn disabling() -> Change<'static> {
    let event = Some(StateEvent::Disabled);
    let guard = Guard::NotTheLastAdmin;
    Change { event, guard, effects: ending_sessions(), ..Change::default() }
}

async fn assert_needs_the_account(storage: &Storage, id: &UserId) {
    let secrets = SecretsUpdate { password: Patch::Set("new".into()), ..SecretsUpdate::default() };
    let user = UserUpdate { admin: Some(true), ..UserUpdate::default() };
    for change in [
        Change { secrets, ..Change::default() },
        Change { user, ..Change::default() },
        Change { event: Some(StateEvent::Enabled), ..Change::default() },
        Change { guard: Guard::PasswordIs("hash"), ..disabling() },
    ] {
        let error = storage.users.change(id, &change).await.unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::BadRow, "{error}");
    }
    let deleted = storage.users.delete(id, Guard::PasswordIs("hash"), &Effects::default()).await;
    assert_eq!(deleted.unwrap_err().kind, StorageErrorKind::BadRow);
}

/// Damages bob's account; then ends its sessions, disables it, and deletes it.
pub(crate) async fn is_logged_out_disabled_and_deleted<D: Driver>(
    Damage { damage, repair }: Damage,
) {
    let opened = Opened::<D>::open().await;
    let (storage, sql) = (&opened.storage(), |statement: &str| opened.sql(statement));
    let (users, keys) = (&storage.users, &storage.keys);
    admin(storage, "root").await;
    let bob = NewUser { email: Some("bob@example.com".into()), ..NewUser::named("bob") };
    let secrets = UserSecrets { password: Some("hash".into()), totpsecret: None };
    let id = create_user(storage, &bob, &secrets).await.id;
    keys.insert(&Key::new("s:1", Some(id.clone()), NOW)).await.unwrap();
    assert!(users.find_by_username("bob").await.unwrap().is_some(), "before {damage}");

    sql(damage);
    let error = users.find_by_username("bob").await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::BadRow, "{damage}: {error}");
    assert_eq!(users.find_id("bob").await.unwrap().as_ref(), Some(&id), "{damage}");
    assert_needs_the_account(storage, &id).await;
    assert!(keys.find("s:1").await.unwrap().is_some(), "{damage}: nothing is changed");

    let ending = Change { effects: ending_sessions(), ..Change::default() };
    let ended = users.change(&id, &ending).await.unwrap();
    assert!(matches!(ended, Changed::Done(_) | Changed::DoneUnreadable), "{damage}: {ended:?}");
    assert_eq!(keys.find("s:1").await.unwrap(), None, "{damage}");

    sql(damage);
    let disabled = users.change(&id, &disabling()).await.unwrap();
    let is_done = matches!(disabled, Changed::Done(_) | Changed::DoneUnreadable);
    assert!(is_done, "{damage}: {disabled:?}");
    if repair.is_empty() {
        // The broken column was the state.
        assert!(matches!(disabled, Changed::Done(_)), "{damage}: {disabled:?}");
    }
    sql(repair);
    let repaired = users.find_by_username("bob").await.unwrap().unwrap();
    assert_eq!(repaired.refusal(StateChecks::ALL), Some(Refusal::NotActive), "{damage}");

    sql(damage);
    keys.insert(&Key::new("p:1", Some(id.clone()), NOW)).await.unwrap();
    let deleted = users.delete(&id, Guard::NotTheLastAdmin, &Effects::default()).await.unwrap();
    assert_eq!(deleted, Deleted::DoneUnreadable, "{damage}");
    assert_eq!(users.find_id("bob").await.unwrap(), None, "{damage}");
    assert_eq!(keys.find("p:1").await.unwrap(), None, "{damage}");
    assert_eq!(
        users.delete(&id, Guard::None, &Effects::default()).await.unwrap(),
        Deleted::NoSuchUser
    );
}

/// An administrator who cannot be decoded does not count as a remaining one and does not prevent
/// changes to others.
pub(crate) async fn administrator_does_not_count<D: Driver>(Damage { damage, repair }: Damage) {
    let opened = Opened::<D>::open().await;
    let (storage, sql) = (&opened.storage(), |statement: &str| opened.sql(statement));
    let users = &storage.users;
    let (root, bob) = (admin(storage, "root").await, admin(storage, "bob").await);
    sql(damage);
    let changed = users.change(&root.id, &disabling()).await.unwrap();
    assert_eq!(changed, Changed::LastAdmin, "{damage}");
    let other = admin(storage, "other").await;
    let changed = users.change(&root.id, &disabling()).await.unwrap();
    assert!(matches!(changed, Changed::Done(_)), "{damage}: {changed:?}");
    let changed = users.change(&bob.id, &disabling()).await.unwrap();
    let is_done = matches!(changed, Changed::Done(_) | Changed::DoneUnreadable);
    assert!(is_done, "{damage}: {changed:?}");
    sql(repair);
    assert_eq!(users.change(&other.id, &disabling()).await.unwrap(), Changed::LastAdmin);
}

/// A session of an older epoch, which ended while it began, stays ended when a change keeps it.
pub(crate) async fn session_of_an_older_epoch_is_not_kept<D: Driver>() {
    let opened = Opened::<D>::open().await;
    let storage = opened.storage();
    let bob = create_user(&storage, &NewUser::named("bob"), &UserSecrets::default()).await;
    let keeping = async |value| {
        let effects = Effects { sessions: EndSessions::AllBut(value), ..Effects::default() };
        let change = Change { effects, ..Change::default() };
        let changed = storage.users.change(&bob.id, &change).await.unwrap();
        assert!(matches!(changed, Changed::Done(_)), "{changed:?}");
        let session = storage.sessions.find(value).await.unwrap().unwrap();
        session.admit(StateChecks::ALL).is_ok()
    };
    storage.keys.insert(&Key::new("s:1", Some(bob.id.clone()), NOW)).await.unwrap();
    assert!(keeping("s:1").await);
    assert!(keeping("s:1").await);
    opened.sql("UPDATE crossauth_keys SET epoch = epoch - 1 WHERE value = 's:1'");
    assert!(!keeping("s:1").await);
    assert!(!keeping("s:1").await);
}
