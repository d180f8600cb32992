//! `dev/outbox`: messages that were not sent, in development.

use crossauth_core::message::{MessageKind, Recipient};
use http::Method;
use http::header::HOST;
use serde_json::{Map, json};

use crate::browser::request;
use crate::site::Site;

async fn enqueue(site: &Site, to: &str, token: &str) {
    let auth = site.crossauth.auth();
    let variables = Map::from_iter([("token".to_owned(), json!(token))]);
    let to = Recipient::Email(to.into());
    let message = auth.messages.compose(MessageKind::PasswordReset, to, None, variables).unwrap();
    auth.outbox.enqueue(&[message]).await.unwrap();
    auth.outbox.send_now().await.unwrap();
}

#[tokio::test]
async fn messages_are_shown_in_development() {
    let site = Site::with(crossauth_axum::Builder::preview_messages);
    site.browser().get("/dev/outbox").await.assert_page(200, "There are no messages yet");
    enqueue(&site, "ada@example.com", "t0ken-of-ada").await;
    enqueue(&site, "<b>@example.com", "https://a.example/<i>").await;
    let page = site.browser().get("/dev/outbox").await;
    page.assert_page(200, "ada@example.com");
    let (first, second) = (page.body.find("t0ken-of-ada"), page.body.find("a.example/"));
    assert!(second < first, "the latest is first: {}", page.body);
    assert!(!page.body.contains("<b>") && !page.body.contains("<i>"), "{}", page.body);
    assert!(page.body.contains("href=\"http"), "links can be followed: {}", page.body);
}

#[tokio::test]
async fn messages_are_not_shown_under_a_name_that_another_site_may_own() {
    let site = Site::with(crossauth_axum::Builder::preview_messages);
    enqueue(&site, "ada@example.com", "t0ken-of-ada").await;
    for (host, status) in [
        ("evil.example", 404),
        ("localhost.evil.example:3000", 404),
        ("127.0.0.1.evil.example", 404),
        ("localhost:3000", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:3000", 200),
    ] {
        let request = request(Method::GET, "/dev/outbox").header(HOST, host);
        let page = site.browser().send(request, "").await;
        assert_eq!(page.status.as_u16(), status, "{host}: {}", page.body);
        assert_eq!(page.body.contains("t0ken-of-ada"), status == 200, "{host}");
    }
}

#[tokio::test]
async fn there_is_no_such_page_otherwise() {
    let site = Site::new();
    enqueue(&site, "ada@example.com", "t0ken-of-ada").await;
    for path in ["/dev/outbox", "/dev/outbox/", "/dev"] {
        let page = site.browser().get(path).await;
        page.assert_page(404, "Page not found");
        assert!(!page.body.contains("t0ken-of-ada"));
    }
    let paths: Vec<_> = site.crossauth.endpoints().into_iter().map(|one| one.path).collect();
    assert!(!paths.contains(&"/dev/outbox".to_owned()), "{paths:?}");
}

#[tokio::test]
async fn r1_a_forged_host_does_not_stand_in_a_message() {
    let site = Site::with(|site| site.preview_messages().base_url("https://a.example"));
    let shown = &site.crossauth.auth().outbox;
    enqueue(&site, "ada@example.com", "t").await;
    let [message] = &shown.preview().unwrap().messages()[..] else { panic!() };
    assert!(message.rendered.text.contains("siteUrl: https://a.example\n"), "{message:?}");
    assert!(message.rendered.text.contains("prefix: /\n"));
}
