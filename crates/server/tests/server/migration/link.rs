//! Links that upstream has mailed before the move.

use reqwest::Method;
use serde_json::{Value, json};

use super::upstream::{UPSTREAMS, Upstream};
use super::{log_in, send, server_after, stored};

/// The token of [`Upstream::link`].
const TOKEN: &str = "AAECAwQFBgcICQoLDA0ODw";

/// A mail server that does not answer, by the names of upstream.
const MAIL: [(&str, &str); 4] = [
    ("CROSSAUTH_EMAIL_FROM", "noreply@example.com"),
    ("CROSSAUTH_SMTP_HOST", "127.0.0.1"),
    ("CROSSAUTH_SMTP_PORT", "9"),
    ("CROSSAUTH_SMTP_USE_TLS", "false"),
];

fn column(server: &crossauth_testkit::server::Server, upstream: &Upstream, name: &str) -> String {
    stored(server, &format!("SELECT {name} FROM {} WHERE id = 7", upstream.users))
}

async fn json_of(response: reqwest::Response) -> Value {
    response.json().await.unwrap()
}

#[tokio::test]
async fn verification_link_of_upstream_verifies_the_address() {
    for upstream in UPSTREAMS {
        let state = format!("UPDATE {} SET state = 'awaitingemailverification';", upstream.users);
        let statements = format!("{state}{}", upstream.link("e:", ""));
        let server = server_after(&upstream, &statements, &MAIL);
        assert_eq!(log_in(&server, super::PASSWORD).await.status(), 403);
        let page = reqwest::get(server.url(&format!("/verifyemail/{TOKEN}"))).await.unwrap();
        assert_eq!(page.status(), 200);
        assert_eq!(column(&server, &upstream, "state"), "awaitingemailverification");
        let path = format!("/api/verifyemail/{TOKEN}");
        let verified = reqwest::get(server.url(&path)).await.unwrap();
        assert_eq!(verified.status(), 200);
        assert_eq!(json_of(verified).await["user"]["username"], "Bob");
        assert_eq!(column(&server, &upstream, "state"), "active");
        assert_eq!(log_in(&server, super::PASSWORD).await.status(), 200);
        assert_eq!(reqwest::get(server.url(&path)).await.unwrap().status(), 401);
    }
}

#[tokio::test]
async fn verification_link_of_upstream_changes_the_address() {
    for upstream in UPSTREAMS {
        let statements = upstream.link("e:", "bob@new.com");
        let server = server_after(&upstream, &statements, &MAIL);
        let body = json!({ "token": TOKEN });
        let response = send(&server, Method::POST, "/api/verifyemail", "", &body).await;
        assert_eq!(response.status(), 200);
        let user = json_of(response).await["user"].clone();
        assert_eq!(
            (&user["email"], &user["oldEmail"]),
            (&json!("bob@new.com"), &json!("bob@bob.com"))
        );
        assert_eq!(column(&server, &upstream, "email_normalized"), "bob@new.com");
    }
}

#[tokio::test]
async fn reset_link_of_upstream_sets_a_password() {
    for upstream in UPSTREAMS {
        let server = server_after(&upstream, &upstream.link("p:", ""), &MAIL);
        let page = reqwest::get(server.url(&format!("/resetpassword/{TOKEN}"))).await.unwrap();
        assert_eq!(page.status(), 200);
        let reset = async |password: &str| {
            let body = json!({
                "token": TOKEN, "new_password": password, "repeat_password": password,
            });
            send(&server, Method::POST, "/api/resetpassword", "", &body).await.status()
        };
        assert_eq!(reset("short").await, 401);
        assert_eq!(reset("Another-Horse-8").await, 200);
        assert_eq!(reset("Third-Horse-9").await, 401);
        assert_eq!(log_in(&server, super::PASSWORD).await.status(), 401);
        assert_eq!(log_in(&server, "Another-Horse-8").await.status(), 200);
    }
}
