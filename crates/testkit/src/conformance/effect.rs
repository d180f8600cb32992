//! Rules for the effects of a change.

use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{
    Change, Changed, Created, Deleted, Effects, EndSessions, Guard, Storage, StorageError,
    StorageErrorKind, UserQuery,
};
use crossauth_core::user::{NewUser, StateEvent, UserId, UserSecrets, UserUpdate};

use super::sample::{
    NOW, change, create_bob, create_named, insert_key, is_admitted, new_password, password_change,
    present, race, secrets, stored, without_epoch,
};

/// An operation consumes the token that permits it, and no other.
pub(super) async fn token_is_consumed(storage: &Storage) {
    let bob = create_bob(storage).await;
    insert_key(storage, "p:1", Some(&bob.id)).await;
    insert_key(storage, "p:2", Some(&bob.id)).await;
    insert_key(storage, "setup:1", None).await;
    insert_key(storage, "setup:2", None).await;
    change(storage, &bob.id, &consuming("p:1")).await;
    assert_eq!(present(storage, &["p:1", "p:2"]).await, ["p:2"]);

    let created = create_with(storage, "carol", "setup:1").await;
    assert!(matches!(created, Created::Done(_)), "{created:?}");
    assert_eq!(present(storage, &["setup:1", "setup:2"]).await, ["setup:2"]);

    let deleted = storage.users.delete(&bob.id, Guard::None, &effects("p:2")).await.unwrap();
    assert_eq!(deleted, Deleted::Done(Box::new(bob)));
}

/// If the token does not exist, nothing changes.
pub(super) async fn absent_token_changes_nothing(storage: &Storage) {
    let bob = create_bob(storage).await;
    insert_key(storage, "p:1", Some(&bob.id)).await;
    let before = stored(storage, &bob.id).await;
    let forced = Change {
        user: UserUpdate { admin: Some(true), ..UserUpdate::default() },
        secrets: new_password("new"),
        ..consuming("p:2")
    };
    assert_eq!(storage.users.change(&bob.id, &forced).await.unwrap(), Changed::TokenGone);
    assert_eq!(stored(storage, &bob.id).await, before);
    assert_eq!(create_with(storage, "carol", "setup:1").await, Created::TokenGone);
    assert_eq!(storage.users.find_by_username("carol").await.unwrap(), None);
    let deleted = storage.users.delete(&bob.id, Guard::None, &effects("p:2")).await.unwrap();
    assert_eq!(deleted, Deleted::TokenGone);
    assert_eq!(present(storage, &["p:1"]).await, ["p:1"]);
}

/// If the token does not exist, that is reported also if the state does not allow the event: another
/// use of the token may have changed the state a moment ago.
pub(super) async fn absent_token_takes_precedence_over_the_state(storage: &Storage) {
    let bob = create_bob(storage).await;
    let carol = create_named(storage, "carol").await;
    insert_key(storage, "e:bob", Some(&bob.id)).await;
    insert_key(storage, "e:carol", Some(&carol.id)).await;
    for (token, expected) in [
        ("e:absent", Changed::TokenGone),
        ("e:carol", Changed::TokenGone),
        ("e:bob", Changed::NotAllowed),
    ] {
        let verified = Change { event: Some(StateEvent::EmailVerified), ..consuming(token) };
        assert_eq!(storage.users.change(&bob.id, &verified).await.unwrap(), expected, "{token}");
    }
    assert_eq!(present(storage, &["e:bob", "e:carol"]).await, ["e:bob", "e:carol"]);
}

/// A token permits an operation on its owner's account only.
pub(super) async fn token_of_another_user_is_not_consumed(storage: &Storage) {
    let bob = create_bob(storage).await;
    let carol = create_named(storage, "carol").await;
    let all = ["p:carol", "p:anonymous"];
    insert_key(storage, "p:carol", Some(&carol.id)).await;
    insert_key(storage, "p:anonymous", None).await;
    for token in all {
        let changed = storage.users.change(&bob.id, &consuming(token)).await.unwrap();
        assert_eq!(changed, Changed::TokenGone, "{token}");
        let deleted = storage.users.delete(&bob.id, Guard::None, &effects(token)).await.unwrap();
        assert_eq!(deleted, Deleted::TokenGone, "{token}");
    }
    assert_eq!(create_with(storage, "dave", "p:carol").await, Created::TokenGone);
    assert_eq!(present(storage, &all).await, all);
}

