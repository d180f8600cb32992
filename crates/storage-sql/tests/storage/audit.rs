//! The audit log: what is changed behind its back, and what happens if it cannot be written.

use crossauth_core::audit::{Act, Audit, Problem};
use crossauth_core::clock::Timestamp;
use crossauth_core::key::Key;
use crossauth_core::password::HasherConfig;
use crossauth_core::secret::ServerSecret;
use crossauth_core::storage::{
    AuditFilter, Change, Changed, Effects, Guard, KeyPlace, SessionStart, Started, Storage,
    StorageError, StorageErrorKind,
};
use crossauth_core::user::{NewUser, StateChecks, StateEvent, UserSecrets, UserState};
use crossauth_core::{Auth, AuthConfig, Sources};
use crossauth_testkit::storage::create_user;

use crate::opened::{Driver, Opened};
use crate::server::{Holder, Server};

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_123);

/// The use cases over a storage.
pub(crate) fn auth(storage: &Storage) -> Auth {
    let secret = ServerSecret::new("0123456789abcdef").unwrap();
    let config = AuthConfig { hasher: HasherConfig::default(), ..AuthConfig::new(secret) };
    Auth::new(config, storage, &Sources::default()).unwrap()
}

/// Records five events and adds them to the chain.
async fn fill(audit: &Audit, user: &crossauth_core::user::User) {
    for name in ["a", "b", "c", "d", "e"] {
        let event = audit.event(Act::Custom(name.into())).about(user);
        audit.record(event.detail("name", name)).await.unwrap();
        assert_eq!(audit.extend_chain().await.unwrap(), 1);
    }
}

async fn problems(audit: &Audit) -> Vec<Problem> {
    audit.verify(&[], None).await.unwrap().problems
}

