//! Connecting: passwords, TLS, and errors that show no secret.

use std::net::TcpListener;

use crossauth_core::secret::Password;
use crossauth_core::storage::Charge;
use crossauth_storage_redis::{OpenError, Options};
use crossauth_testkit::authority::Authority;
use crossauth_testkit::redis::Server;

use crate::site::{HOUR, NOW, Site, begin, create_bob, is_admitted};

fn text(error: &OpenError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text} {cause} {cause:?}");
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn password_is_checked_and_never_shown() {
    let server = Server::start(&["--save", "", "--requirepass", "canary"]);
    let address = format!("127.0.0.1:{}", server.port());
    let with = |password: &str| {
        let password = Some(Password::new(password));
        Options { password, ..Options::default() }
    };
    Options::default().open(&format!("redis://:canary@{address}")).await.unwrap();
    let separate = with("canary");
    separate.open(&format!("redis://{address}")).await.unwrap();
    assert!(!format!("{separate:?}").contains("canary"));
    for (options, url) in [
        (Options::default(), format!("redis://{address}")),
        (Options::default(), format!("redis://:wrongcanary@{address}")),
        (with("wrongcanary"), format!("redis://user@{address}")),
        (Options::default(), format!("http://:wrongcanary@{address}")),
        (Options::default(), "redis://:wrongcanary@:x".into()),
        (Options::default(), "rediss://:wrongcanary@127.0.0.1:1#insecure".into()),
        (Options::default(), "redis://:wrongcanary@127.0.0.1:1".into()),
    ] {
        let shown = text(&options.open(&url).await.unwrap_err());
        assert!(!shown.contains("canary"), "{shown}");
    }
}

#[tokio::test]
async fn user_with_the_rights_of_the_guide_suffices() {
    let server = Server::start(&["--save", ""]);
    let guide = include_str!("../../../../docs/how-to/redis.md");
    let line = guide.lines().find(|line| line.starts_with("ACL SETUSER")).unwrap();
    let arguments: Vec<&str> = line.split_whitespace().collect();
    server.execute(&arguments);
    let url = format!("redis://crossauth:password@127.0.0.1:{}", server.port());
    let site = Site::open(&url, "crossauth:").await;
    let storage = site.storage();
    let bob = create_bob(&storage).await;
    begin(&storage, "s:1", &bob.id).await;
    assert!(is_admitted(&storage, "s:1").await);
    assert!(storage.keys.delete("s:1").await.unwrap());
    let charge = Charge { subject: "a".into(), limit: 1, window: HOUR };
    storage.attempts.charge(&[charge], NOW).await.unwrap();
}

#[tokio::test]
async fn certificate_of_the_server_is_checked() {
    let authority = Authority::new();
    let [certificate, key] = [authority.server_certificate(), authority.server_key()];
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _server = Server::start(&[
        "--save",
        "",
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        certificate.to_str().unwrap(),
        "--tls-key-file",
        key.to_str().unwrap(),
        "--tls-auth-clients",
        "no",
        "--tls-ca-cert-file",
        authority.certificate().to_str().unwrap(),
    ]);
    let trusted = std::fs::read(authority.certificate()).unwrap();
    let other = std::fs::read(Authority::new().certificate()).unwrap();
    let with = |certificates: &[u8]| Options {
        root_certificates: Some(certificates.to_owned()),
        ..Options::default()
    };
    let url = |host: &str| format!("rediss://{host}:{port}");
    with(&trusted).open(&url("localhost")).await.unwrap();
    with(&trusted).open(&url("127.0.0.1")).await.unwrap();
    for (options, url) in [
        (with(&other), url("localhost")),
        (Options::default(), url("localhost")),
        (with(b"no certificate"), url("localhost")),
        // The server speaks TLS only at this port.
        (with(&trusted), format!("redis://localhost:{port}")),
    ] {
        let error = options.open(&url).await.unwrap_err();
        assert!(
            matches!(error, OpenError::Unavailable(_) | OpenError::InvalidOptions(_)),
            "{error}"
        );
    }
}
