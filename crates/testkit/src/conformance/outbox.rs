//! Rules for stores of messages.

use std::collections::HashSet;
use std::time::Duration;

use crossauth_core::clock::Timestamp;
use crossauth_core::key::Key;
use crossauth_core::message::{Message, MessageKind};
use crossauth_core::storage::{
    Change, Changed, Created, Deleted, Effects, Guard, ListedMessage, MessageState, Queued,
    SessionStart, Settlement, Started, Storage, StorageErrorKind,
};
use crossauth_core::user::{NewUser, StateEvent, UserSecrets, UserUpdate};

use super::sample::{self, HOSTILE, HOUR, NOW, change, create_bob, create_named, insert_key, race};

const LEASE: Duration = Duration::from_mins(5);

/// A stored message is claimed whole.
pub(super) async fn enqueued_message_is_claimed_whole(storage: &Storage) {
    let bob = create_bob(storage).await;
    let mut messages = vec![message("1"), message("2"), message("3")];
    messages[1].kind = MessageKind::Custom("newsletter".into());
    messages[1].userid = Some(bob.id);
    storage.outbox.enqueue(&messages).await.unwrap();
    storage.outbox.enqueue(&[]).await.unwrap();
    let claimed = claim(storage, NOW).await;
    assert!(claimed.iter().all(|queued| queued.attempts == 1));
    let mut found: Vec<_> = claimed.into_iter().map(|queued| queued.message).collect();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(found, messages);
}

/// Text that is difficult to store comes back unchanged.
pub(super) async fn hostile_text_survives(storage: &Storage) {
    for text in HOSTILE {
        let message = Message {
            kind: MessageKind::Custom(text.into()),
            payload: text.into(),
            ..message(text)
        };
        storage.outbox.enqueue(std::slice::from_ref(&message)).await.unwrap();
        assert_eq!(ids(&claim(storage, NOW).await), [text]);
        let error = text.to_owned();
        settle(storage, text, 1, &Settlement::Retry { due: NOW, error }).await;
        let listed = list(storage, MessageState::Waiting).await;
        assert_eq!(listed[0].error.as_deref(), Some(text));
        let claimed = claim(storage, NOW).await;
        assert_eq!(claimed[0].message, message);
        assert!(storage.outbox.settle(text, 2, &Settlement::Sent).await.unwrap());
    }
}

/// A message is claimed when it is due, the longest due first, up to the limit.
pub(super) async fn messages_are_claimed_when_they_are_due(storage: &Storage) {
    let due = |id, due| Message { due, ..message(id) };
    let messages = [due("later", NOW + HOUR), due("second", NOW), due("first", NOW - HOUR)];
    storage.outbox.enqueue(&messages).await.unwrap();
    let one = storage.outbox.claim(NOW, NOW + LEASE, 1).await.unwrap();
    assert_eq!(ids(&one), ["first"]);
    assert_eq!(ids(&claim(storage, NOW).await), ["second"]);
    assert_eq!(ids(&claim(storage, NOW + HOUR - Duration::from_millis(1)).await).len(), 2);
    assert_eq!(ids(&claim(storage, NOW + HOUR).await), ["later"]);
}

/// A taken id is a conflict, and none of the messages is stored.
pub(super) async fn taken_id_conflicts_and_nothing_is_stored(storage: &Storage) {
    storage.outbox.enqueue(&[message("1")]).await.unwrap();
    for messages in [[message("2"), message("1")], [message("2"), message("2")]] {
        let error = storage.outbox.enqueue(&messages).await.unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::Conflict);
    }
    assert_eq!(ids(&claim(storage, NOW).await), ["1"]);
}

/// A leased message is not claimed again before its lease ends.
pub(super) async fn message_is_due_again_when_its_lease_ends(storage: &Storage) {
    storage.outbox.enqueue(&[message("1")]).await.unwrap();
    assert_eq!(claim(storage, NOW).await.len(), 1);
    let end = NOW + LEASE;
    assert_eq!(claim(storage, end - Duration::from_millis(1)).await, []);
    let again = claim(storage, end).await;
    assert_eq!((&*again[0].message.id, again[0].attempts), ("1", 2));
    assert_eq!(again[0].message, message("1"));
}

