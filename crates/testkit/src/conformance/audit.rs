//! Rules of the audit log.

use crossauth_core::audit::{Act, AuditEntry, AuditEvent, Personal, Recording};
use crossauth_core::caller::Actor;
use crossauth_core::key::Key;
use crossauth_core::storage::{
    AuditFilter, Change, Changed, Deleted, Effects, Guard, Link, Mark, SessionStart, SessionUpdate,
    Started, Storage, Updated,
};
use crossauth_core::user::{NewUser, StateEvent, UserId, UserSecrets};
use serde_json::json;

use super::sample::{HOSTILE, NOW, bob, create_bob, create_named, fields, race, start};

/// Stored events are listed whole.
pub(super) async fn events_are_listed_whole(storage: &Storage) {
    let whole = AuditEntry {
        act: Act::Custom("invoice.paid".into()),
        actor: Actor::ApiKey { key: "k1".into(), owner: Some(create_bob(storage).await.id) },
        userid: Some(create_named(storage, "carol").await.id),
        request_id: Some("00ff".into()),
        detail: fields([("a", json!(1)), ("b", json!("text"))]),
        origin: Personal::new(fields([("address", json!("203.0.113.9"))]), "salt"),
        about: Personal::new(fields([("username", json!("carol"))]), "pepper"),
        ..entry("2")
    };
    let operator = AuditEntry { actor: Actor::Operator { name: "root".into() }, ..entry("1") };
    append(storage, &[operator.clone(), whole.clone()]).await;
    assert_eq!(all(storage).await, [whole, operator]);
}

/// Text of any kind survives.
pub(super) async fn hostile_text_survives(storage: &Storage) {
    for (number, text) in HOSTILE.iter().enumerate() {
        let hostile = AuditEntry {
            act: Act::Custom((*text).into()),
            actor: Actor::Operator { name: (*text).into() },
            request_id: Some((*text).into()),
            detail: fields([("text", json!(text))]),
            origin: Personal::new(fields([("userAgent", json!(text))]), text),
            ..entry(&number.to_string())
        };
        append(storage, std::slice::from_ref(&hostile)).await;
        assert_eq!(all(storage).await[0], hostile, "{text}");
    }
}