/// Sessions that a change ends are refused; those of other users, and other keys, stay.
pub(super) async fn ended_sessions_are_refused_and_others_stay(storage: &Storage) {
    let bob = create_bob(storage).await;
    let carol = create_named(storage, "carol").await;
    let all = ["s:b1", "s:b2", "s:carol", "s:anonymous"];
    for (value, owner) in all.iter().zip([Some(&bob), Some(&bob), Some(&carol), None]) {
        insert_key(storage, value, owner.map(|user| &user.id)).await;
    }
    insert_key(storage, "api:bob", Some(&bob.id)).await;
    change(storage, &bob.id, &Change::default()).await;
    assert_eq!(admitted(storage, &all).await, all);
    change(storage, &bob.id, &ending(EndSessions::All)).await;
    assert_eq!(admitted(storage, &all).await, ["s:carol", "s:anonymous"]);
    assert_eq!(present(storage, &["api:bob"]).await, ["api:bob"]);
    insert_key(storage, "s:b3", Some(&bob.id)).await;
    assert!(is_admitted(storage, "s:b3").await, "a later session is accepted");
}

/// The session in which a change is made can be kept.
pub(super) async fn one_session_may_be_kept(storage: &Storage) {
    let bob = create_bob(storage).await;
    let all = ["s:1", "s:2", "s:3"];
    for value in all {
        insert_key(storage, value, Some(&bob.id)).await;
    }
    for _ in 0..2 {
        change(storage, &bob.id, &ending(EndSessions::AllBut("s:2"))).await;
        assert_eq!(admitted(storage, &all).await, ["s:2"]);
    }
    change(storage, &bob.id, &ending(EndSessions::AllBut("s:9"))).await;
    assert_eq!(admitted(storage, &all).await, [""; 0]);
}

/// Another user's session cannot be kept: it is neither ended nor changed.
pub(super) async fn session_of_another_user_is_not_kept(storage: &Storage) {
    let bob = create_bob(storage).await;
    let carol = create_named(storage, "carol").await;
    insert_key(storage, "s:bob", Some(&bob.id)).await;
    insert_key(storage, "s:carol", Some(&carol.id)).await;
    change(storage, &carol.id, &ending(EndSessions::All)).await;
    insert_key(storage, "s:carol2", Some(&carol.id)).await;
    change(storage, &bob.id, &ending(EndSessions::AllBut("s:carol2"))).await;
    assert_eq!(admitted(storage, &["s:bob", "s:carol", "s:carol2"]).await, ["s:carol2"]);
}

/// Keys of the kinds to revoke are removed, those of this user only.
pub(super) async fn revoked_kinds_are_removed(storage: &Storage) {
    let bob = create_bob(storage).await;
    let carol = create_named(storage, "carol").await;
    let all = ["p:1", "p:2", "e:1", "s:1", "api:1", "p:carol", "p:anonymous"];
    for value in &all[..5] {
        insert_key(storage, value, Some(&bob.id)).await;
    }
    insert_key(storage, "p:carol", Some(&carol.id)).await;
    insert_key(storage, "p:anonymous", None).await;
    let revoke = &[KeyPrefix::PasswordReset, KeyPrefix::EmailVerification];
    let effects = Effects { revoke, ..Effects::default() };
    change(storage, &bob.id, &Change { effects, ..Change::default() }).await;
    assert_eq!(present(storage, &all).await, ["s:1", "api:1", "p:carol", "p:anonymous"]);
}

/// Set-up links have no owner; revoking their kind deletes all of them.
pub(super) async fn setup_links_are_revoked_without_an_owner(storage: &Storage) {
    let bob = create_bob(storage).await;
    let all = ["setup:1", "setup:2", "s:1"];
    for value in all {
        insert_key(storage, value, None).await;
    }
    let effects = Effects { revoke: &[KeyPrefix::Setup], ..Effects::default() };
    change(storage, &bob.id, &Change { effects, ..Change::default() }).await;
    assert_eq!(present(storage, &all).await, ["s:1"]);
    insert_key(storage, "setup:3", None).await;
    let created = storage
        .users
        .create(&NewUser::named("root"), &UserSecrets::default(), Guard::None, &effects)
        .await;
    assert!(matches!(created, Ok(Created::Done(_))), "{created:?}");
    assert_eq!(present(storage, &["setup:3", "s:1"]).await, ["s:1"]);
}

/// Issued keys belong to the user of the operation, regardless of their `userid`.
pub(super) async fn issued_keys_belong_to_the_user(storage: &Storage) {
    let bob = create_bob(storage).await;
    let issue = [Key::new("e:1", None, NOW), Key::new("e:2", Some(UserId::Integer(999)), NOW)];
    let effects = Effects { issue: &issue, sessions: EndSessions::All, ..Effects::default() };
    change(storage, &bob.id, &Change { effects, ..Change::default() }).await;
    for value in ["e:1", "e:2"] {
        let key = storage.keys.find(value).await.unwrap().unwrap();
        assert_eq!(without_epoch(key), Key::new(value, Some(bob.id.clone()), NOW));
    }
    let issue = [Key::new("s:carol", None, NOW)];
    let effects = Effects { issue: &issue, ..Effects::default() };
    let carol = NewUser::named("carol");
    let created =
        storage.users.create(&carol, &UserSecrets::default(), Guard::None, &effects).await.unwrap();
    let Created::Done(carol) = created else { panic!("{created:?}") };
    let key = storage.keys.find("s:carol").await.unwrap().unwrap();
    assert_eq!(key.userid.as_ref(), Some(carol.id()));
    assert!(is_admitted(storage, "s:carol").await);
}

