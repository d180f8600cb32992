//! Redis that is away, loses its data or finds it again, is full, read-only or hangs.

use std::time::{Duration, Instant};

use crossauth_core::key::{DataChange, Key, KeyData, KeyPrefix};
use crossauth_core::storage::{
    Change, Changed, Charge, Charged, Effects, EndSessions, SessionStart, SessionUpdate, Started,
    Storage, StorageErrorKind, UpdateDataError, Updated, Uses,
};
use crossauth_storage_redis::Options;
use crossauth_testkit::redis::{Server, Stop};
use crossauth_testkit::storage::TestStorage;

use crate::site::{
    HOUR, NOW, Site, assert_unavailable, begin, create_bob, is_admitted, session, start,
};

/// Every write is on disk before it is acknowledged.
const DURABLE: &[&str] = &["--save", "", "--appendonly", "yes", "--appendfsync", "always"];

async fn site_on(server: &Server) -> Site {
    let short = Duration::from_millis(500);
    let options =
        Options { connection_timeout: short, response_timeout: short, ..Options::default() };
    Site::open_with(&server.url(), options).await
}

/// Asks until the connection is made again.
async fn wait_for(storage: &Storage, value: &str) -> bool {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        match storage.sessions.find(value).await {
            Ok(found) => return found.is_some(),
            Err(error) => assert!(Instant::now() < end, "Redis is back, but not for us: {error}"),
        }
    }
}

fn attempt() -> [Charge; 1] {
    [Charge { subject: "login".into(), limit: 3, window: HOUR }]
}

#[tokio::test]
async fn session_is_the_same_after_a_restart_and_unknown_until_then() {
    let mut server = Server::start(DURABLE);
    let site = site_on(&server).await;
    let storage = site.storage();
    let bob = create_bob(&storage).await;
    begin(&storage, "s:1", &bob.id).await;
    server.stop(Stop::Orderly);
    for _ in 0..3 {
        assert_unavailable(storage.sessions.find("s:1").await);
        assert_unavailable(storage.keys.delete("s:1").await);
        assert_unavailable(
            storage.keys.list_for_user(Some(&bob.id), KeyPrefix::Session, None, 9).await,
        );
        assert_unavailable(storage.attempts.charge(&attempt(), NOW).await);
        assert_unavailable(site.redis.ping().await);
        let key = session("s:2", Some(&bob.id));
        assert_unavailable(storage.sessions.start(start(&key, Some("s:1"))).await);
    }
    // What does not need sessions goes on.
    assert!(storage.users.find_by_id(&bob.id).await.unwrap().is_some());
    server.resume();
    assert!(wait_for(&storage, "s:1").await, "it is the same session");
    assert!(!is_admitted(&storage, "s:2").await);
    begin(&storage, "s:3", &bob.id).await;
}

#[tokio::test]
async fn user_can_be_disabled_while_redis_is_away() {
    let mut server = Server::start(DURABLE);
    let site = site_on(&server).await;
    let storage = site.storage();
    let bob = create_bob(&storage).await;
    begin(&storage, "s:1", &bob.id).await;
    begin(&storage, "s:2", &bob.id).await;
    server.stop(Stop::Orderly);
    for sessions in [EndSessions::All, EndSessions::AllBut("s:2")] {
        let effects = Effects { sessions, ..Effects::default() };
        let changed = storage.users.change(&bob.id, &Change { effects, ..Change::default() }).await;
        assert!(matches!(changed, Ok(Changed::Done(_))), "{changed:?}");
    }
    server.resume();
    assert!(wait_for(&storage, "s:1").await);
    assert!(!is_admitted(&storage, "s:1").await);
    assert!(!is_admitted(&storage, "s:2").await);
}

