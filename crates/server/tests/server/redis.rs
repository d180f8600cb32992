//! The server with sessions in Redis.

use crossauth_testkit::redis::{Server as Redis, Stop};
use crossauth_testkit::server::{Program, wait_until};

use crate::account::PASSWORD;
use crate::attack::secrets_of_a_user;
use crate::process::crossauth;
use crate::visitor::Visitor;

const OPTIONS: &[&str] = &["--save", "", "--appendonly", "yes", "--appendfsync", "always"];

fn program(url: &str, arguments: &[&str]) -> Program {
    crossauth().arguments(arguments).variable("CROSSAUTH_SESSIONS_URL", url)
}

/// A store that is away is not a missing session: users are neither logged out nor asked for a password.
#[tokio::test]
async fn sessions_wait_for_redis_with_their_cookies() {
    let mut redis = Redis::start(OPTIONS);
    let server = program(&redis.url(), &[]).start();
    let add = program(&redis.url(), &["user", "add", "alice", "--password-stdin"]);
    let added = add.input(&format!("{PASSWORD}\n")).run_in(server.directory());
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let visitor = Visitor::new(&server);
    assert_eq!(visitor.log_in("alice", PASSWORD).await.0, 200);
    assert_eq!(visitor.user().await, "alice");
    assert_eq!(server.status("/ready"), 200);
    redis.stop(Stop::Killed);
    for path in ["/api/userforsessionkey", "/account"] {
        let response = visitor.respond(path).await;
        assert_eq!(response.status(), 503, "{path}");
        assert!(response.headers().contains_key("retry-after"), "{path}");
        assert!(!response.headers().contains_key("set-cookie"), "{path}: the cookie is kept");
    }
    assert_eq!(server.status("/live"), 200);
    assert_eq!(server.status("/ready"), 503);
    assert_eq!(Visitor::new(&server).log_in("alice", PASSWORD).await.0, 503);
    redis.resume();
    wait_until("Redis is used again", || server.status("/ready") == 200);
    assert_eq!(visitor.user().await, "alice", "it is the same session");
    redis.execute(&["FLUSHALL"]);
    assert!(visitor.user().await.is_null(), "all are logged out");
    assert_eq!(visitor.log_in("alice", PASSWORD).await.0, 200);
    assert_eq!(visitor.user().await, "alice");
    assert_eq!(visitor.post("/api/logout", &serde_json::json!({})).await.0, 200);
    assert!(visitor.user().await.is_null());
}

#[test]
fn unreachable_redis_is_reported_without_its_password() {
    let directory = tempfile::tempdir().unwrap();
    let url = "redis://:canary@127.0.0.1:1";
    let show = program(url, &["config", "show"]).run_in(directory.path());
    let shown = String::from_utf8(show.stdout).unwrap();
    assert!(shown.contains("sessions.url = (hidden)  # CROSSAUTH_SESSIONS_URL\n"), "{shown}");
    let check: &[&str] = &["config", "check", "--connect"];
    for (arguments, code) in [(check, 2), (&["--listen", "0"], 1)] {
        let output = program(url, arguments).run_in(directory.path());
        let stderr = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains("cannot open the server of the setting sessions.url"), "{stderr}");
        assert!(!stderr.contains("canary"), "{stderr}");
    }
    assert!(!directory.path().join("crossauth-data/crossauth.db").exists());
}

#[test]
fn s13_a_copy_of_redis_has_nothing_that_can_be_used() {
    let redis = Redis::start(OPTIONS);
    let server = program(&redis.url(), &["--dev"]).start();
    let secrets = secrets_of_a_user(&server);
    assert!(secrets.len() >= 30, "{}", secrets.len());
    let (mut sessions, mut counters) = (0, 0);
    for entry in std::fs::read_dir(redis.directory().join("appendonlydir")).unwrap() {
        let copy = std::fs::read(entry.unwrap().path()).unwrap();
        let copy = String::from_utf8_lossy(&copy);
        for secret in &secrets {
            assert!(!copy.contains(secret), "{secret} is in Redis");
        }
        sessions += copy.matches("crossauth:s:").count();
        counters += copy.matches("crossauth:attempts").count();
    }
    // The control: what is no secret is there.
    assert!(sessions > 0 && counters > 0, "{sessions} {counters}");
}
