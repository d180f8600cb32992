//! Rules for session stores.

use crossauth_core::key::Key;
use crossauth_core::storage::{SessionStart, Started, Storage, StorageErrorKind};
use crossauth_core::user::{
    Patch, Refusal, SecretsUpdate, StateChecks, UserId, UserState, UserUpdate,
};

use super::sample::{HOUR, NOW, insert_bob, insert_key, insert_named, present};

/// Key and user come together.
pub async fn session_is_found_with_its_user(storage: &Storage) {
    let bob = insert_bob(storage).await;
    insert_named(storage, "carol").await;
    let key = Key {
        expires: Some(NOW + HOUR),
        lastactive: Some(NOW),
        ..Key::new("s:1", Some(bob.id.clone()), NOW)
    };
    storage.keys.insert(&key).await.unwrap();
    let session = storage.sessions.find("s:1").await.unwrap().unwrap();
    assert_eq!(session.admit(StateChecks::ALL), Ok((key, Some(bob))));
}

/// A session of nobody is found without a user.
pub async fn anonymous_session_has_no_user(storage: &Storage) {
    insert_bob(storage).await;
    let key = insert_key(storage, "s:1", None).await;
    let session = storage.sessions.find("s:1").await.unwrap().unwrap();
    assert_eq!(session.admit(StateChecks::ALL), Ok((key, None)));
}

/// Looking up what is not there gives nothing.
pub async fn absent_session_is_not_found(storage: &Storage) {
    insert_key(storage, "s:1", None).await;
    for value in ["", "s:", "s:2", "S:1", "s:%", "' OR 1=1 --"] {
        assert_eq!(storage.sessions.find(value).await.unwrap(), None, "{value}");
    }
}

/// What a finished update changed is seen by the next check.
pub async fn session_shows_its_user_as_they_are_now(storage: &Storage) {
    let bob = insert_bob(storage).await;
    insert_key(storage, "s:1", Some(&bob.id)).await;
    let none = SecretsUpdate::default();
    for admin in [true, false, true] {
        let change = UserUpdate { admin: Some(admin), ..UserUpdate::default() };
        storage.users.update(&bob.id, &change, &none).await.unwrap();
        let session = storage.sessions.find("s:1").await.unwrap().unwrap();
        let user = session.admit(StateChecks::ALL).unwrap().1.unwrap();
        assert_eq!(user.admin, admin);
    }
    storage.keys.delete("s:1").await.unwrap();
    assert_eq!(storage.sessions.find("s:1").await.unwrap(), None);
}

/// The state comes along for the check to judge.
pub async fn disabled_user_is_turned_away(storage: &Storage) {
    let bob = insert_bob(storage).await;
    insert_key(storage, "s:1", Some(&bob.id)).await;
    let change = UserUpdate { state: Some(UserState::Disabled), ..UserUpdate::default() };
    storage.users.update(&bob.id, &change, &SecretsUpdate::default()).await.unwrap();
    let session = storage.sessions.find("s:1").await.unwrap().unwrap();
    assert_eq!(session.admit(StateChecks::ALL), Err(Refusal::NotActive));
}

/// No session outlives its user.
pub async fn session_of_a_deleted_user_is_not_found(storage: &Storage) {
    let bob = insert_bob(storage).await;
    insert_key(storage, "s:1", Some(&bob.id)).await;
    assert!(storage.users.delete(&bob.id).await.unwrap());
    assert_eq!(storage.sessions.find("s:1").await.unwrap(), None);
}

