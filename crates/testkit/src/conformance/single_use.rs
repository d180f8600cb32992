//! Rules for what works once: codes, recovery codes, and sessions that must be replaced.

use crossauth_core::key::{DataChange, Key, KeyData};
use crossauth_core::message::{Message, MessageKind};
use crossauth_core::storage::{
    Change, Changed, Deleted, Effects, EndSessions, Guard, SessionStart, SessionUpdate, Started,
    Storage, TotpStep, UpdateDataError, Updated, Uses,
};
use crossauth_core::user::{User, UserId};
use serde_json::json;

use super::sample::{
    HOUR, NOW, create_bob, create_named, insert_key, new_password, present, race, secrets, start,
    stored,
};

/// A step is used once, and none before it is accepted afterwards.
pub(super) async fn step_is_accepted_only_if_it_is_later_than_the_last(storage: &Storage) {
    let bob = create_bob(storage).await;
    for (step, accepted) in [(10, true), (10, false), (9, false), (11, true), (10, false)] {
        let uses = at_step("secret", step);
        let changed = storage.users.change(&bob.id, &using(&uses)).await.unwrap();
        assert_eq!(matches!(changed, Changed::Done(_)), accepted, "{step}: {changed:?}");
        assert!(accepted || changed == Changed::AlreadyUsed);
    }
}

/// The steps of a new secret are counted from the beginning.
pub(super) async fn steps_of_another_secret_do_not_count(storage: &Storage) {
    let bob = create_bob(storage).await;
    for (secret, accepted) in [("old", true), ("new", true), ("new", false)] {
        let uses = at_step(secret, 10);
        let changed = storage.users.change(&bob.id, &using(&uses)).await.unwrap();
        assert_eq!(matches!(changed, Changed::Done(_)), accepted, "{secret}: {changed:?}");
    }
}

/// What one user used is not used by another.
pub(super) async fn steps_of_another_user_do_not_count(storage: &Storage) {
    let uses = at_step("secret", 10);
    for name in ["bob", "carol"] {
        let owner = create_named(storage, name).await;
        let changed = storage.users.change(&owner.id, &using(&uses)).await.unwrap();
        assert!(matches!(changed, Changed::Done(_)), "{name}: {changed:?}");
    }
}

/// Sessions and changes share what is used up.
pub(super) async fn step_of_a_change_begins_no_session(storage: &Storage) {
    let bob = create_bob(storage).await;
    let uses = at_step("secret", 10);
    assert!(matches!(
        storage.users.change(&bob.id, &using(&uses)).await.unwrap(),
        Changed::Done(_)
    ));
    let key = Key::new("s:1", Some(bob.id.clone()), NOW);
    let start = SessionStart { uses: Some(&uses), ..start(&key) };
    assert_eq!(storage.sessions.start(start).await.unwrap(), Started::AlreadyUsed);
    let deleted = storage.users.delete(&bob.id, Guard::None, &using(&uses).effects).await.unwrap();
    assert_eq!(deleted, Deleted::AlreadyUsed);
    let update = SessionUpdate { uses: Some((&bob.id, &uses)), ..update("s:pending", &[]) };
    insert_key(storage, "s:pending", Some(&bob.id)).await;
    assert_eq!(storage.sessions.update(update).await.unwrap(), Updated::AlreadyUsed);
    assert_eq!(present(storage, &["s:1"]).await, [""; 0]);
}

/// A one-time key is deleted when it is used; only its owner can use it.
pub(super) async fn key_is_used_once_and_by_its_owner_only(storage: &Storage) {
    let bob = create_bob(storage).await;
    let carol = create_named(storage, "carol").await;
    insert_key(storage, "rc:bob", Some(&bob.id)).await;
    insert_key(storage, "rc:bob2", Some(&bob.id)).await;
    insert_key(storage, "rc:unknown", None).await;
    let all = ["rc:bob", "rc:bob2", "rc:unknown"];
    for (user, key) in [(&carol, "rc:bob"), (&bob, "rc:unknown"), (&bob, "rc:absent")] {
        let uses = of_key(key);
        let changed = storage.users.change(&user.id, &using(&uses)).await.unwrap();
        assert_eq!(changed, Changed::AlreadyUsed, "{key}");
        assert_eq!(present(storage, &all).await, all);
    }
    let uses = of_key("rc:bob");
    let key = Key::new("s:1", Some(bob.id.clone()), NOW);
    let first = SessionStart { uses: Some(&uses), ..start(&key) };
    assert!(matches!(storage.sessions.start(first).await.unwrap(), Started::Begun(Some(_))));
    assert_eq!(present(storage, &all).await, ["rc:bob2", "rc:unknown"]);
    let key = Key::new("s:2", Some(bob.id.clone()), NOW);
    let second = SessionStart { uses: Some(&uses), ..start(&key) };
    assert_eq!(storage.sessions.start(second).await.unwrap(), Started::AlreadyUsed);
}

