mod node;

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::clock::Timestamp;
use crate::random::SystemRandom;
use crate::storage::memory::MemoryStorage;
use crate::storage::{Link, Mark, Storage};
use crate::user::Normalization;

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);
const DAY: Duration = Duration::from_hours(24);

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

struct Log {
    audit: Audit,
    clock: Arc<TestClock>,
    storage: Storage,
}

fn log(required: RequiredActs) -> Log {
    let storage = MemoryStorage::new(Normalization::default()).storage();
    let clock = Arc::new(TestClock(AtomicI64::new(NOW.as_millis())));
    let secret = secret("0123456789abcdef");
    let config = AuditConfig { required, ..AuditConfig::default() };
    let sources: (Arc<dyn Clock>, Arc<dyn Random>) = (clock.clone(), Arc::new(SystemRandom));
    let audit = Audit::new(storage.audit.clone(), sources, &secret, config).unwrap();
    Log { audit, clock, storage }
}

fn secret(text: &str) -> ServerSecret {
    ServerSecret::new(text).unwrap()
}

impl Log {
    async fn record(&self, name: &str) {
        let event = self.audit.event(Act::Custom(name.into()));
        self.audit.record(event).await.unwrap();
        // Ids are ordered by the millisecond.
        self.clock.0.fetch_add(1, Ordering::SeqCst);
    }

    async fn all(&self) -> Vec<AuditEntry> {
        self.audit.list(&AuditFilter::default(), None, 10_000).await.unwrap()
    }

    async fn problems(&self) -> Vec<Problem> {
        self.audit.verify(&[], None).await.unwrap().problems
    }
}

#[tokio::test]
async fn event_has_the_caller_and_the_account() {
    let log = log(RequiredActs::Administrative);
    let caller = Caller {
        actor: Actor::User { id: UserId::Integer(1) },
        username: Some("alice".into()),
        address: Some(IpAddr::from([203, 0, 113, 9])),
        user_agent: Some("curl/8.5.0".into()),
        request_id: Some("00ff".into()),
    };
    let bob = crate::user::NewUser::named("bob").with_id(UserId::Integer(2));
    let event = caller.run(async { log.audit.event(Act::UserDisabled).about(&bob) }).await;
    log.audit.record(event.detail("reason", "spam")).await.unwrap();
    let [entry] = log.all().await.try_into().unwrap();
    assert_eq!((entry.created, &entry.act), (NOW, &Act::UserDisabled));
    assert_eq!(entry.actor, Actor::User { id: UserId::Integer(1) });
    assert_eq!(entry.userid, Some(UserId::Integer(2)));
    assert_eq!(entry.request_id.as_deref(), Some("00ff"));
    assert_eq!(entry.detail["reason"], "spam");
    let origin = ["username", "address", "userAgent"].map(|name| entry.origin.get(name).unwrap());
    assert_eq!(origin, ["alice", "203.0.113.9", "curl/8.5.0"]);
    assert_eq!(entry.about.get("username").as_deref(), Some("bob"));
}

#[test]
fn required_acts_are_those_of_the_setting() {
    for (required, login, disabled) in [
        (RequiredActs::None, Recording::BestEffort, Recording::BestEffort),
        (RequiredActs::Administrative, Recording::BestEffort, Recording::Required),
        (RequiredActs::All, Recording::Required, Recording::Required),
    ] {
        let audit = log(required).audit;
        assert_eq!(audit.event(Act::LoginSucceeded).recording, login, "{required:?}");
        assert_eq!(audit.event(Act::UserDisabled).recording, disabled, "{required:?}");
    }
}

#[tokio::test]
async fn refusals_of_a_limit_are_recorded_once_a_minute() {
    let log = log(RequiredActs::Administrative);
    let user = UserId::Integer(7);
    for _ in 0..200 {
        log.audit.record_refusal("login:7", Some(&user)).await;
    }
    let [entry] = log.all().await.try_into().unwrap();
    assert_eq!((entry.act, entry.userid), (Act::LimitRefused, Some(user)));
    assert_eq!(entry.detail["limit"], "login");
    assert_eq!(entry.detail.get("of"), None);
}

