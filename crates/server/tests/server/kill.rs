//! `kill -9` while codes and links are used: each is used with all that belongs to it, or not at
//! all.

use crossauth_core::crypto::stored_value;
use crossauth_core::key::KeyPrefix;
use crossauth_testkit::oathtool::code;
use crossauth_testkit::server::{Program, Server, Signal};
use reqwest::RequestBuilder;
use rusqlite::Connection;
use serde_json::json;
use tokio::task::JoinSet;

use crate::account::{PASSWORD, add};
use crate::process::crossauth;
use crate::visitor::Visitor;

/// Requests at the moment of the kill.
const REQUESTS: usize = 8;

/// Messages wait: there is no mail server.
fn program() -> Program {
    crossauth()
        .variable("CROSSAUTH_EMAIL_FROM", "noreply@example.com")
        .variable("CROSSAUTH_SMTP_HOST", "127.0.0.1")
        .variable("CROSSAUTH_SMTP_PORT", "9")
        .variable("CROSSAUTH_SMTP_USE_TLS", "false")
}

fn database(server: &Server) -> Connection {
    Connection::open(server.directory().join("crossauth-data/crossauth.db")).unwrap()
}

fn count(database: &Connection, query: &str, name: &str) -> usize {
    let rows: i64 = database.query_row(query, [name], |row| row.get(0)).unwrap();
    rows.try_into().unwrap()
}

/// How many messages of a kind wait that are about a user.
fn messages(database: &Connection, kind: &str, name: &str) -> usize {
    let query = format!(
        "SELECT count(*) FROM crossauth_outbox WHERE kind = '{kind}'
         AND userid = (SELECT CAST(id AS TEXT) FROM crossauth_users WHERE username = ?)"
    );
    count(database, &query, name)
}

/// How many keys of a kind a user has.
fn keys(database: &Connection, prefix: &str, name: &str) -> usize {
    let query = format!(
        "SELECT count(*) FROM crossauth_keys WHERE value LIKE '{prefix}%'
         AND userid = (SELECT id FROM crossauth_users WHERE username = ?)"
    );
    count(database, &query, name)
}

/// Sends all requests, kills the server after some answers, and starts it again. Returns how many
/// requests succeeded.
async fn kill_during(server: &mut Server, requests: Vec<RequestBuilder>, answers: usize) -> usize {
    let mut sent = JoinSet::new();
    for request in requests {
        sent.spawn(async { request.send().await.is_ok_and(|answer| answer.status() == 200) });
    }
    let mut succeeded = 0;
    for _ in 0..answers {
        succeeded += usize::from(sent.join_next().await.unwrap().unwrap());
    }
    server.signal(Signal::KILL);
    server.wait();
    succeeded += sent.join_all().await.into_iter().filter(|is_ok| *is_ok).count();
    let intact = "PRAGMA integrity_check";
    let intact: String = database(server).query_row(intact, [], |row| row.get(0)).unwrap();
    assert_eq!(intact, "ok");
    server.resume();
    succeeded
}

/// Creates a user with an authenticator application; returns the recovery codes.
async fn enrol(server: &Server, name: &str) -> Vec<String> {
    let email = format!("{name}@example.com");
    assert!(add(server.directory(), &[name, "--email", &email]).status.success());
    let visitor = Visitor::new(server);
    visitor.log_in(name, PASSWORD).await;
    let (_, shown) = visitor.post("/api/changefactor2", &json!({"factor2": "totp"})).await;
    let otp = code(shown["totpsecret"].as_str().unwrap(), "now");
    let (_, done) = visitor.post("/api/configurefactor2", &json!({ "otp": otp })).await;
    assert_eq!(visitor.post("/api/logout", &json!({})).await.0, 200);
    let codes = done["recoveryCodes"].as_array().unwrap_or_else(|| panic!("{done}"));
    codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_is_used_with_its_session_and_its_notice_or_not_at_all() {
    let mut server = program().start();
    for answers in 0..4 {
        let name = format!("user{answers}");
        let codes = enrol(&server, &name).await;
        let mut requests = Vec::new();
        for code in &codes[..REQUESTS] {
            let visitor = Visitor::new(&server);
            let (_, asked) = visitor.log_in(&name, PASSWORD).await;
            assert_eq!(asked["twoFactorRequired"], true, "{asked}");
            let body = json!({ "recovery_code": code });
            requests.push(visitor.prepare("/api/loginfactor2", &body).await);
        }
        let succeeded = kill_during(&mut server, requests, answers).await;
        let database = database(&server);
        let used = codes.len() - keys(&database, "rc:", &name);
        assert!((succeeded..=REQUESTS).contains(&used), "{succeeded} answers, {used} used");
        assert_eq!(keys(&database, "s:", &name), used);
        assert_eq!(messages(&database, "recovery_code_used", &name), used);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_link_is_used_with_its_password_and_its_notice_or_not_at_all() {
    let mut server = program().start();
    for answers in 0..4 {
        let name = format!("user{answers}");
        let email = format!("{name}@example.com");
        assert!(add(server.directory(), &[&name, "--email", &email]).status.success());
        let token = format!("token-of-{name}");
        let link = "INSERT INTO crossauth_keys (value, userid, created, expires, data, epoch)
                    SELECT ?1, id, 0, 4102444800500, '', credential_epoch
                    FROM crossauth_users WHERE username = ?2";
        let value = stored_value(KeyPrefix::PasswordReset, &token);
        database(&server).execute(link, [&*value, &*name]).unwrap();
        let new = |number: usize| format!("Another-Horse-{number}");
        let mut requests = Vec::new();
        for number in 0..REQUESTS {
            let body = json!({
                "token": token, "new_password": new(number), "repeat_password": new(number),
            });
            requests.push(Visitor::new(&server).prepare("/api/resetpassword", &body).await);
        }
        let succeeded = kill_during(&mut server, requests, answers).await;
        let used = 1 - keys(&database(&server), "p:", &name);
        assert!((succeeded..=1).contains(&used), "{succeeded} answers, {used} used");
        assert_eq!(messages(&database(&server), "password_changed", &name), used);
        let mut valid = 0;
        for number in 0..REQUESTS {
            let (status, _) = Visitor::new(&server).log_in(&name, &new(number)).await;
            valid += usize::from(status == 200);
        }
        assert_eq!(valid, used);
        let (status, _) = Visitor::new(&server).log_in(&name, PASSWORD).await;
        assert_eq!(status == 200, used == 0);
    }
}