/// A changed, a removed, an added and a swapped row are found.
pub(crate) async fn g4_a_changed_a_removed_and_a_swapped_event_are_found<D: Driver>() {
    let opened = Opened::<D>::open().await;
    let (storage, sql) = (&opened.storage(), |statement: &str| opened.sql(statement));
    let bob = create_user(storage, &NewUser::named("bob"), &UserSecrets::default()).await;
    let audit = auth(storage).audit;
    fill(&audit, &bob).await;
    assert_eq!(problems(&audit).await, []);
    for (column, value) in [
        ("act", "'z'"),
        ("created", "7"),
        ("actor", "'system'"),
        ("userid", "'99'"),
        ("userid", "NULL"),
        ("request", "'r'"),
        ("detail", "'{\"name\":\"z\"}'"),
        ("about_digest", "'z'"),
        ("hash", "'z'"),
    ] {
        sql("CREATE TABLE saved AS SELECT * FROM crossauth_audit");
        sql(&format!("UPDATE crossauth_audit SET {column} = {value} WHERE number = 2"));
        let found = problems(&audit).await;
        let is_second = |it: &Problem| matches!(it, Problem::Changed { number: 2, .. });
        assert!(found.iter().any(is_second), "{column}: {found:?}");
        restore(&sql);
        assert_eq!(problems(&audit).await, [], "{column}");
    }
    for (damage, expected) in [
        ("DELETE FROM crossauth_audit WHERE number = 3", Problem::Missing { first: 3, last: 3 }),
        ("DELETE FROM crossauth_audit WHERE number > 3", Problem::Missing { first: 4, last: 5 }),
        ("DELETE FROM crossauth_audit WHERE number < 3", Problem::Missing { first: 1, last: 2 }),
    ] {
        sql("CREATE TABLE saved AS SELECT * FROM crossauth_audit");
        sql(damage);
        assert_eq!(problems(&audit).await, [expected], "{damage}");
        restore(&sql);
    }
    sql("CREATE TABLE saved AS SELECT * FROM crossauth_audit");
    for (from, to) in [(2, 99), (4, 2), (99, 4)] {
        sql(&format!("UPDATE crossauth_audit SET number = {to} WHERE number = {from}"));
    }
    let found = problems(&audit).await;
    let numbers = found.iter().filter_map(|problem| {
        let Problem::Changed { number, .. } = problem else { return None };
        Some(*number)
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [2, 3, 4, 5], "{found:?}");
    restore(&sql);
    sql("UPDATE crossauth_audit SET about = '{\"username\":\"eve\"}' WHERE number = 2");
    let found = problems(&audit).await;
    assert!(matches!(&*found, [Problem::PersonalDataChanged { number: 2, .. }]), "{found:?}");
}

/// Rows that cannot be decoded stop neither the chain nor its verification nor a list, and are
/// listed as problems.
pub(crate) async fn g4_rows_that_cannot_be_decoded_stop_neither_chain_nor_verification_nor_lists<
    D: Driver,
>() {
    let opened = Opened::<D>::open().await;
    let (storage, sql) = (&opened.storage(), |statement: &str| opened.sql(statement));
    let bob = create_user(storage, &NewUser::named("bob"), &UserSecrets::default()).await;
    let audit = auth(storage).audit;
    fill(&audit, &bob).await;
    sql("UPDATE crossauth_audit SET actor = 'other' WHERE number = 2");
    // More than are chained in one step, and before all others.
    let values = |id: usize| format!("('{id:012}', 0, 'a', 'system', '{{', '', '')");
    let values = (0..600).map(values).collect::<Vec<_>>().join(", ");
    sql(&format!(
        "INSERT INTO crossauth_audit \
         (id, created, act, actor, detail, origin_digest, about_digest) VALUES {values}"
    ));
    audit.record(audit.event(Act::Custom("f".into())).about(&bob)).await.unwrap();
    assert_eq!(audit.extend_chain().await.unwrap(), 1);
    assert_eq!(audit.extend_chain().await.unwrap(), 0);
    let verified = audit.verify(&[], None).await.unwrap();
    assert_eq!((verified.events, verified.end.0, verified.is_waiting), (5, 6, false));
    let is_unreadable = |problem: &Problem, wanted: Option<u64>| matches!(problem, Problem::Unreadable { number, .. } if *number == wanted);
    assert!(is_unreadable(&verified.problems[0], Some(2)), "{:?}", verified.problems[0]);
    assert!(verified.problems[1..].iter().all(|problem| is_unreadable(problem, None)));
    assert!(verified.problems.len() > 1);
    let listed = audit.list(&AuditFilter::default(), None, 5).await.unwrap();
    let acts: Vec<_> = listed.iter().map(|entry| entry.act.as_str()).collect();
    assert_eq!(acts, ["f", "e", "d", "c", "a"], "no page is short");
}

/// Personal data that was not erased by the log itself is missed; erased data is not.
pub(crate) async fn g4_personal_data_that_is_removed_without_a_record_is_found<D: Driver>() {
    let opened = Opened::<D>::open().await;
    let (storage, sql) = (&opened.storage(), |statement: &str| opened.sql(statement));
    let bob = create_user(storage, &NewUser::named("bob"), &UserSecrets::default()).await;
    let audit = auth(storage).audit;
    fill(&audit, &bob).await;
    sql("UPDATE crossauth_audit SET about = NULL WHERE number >= 3");
    let found = problems(&audit).await;
    assert!(matches!(&*found, [Problem::PersonalDataRemoved { number: 3, .. }]), "{found:?}");
    audit.erase(&bob.id).await.unwrap();
    assert_eq!(problems(&audit).await, []);
    audit.extend_chain().await.unwrap();
    let verified = audit.verify(&[], None).await.unwrap();
    assert_eq!((verified.erased, verified.problems), (5, vec![]));
}

fn restore(sql: &impl Fn(&str)) {
    sql("DELETE FROM crossauth_audit");
    sql("INSERT INTO crossauth_audit SELECT * FROM saved");
    sql("DROP TABLE saved");
}

pub(crate) async fn g5_an_act_of_an_administrator_that_cannot_be_recorded_does_not_happen<
    D: Driver,
>() {
    let opened = Opened::<D>::open().await;
    let broken = async || opened.sql("ALTER TABLE crossauth_audit RENAME TO lost");
    let repair = async |()| opened.sql("ALTER TABLE lost RENAME TO crossauth_audit");
    broken_log_stops_acts_of_administrators(&opened.storage(), broken, repair).await;
}

/// Fault 12: the log does not fail at once, but waits.
pub(crate) async fn blocked_log_stops_acts_of_administrators_after_the_time_limit_of_locks<
    S: Server,
>() {
    let opened = Opened::<S>::open().await;
    let broken = async || Holder::start(opened.database.database(), S::LOCK_AUDIT).await;
    broken_log_stops_acts_of_administrators(&opened.storage(), broken, Holder::release).await;
}

/// An act of an administrator does not happen if it cannot be recorded; a login does.
async fn broken_log_stops_acts_of_administrators<H>(
    storage: &Storage,
    broken: impl AsyncFnOnce() -> H,
    repair: impl AsyncFnOnce(H),
) {
    let bob = create_user(storage, &NewUser::named("bob"), &UserSecrets::default()).await;
    let auth = auth(storage);
    let held = broken().await;
    let refused = disable(&auth, storage, &bob.id).await.unwrap_err();
    assert_eq!((refused.kind, refused.is_audit()), (StorageErrorKind::Unavailable, true));
    let (found, _) =
        storage.users.find_by_id(&bob.id).await.unwrap().unwrap().regardless_of_state();
    assert_eq!(found.state, UserState::Active);
    let audit = [auth.audit.event(Act::LoginSucceeded)];
    let start = SessionStart {
        key: &Key::new("s:1", Some(bob.id.clone()), NOW),
        place: KeyPlace::Here,
        replaces: None,
        must_replace: false,
        uses: None,
        credentials: None,
        checks: StateChecks::ALL,
        revoke: &[],
        issue: &[],
        send: &[],
        audit: &audit,
    };
    assert!(matches!(storage.sessions.start(start).await.unwrap(), Started::Begun(_)));
    repair(held).await;
    assert!(storage.sessions.find("s:1").await.unwrap().is_some());
    disable(&auth, storage, &bob.id).await.unwrap();
    let listed = storage.audit.list(&AuditFilter::default(), None, 10).await.unwrap();
    let acts: Vec<_> = listed.into_iter().map(|entry| entry.act).collect();
    assert_eq!(acts, [Act::UserDisabled]);
}

async fn disable(
    auth: &Auth,
    storage: &Storage,
    user: &crossauth_core::user::UserId,
) -> Result<(), StorageError> {
    let audit = [auth.audit.event(Act::UserDisabled)];
    let change = Change {
        event: Some(StateEvent::Disabled),
        guard: Guard::None,
        effects: Effects { audit: &audit, ..Effects::default() },
        ..Change::default()
    };
    let changed = storage.users.change(user, &change).await?;
    assert!(matches!(changed, Changed::Done(_)), "{changed:?}");
    Ok(())
}
