//! Connections with TLS.

use crossauth_core::storage::StorageErrorKind;
use crossauth_storage_sql::OpenError;
use crossauth_storage_sql::database::{Database as _, Statement};
use crossauth_storage_sql::mysql::Options;
use crossauth_testkit::authority::Authority;
use crossauth_testkit::mysql::server;

use super::TcpUser;

#[tokio::test]
async fn server_is_reached_with_tls_if_its_certificate_is_valid() {
    let user = TcpUser::new();
    let at = |host: &str| user.url(host, server().port());
    let trusting = |authority: &Authority| {
        let ca = Some(authority.certificate());
        Options { ca, connections: 2, ..Options::default() }
    };
    for host in ["127.0.0.1", "localhost"] {
        let opened = trusting(server().authority()).open(&at(host)).await.unwrap();
        let version = Statement::new(
            "SELECT variable_value <> '' FROM information_schema.session_status \
             WHERE variable_name = 'Ssl_version'",
        );
        let decode = |row: &dyn crossauth_storage_sql::database::Row| row.value(0)?.integer();
        let is_secure = opened.database().find(&version, &[], decode).await.unwrap();
        assert_eq!(is_secure, Some(1), "{host}");
    }
    let unknown = Authority::new();
    for (options, host) in [
        (trusting(&unknown), "127.0.0.1"),
        (Options::default(), "127.0.0.1"),
        (trusting(server().authority()), "127.0.0.2"),
    ] {
        let error = options.open(&at(host)).await.unwrap_err();
        let OpenError::Storage(error) = error else { panic!("{error}") };
        assert_eq!(error.kind, StorageErrorKind::Unavailable);
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}

#[tokio::test]
async fn missing_file_of_authorities_is_named() {
    let options = Options { ca: Some("/nowhere/ca.pem".into()), ..Options::default() };
    let error = options.open("mysql://app@db.example.com/app").await.unwrap_err();
    assert_eq!(error.to_string(), "cannot open /nowhere/ca.pem");
}
