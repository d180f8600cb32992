//! Users and keys for the rules to work on.

use std::time::Duration;

use crossauth_core::clock::Timestamp;
use crossauth_core::key::Key;
use crossauth_core::storage::Storage;
use crossauth_core::user::{NewUser, User, UserId, UserSecrets};
use serde_json::{Map, Value};

/// A moment that is no whole second, to see whether milliseconds survive.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_123);

pub(super) const HOUR: Duration = Duration::from_hours(1);

/// Text that has broken other stores.
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

/// Bob, with an address in mixed case.
pub(super) fn bob() -> NewUser {
    NewUser { email: Some("Bob@Example.com".into()), ..NewUser::named("Bob") }
}

pub(super) fn secrets(password: &str) -> UserSecrets {
    UserSecrets { password: Some(password.into()), totpsecret: None }
}

pub(super) async fn insert_bob(storage: &Storage) -> User {
    storage.users.insert(&bob(), &secrets("bob's hash")).await.unwrap()
}

pub(super) async fn insert_named(storage: &Storage, name: &str) -> User {
    storage.users.insert(&NewUser::named(name), &secrets(&format!("{name}'s hash"))).await.unwrap()
}

pub(super) async fn stored(storage: &Storage, id: &UserId) -> (User, UserSecrets) {
    storage.users.find_by_id(id).await.unwrap().unwrap().regardless_of_state()
}

pub(super) async fn insert_key(storage: &Storage, value: &str, userid: Option<&UserId>) -> Key {
    let key = Key::new(value, userid.cloned(), NOW);
    storage.keys.insert(&key).await.unwrap();
    key
}

/// Which of `values` are there, in the order given.
pub(super) async fn present<'a>(storage: &Storage, values: &[&'a str]) -> Vec<&'a str> {
    let mut present = Vec::new();
    for value in values {
        if storage.keys.find(value).await.unwrap().is_some() {
            present.push(*value);
        }
    }
    present
}

pub(super) fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Runs `count` tasks at once and returns their results.
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