#[tokio::test]
async fn refusals_tell_counters_of_addresses_and_record_no_address() {
    let log = log(RequiredActs::Administrative);
    let (account, address) = (Some("account and address"), Some("address"));
    for (subject, limit, of) in [
        ("login:7@192.0.2.1", "login", account),
        ("login:7@2001:db8::", "login", account),
        ("token@2001:db8::", "token", address),
        ("api-key@192.0.2.1", "api-key", address),
        ("login:bob@example.org", "login", None),
        ("send-to:all:hash", "send-to", None),
    ] {
        log.audit.record_refusal(subject, None).await;
        log.clock.0.fetch_add(1, Ordering::SeqCst);
        let detail = log.all().await.remove(0).detail;
        let found = ["limit", "of"].map(|name| detail.get(name).and_then(|text| text.as_str()));
        assert_eq!((found, detail.len()), ([Some(limit), of], 1 + usize::from(of.is_some())));
    }
}

#[tokio::test]
async fn chain_of_many_batches_is_verified() {
    let log = log(RequiredActs::Administrative);
    let count = u64::from(2 * STEP + 3);
    for _ in 0..count {
        log.record("invoice.paid").await;
    }
    assert!(log.audit.verify(&[], None).await.unwrap().is_waiting);
    assert_eq!(log.audit.extend_chain().await.unwrap(), count);
    assert_eq!(log.audit.extend_chain().await.unwrap(), 0);
    let verified = log.audit.verify(&[], None).await.unwrap();
    assert_eq!((verified.events, verified.is_waiting), (count, false));
    assert_eq!(verified.problems, []);
    let (number, hash) = verified.end;
    let expected = log.audit.verify(&[], Some((number, &hash))).await.unwrap();
    assert_eq!(expected.problems, []);
    let unexpected = log.audit.verify(&[], Some((number, "other"))).await.unwrap();
    assert_eq!(unexpected.problems, [Problem::Unexpected { number }]);
}

#[tokio::test]
async fn events_are_kept_as_long_as_configured_and_the_rest_is_verified() {
    let log = log(RequiredActs::Administrative);
    for _ in 0..3 {
        log.record("old").await;
    }
    log.clock.0.fetch_add(i64::try_from(DAY.as_millis()).unwrap(), Ordering::SeqCst);
    for _ in 0..2 {
        log.record("young").await;
    }
    let later = NOW + RETENTION + DAY / 2;
    assert_eq!(log.audit.purge(later).await.unwrap(), 0, "only chained events are deleted");
    log.audit.extend_chain().await.unwrap();
    assert_eq!(log.audit.purge(later).await.unwrap(), 3);
    let verified = log.audit.verify(&[], None).await.unwrap();
    assert_eq!((verified.events, verified.deleted), (2, 3));
    assert_eq!(verified.problems, []);
    log.record("new").await;
    log.audit.extend_chain().await.unwrap();
    assert_eq!(log.problems().await, []);
}

#[tokio::test]
async fn event_of_a_wrong_clock_does_not_stop_the_deletion_of_others() {
    let log = log(RequiredActs::Administrative);
    let ahead = i64::try_from((100 * 365 * DAY).as_millis()).unwrap();
    log.record("old").await;
    log.audit.extend_chain().await.unwrap();
    log.clock.0.fetch_add(ahead, Ordering::SeqCst);
    log.record("ahead").await;
    log.audit.extend_chain().await.unwrap();
    log.clock.0.fetch_sub(ahead, Ordering::SeqCst);
    log.record("old").await;
    log.audit.extend_chain().await.unwrap();
    assert_eq!(log.audit.purge(NOW + RETENTION + DAY).await.unwrap(), 3);
    assert_eq!(log.problems().await, []);
}

#[tokio::test]
async fn start_and_end_of_the_chain_cannot_be_moved_without_the_secret() {
    let log = log(RequiredActs::Administrative);
    for _ in 0..3 {
        log.record("invoice.paid").await;
    }
    log.audit.extend_chain().await.unwrap();
    let store = &log.storage.audit;
    let chained = store.chained(None, 10).await.unwrap();
    let chained: Vec<_> = chained.into_iter().map(Result::unwrap).collect();
    let end = store.marks().await.unwrap().end;
    let forged = |number: u64| {
        let hash = chained[usize::try_from(number).unwrap() - 1].link.hash.clone();
        Mark { number, hash, ..end.clone() }
    };
    // The end is moved back, as by a person who removes the last event.
    assert!(store.chain(&end, &[], &forged(2)).await.unwrap());
    assert_eq!(log.problems().await, [Problem::MarkChanged { number: 2 }]);
    assert!(store.chain(&forged(2), &[], &end).await.unwrap());
    assert_eq!(log.problems().await, []);
    // The first event is removed as if it were old.
    assert!(store.purge(&Mark::default(), &forged(1)).await.unwrap());
    assert_eq!(log.problems().await, [Problem::MarkChanged { number: 1 }]);
}