/// Beginning a session ends the one before and voids password-reset links, those of this user.
pub async fn start_replaces_the_old_session_and_password_reset_keys(storage: &Storage) {
    let bob = insert_bob(storage).await;
    let carol = insert_named(storage, "carol").await;
    let all = ["s:old", "s:other", "p:bob1", "p:bob2", "e:bob", "p:carol", "p:nobody"];
    let owners = [None, Some(&bob), Some(&bob), Some(&bob), Some(&bob), Some(&carol), None];
    for (value, owner) in all.iter().zip(owners) {
        insert_key(storage, value, owner.map(|user| &user.id)).await;
    }
    let key = Key::new("s:new", Some(bob.id.clone()), NOW);
    let start = SessionStart { key: &key, replaces: Some("s:old"), password: None };
    assert_eq!(storage.sessions.start(start).await.unwrap(), Started::Yes);
    assert_eq!(present(storage, &all).await, ["s:other", "e:bob", "p:carol", "p:nobody"]);
    let session = storage.sessions.find("s:new").await.unwrap().unwrap();
    assert_eq!(session.admit(StateChecks::ALL), Ok((key, Some(bob))));
}

/// The password that was checked is the stored one: go ahead.
pub async fn session_starts_if_the_password_is_still_the_checked_one(storage: &Storage) {
    let bob = insert_bob(storage).await;
    let key = Key::new("s:1", Some(bob.id), NOW);
    let start =
        SessionStart { key: &key, replaces: Some("s:absent"), password: Some("bob's hash") };
    assert_eq!(storage.sessions.start(start).await.unwrap(), Started::Yes);
    assert_eq!(present(storage, &["s:1"]).await, ["s:1"]);
}

/// A login that was overtaken by a change of password does nothing.
pub async fn changed_password_stops_the_session_and_changes_nothing(storage: &Storage) {
    let bob = insert_bob(storage).await;
    let all = ["s:old", "p:bob"];
    for value in all {
        insert_key(storage, value, Some(&bob.id)).await;
    }
    let key = Key::new("s:new", Some(bob.id.clone()), NOW);
    let start = SessionStart { key: &key, replaces: Some("s:old"), password: Some("bob's hash") };
    for password in [Patch::Set("new".into()), Patch::Clear] {
        let change = SecretsUpdate { password, ..Default::default() };
        storage.users.update(&bob.id, &UserUpdate::default(), &change).await.unwrap();
        let started = storage.sessions.start(start).await.unwrap();
        assert_eq!(started, Started::CredentialsChanged);
        assert_eq!(present(storage, &all).await, all);
        assert_eq!(storage.keys.find("s:new").await.unwrap(), None);
    }
}

/// A user who is gone cannot begin a session, checked password or not.
pub async fn session_of_an_absent_user_does_not_start(storage: &Storage) {
    let bob = insert_bob(storage).await;
    insert_key(storage, "s:old", None).await;
    storage.users.delete(&bob.id).await.unwrap();
    for id in [bob.id, UserId::Integer(999_999)] {
        for password in [None, Some("bob's hash")] {
            let key = Key::new("s:new", Some(id.clone()), NOW);
            let start = SessionStart { key: &key, replaces: Some("s:old"), password };
            let started = storage.sessions.start(start).await.unwrap();
            assert_eq!(started, Started::CredentialsChanged);
            assert_eq!(present(storage, &["s:new", "s:old"]).await, ["s:old"]);
        }
    }
}

/// Sessions of nobody begin too, and void nobody's links.
pub async fn anonymous_session_starts(storage: &Storage) {
    insert_key(storage, "s:old", None).await;
    insert_key(storage, "p:nobody", None).await;
    let key = Key::new("s:new", None, NOW);
    let start = SessionStart { key: &key, replaces: Some("s:old"), password: None };
    assert_eq!(storage.sessions.start(start).await.unwrap(), Started::Yes);
    assert_eq!(present(storage, &["s:new", "s:old", "p:nobody"]).await, ["s:new", "p:nobody"]);
}

/// A value that is taken stops everything.
pub async fn taken_value_conflicts_and_changes_nothing(storage: &Storage) {
    let bob = insert_bob(storage).await;
    let all = ["s:old", "s:taken", "p:bob"];
    for value in all {
        insert_key(storage, value, Some(&bob.id)).await;
    }
    let key = Key::new("s:taken", Some(bob.id), NOW);
    let start = SessionStart { key: &key, replaces: Some("s:old"), password: None };
    let error = storage.sessions.start(start).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Conflict);
    assert_eq!(present(storage, &all).await, all);
}
