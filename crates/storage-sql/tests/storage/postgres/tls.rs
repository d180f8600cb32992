//! Connections with TLS.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use crossauth_core::storage::{StorageError, StorageErrorKind};
use crossauth_storage_sql::OpenError;
use crossauth_storage_sql::database::{Database as _, Row, Statement};
use crossauth_storage_sql::postgres::Options;
use crossauth_testkit::authority::Authority;
use crossauth_testkit::postgres::server;
use tokio::sync::OnceCell;

use super::{tcp_url, tcp_user};

async fn url(host: &str, parameters: &str) -> String {
    static USER: OnceCell<()> = OnceCell::const_new();
    USER.get_or_init(async || tcp_user("tls")).await;
    tcp_url("tls", host, server().port(), parameters)
}

fn trusting(authority: &Authority) -> Options {
    let ca = Some(authority.certificate());
    Options { ca, connections: 2, ..Options::default() }
}

async fn refusal(options: Options, url: &str) -> Option<StorageError> {
    match options.open(url).await {
        Err(OpenError::Storage(error)) => Some(error),
        Ok(_) | Err(_) => None,
    }
}

#[tokio::test]
async fn server_is_reached_with_tls_if_its_certificate_is_valid() {
    for host in ["127.0.0.1", "localhost"] {
        for parameters in ["sslmode=require&channel_binding=require", "sslmode=verify-full"] {
            let url = url(host, parameters).await;
            let opened = trusting(server().authority()).open(&url).await.unwrap();
            let is_secure =
                Statement::new("SELECT ssl::int FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
            let decode = |row: &dyn Row| row.value(0)?.integer();
            let is_secure = opened.database().find(&is_secure, &[], decode).await.unwrap();
            assert_eq!(is_secure, Some(1), "{host}");
        }
    }
}

#[tokio::test]
async fn certificate_of_an_unknown_authority_or_for_another_host_is_refused() {
    let unknown = Authority::new();
    for (options, host, reason) in [
        (trusting(&unknown), "127.0.0.1", "certificate"),
        (Options::default(), "127.0.0.1", "certificate"),
        (trusting(server().authority()), "127.0.0.2", "not valid for name"),
    ] {
        let error = refusal(options, &url(host, "sslmode=require").await).await.unwrap();
        assert_eq!(error.kind, StorageErrorKind::Unavailable);
        assert!(error.to_string().contains(reason), "{error}");
    }
}

/// It responds to the request for TLS as PostgreSQL with `ssl = off`.
#[tokio::test]
async fn server_without_tls_is_refused_before_the_password_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let received = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.read_exact(&mut [0; 8]).unwrap();
        client.write_all(b"N").unwrap();
        let mut more = Vec::new();
        client.read_to_end(&mut more).unwrap();
        more
    });
    let url = format!("postgres://app:secret@127.0.0.1:{port}/app?sslmode=require");
    let error = refusal(trusting(&Authority::new()), &url).await.unwrap();
    assert!(error.to_string().contains("server does not support TLS"), "{error}");
    assert_eq!(received.join().unwrap(), b"");
}

#[tokio::test]
async fn statement_is_cancelled_through_tls() {
    let options = Options { connections: 1, ..trusting(server().authority()) };
    let database = options.open(&url("localhost", "sslmode=require").await).await.unwrap();
    let endless = Statement::new("SELECT 'imperturbable', pg_sleep(3600)");
    let running = Statement::new(
        "SELECT count(*)::int FROM pg_stat_activity
         WHERE pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%imperturbable%'",
    );
    let count = async || {
        let decode = |row: &dyn Row| row.value(0)?.integer();
        database.database().find(&running, &[], decode).await.unwrap().unwrap()
    };
    let error = database.database().find(&endless, &[], |_| Ok(())).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Unavailable);
    let limit = std::time::Duration::from_secs(30);
    tokio::time::timeout(limit, async { while count().await > 0 {} }).await.unwrap();
}

#[tokio::test]
async fn invalid_file_of_authorities_is_named() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    for path in ["/nowhere/ca.pem".into(), empty.path().to_owned()] {
        let options = Options { ca: Some(path.clone()), ..Options::default() };
        let error = options.open("postgres://app@db.example.com/app").await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot open {}", path.display()));
    }
}