/// A change that is refused for what was used before has no effect, and one that is refused for
/// another reason uses nothing up.
pub(super) async fn refused_change_uses_nothing_up(storage: &Storage) {
    let bob = create_bob(storage).await;
    for value in ["s:1", "p:token", "rc:1"] {
        insert_key(storage, value, Some(&bob.id)).await;
    }
    let uses = Uses { key: Some("rc:1".into()), ..at_step("secret", 10) };
    let earlier = at_step("secret", 10);
    let issue = [Key::new("e:new", None, NOW)];
    let change = Change {
        secrets: new_password("new"),
        effects: Effects {
            consume: Some("p:token"),
            uses: Some(&uses),
            sessions: EndSessions::All,
            replaces: Some("s:1"),
            must_replace: true,
            issue: &issue,
            ..Effects::default()
        },
        ..Change::default()
    };
    let all = ["s:1", "p:token", "rc:1"];
    let mut absent = change.clone();
    absent.effects.consume = Some("p:absent");
    let mut gone = change.clone();
    gone.effects.replaces = Some("s:absent");
    let mut nothing = change.clone();
    nothing.effects.replaces = None;
    let guarded = Change { guard: Guard::PasswordIs("wrong"), ..change.clone() };
    for (refused, expected) in [
        (absent, Changed::TokenGone),
        (gone, Changed::SessionGone),
        (nothing, Changed::SessionGone),
        (guarded, Changed::GuardFailed),
    ] {
        assert_eq!(storage.users.change(&bob.id, &refused).await.unwrap(), expected);
        assert_eq!(present(storage, &all).await, all);
        assert_eq!(stored(storage, &bob.id).await.1, secrets("bob's hash"));
    }
    let mut again = change.clone();
    again.effects.uses = Some(&earlier);
    assert!(matches!(
        storage.users.change(&bob.id, &using(&earlier)).await.unwrap(),
        Changed::Done(_)
    ));
    assert_eq!(storage.users.change(&bob.id, &again).await.unwrap(), Changed::AlreadyUsed);
    assert_eq!(present(storage, &all).await, all);
    let uses = Uses { key: Some("rc:1".into()), ..at_step("secret", 11) };
    let mut change = change;
    change.effects.uses = Some(&uses);
    assert!(matches!(storage.users.change(&bob.id, &change).await.unwrap(), Changed::Done(_)));
    assert_eq!(present(storage, &["s:1", "p:token", "rc:1", "e:new"]).await, ["e:new"]);
}

/// A session that must replace another begins only if that exists.
pub(super) async fn session_that_must_replace_another_begins_once(storage: &Storage) {
    let bob = create_bob(storage).await;
    insert_key(storage, "s:pending", None).await;
    for owner in [None, Some(bob.id.clone())] {
        let key = Key::new("s:new", owner.clone(), NOW);
        for replaces in [None, Some("s:absent")] {
            let start = SessionStart { replaces, must_replace: true, ..start(&key) };
            assert_eq!(storage.sessions.start(start).await.unwrap(), Started::SessionGone);
        }
    }
    let key = Key::new("s:1", Some(bob.id.clone()), NOW);
    let pending = Some("s:pending");
    let first = SessionStart { replaces: pending, must_replace: true, ..start(&key) };
    assert!(matches!(storage.sessions.start(first).await.unwrap(), Started::Begun(_)));
    let key = Key::new("s:2", Some(bob.id.clone()), NOW);
    let second = SessionStart { replaces: pending, must_replace: true, ..start(&key) };
    assert_eq!(storage.sessions.start(second).await.unwrap(), Started::SessionGone);
    assert_eq!(present(storage, &["s:pending", "s:new", "s:1", "s:2"]).await, ["s:1"]);
}

