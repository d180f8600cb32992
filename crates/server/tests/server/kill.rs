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

use crate::account::PASSWORD;
use crate::process::crossauth;
use crate::visitor::Visitor;

/// Requests at the moment of the kill.
const REQUESTS: usize = 8;

/// The databases of these tests.
#[derive(Debug)]
enum Engine {
    Sqlite,
    /// In the schema at this address.
    #[cfg(feature = "postgres")]
    Postgres(String),
    /// At this URL.
    #[cfg(feature = "mysql")]
    Mariadb(String),
}

impl Engine {
    fn all() -> Vec<Self> {
        vec![
            Self::Sqlite,
            #[cfg(feature = "postgres")]
            Self::Postgres(crossauth_testkit::postgres::server().empty_schema()),
            #[cfg(feature = "mysql")]
            Self::Mariadb(crossauth_testkit::mysql::server().empty_database()),
        ]
    }

    /// Messages wait: there is no mail server.
    fn program(&self) -> Program {
        let program = crossauth()
            .variable("CROSSAUTH_EMAIL_FROM", "noreply@example.com")
            .variable("CROSSAUTH_SMTP_HOST", "127.0.0.1")
            .variable("CROSSAUTH_SMTP_PORT", "9")
            .variable("CROSSAUTH_SMTP_USE_TLS", "false");
        match self {
            Self::Sqlite => program,
            #[cfg(feature = "postgres")]
            Self::Postgres(address) => program
                .variable("CROSSAUTH_DATABASE_URL", address)
                .variable("CROSSAUTH_SECRET", "sixteen bytes !!"),
            #[cfg(feature = "mysql")]
            Self::Mariadb(url) => program
                .variable("CROSSAUTH_DATABASE_URL", url)
                .variable("CROSSAUTH_SECRET", "sixteen bytes !!"),
        }
    }

    fn add(&self, server: &Server, name: &str) {
        let email = format!("{name}@example.com");
        let add = ["user", "add", name, "--email", &email, "--password-stdin"];
        let add = self.program().arguments(&add).input(&format!("{PASSWORD}\n"));
        assert!(add.run_in(server.directory()).status.success());
    }

    fn execute(&self, server: &Server, sql: &str) {
        match self {
            Self::Sqlite => drop(database(server).execute(sql, []).unwrap()),
            #[cfg(feature = "postgres")]
            Self::Postgres(address) => {
                crossauth_testkit::postgres::server().execute(address, sql);
            }
            #[cfg(feature = "mysql")]
            Self::Mariadb(url) => crossauth_testkit::mysql::server().execute(url, sql),
        }
    }