/// A sent message is deleted, also by the outcome of an earlier attempt.
pub(super) async fn sent_message_is_gone(storage: &Storage) {
    storage.outbox.enqueue(&[message("1"), message("2")]).await.unwrap();
    claim(storage, NOW).await;
    claim(storage, NOW + LEASE).await;
    assert!(storage.outbox.settle("1", 1, &Settlement::Sent).await.unwrap());
    assert!(storage.outbox.settle("2", 2, &Settlement::Sent).await.unwrap());
    assert!(!storage.outbox.settle("1", 2, &Settlement::Sent).await.unwrap());
    assert_eq!(claim(storage, NOW + 24 * HOUR).await, []);
    assert_eq!(list(storage, MessageState::Waiting).await, []);
}

/// A message to be retried is due when the settlement says, and not leased before.
pub(super) async fn failed_message_is_due_later(storage: &Storage) {
    storage.outbox.enqueue(&[message("1")]).await.unwrap();
    claim(storage, NOW).await;
    let due = NOW + Duration::from_secs(30);
    let retry = Settlement::Retry { due, error: "451 busy".into() };
    settle(storage, "1", 1, &retry).await;
    let listed = list(storage, MessageState::Waiting).await;
    let expected =
        ListedMessage { due, attempts: 1, error: Some("451 busy".into()), ..waiting("1") };
    assert_eq!(listed, [expected]);
    assert_eq!(claim(storage, due - Duration::from_millis(1)).await, []);
    assert_eq!(claim(storage, due).await[0].attempts, 2);
}

/// A message that was given up is not sent, and is listed with the reason and counted.
pub(super) async fn dead_message_is_kept_but_not_sent(storage: &Storage) {
    storage.outbox.enqueue(&[message("1"), message("2")]).await.unwrap();
    claim(storage, NOW).await;
    let dead = Settlement::Dead { at: NOW + HOUR, error: "550 no such user".into() };
    settle(storage, "1", 1, &dead).await;
    assert_eq!(ids(&claim(storage, NOW + 24 * HOUR).await), ["2"]);
    let listed = list(storage, MessageState::Dead).await;
    let expected = ListedMessage {
        died: Some(NOW + HOUR),
        attempts: 1,
        error: Some("550 no such user".into()),
        ..waiting("1")
    };
    assert_eq!(listed, [expected]);
    let waiting = list(storage, MessageState::Waiting).await;
    assert_eq!(waiting.len(), 1);
    let count = async |state| storage.outbox.count(state).await.unwrap();
    settle(storage, "2", 2, &Settlement::Sent).await;
    assert_eq!((count(MessageState::Waiting).await, count(MessageState::Dead).await), (0, 1));
    storage.outbox.enqueue(&[message("3"), message("4")]).await.unwrap();
    claim(storage, NOW).await;
    assert_eq!(count(MessageState::Waiting).await, 2);
}

/// The outcome of an attempt whose lease ended does not replace that of a later one.
pub(super) async fn outcome_of_an_earlier_attempt_does_not_count(storage: &Storage) {
    storage.outbox.enqueue(&[message("1")]).await.unwrap();
    claim(storage, NOW).await;
    claim(storage, NOW + LEASE).await;
    let retry = Settlement::Retry { due: NOW, error: "late".into() };
    let dead = Settlement::Dead { at: NOW, error: "late".into() };
    for late in [&retry, &dead] {
        assert!(!storage.outbox.settle("1", 1, late).await.unwrap());
    }
    assert_eq!(claim(storage, NOW + LEASE).await, [], "the second lease holds");
    settle(storage, "1", 2, &dead).await;
    assert!(!storage.outbox.settle("1", 2, &retry).await.unwrap(), "a dead message stays dead");
    assert!(!storage.outbox.settle("9", 1, &dead).await.unwrap());
    assert_eq!(claim(storage, NOW + 24 * HOUR).await, []);
}