/// As after a crash without a flushed log, a failover to a replica that lags, or a restored file.
#[tokio::test]
async fn ended_sessions_stay_so_if_redis_finds_old_data() {
    let mut server = Server::start(&["--save", "", "--appendonly", "no"]);
    let site = site_on(&server).await;
    let storage = site.storage();
    let bob = create_bob(&storage).await;
    for value in ["s:kept", "s:out", "s:ended", "s:old", "s:must"] {
        begin(&storage, value, &bob.id).await;
    }
    storage.keys.insert(&session("s:anonymous", None)).await.unwrap();
    server.execute(&["SAVE"]);
    assert!(storage.keys.delete("s:out").await.unwrap());
    assert!(storage.keys.delete("s:anonymous").await.unwrap());
    let key = session("s:new", Some(&bob.id));
    storage.sessions.start(start(&key, Some("s:old"))).await.unwrap();
    let effects = Effects { replaces: Some("s:must"), must_replace: true, ..Effects::default() };
    let change = Change { effects, ..Change::default() };
    assert!(matches!(storage.users.change(&bob.id, &change).await, Ok(Changed::Done(_))));
    server.stop(Stop::Killed);
    server.resume();
    assert!(wait_for(&storage, "s:kept").await);
    assert_ne!(server.execute(&["EXISTS", "crossauth:s:out"]), "0", "Redis has it again");
    for value in ["s:out", "s:anonymous", "s:old", "s:must"] {
        assert!(storage.sessions.find(value).await.unwrap().is_none(), "{value}");
        assert!(storage.keys.find(value).await.unwrap().is_none(), "{value}");
        assert!(!storage.keys.delete(value).await.unwrap(), "{value} has ended before");
    }
    assert!(storage.sessions.find("s:new").await.unwrap().is_none(), "it began after the file");
    let listed = storage.keys.list_for_user(Some(&bob.id), KeyPrefix::Session, None, 9).await;
    let listed: Vec<String> = listed.unwrap().into_iter().map(|key| key.value).collect();
    assert_eq!(listed, ["s:kept", "s:ended"]);
    // What must be replaced is replaced once.
    let key = session("s:again", Some(&bob.id));
    let again = SessionStart { must_replace: true, ..start(&key, Some("s:must")) };
    assert_eq!(storage.sessions.start(again).await.unwrap(), Started::SessionGone);
    assert_eq!(storage.users.change(&bob.id, &change).await.unwrap(), Changed::SessionGone);
}

#[tokio::test]
async fn completed_step_is_not_repeated_if_redis_finds_old_data() {
    let mut server = Server::start(&["--save", "", "--appendonly", "no"]);
    let site = site_on(&server).await;
    let storage = site.storage();
    let bob = create_bob(&storage).await;
    let data = KeyData::from_text(r#"{"2fa":{"challenge":"one"}}"#);
    for value in ["s:1", "s:2"] {
        let key = Key { data: data.clone(), ..session(value, None) };
        storage.keys.insert(&key).await.unwrap();
    }
    server.execute(&["SAVE"]);
    let (removal, uses) = ([DataChange::remove("2fa")], Uses::default());
    let answer = |session, uses| SessionUpdate {
        session,
        changes: &removal,
        expects: Some(("2fa.challenge", "one")),
        uses,
        send: &[],
        audit: &[],
    };
    let answers = [answer("s:1", None), answer("s:2", Some((&bob.id, &uses)))];
    for answer in answers {
        assert_eq!(storage.sessions.update(answer).await.unwrap(), Updated::Done);
    }
    server.stop(Stop::Killed);
    server.resume();
    assert!(wait_for(&storage, "s:1").await);
    for answer in answers {
        assert_eq!(storage.sessions.update(answer).await.unwrap(), Updated::Unexpected);
    }
}

#[tokio::test]
async fn lost_data_logs_everybody_out_cleanly() {
    let server = Server::start(DURABLE);
    let site = site_on(&server).await;
    let storage = site.storage();
    let bob = create_bob(&storage).await;
    begin(&storage, "s:1", &bob.id).await;
    assert_eq!(storage.attempts.charge(&attempt(), NOW).await.unwrap(), Charged::Ok);
    server.execute(&["FLUSHALL"]);
    assert!(storage.sessions.find("s:1").await.unwrap().is_none());
    assert!(!storage.keys.delete("s:1").await.unwrap());
    storage.keys.touch("s:1", NOW).await.unwrap();
    let gone = storage.keys.update_data("s:1", &[DataChange::set("a", 1)]).await;
    assert!(matches!(gone, Err(UpdateDataError::NotFound)), "{gone:?}");
    assert!(storage.sessions.find("s:1").await.unwrap().is_none(), "nothing brings it back");
    begin(&storage, "s:2", &bob.id).await;
    server.execute(&["SCRIPT", "FLUSH"]);
    begin(&storage, "s:3", &bob.id).await;
}

#[tokio::test]
async fn full_or_read_only_server_begins_no_session_and_uses_nothing_up() {
    let server = Server::start(DURABLE);
    let site = site_on(&server).await;
    let storage = site.storage();
    let bob = create_bob(&storage).await;
    begin(&storage, "s:1", &bob.id).await;
    storage.keys.insert(&Key::new("rc:1", Some(bob.id.clone()), NOW)).await.unwrap();
    let full = ["CONFIG", "SET", "maxmemory", "1"];
    let read_only = ["REPLICAOF", "127.0.0.1", "1"];
    for (fault, remedy) in [
        (&full[..], &["CONFIG", "SET", "maxmemory", "0"][..]),
        (&read_only[..], &["REPLICAOF", "NO", "ONE"][..]),
    ] {
        server.execute(fault);
        let uses = Uses { key: Some("rc:1".into()), ..Uses::default() };
        let key = session("s:2", Some(&bob.id));
        let login = SessionStart { uses: Some(&uses), ..start(&key, None) };
        assert_unavailable(storage.sessions.start(login).await);
        let issue = [session("s:3", None)];
        let effects = Effects {
            uses: Some(&uses),
            sessions: EndSessions::All,
            issue: &issue,
            ..Effects::default()
        };
        let change = Change { effects, ..Change::default() };
        assert_unavailable(storage.users.change(&bob.id, &change).await);
        assert_unavailable(storage.attempts.charge(&attempt(), NOW).await);
        assert_unavailable(site.redis.ping().await);
        assert!(storage.keys.find("rc:1").await.unwrap().is_some(), "the code is not used up");
        assert!(is_admitted(&storage, "s:1").await, "sessions go on");
        server.execute(remedy);
        site.redis.ping().await.unwrap();
    }
}

#[tokio::test]
async fn hanging_server_delays_a_request_for_a_moment_only() {
    let server = Server::start(DURABLE);
    let site = site_on(&server).await;
    let storage = site.storage();
    let bob = create_bob(&storage).await;
    begin(&storage, "s:1", &bob.id).await;
    server.execute(&["CLIENT", "PAUSE", "4000", "ALL"]);
    let began = Instant::now();
    assert_unavailable(storage.sessions.find("s:1").await);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(wait_for(&storage, "s:1").await);
}

#[tokio::test]
async fn damaged_session_is_an_error_of_that_session() {
    let server = Server::start(DURABLE);
    let site = site_on(&server).await;
    let storage = site.storage();
    let bob = create_bob(&storage).await;
    begin(&storage, "s:1", &bob.id).await;
    begin(&storage, "s:2", &bob.id).await;
    server.execute(&["HSET", "crossauth:s:1", "c", "yesterday"]);
    let error = storage.sessions.find("s:1").await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::BadRow);
    let listed = storage.keys.list_for_user(Some(&bob.id), KeyPrefix::Session, None, 9).await;
    assert_eq!(listed.unwrap().len(), 1);
}