    fn count(&self, server: &Server, from: &str) -> usize {
        let query = format!("SELECT count(*) FROM {from}");
        match self {
            Self::Sqlite => {
                let rows: i64 = database(server).query_row(&query, [], |row| row.get(0)).unwrap();
                rows.try_into().unwrap()
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(address) => {
                crossauth_testkit::postgres::server().query(address, &query).parse().unwrap()
            }
            #[cfg(feature = "mysql")]
            Self::Mariadb(url) => {
                crossauth_testkit::mysql::server().query(url, &query).parse().unwrap()
            }
        }
    }

    /// How many messages of a kind wait that are about a user.
    fn messages(&self, server: &Server, kind: &str, name: &str) -> usize {
        let text = match self {
            Self::Sqlite => "TEXT",
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => "TEXT",
            #[cfg(feature = "mysql")]
            Self::Mariadb(_) => "CHAR",
        };
        let from = format!(
            "crossauth_outbox WHERE kind = '{kind}'
             AND userid = (SELECT CAST(id AS {text}) FROM crossauth_users WHERE username = '{name}')"
        );
        self.count(server, &from)
    }

    /// How many keys of a kind a user has.
    fn keys(&self, server: &Server, prefix: &str, name: &str) -> usize {
        let from = format!(
            "crossauth_keys WHERE value LIKE '{prefix}%'
             AND userid = (SELECT id FROM crossauth_users WHERE username = '{name}')"
        );
        self.count(server, &from)
    }

    /// Checks the database of a killed server, once its transactions have ended.
    fn settle(&self, server: &Server) {
        match self {
            Self::Sqlite => {
                let intact = "PRAGMA integrity_check";
                let intact: String =
                    database(server).query_row(intact, [], |row| row.get(0)).unwrap();
                assert_eq!(intact, "ok");
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => {
                self.execute(server, "BEGIN; LOCK crossauth_keys, crossauth_users; COMMIT");
            }
            #[cfg(feature = "mysql")]
            Self::Mariadb(_) => {
                let lock = "LOCK TABLES crossauth_keys WRITE, crossauth_users WRITE; UNLOCK TABLES";
                self.execute(server, lock);
            }
        }
    }
}

fn database(server: &Server) -> Connection {
    Connection::open(server.directory().join("crossauth-data/crossauth.db")).unwrap()
}

/// Sends all requests, kills the server after some answers, and starts it again. Returns how many
/// requests succeeded.
async fn kill_during(
    engine: &Engine,
    server: &mut Server,
    requests: Vec<RequestBuilder>,
    answers: usize,
) -> usize {
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
    engine.settle(server);
    server.resume();
    succeeded
}

/// Creates a user with an authenticator application; returns the recovery codes.
async fn enrol(engine: &Engine, server: &Server, name: &str) -> Vec<String> {
    engine.add(server, name);
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
    for engine in Engine::all() {
        let mut server = engine.program().start();
        for answers in 0..4 {
            let name = format!("user{answers}");
            let codes = enrol(&engine, &server, &name).await;
            let mut requests = Vec::new();
            for code in &codes[..REQUESTS] {
                let visitor = Visitor::new(&server);
                let (_, asked) = visitor.log_in(&name, PASSWORD).await;
                assert_eq!(asked["twoFactorRequired"], true, "{asked}");
                let body = json!({ "recovery_code": code });
                requests.push(visitor.prepare("/api/loginfactor2", &body).await);
            }
            let succeeded = kill_during(&engine, &mut server, requests, answers).await;
            let used = codes.len() - engine.keys(&server, "rc:", &name);
            assert!((succeeded..=REQUESTS).contains(&used), "{succeeded} answers, {used} used");
            assert_eq!(engine.keys(&server, "s:", &name), used, "{engine:?}");
            assert_eq!(engine.messages(&server, "recovery_code_used", &name), used, "{engine:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_link_is_used_with_its_password_and_its_notice_or_not_at_all() {
    for engine in Engine::all() {
        let mut server = engine.program().start();
        for answers in 0..4 {
            kill_during_reset(&engine, &mut server, answers).await;
        }
    }
}

async fn kill_during_reset(engine: &Engine, server: &mut Server, answers: usize) {
    let name = format!("user{answers}");
    engine.add(server, &name);
    let token = format!("token-of-{name}");
    let value = stored_value(KeyPrefix::PasswordReset, &token);
    let link = format!(
        "INSERT INTO crossauth_keys (value, userid, created, expires, data, epoch)
         SELECT '{value}', id, 0, 4102444800500, '', credential_epoch
         FROM crossauth_users WHERE username = '{name}'"
    );
    engine.execute(server, &link);
    let new = |number: usize| format!("Another-Horse-{number}");
    let mut requests = Vec::new();
    for number in 0..REQUESTS {
        let body = json!({
            "token": token, "new_password": new(number), "repeat_password": new(number),
        });
        requests.push(Visitor::new(server).prepare("/api/resetpassword", &body).await);
    }
    let succeeded = kill_during(engine, server, requests, answers).await;
    let used = 1 - engine.keys(server, "p:", &name);
    assert!((succeeded..=1).contains(&used), "{succeeded} answers, {used} used");
    assert_eq!(engine.messages(server, "password_changed", &name), used, "{engine:?}");
    let mut valid = 0;
    for number in 0..REQUESTS {
        let (status, _) = Visitor::new(server).log_in(&name, &new(number)).await;
        valid += usize::from(status == 200);
    }
    assert_eq!(valid, used, "{engine:?}");
    let (status, _) = Visitor::new(server).log_in(&name, PASSWORD).await;
    assert_eq!(status == 200, used == 0, "{engine:?}");
}

/// Sign-ups write an account, its session, its link and its message.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_created_with_its_link_and_its_message_or_not_at_all() {
    for engine in Engine::all() {
        let mut server = engine.program().start();
        for answers in 0..4 {
            let name = |number: usize| format!("visitor{answers}x{number}");
            let mut requests = Vec::new();
            for number in 0..REQUESTS {
                let name = name(number);
                let body = json!({
                    "username": name, "user_email": format!("{name}@example.com"),
                    "password": PASSWORD, "repeat_password": PASSWORD,
                });
                requests.push(Visitor::new(&server).prepare("/api/signup", &body).await);
            }
            let succeeded = kill_during(&engine, &mut server, requests, answers).await;
            let mut created = 0;
            for number in 0..REQUESTS {
                let name = name(number);
                let is_there =
                    engine.count(&server, &format!("crossauth_users WHERE username = '{name}'"));
                assert_eq!(engine.keys(&server, "e:", &name), is_there, "{engine:?}");
                let messages = engine.messages(&server, "email_verification", &name);
                assert_eq!(messages, is_there, "{engine:?}");
                created += is_there;
            }
            assert!((succeeded..=REQUESTS).contains(&created), "{succeeded} of {created}");
        }
    }
}