/// Keys that begin with a session belong to its user.
pub(super) async fn keys_issued_with_a_session_belong_to_its_user(storage: &Storage) {
    let bob = create_bob(storage).await;
    insert_key(storage, "kd:taken", None).await;
    let taken = [Key::new("kd:new", None, NOW), Key::new("kd:taken", None, NOW)];
    let key = Key::new("s:1", Some(bob.id.clone()), NOW);
    let refused = SessionStart { issue: &taken, ..start(&key) };
    assert!(storage.sessions.start(refused).await.unwrap_err().is_conflict());
    assert_eq!(present(storage, &["s:1", "kd:new"]).await, [""; 0]);
    let begun = SessionStart { issue: &taken[..1], ..start(&key) };
    assert!(matches!(storage.sessions.start(begun).await.unwrap(), Started::Begun(_)));
    let [session, device] = [find(storage, "s:1").await, find(storage, "kd:new").await];
    assert_eq!((device.userid, device.epoch), (Some(bob.id), session.epoch));
}

/// The data of a session changes only if it is the expected.
pub(super) async fn data_is_changed_only_if_it_is_expected(storage: &Storage) {
    let bob = create_bob(storage).await;
    insert_pending(storage, &bob).await;
    let removal = [DataChange::remove("pre2fa")];
    for expects in [
        ("pre2fa.challenge", "two"),
        ("pre2fa.challenge", ""),
        ("pre2fa.absent", "one"),
        ("absent.challenge", "one"),
        ("pre2fa", "one"),
        ("count", "1"),
    ] {
        let update = SessionUpdate { expects: Some(expects), ..update("s:pending", &removal) };
        assert_eq!(storage.sessions.update(update).await.unwrap(), Updated::Unexpected);
    }
    let expects = Some(("pre2fa.challenge", "one"));
    let expected = SessionUpdate { expects, ..update("s:pending", &removal) };
    assert_eq!(storage.sessions.update(expected).await.unwrap(), Updated::Done);
    assert_eq!(storage.sessions.update(expected).await.unwrap(), Updated::Unexpected);
    let data = find(storage, "s:pending").await.data.object().unwrap();
    assert_eq!(json!(data), json!({"count": 1}));
    let absent = storage.sessions.update(update("s:absent", &removal)).await;
    assert!(matches!(absent, Err(UpdateDataError::NotFound)), "{absent:?}");
    let (uses, unknown) = (at_step("secret", 1), UserId::Integer(999_999));
    let of_unknown = SessionUpdate { uses: Some((&unknown, &uses)), ..update("s:pending", &[]) };
    assert_eq!(storage.sessions.update(of_unknown).await.unwrap(), Updated::NoSuchUser);
}

/// Messages of a change of data are stored exactly if it is made.
pub(super) async fn messages_of_a_session_are_sent_if_its_data_changes(storage: &Storage) {
    let bob = create_bob(storage).await;
    insert_pending(storage, &bob).await;
    let removal = [DataChange::remove("pre2fa")];
    let message = |id: &str| Message {
        id: id.into(),
        kind: MessageKind::LoginCode,
        userid: Some(bob.id.clone()),
        created: NOW,
        due: NOW,
        expires: NOW + HOUR,
        payload: "v2.…".into(),
    };
    let (refused, made) = ([message("refused")], [message("made")]);
    let expects = Some(("pre2fa.challenge", "two"));
    let unexpected = SessionUpdate { expects, send: &refused, ..update("s:pending", &removal) };
    assert_eq!(storage.sessions.update(unexpected).await.unwrap(), Updated::Unexpected);
    let absent = SessionUpdate { send: &refused, ..update("s:absent", &removal) };
    assert!(storage.sessions.update(absent).await.is_err());
    let expected = SessionUpdate { send: &made, ..update("s:pending", &removal) };
    assert_eq!(storage.sessions.update(expected).await.unwrap(), Updated::Done);
    assert!(storage.sessions.update(expected).await.is_err(), "the id is taken");
    let queued = storage.outbox.claim(NOW, NOW + HOUR, 10).await.unwrap();
    let queued: Vec<_> = queued.into_iter().map(|queued| queued.message).collect();
    assert_eq!(queued, made);
}

/// Of concurrent logins with one code, one succeeds.
pub(super) async fn one_step_begins_one_session(storage: &Storage) {
    let bob = create_bob(storage).await;
    let uses = at_step("secret", 10);
    assert_eq!(begin_many(storage, &bob, &uses, false).await, (1, 49));
}

