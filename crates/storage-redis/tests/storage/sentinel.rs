//! A service with sentinels, whose master changes.

use std::time::{Duration, Instant};

use crossauth_testkit::redis::{Server, Stop};

use crate::site::{Site, begin, create_bob};

const OPTIONS: &[&str] = &["--save", "", "--repl-diskless-sync-delay", "0"];

async fn wait_until(condition: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < end, "not within 30 seconds: {condition}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn sessions_go_on_with_the_new_master() {
    let mut master = Server::start(OPTIONS);
    let port = master.port().to_string();
    let replica = Server::start(&[OPTIONS, &["--replicaof", "127.0.0.1", &port]].concat());
    let sentinel = Server::start_sentinel(&master);
    wait_until("the sentinel knows the replica", async || {
        sentinel.execute(&["SENTINEL", "REPLICAS", "main"]).contains(&replica.port().to_string())
    })
    .await;
    let url = format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port());
    let site = Site::open(&url, "crossauth:").await;
    let storage = site.storage();
    let bob = create_bob(&storage).await;
    begin(&storage, "s:1", &bob.id).await;
    wait_until("the replica has the session", async || {
        replica.execute(&["EXISTS", "crossauth:s:1"]) == "1"
    })
    .await;
    master.stop(Stop::Killed);
    wait_until("the replica is the master", async || {
        matches!(storage.sessions.find("s:1").await, Ok(Some(_)))
    })
    .await;
    wait_until("it takes writes", async || site.redis.ping().await.is_ok()).await;
    begin(&storage, "s:2", &bob.id).await;
    assert_eq!(replica.execute(&["EXISTS", "crossauth:s:2"]), "1");
}