/// If the value of an issued key is taken, the whole operation fails.
pub(super) async fn issued_key_that_is_taken_changes_nothing(storage: &Storage) {
    let bob = create_bob(storage).await;
    let before = stored(storage, &bob.id).await;
    let all = ["e:taken", "s:1"];
    for value in all {
        insert_key(storage, value, Some(&bob.id)).await;
    }
    let issue = [Key::new("e:new", None, NOW), Key::new("e:taken", None, NOW)];
    let effects = Effects { issue: &issue, sessions: EndSessions::All, ..Effects::default() };
    let change = Change { secrets: new_password("new"), effects, ..Change::default() };
    let error = storage.users.change(&bob.id, &change).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Conflict);
    let created = storage
        .users
        .create(&NewUser::named("carol"), &UserSecrets::default(), Guard::None, &effects)
        .await;
    assert_eq!(created.unwrap_err().kind, StorageErrorKind::Conflict);
    assert_eq!(stored(storage, &bob.id).await, before);
    assert_eq!(storage.users.find_by_username("carol").await.unwrap(), None);
    assert_eq!(present(storage, &["e:new", "e:taken", "s:1"]).await, all);
    assert!(is_admitted(storage, "s:1").await);
}

/// An issued session ends the one that it replaces, which need not be there.
pub(super) async fn issued_session_replaces_another(storage: &Storage) {
    insert_key(storage, "s:old", None).await;
    insert_key(storage, "s:other", None).await;
    for (name, session) in [("bob", "s:bob"), ("carol", "s:carol")] {
        let created = create_with_session(storage, name, session, "s:old").await.unwrap();
        assert!(matches!(created, Created::Done(_)), "{created:?}");
        assert!(is_admitted(storage, session).await);
    }
    let all = ["s:old", "s:other", "s:bob", "s:carol"];
    assert_eq!(present(storage, &all).await, &all[1..]);
}

/// A user whose first session cannot be stored is not stored either.
pub(super) async fn failed_issue_leaves_no_user(storage: &Storage) {
    let all = ["s:taken", "s:old"];
    for value in all {
        insert_key(storage, value, None).await;
    }
    let failed = create_with_session(storage, "bob", "s:taken", "s:old").await;
    assert_eq!(failed.unwrap_err().kind, StorageErrorKind::Conflict);
    assert_eq!(storage.users.find_by_username("bob").await.unwrap(), None);
    assert_eq!(storage.users.list(&UserQuery::first(10)).await.unwrap().users, []);
    assert_eq!(present(storage, &all).await, all);
    let created = create_with_session(storage, "bob", "s:new", "s:old").await.unwrap();
    assert!(matches!(created, Created::Done(_)), "{created:?}");
}

/// A refused change has none of its effects, regardless of the reason.
pub(super) async fn refused_change_has_no_effect(storage: &Storage) {
    let bob = create_bob(storage).await;
    create_named(storage, "carol").await;
    let all = ["p:token", "s:1", "e:1"];
    for value in all {
        insert_key(storage, value, Some(&bob.id)).await;
    }
    let (issue, audit) = ([Key::new("e:new", None, NOW)], [super::audit::event("1")]);
    let effects = Effects {
        consume: Some("p:token"),
        uses: None,
        sessions: EndSessions::All,
        revoke: &[KeyPrefix::EmailVerification],
        replaces: Some("s:1"),
        must_replace: false,
        issue: &issue,
        send: &[],
        audit: &audit,
    };
    let refused = Change { secrets: new_password("new"), effects, ..Change::default() };
    let taken = UserUpdate { username: Some("carol".into()), ..UserUpdate::default() };
    for (change, expected) in [
        (Change { guard: Guard::PasswordIs("wrong"), ..refused.clone() }, Changed::GuardFailed),
        (Change { event: Some(StateEvent::Enabled), ..refused.clone() }, Changed::NotAllowed),
        (Change { user: taken, ..refused.clone() }, Changed::UsernameTaken),
    ] {
        assert_eq!(storage.users.change(&bob.id, &change).await.unwrap(), expected);
        assert_eq!(stored(storage, &bob.id).await.1, secrets("bob's hash"));
        assert_eq!(present(storage, &["p:token", "s:1", "e:1", "e:new"]).await, all);
        assert!(is_admitted(storage, "s:1").await);
        assert_eq!(super::audit::all(storage).await, []);
    }
    change(storage, &bob.id, &refused).await;
    assert_eq!(present(storage, &["p:token", "s:1", "e:1", "e:new"]).await, ["e:new"]);
}