#[tokio::test]
async fn session_that_sql_refuses_leaves_nothing_in_redis() {
    let server = Server::start(DURABLE);
    let site = site_on(&server).await;
    let storage = site.storage();
    let bob = create_bob(&storage).await;
    let uses = Uses { key: Some("rc:absent".into()), ..Uses::default() };
    let key = session("s:1", Some(&bob.id));
    let login = SessionStart { uses: Some(&uses), ..start(&key, None) };
    assert_eq!(storage.sessions.start(login).await.unwrap(), Started::AlreadyUsed);
    site.sql.close().await;
    storage.sessions.start(start(&key, None)).await.unwrap_err();
    let left = server.execute(&["KEYS", "crossauth:[su]:*"]);
    assert_eq!(left, "");
}

#[tokio::test]
async fn login_whose_session_redis_loses_is_not_acknowledged() {
    let server = std::sync::Arc::new(Server::start(DURABLE));
    let site = site_on(&server).await;
    let sql = TestStorage::new(site.sql.storage());
    let storage = site.redis.in_front_of(sql.storage());
    let bob = create_bob(&storage).await;
    let lose = || {
        let server = server.clone();
        async move |_: Storage| drop(server.execute(&["FLUSHALL"]))
    };
    sql.interrupt_after("sessions.start", lose());
    let key = session("s:1", Some(&bob.id));
    assert_unavailable(storage.sessions.start(start(&key, None)).await);
    sql.interrupt_after("users.change", lose());
    let issue = [session("s:2", None)];
    let effects = Effects { issue: &issue, ..Effects::default() };
    let change = Change { effects, ..Change::default() };
    assert_unavailable(storage.users.change(&bob.id, &change).await);
    for value in ["s:1", "s:2"] {
        assert!(storage.sessions.find(value).await.unwrap().is_none(), "{value}");
    }
    begin(&storage, "s:3", &bob.id).await;
}