/// A message is queued again, waiting or dead, with a new time to give up.
pub(super) async fn message_is_queued_again(storage: &Storage) {
    storage.outbox.enqueue(&[message("dead"), message("waiting")]).await.unwrap();
    claim(storage, NOW).await;
    settle(storage, "dead", 1, &Settlement::Dead { at: NOW, error: "x".into() }).await;
    let due = NOW + 20 * HOUR;
    settle(storage, "waiting", 1, &Settlement::Retry { due, error: "x".into() }).await;
    let (now, expires) = (NOW + HOUR, NOW + 25 * HOUR);
    for id in ["dead", "waiting"] {
        assert!(storage.outbox.requeue(id, now, expires).await.unwrap());
    }
    assert!(!storage.outbox.requeue("absent", now, expires).await.unwrap());
    assert_eq!(list(storage, MessageState::Dead).await, []);
    let mut claimed = claim(storage, now).await;
    claimed.sort_by(|a, b| a.message.id.cmp(&b.message.id));
    assert_eq!(ids(&claimed), ["dead", "waiting"]);
    for queued in claimed {
        assert_eq!(queued.message.expires, expires);
        assert_eq!(queued.message.payload, message("").payload);
    }
}

/// A message that is being sent is not sent twice because it is queued again.
pub(super) async fn leased_message_that_is_queued_again_keeps_its_lease(storage: &Storage) {
    storage.outbox.enqueue(&[message("1")]).await.unwrap();
    claim(storage, NOW).await;
    assert!(storage.outbox.requeue("1", NOW, NOW + HOUR).await.unwrap());
    assert_eq!(claim(storage, NOW).await, []);
    assert!(storage.outbox.settle("1", 1, &Settlement::Sent).await.unwrap());
}