/// A session that was ended while it began is not valid again because a later change keeps it.
pub(super) async fn session_that_has_ended_is_not_kept(storage: &Storage) {
    let bob = create_bob(storage).await;
    let values: Vec<String> = (0..40).map(|number| format!("s:{number}")).collect();
    race(50, |number| {
        let (storage, id) = (storage.clone(), bob.id.clone());
        let session = values.get(number).map(|value| Key::new(value, Some(id.clone()), NOW));
        async move {
            if let Some(session) = session {
                return storage.keys.insert(&session).await.unwrap();
            }
            let changed = storage.users.change(&id, &ending(EndSessions::All)).await;
            assert!(matches!(changed, Ok(Changed::Done(_))), "{changed:?}");
        }
    })
    .await;
    for value in &values {
        if !is_admitted(storage, value).await {
            change(storage, &bob.id, &ending(EndSessions::AllBut(value))).await;
            assert!(!is_admitted(storage, value).await, "{value}");
        }
    }
}

/// Of concurrent changes with one token exactly one is made.
pub(super) async fn one_token_permits_one_change(storage: &Storage) {
    let bob = create_bob(storage).await;
    insert_key(storage, "p:1", Some(&bob.id)).await;
    let results = race(50, |number| {
        let (users, id) = (storage.users.clone(), bob.id.clone());
        async move {
            let new = number.to_string();
            let mut change = password_change(&new);
            change.effects.consume = Some("p:1");
            users.change(&id, &change).await.unwrap()
        }
    })
    .await;
    let is_done = |changed: &Changed| matches!(changed, Changed::Done(_));
    let winner = results.iter().position(is_done).unwrap();
    assert_eq!(results.iter().filter(|changed| is_done(changed)).count(), 1);
    assert!(results.iter().all(|changed| is_done(changed) || *changed == Changed::TokenGone));
    assert_eq!(stored(storage, &bob.id).await.1, secrets(&winner.to_string()));
}

/// Of concurrent creations with one token exactly one succeeds.
pub(super) async fn one_token_permits_one_creation(storage: &Storage) {
    insert_key(storage, "setup:1", None).await;
    let results = race(50, |number| {
        let storage = storage.clone();
        async move { create_with(&storage, &format!("user{number}"), "setup:1").await }
    })
    .await;
    let is_done = |created: &&Created| matches!(created, Created::Done(_));
    assert_eq!(results.iter().filter(is_done).count(), 1);
    assert!(results.iter().all(|created| is_done(&created) || *created == Created::TokenGone));
    assert_eq!(storage.users.list(&UserQuery::first(100)).await.unwrap().users.len(), 1);
}

/// Of concurrent deletions with one token exactly one succeeds.
pub(super) async fn one_token_permits_one_deletion(storage: &Storage) {
    let bob = create_bob(storage).await;
    insert_key(storage, "e:1", Some(&bob.id)).await;
    let results = race(50, |_| {
        let (users, id) = (storage.users.clone(), bob.id.clone());
        async move { users.delete(&id, Guard::None, &effects("e:1")).await.unwrap() }
    })
    .await;
    let done = results.iter().filter(|deleted| matches!(deleted, Deleted::Done(_))).count();
    let absent = results.iter().filter(|deleted| **deleted == Deleted::NoSuchUser).count();
    assert_eq!((done, absent), (1, 49), "{results:?}");
}

fn effects(token: &str) -> Effects<'_> {
    Effects { consume: Some(token), ..Effects::default() }
}

fn consuming(token: &str) -> Change<'_> {
    Change { effects: effects(token), ..Change::default() }
}

fn ending(sessions: EndSessions<'_>) -> Change<'_> {
    Change { effects: Effects { sessions, ..Effects::default() }, ..Change::default() }
}

async fn create_with(storage: &Storage, name: &str, token: &str) -> Created {
    let secrets = UserSecrets::default();
    storage
        .users
        .create(&NewUser::named(name), &secrets, Guard::None, &effects(token))
        .await
        .unwrap()
}

async fn create_with_session(
    storage: &Storage,
    name: &str,
    session: &str,
    replaces: &str,
) -> Result<Created, StorageError> {
    let issue = [Key::new(session, None, NOW)];
    let effects = Effects { replaces: Some(replaces), issue: &issue, ..Effects::default() };
    storage
        .users
        .create(&NewUser::named(name), &UserSecrets::default(), Guard::None, &effects)
        .await
}

async fn admitted<'a>(storage: &Storage, values: &[&'a str]) -> Vec<&'a str> {
    let mut admitted = Vec::new();
    for value in values {
        if is_admitted(storage, value).await {
            admitted.push(*value);
        }
    }
    admitted
}