/// Of concurrent logins with one recovery code, one succeeds.
pub(super) async fn one_recovery_code_begins_one_session(storage: &Storage) {
    let bob = create_bob(storage).await;
    insert_key(storage, "rc:1", Some(&bob.id)).await;
    assert_eq!(begin_many(storage, &bob, &of_key("rc:1"), false).await, (1, 49));
    assert_eq!(present(storage, &["rc:1"]).await, [""; 0]);
}

/// Of concurrent completions of one pending login, one succeeds.
pub(super) async fn one_pending_session_is_replaced_once(storage: &Storage) {
    let bob = create_bob(storage).await;
    insert_key(storage, "s:pending", None).await;
    assert_eq!(begin_many(storage, &bob, &Uses::default(), true).await, (1, 49));
}

/// Of concurrent changes with one code, one is made.
pub(super) async fn one_step_permits_one_change(storage: &Storage) {
    let bob = create_bob(storage).await;
    let results = race(50, |_| {
        let (users, id) = (storage.users.clone(), bob.id.clone());
        async move { users.change(&id, &using(&at_step("secret", 10))).await.unwrap() }
    })
    .await;
    let done = results.iter().filter(|changed| matches!(changed, Changed::Done(_))).count();
    let used = results.iter().filter(|changed| **changed == Changed::AlreadyUsed).count();
    assert_eq!((done, used), (1, 49));
}

/// Of concurrent confirmations of one request, one succeeds.
pub(super) async fn one_waiting_request_is_confirmed_once(storage: &Storage) {
    let bob = create_bob(storage).await;
    insert_pending(storage, &bob).await;
    let results = race(50, |number| {
        let (sessions, id) = (storage.sessions.clone(), bob.id.clone());
        async move {
            let (removal, uses) =
                ([DataChange::remove("pre2fa")], at_step("secret", number as u64));
            let update = SessionUpdate {
                expects: Some(("pre2fa.challenge", "one")),
                uses: Some((&id, &uses)),
                ..update("s:pending", &removal)
            };
            sessions.update(update).await.unwrap()
        }
    })
    .await;
    assert_eq!(results.iter().filter(|updated| **updated == Updated::Done).count(), 1);
}

/// Begins fifty sessions; returns how many began and how many were refused.
async fn begin_many(
    storage: &Storage,
    owner: &User,
    uses: &Uses,
    must_replace: bool,
) -> (usize, usize) {
    let results = race(50, |number| {
        let (sessions, id, uses) = (storage.sessions.clone(), owner.id.clone(), uses.clone());
        async move {
            let key = Key::new(format!("s:{number}"), Some(id), NOW);
            let replaces = Some("s:pending");
            let uses = Some(&uses);
            let start = SessionStart { replaces, must_replace, uses, ..start(&key) };
            sessions.start(start).await.unwrap()
        }
    })
    .await;
    let begun = results.iter().filter(|started| matches!(started, Started::Begun(_))).count();
    let refused =
        |started: &&Started| matches!(started, Started::AlreadyUsed | Started::SessionGone);
    (begun, results.iter().filter(refused).count())
}

async fn insert_pending(storage: &Storage, user: &User) {
    let data = json!({"pre2fa": {"challenge": "one"}, "count": 1});
    let data = KeyData::from_text(data.to_string());
    let key = Key { data, ..Key::new("s:pending", Some(user.id.clone()), NOW) };
    storage.keys.insert(&key).await.unwrap();
}

async fn find(storage: &Storage, value: &str) -> Key {
    storage.keys.find(value).await.unwrap().unwrap()
}

fn at_step(secret: &str, step: u64) -> Uses {
    Uses { totp_step: Some(TotpStep { secret: secret.into(), step }), ..Uses::default() }
}

fn of_key(key: &str) -> Uses {
    Uses { key: Some(key.into()), ..Uses::default() }
}

fn using(uses: &Uses) -> Change<'_> {
    Change { effects: Effects { uses: Some(uses), ..Effects::default() }, ..Change::default() }
}

fn update<'a>(session: &'a str, changes: &'a [DataChange]) -> SessionUpdate<'a> {
    SessionUpdate { session, changes, expects: None, uses: None, send: &[], audit: &[] }
}