#[tokio::test]
async fn chain_goes_on_with_a_new_secret() {
    let log = log(RequiredActs::Administrative);
    log.record("one").await;
    log.audit.extend_chain().await.unwrap();
    log.record("two").await;
    let sources: (Arc<dyn Clock>, Arc<dyn Random>) = (log.clock.clone(), Arc::new(SystemRandom));
    let (store, new) = (log.storage.audit.clone(), secret("fedcba9876543210"));
    let audit = Audit::new(store, sources, &new, AuditConfig::default()).unwrap();
    audit.extend_chain().await.unwrap();
    let previous = [secret("0123456789abcdef")];
    assert_eq!(audit.verify(&previous, None).await.unwrap().problems, []);
    let unknown = audit.verify(&[], None).await.unwrap().problems;
    assert!(matches!(&*unknown, [Problem::UnknownKey { number: 1, .. }]), "{unknown:?}");
}

#[tokio::test]
async fn erasing_is_recorded_and_the_log_is_verified() {
    let log = log(RequiredActs::Administrative);
    let user = crate::user::NewUser::named("bob").with_id(UserId::Integer(2));
    let event = log.audit.event(Act::UserDeleted).about(&user);
    log.audit.record(event).await.unwrap();
    log.audit.extend_chain().await.unwrap();
    assert_eq!(log.audit.erase(&user.id).await.unwrap(), 1);
    log.audit.extend_chain().await.unwrap();
    let verified = log.audit.verify(&[], None).await.unwrap();
    assert_eq!((verified.erased, verified.problems), (1, vec![]));
    let all = log.all().await;
    assert!(all.iter().all(|entry| entry.about.get("username").is_none()));
    assert!(all.iter().any(|entry| entry.act == Act::AuditErased));
}

#[tokio::test]
async fn expected_event_that_was_deleted_because_of_its_age_proves_nothing_unless_it_was_the_last()
{
    let log = log(RequiredActs::Administrative);
    let mut ends = vec![(0, String::new())];
    for _ in 0..3 {
        log.record("old").await;
        log.audit.extend_chain().await.unwrap();
        ends.push(log.audit.verify(&[], None).await.unwrap().end);
    }
    log.clock.0.fetch_add(i64::try_from(DAY.as_millis()).unwrap(), Ordering::SeqCst);
    log.record("young").await;
    log.audit.extend_chain().await.unwrap();
    ends.push(log.audit.verify(&[], None).await.unwrap().end);
    assert_eq!(log.audit.purge(NOW + RETENTION + DAY / 2).await.unwrap(), 3);
    let deleted = |number| vec![Problem::ExpectedDeleted { number }];
    let expected = [vec![], deleted(1), deleted(2), vec![], vec![]];
    for ((number, hash), problems) in ends.iter().zip(expected) {
        let verified = log.audit.verify(&[], Some((*number, hash))).await.unwrap();
        assert_eq!(verified.problems, problems, "{number}");
    }
    for (number, problem) in [
        (2, Problem::ExpectedDeleted { number: 2 }),
        (3, Problem::Unexpected { number: 3 }),
        (4, Problem::Unexpected { number: 4 }),
        (9, Problem::Unexpected { number: 9 }),
    ] {
        let verified = log.audit.verify(&[], Some((number, "other"))).await.unwrap();
        assert_eq!(verified.problems, [problem]);
    }
}

#[tokio::test]
async fn event_that_was_added_before_the_start_of_the_chain_is_found() {
    let log = log(RequiredActs::Administrative);
    for _ in 0..3 {
        log.record("old").await;
    }
    log.audit.extend_chain().await.unwrap();
    let later = NOW + RETENTION + DAY;
    assert_eq!(log.audit.purge(later).await.unwrap(), 3);
    log.record("forged").await;
    let id = log.all().await[0].id.clone();
    let link = Link { number: 2, key: "key".into(), hash: "hash".into() };
    let end = log.storage.audit.marks().await.unwrap().end;
    assert!(log.storage.audit.chain(&end, &[(id.clone(), link)], &end).await.unwrap());
    assert_eq!(log.problems().await, [Problem::Added { number: 2, id }]);
}