/// Events are listed in pages, the newest first.
pub(super) async fn events_are_listed_in_pages_from_the_newest(storage: &Storage) {
    append(storage, &["3", "1", "4", "2", "5"].map(entry)).await;
    let (mut after, mut listed) = (None, Vec::new());
    loop {
        let page = storage.audit.list(&AuditFilter::default(), after.as_deref(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        listed.extend(page.into_iter().map(|entry| entry.id));
    }
    assert_eq!(listed, ["5", "4", "3", "2", "1"]);
}

/// Each part of a filter selects.
pub(super) async fn events_are_listed_by_filter(storage: &Storage) {
    let (bob, carol) = (create_bob(storage).await.id, create_named(storage, "carol").await.id);
    let by_bob = AuditEntry { actor: Actor::User { id: bob.clone() }, ..entry("1") };
    let on_bob = AuditEntry { userid: Some(bob.clone()), act: Act::LoggedOut, ..entry("2") };
    let later = NOW + std::time::Duration::from_secs(1);
    let later = AuditEntry { created: later, request_id: Some("r".into()), ..entry("3") };
    append(storage, &[by_bob, on_bob, later.clone()]).await;
    let (none, now) = (AuditFilter::default(), later.created);
    for (filter, expected) in [
        (AuditFilter { user: Some(bob), ..none.clone() }, vec!["2", "1"]),
        (AuditFilter { user: Some(carol), ..none.clone() }, vec![]),
        (AuditFilter { act: Some("login.failed".into()), ..none.clone() }, vec!["3", "1"]),
        (AuditFilter { act: Some("login.".into()), ..none.clone() }, vec!["3", "1"]),
        (AuditFilter { act: Some("login".into()), ..none.clone() }, vec![]),
        (AuditFilter { act: Some("log".into()), ..none.clone() }, vec![]),
        (AuditFilter { act: Some("%.".into()), ..none.clone() }, vec![]),
        (AuditFilter { from: Some(now), ..none.clone() }, vec!["3"]),
        (AuditFilter { until: Some(now), ..none.clone() }, vec!["2", "1"]),
        (AuditFilter { request_id: Some("r".into()), ..none.clone() }, vec!["3"]),
        (AuditFilter { act: Some("logout".into()), from: Some(now), ..none }, vec![]),
    ] {
        assert_eq!(ids(storage, &filter).await, expected, "{filter:?}");
    }
}

/// An event is stored with the change of an account, or not at all.
pub(super) async fn events_of_an_account_are_recorded_if_it_changes(storage: &Storage) {
    let bob = create_bob(storage).await.id;
    let [refused, done, deleted] = ["1", "2", "3"].map(|id| [event(id)]);
    let change = |audit, guard| Change {
        guard,
        event: Some(StateEvent::Disabled),
        effects: Effects { audit, ..Effects::default() },
        ..Change::default()
    };
    let outcome = storage.users.change(&bob, &change(&refused, Guard::PasswordIs("wrong"))).await;
    assert_eq!(outcome.unwrap(), Changed::GuardFailed);
    let outcome = storage.users.change(&bob, &change(&done, Guard::None)).await.unwrap();
    assert!(matches!(outcome, Changed::Done(_)), "{outcome:?}");
    let effects = Effects { audit: &deleted, ..Effects::default() };
    let outcome = storage.users.delete(&bob, Guard::None, &effects).await.unwrap();
    assert!(matches!(outcome, Deleted::Done(_)), "{outcome:?}");
    let about = AuditFilter { user: Some(bob), ..AuditFilter::default() };
    assert_eq!(ids(storage, &about).await, ["3", "2"]);
    assert_eq!(all(storage).await.len(), 2);
}

/// An event of a creation is about the new account.
pub(super) async fn event_of_a_new_account_names_it(storage: &Storage) {
    let (secrets, audit) = (UserSecrets::default(), [event("1")]);
    let effects = Effects { audit: &audit, ..Effects::default() };
    storage.users.create(&bob(), &secrets, Guard::None, &effects).await.unwrap();
    let created = storage.users.find_id("bob").await.unwrap();
    assert_eq!(all(storage).await[0].userid, created);
    // The name is taken: nothing happens.
    let audit = [event("2")];
    let effects = Effects { audit: &audit, ..Effects::default() };
    storage.users.create(&NewUser::named("bob"), &secrets, Guard::None, &effects).await.unwrap();
    assert_eq!(all(storage).await.len(), 1);
}

/// An event is stored with a session or a key, or not at all.
pub(super) async fn events_of_sessions_and_keys_are_recorded_with_them(storage: &Storage) {
    let bob = create_bob(storage).await.id;
    let key = Key::new("s:1", Some(bob.clone()), NOW);
    let audit = ["1", "2", "3", "4", "5"].map(|id| [event(id)]);
    let refused = SessionStart { must_replace: true, audit: &audit[0], ..start(&key) };
    assert_eq!(storage.sessions.start(refused).await.unwrap(), Started::SessionGone);
    let begun = SessionStart { audit: &audit[1], ..start(&key) };
    assert!(matches!(storage.sessions.start(begun).await.unwrap(), Started::Begun(_)));
    let update = SessionUpdate {
        session: "s:1",
        changes: &[],
        expects: None,
        uses: None,
        send: &[],
        audit: &audit[2],
    };
    assert_eq!(storage.sessions.update(update).await.unwrap(), Updated::Done);
    let device = Key::new("device:1", Some(bob.clone()), NOW);
    storage.keys.insert_recorded(&device, &audit[3]).await.unwrap();
    storage.keys.insert_recorded(&device, &audit[4]).await.unwrap_err();
    assert!(storage.keys.delete_recorded("device:1", &audit[4]).await.unwrap());
    assert!(!storage.keys.delete_recorded("device:1", &audit[0]).await.unwrap());
    let recorded = all(storage).await;
    let ids: Vec<_> = recorded.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["5", "4", "3", "2"]);
    let users: Vec<_> = recorded.into_iter().map(|entry| entry.userid).collect();
    assert_eq!(users, [None, Some(bob.clone()), None, Some(bob)]);
}

/// Events are chained in the order of their ids.
pub(super) async fn events_are_chained(storage: &Storage) {
    append(storage, &["2", "1"].map(entry)).await;
    let waiting = storage.audit.unchained(None, 10).await.unwrap();
    assert_eq!(waiting, ["1", "2"].map(|id| Ok(entry(id))));
    let after = storage.audit.unchained(Some("1"), 10).await.unwrap();
    assert_eq!(after, [Ok(entry("2"))]);
    assert_eq!(storage.audit.unchained(None, 1).await.unwrap().len(), 1);
    let marks = storage.audit.marks().await.unwrap();
    assert_eq!(marks.end, Mark::default());
    let links = [("1".to_owned(), link(1)), ("2".to_owned(), link(2))];
    assert!(storage.audit.chain(&marks.end, &links, &mark(2)).await.unwrap());
    assert!(storage.audit.unchained(None, 10).await.unwrap().is_empty());
    assert_eq!(storage.audit.marks().await.unwrap().end, mark(2));
    let chained = storage.audit.chained(None, 10).await.unwrap();
    let chained: Vec<_> = chained.into_iter().map(Result::unwrap).collect();
    let links: Vec<_> = chained.iter().map(|one| one.link.clone()).collect();
    assert_eq!(links, [link(1), link(2)]);
    assert_eq!(chained[1].entry, entry("2"));
    assert_eq!(storage.audit.chained(Some(1), 10).await.unwrap().len(), 1);
    assert_eq!(storage.audit.chained(Some(0), 1).await.unwrap().len(), 1);
    // The chain did not end there any more.
    append(storage, &[entry("3")]).await;
    let links = [("3".to_owned(), link(3))];
    assert!(!storage.audit.chain(&Mark::default(), &links, &mark(3)).await.unwrap());
    assert_eq!(storage.audit.marks().await.unwrap().end, mark(2));
}

/// The oldest events of the chain are deleted, and others stay.
pub(super) async fn start_of_the_chain_is_deleted(storage: &Storage) {
    append(storage, &["1", "2", "3"].map(entry)).await;
    let links = [("1".to_owned(), link(1)), ("2".to_owned(), link(2))];
    assert!(storage.audit.chain(&Mark::default(), &links, &mark(2)).await.unwrap());
    assert!(!storage.audit.purge(&mark(7), &mark(1)).await.unwrap());
    assert!(storage.audit.purge(&Mark::default(), &mark(1)).await.unwrap());
    assert_eq!(ids(storage, &AuditFilter::default()).await, ["3", "2"]);
    assert_eq!(storage.audit.marks().await.unwrap().start, mark(1));
}

/// Personal data of a user is erased from what they did and from what happened to them; that of
/// others stays.
pub(super) async fn personal_data_is_erased(storage: &Storage) {
    let (bob, carol) = (create_bob(storage).await.id, create_named(storage, "carol").await.id);
    let personal = |id: &str, actor: &UserId, about: &UserId| AuditEntry {
        actor: Actor::User { id: actor.clone() },
        userid: Some(about.clone()),
        origin: Personal::new(fields([("address", json!("203.0.113.9"))]), "one"),
        about: Personal::new(fields([("username", json!("name"))]), "two"),
        ..entry(id)
    };
    let events = [
        personal("1", &bob, &carol),
        personal("2", &carol, &bob),
        personal("3", &carol, &carol),
        personal("4", &bob, &bob),
    ];
    append(storage, &events).await;
    let mut erased = 0;
    while storage.audit.erase(&bob, 1).await.unwrap() > 0 {
        erased += 1;
        assert!(erased <= 3, "an event counts once, and not again");
    }
    assert_eq!(erased, 3);
    let listed = all(storage).await;
    let is_erased = |entry: &AuditEntry| [entry.origin.is_erased(), entry.about.is_erased()];
    let found: Vec<_> = listed.iter().rev().map(is_erased).collect();
    assert_eq!(found, [[true, false], [false, true], [false, false], [true, true]]);
    assert_eq!(listed[3].origin.digest(), events[0].origin.digest());
}

/// Of concurrent extensions of the chain, one succeeds.
pub(super) async fn one_of_many_extensions_of_the_chain_succeeds(storage: &Storage) {
    append(storage, &[entry("1")]).await;
    let outcomes = race(8, |_| {
        let audit = storage.audit.clone();
        async move {
            let links = [("1".to_owned(), link(1))];
            audit.chain(&Mark::default(), &links, &mark(1)).await.unwrap()
        }
    })
    .await;
    assert_eq!(outcomes.into_iter().filter(|is_done| *is_done).count(), 1);
}

/// No concurrent event is lost.
pub(super) async fn no_concurrent_event_is_lost(storage: &Storage) {
    race(20, |number| {
        let audit = storage.audit.clone();
        async move { audit.append(&[event(&format!("{number:02}"))]).await.unwrap() }
    })
    .await;
    assert_eq!(all(storage).await.len(), 20);
}

fn entry(id: &str) -> AuditEntry {
    AuditEntry {
        id: id.to_owned(),
        created: NOW,
        act: Act::LoginFailed,
        actor: Actor::Anonymous,
        userid: None,
        request_id: None,
        detail: fields([]),
        origin: Personal::default(),
        about: Personal::default(),
    }
}

pub(super) fn event(id: &str) -> AuditEvent {
    AuditEvent::of(entry(id), Recording::Required)
}

fn link(number: u64) -> Link {
    Link { number, key: "key".into(), hash: format!("hash {number}") }
}

fn mark(number: u64) -> Mark {
    Mark { number, hash: format!("hash {number}"), key: "key".into(), seal: "seal".into() }
}

async fn append(storage: &Storage, entries: &[AuditEntry]) {
    let events = entries.iter().map(|entry| AuditEvent::of(entry.clone(), Recording::Required));
    storage.audit.append(&events.collect::<Vec<_>>()).await.unwrap();
}

pub(super) async fn all(storage: &Storage) -> Vec<AuditEntry> {
    storage.audit.list(&AuditFilter::default(), None, 1000).await.unwrap()
}

async fn ids(storage: &Storage, filter: &AuditFilter) -> Vec<String> {
    let listed = storage.audit.list(filter, None, 1000).await.unwrap();
    listed.into_iter().map(|entry| entry.id).collect()
}
