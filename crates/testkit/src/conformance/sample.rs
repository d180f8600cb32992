//! Sample users and keys.

use std::time::Duration;

use crossauth_core::clock::Timestamp;
use crossauth_core::key::{Key, KeyPrefix, NAME_FIELD};
use crossauth_core::storage::{
    Change, Changed, Created, Effects, EndSessions, Guard, KeyPlace, SessionStart, Storage,
    StoredUser,
};
use crossauth_core::user::{
    NewUser, Patch, SecretsUpdate, StateChecks, User, UserId, UserSecrets, UserUpdate,
};
use serde_json::{Map, Value};

/// A time with a fraction of a second, to check that milliseconds are stored.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_123);

pub(super) const HOUR: Duration = Duration::from_hours(1);

/// Text that is difficult to store.
pub(super) const HOSTILE: [&str; 9] = [
    "'; DROP TABLE users; --",
    "\" OR \"\"=\"",
    "100%_\\",
    "`backtick` [bracket] $1 ? :name @name",
    "😀𝒳漢字",
    "line\nbreak\ttab\r",
    " leading and trailing ",
    "null",
    "0x41",
];

/// Bob, with an e-mail address in mixed case.
pub(super) fn bob() -> NewUser {
    NewUser { email: Some("Bob@Example.com".into()), ..NewUser::named("Bob") }
}

pub(super) fn secrets(password: &str) -> UserSecrets {
    UserSecrets { password: Some(password.into()), totpsecret: None }
}

pub(super) fn new_password(password: &str) -> SecretsUpdate {
    SecretsUpdate { password: Patch::Set(password.into()), ..SecretsUpdate::default() }
}

/// A change of password that ends the sessions, as the use cases make it.
pub(super) fn password_change(password: &str) -> Change<'_> {
    Change {
        secrets: new_password(password),
        effects: Effects { sessions: EndSessions::All, ..Effects::default() },
        ..Change::default()
    }
}

pub(super) async fn create(storage: &Storage, user: &NewUser, secrets: &UserSecrets) -> User {
    let created =
        storage.users.create(user, secrets, Guard::None, &Effects::default()).await.unwrap();
    let Created::Done(stored) = created else { panic!("{created:?}") };
    stored.regardless_of_state().0
}

pub(super) async fn create_bob(storage: &Storage) -> User {
    create(storage, &bob(), &secrets("bob's hash")).await
}

pub(super) async fn create_named(storage: &Storage, name: &str) -> User {
    create(storage, &NewUser::named(name), &secrets(&format!("{name}'s hash"))).await
}

pub(super) async fn create_admin(storage: &Storage, name: &str) -> User {
    let admin = NewUser { admin: true, ..NewUser::named(name) };
    create(storage, &admin, &UserSecrets::default()).await
}

/// Makes a change that must succeed; checks that the returned user is the stored one.
pub(super) async fn change(storage: &Storage, id: &UserId, change: &Change<'_>) -> User {
    let changed = storage.users.change(id, change).await.unwrap();
    let Changed::Done(done) = changed else { panic!("{changed:?}") };
    assert_eq!(found(storage, id).await, *done);
    done.regardless_of_state().0
}

/// Changes fields, which must succeed.
pub(super) async fn update(storage: &Storage, id: &UserId, user: &UserUpdate) -> User {
    change(storage, id, &Change { user: user.clone(), ..Change::default() }).await
}

pub(super) async fn found(storage: &Storage, id: &UserId) -> StoredUser {
    storage.users.find_by_id(id).await.unwrap().unwrap()
}

pub(super) async fn stored(storage: &Storage, id: &UserId) -> (User, UserSecrets) {
    found(storage, id).await.regardless_of_state()
}

pub(super) async fn insert_key(storage: &Storage, value: &str, userid: Option<&UserId>) -> Key {
    let mut key = Key::new(value, userid.cloned(), NOW);
    if value.starts_with(KeyPrefix::ApiKey.as_str()) {
        // Their table may require one.
        key.extra.insert(NAME_FIELD.into(), value.into());
    }
    storage.keys.insert(&key).await.unwrap();
    key
}

/// A key without the epoch, which the store sets.
pub(super) fn without_epoch(key: Key) -> Key {
    Key { epoch: None, ..key }
}

/// Which of `values` exist, in the order given.
pub(super) async fn present<'a>(storage: &Storage, values: &[&'a str]) -> Vec<&'a str> {
    let mut present = Vec::new();
    for value in values {
        if storage.keys.find(value).await.unwrap().is_some() {
            present.push(*value);
        }
    }
    present
}

/// Whether a session with this value would be accepted.
pub(super) async fn is_admitted(storage: &Storage, value: &str) -> bool {
    let session = storage.sessions.find(value).await.unwrap();
    session.is_some_and(|session| session.admit(StateChecks::ALL).is_ok())
}

pub(super) fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Runs `count` concurrent tasks and returns their results.
pub(super) async fn race<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: usize,
    task: impl Fn(usize) -> F,
) -> Vec<T> {
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(task(number))).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

/// The start of a session, which checks the state only.
pub(super) fn start(key: &Key) -> SessionStart<'_> {
    SessionStart {
        key,
        place: KeyPlace::Here,
        replaces: None,
        must_replace: false,
        uses: None,
        credentials: None,
        checks: StateChecks::ALL,
        revoke: &[],
        issue: &[],
        send: &[],
        audit: &[],
    }
}