/// Messages are listed from the newest, in pages.
pub(super) async fn messages_are_listed_in_pages_from_the_newest(storage: &Storage) {
    let created = |id: &str, created| Message { created, ..message(id) };
    let messages = [
        created("b", NOW),
        created("a", NOW),
        created("old", NOW - HOUR),
        created("new", NOW + HOUR),
    ];
    storage.outbox.enqueue(&messages).await.unwrap();
    let mut found = Vec::<ListedMessage>::new();
    loop {
        let after = found.last().map(ListedMessage::position);
        let page = storage.outbox.list(MessageState::Waiting, after, 1).await.unwrap();
        assert!(page.len() <= 1);
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    let found: Vec<_> = found.iter().map(|message| &*message.id).collect();
    assert_eq!(found, ["new", "b", "a", "old"]);
}

/// Messages that died long ago are deleted, up to a limit; no other is.
pub(super) async fn purge_removes_old_dead_messages_up_to_its_limit(storage: &Storage) {
    let all = ["1", "2", "3", "young", "waiting"];
    storage.outbox.enqueue(&all.map(message)).await.unwrap();
    claim(storage, NOW).await;
    for id in &all[..4] {
        let at = if *id == "young" { NOW } else { NOW - HOUR };
        settle(storage, id, 1, &Settlement::Dead { at, error: "x".into() }).await;
    }
    assert_eq!(storage.outbox.purge(NOW, 2).await.unwrap(), 2);
    assert_eq!(storage.outbox.purge(NOW, 2).await.unwrap(), 1);
    assert_eq!(storage.outbox.purge(NOW, 2).await.unwrap(), 0);
    let left = list(storage, MessageState::Dead).await;
    assert_eq!((left.len(), &*left[0].id), (1, "young"));
    assert_eq!(list(storage, MessageState::Waiting).await.len(), 1);
}

/// Messages of an operation on an account are stored exactly if it takes place, and are about it.
pub(super) async fn messages_of_an_account_are_sent_if_it_changes(storage: &Storage) {
    let messages = [message("created")];
    let send = Effects { send: &messages, ..Effects::default() };
    let (carol, none) = (NewUser::named("carol"), UserSecrets::default());
    let created = storage.users.create(&carol, &none, Guard::None, &send).await.unwrap();
    let Created::Done(carol) = created else { panic!("{created:?}") };
    let carol = carol.regardless_of_state().0.id;
    let taken = NewUser::named("carol");
    let messages = [message("not created")];
    let send = Effects { send: &messages, ..Effects::default() };
    let created = storage.users.create(&taken, &none, Guard::None, &send).await.unwrap();
    assert_eq!(created, Created::UsernameTaken);

    let bob = create_bob(storage).await;
    let messages = [message("changed"), Message { userid: Some(bob.id), ..message("of bob") }];
    change(storage, &carol, &sending(&messages)).await;
    let messages = [message("not allowed")];
    let forbidden = Change { event: Some(StateEvent::Enabled), ..sending(&messages) };
    let refused = storage.users.change(&carol, &forbidden).await.unwrap();
    assert_eq!(refused, Changed::NotAllowed);

    let messages = [message("not deleted")];
    let send = Effects { send: &messages, ..Effects::default() };
    let deleted = storage.users.delete(&carol, Guard::PasswordIs("other"), &send).await.unwrap();
    assert_eq!(deleted, Deleted::GuardFailed);
    let messages = [message("deleted")];
    let send = Effects { send: &messages, ..Effects::default() };
    let deleted = storage.users.delete(&carol, Guard::None, &send).await.unwrap();
    assert!(matches!(deleted, Deleted::Done(_)));

    let mut found = claim(storage, NOW).await;
    found.sort_by(|a, b| a.message.id.cmp(&b.message.id));
    assert_eq!(ids(&found), ["changed", "created", "deleted", "of bob"]);
    let about: Vec<_> = found.iter().map(|queued| queued.message.userid.clone()).collect();
    assert!(about[..3].iter().all(|about| about.as_ref() == Some(&carol)), "{about:?}");
    assert_ne!(about[3], Some(carol));
}

/// A change whose message cannot be stored does not take place.
pub(super) async fn message_with_a_taken_id_stops_its_change(storage: &Storage) {
    let bob = create_bob(storage).await;
    storage.outbox.enqueue(&[message("1")]).await.unwrap();
    let messages = [message("1")];
    let user = UserUpdate { admin: Some(true), ..UserUpdate::default() };
    let conflicting = Change { user, ..sending(&messages) };
    let error = storage.users.change(&bob.id, &conflicting).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Conflict);
    let found = storage.users.find_by_id(&bob.id).await.unwrap().unwrap();
    assert_eq!(found.regardless_of_state().0, bob);
    let key = Key::new("s:1", Some(bob.id.clone()), NOW);
    let error = storage.sessions.start(start(&key, &messages)).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Conflict);
    assert_eq!(storage.keys.find("s:1").await.unwrap(), None);
}

/// Messages of a session are stored exactly if it starts.
pub(super) async fn messages_of_a_session_are_sent_if_it_starts(storage: &Storage) {
    let bob = create_bob(storage).await;
    let carol = create_named(storage, "carol").await;
    let disabled = Change { event: Some(StateEvent::Disabled), ..Change::default() };
    change(storage, &carol.id, &disabled).await;
    insert_key(storage, "s:taken", None).await;

    let anonymous = Key::new("s:anonymous", None, NOW);
    let messages = [message("anonymous")];
    let started = storage.sessions.start(start(&anonymous, &messages)).await.unwrap();
    assert_eq!(started, Started::Begun(None));
    let of_bob = Key::new("s:bob", Some(bob.id.clone()), NOW);
    let messages = [message("bob")];
    let started = storage.sessions.start(start(&of_bob, &messages)).await.unwrap();
    assert!(matches!(started, Started::Begun(Some(_))));
    let of_carol = Key::new("s:carol", Some(carol.id), NOW);
    let messages = [message("carol")];
    let started = storage.sessions.start(start(&of_carol, &messages)).await.unwrap();
    assert!(matches!(started, Started::Refused(_)));
    let taken = Key::new("s:taken", Some(bob.id.clone()), NOW);
    let messages = [message("taken")];
    storage.sessions.start(start(&taken, &messages)).await.unwrap_err();

    let mut found = claim(storage, NOW).await;
    found.sort_by(|a, b| a.message.id.cmp(&b.message.id));
    let found: Vec<_> =
        found.into_iter().map(|queued| (queued.message.id, queued.message.userid)).collect();
    assert_eq!(found, [("anonymous".to_owned(), None), ("bob".to_owned(), Some(bob.id))]);
}

/// Of concurrent claims, each message goes to one.
pub(super) async fn each_message_is_claimed_once_per_lease(storage: &Storage) {
    let all: Vec<_> = (0..100).map(|number| message(&number.to_string())).collect();
    storage.outbox.enqueue(&all).await.unwrap();
    for round in 0..2 {
        let now = NOW + LEASE * round;
        let claimed = race(50, |_| {
            let storage = storage.clone();
            async move { storage.outbox.claim(now, now + LEASE, 7).await.unwrap() }
        })
        .await;
        let mut claimed: Vec<_> = claimed.into_iter().flatten().collect();
        // A database may give a racing claim fewer than it asked for, never none for good.
        while let left @ [_, ..] = &*claim(storage, now).await {
            claimed.extend_from_slice(left);
        }
        let different: HashSet<_> = claimed.iter().map(|queued| &queued.message.id).collect();
        assert_eq!((claimed.len(), different.len()), (100, 100), "round {round}");
        assert!(claimed.iter().all(|queued| queued.attempts == round + 1));
    }
}

/// Of concurrent settlements that a message was sent, one finds it.
pub(super) async fn one_of_many_settlements_finds_the_message(storage: &Storage) {
    storage.outbox.enqueue(&[message("1")]).await.unwrap();
    claim(storage, NOW).await;
    let settled = race(50, |_| {
        let storage = storage.clone();
        async move { storage.outbox.settle("1", 1, &Settlement::Sent).await.unwrap() }
    })
    .await;
    assert_eq!(settled.iter().filter(|found| **found).count(), 1);
}

pub(super) fn message(id: &str) -> Message {
    Message {
        id: id.to_owned(),
        kind: MessageKind::PasswordChanged,
        userid: None,
        created: NOW,
        due: NOW,
        expires: NOW + 24 * HOUR,
        payload: "v2.ciphertext".to_owned(),
    }
}

/// The entry of [`message`] in the list.
fn waiting(id: &str) -> ListedMessage {
    ListedMessage {
        id: id.to_owned(),
        kind: MessageKind::PasswordChanged,
        userid: None,
        created: NOW,
        due: NOW,
        died: None,
        attempts: 0,
        error: None,
    }
}

fn sending(messages: &[Message]) -> Change<'_> {
    Change { effects: Effects { send: messages, ..Effects::default() }, ..Change::default() }
}

fn start<'a>(key: &'a Key, send: &'a [Message]) -> SessionStart<'a> {
    SessionStart { send, ..sample::start(key) }
}

async fn claim(storage: &Storage, now: Timestamp) -> Vec<Queued> {
    storage.outbox.claim(now, now + LEASE, 1000).await.unwrap()
}

async fn settle(storage: &Storage, id: &str, attempts: u32, settlement: &Settlement) {
    assert!(storage.outbox.settle(id, attempts, settlement).await.unwrap(), "{id}");
}

async fn list(storage: &Storage, state: MessageState) -> Vec<ListedMessage> {
    storage.outbox.list(state, None, 1000).await.unwrap()
}

fn ids(claimed: &[Queued]) -> Vec<&str> {
    claimed.iter().map(|queued| &*queued.message.id).collect()
}
