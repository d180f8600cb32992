//! Embedding in an application: extractors, sessions, forms.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use crossauth_axum::{
    Admin, Crossauth, CrossauthLayer, CsrfForm, CsrfToken, CurrentUser, ProtectedEndpoints, Session,
};
use crossauth_core::account::Role;
use crossauth_core::key::DataChange;
use crossauth_core::user::UserUpdate;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::browser::{Browser, json_request, request};
use crate::site::{PASSWORD, Site};

#[derive(Deserialize)]
struct Note {
    text: String,
}

async fn mine(user: CurrentUser) -> String {
    format!("of {}", user.username)
}

async fn anyone(user: Option<CurrentUser>) -> String {
    user.map_or("visitor".into(), |user| user.username.clone())
}

async fn administer(admin: Admin) -> String {
    format!("admin {}", admin.username)
}

async fn note(user: CurrentUser, CsrfForm(note): CsrfForm<Note>) -> String {
    format!("{}: {}", user.username, note.text)
}

async fn basket(session: Session) -> String {
    Value::Object(session.data()).to_string()
}

async fn has_session(session: Option<Session>) -> String {
    session.is_some().to_string()
}

async fn add(session: Session, CsrfForm(note): CsrfForm<Note>) -> StatusCode {
    let changes = [DataChange::set("basket", json!({})), DataChange::set("basket.item", note.text)];
    match session.update(&changes).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::CONFLICT,
    }
}

async fn add_badly(session: Session) -> StatusCode {
    let changes = [DataChange::set("basket.item", "lost"), DataChange::set("no.such.parent", 1)];
    match session.update(&changes).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::CONFLICT,
    }
}

fn application(crossauth: &Crossauth) -> Router {
    let shop = crossauth.clone();
    let begin = move || async move {
        let data = json!({"basket": {"item": "tea"}}).as_object().unwrap().clone();
        let session = shop.begin_anonymous_session(&data).await.unwrap();
        (session, "welcome").into_response()
    };
    Router::new()
        .route("/mine", get(mine).post(mine))
        .route("/anyone", get(anyone))
        .route("/admin", get(administer))
        .route("/note", post(note))
        .route("/basket", get(basket).post(add))
        .route("/basket/bad", get(add_badly))
        .route("/has-session", get(has_session))
        .route("/begin", get(begin))
}

/// A site and its application, with our routes under `prefix`.
fn embedded(prefix: &'static str) -> (Site, impl Fn() -> Browser) {
    let site = Site::with(|site| site.prefix(prefix));
    let router = site.crossauth.mount(application(&site.crossauth));
    let browser = move || {
        let mut browser = Browser::new(router.clone());
        browser.prefix = prefix;
        browser
    };
    (site, browser)
}

#[tokio::test]
async fn current_user_is_the_logged_in_user_however_the_routes_are_added() {
    for prefix in ["/", "/auth/"] {
        let (site, browser) = embedded(prefix);
        site.account("bob", Role::User).await;
        let mut bob = browser();
        let sent = bob.get("/mine?a=1").await;
        let login = format!("{prefix}login?next=%2Fmine%3Fa%3D1");
        assert_eq!((sent.status.as_u16(), sent.location()), (302, Some(login.as_str())));
        bob.get_json("/mine").await.assert_failure(401, "Unauthorized");
        assert_eq!(bob.get("/anyone").await.body, "visitor");
        assert_eq!(bob.get(&format!("{prefix}login")).await.status, 200);
        assert_eq!(bob.log_in("bob", PASSWORD).await.status, 200);
        assert_eq!(bob.get("/mine").await.body, "of bob");
        assert_eq!(bob.get("/anyone").await.body, "bob");
        let out = bob.post(&format!("{prefix}api/logout"), json!({})).await;
        assert_eq!(out.status, 200, "{}", out.body);
        assert_eq!(bob.get("/anyone").await.body, "visitor");
    }
}

#[tokio::test]
async fn nested_routes_redirect_to_the_full_path_and_keep_their_surface() {
    let site = Site::new();
    let inner = || Router::new().route("/a", get(mine));
    let deeper = Router::new().nest("/deeper", inner());
    let application = Router::new()
        .nest("/private", inner())
        .nest("/very", deeper)
        .nest("/api/v1", inner())
        .nest_service("/service", inner());
    let router = site.crossauth.mount(application);
    for path in ["/private/a?x=1", "/very/deeper/a", "/service/a"] {
        let sent = Browser::new(router.clone()).get(path).await;
        let next: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        let login = format!("/login?next={next}");
        assert_eq!((sent.status.as_u16(), sent.location()), (302, Some(&*login)), "{path}");
    }
    let api = Browser::new(router.clone()).get("/api/v1/a").await;
    api.assert_failure(401, "Unauthorized");
    // Layers of single routes in a nested router see the same URI.
    let layered = Router::new().nest("/private", inner().layer(site.crossauth.layer()));
    let sent = Browser::new(layered).get("/private/a").await;
    assert_eq!(sent.location(), Some("/login?next=%2Fprivate%2Fa"));
}

#[tokio::test]
async fn nested_site_responds_with_json_on_api_routes_for_any_accept_header() {
    let site = Site::new();
    let router = Router::new().nest_service("/auth", site.crossauth.site());
    let post = request(Method::POST, "/auth/api/login").header("accept", "text/html");
    Browser::new(router.clone()).send(post, "").await.assert_failure(401, "InvalidCsrf");
    let page = Browser::new(router).get("/auth/login").await;
    assert_eq!(page.status.as_u16(), 200);
}

#[tokio::test]
async fn nested_layer_has_no_effect() {
    let site = Site::new();
    let inside = Router::new().route("/mine", get(mine)).layer(site.crossauth.layer());
    let router = site.crossauth.mount(inside);
    let mut bob = Browser::new(router);
    bob.cookies = site.logged_in("bob").await.cookies;
    let response = bob.get("/mine").await;
    assert_eq!(response.body, "of bob");
    assert_eq!(response.headers.get_all("x-request-id").iter().count(), 1);
}

#[tokio::test]
async fn form_sent_after_logout_is_not_redirected() {
    let (_site, browser) = embedded("/");
    let post = request(Method::POST, "/mine").header("accept", "text/html");
    browser().send(post, "").await.assert_page(401, "Please log in");
    browser().send(json_request("/mine"), "{}").await.assert_failure(401, "Unauthorized");
}

#[tokio::test]
async fn admin_requires_a_current_administrator() {
    let (site, browser) = embedded("/");
    let root = site.account("root", Role::Administrator).await;
    site.account("bob", Role::User).await;
    let sent = browser().get("/admin").await;
    assert_eq!((sent.status.as_u16(), sent.location()), (302, Some("/login?next=%2Fadmin")));
    browser().get_json("/admin").await.assert_failure(401, "Unauthorized");
    let mut bob = browser();
    bob.log_in("bob", PASSWORD).await;
    let refused = bob.get_json("/admin").await;
    refused.assert_failure(401, "InsufficientPriviledges");
    assert_eq!(refused.json()["errorCode"], json!(18));
    bob.get("/admin").await.assert_page(401, "You do not have access");
    let mut admin = browser();
    admin.log_in("root", PASSWORD).await;
    assert_eq!(admin.get("/admin").await.body, "admin root");
    site.change(&root, UserUpdate { admin: Some(false), ..UserUpdate::default() }).await;
    admin.get_json("/admin").await.assert_failure(401, "InsufficientPriviledges");
    site.change(&root, UserUpdate { admin: Some(true), ..UserUpdate::default() }).await;
    site.set_state(&root, "disabled").await;
    admin.get_json("/admin").await.assert_failure(401, "Unauthorized");
}

#[tokio::test]
async fn application_form_passes_the_csrf_check() {
    let (site, browser) = embedded("/auth/");
    site.account("bob", Role::User).await;
    let mut bob = browser();
    bob.log_in("bob", PASSWORD).await;
    assert_eq!(bob.submit("/note", &[("text", "hi"), ("more", "x")]).await.body, "bob: hi");
    assert_eq!(bob.post("/note", json!({"text": "hi"})).await.body, "bob: hi");
    bob.submit_bare("/note", &[("text", "hi")])
        .await
        .assert_page(401, "This form was not accepted");
    let foreign = browser().csrf_token().await;
    let response = bob.post_with_token("/note", json!({"text": "hi"}), &foreign).await;
    response.assert_failure(401, "InvalidCsrf");
    bob.post("/note", json!({"text": ["hi"]})).await.assert_failure(400, "BadRequest");
    bob.post("/note", json!({})).await.assert_failure(400, "BadRequest");
    let long = "a".repeat(70_000);
    bob.post("/note", json!({ "text": long })).await.assert_failure(413, "BadRequest");
    browser().post("/note", json!({"text": "hi"})).await.assert_failure(401, "Unauthorized");
}

#[tokio::test]
async fn anonymous_session_keeps_data() {
    let (site, browser) = embedded("/");
    let mut shopper = browser();
    assert_eq!(shopper.get("/has-session").await.body, "false");
    shopper.get_json("/basket").await.assert_failure(401, "InvalidSession");
    let begun = shopper.get("/begin").await;
    assert_eq!(begun.body, "welcome");
    let cookie = begun.set_cookie("SESSIONID").unwrap();
    assert!(cookie.contains("; HttpOnly") && !cookie.contains("Expires"), "{cookie}");
    assert_eq!(shopper.get("/has-session").await.body, "true");
    assert_eq!(shopper.get("/basket").await.body, r#"{"basket":{"item":"tea"}}"#);
    let added = shopper.submit("/basket", &[("text", "milk")]).await;
    assert_eq!(added.status, 204, "{}", added.body);
    assert_eq!(shopper.get("/basket").await.body, r#"{"basket":{"item":"milk"}}"#);
    // All changes are applied or none.
    assert_eq!(shopper.get("/basket/bad").await.status, 409);
    assert_eq!(shopper.get("/basket").await.body, r#"{"basket":{"item":"milk"}}"#);
    assert_eq!(shopper.get("/anyone").await.body, "visitor");
    // A login begins a new session; the anonymous one ends.
    let mut old = shopper.copy();
    site.account("bob", Role::User).await;
    shopper.log_in("bob", PASSWORD).await;
    assert_eq!(shopper.get("/basket").await.body, "{}");
    assert_eq!(old.get("/has-session").await.body, "false");
}

#[tokio::test]
async fn data_of_an_ended_session_is_not_changed() {
    let site = Site::new();
    let crossauth = site.crossauth.clone();
    let end_then_add = move |session: Session, user: CurrentUser| async move {
        crossauth.auth().accounts.end_sessions(&user.id, None).await.unwrap();
        session.update(&[DataChange::set("a", 1)]).await.is_err().to_string()
    };
    let application = Router::new().route("/end", get(end_then_add));
    let mut bob = Browser::new(site.crossauth.mount(application));
    site.account("bob", Role::User).await;
    bob.log_in("bob", PASSWORD).await;
    assert_eq!(bob.get("/end").await.body, "true");
}

#[tokio::test]
async fn extractors_without_the_layer_explain_the_error() {
    let site = Site::new();
    let mut browser = Browser::new(application(&site.crossauth));
    let explanation = "on a route without Crossauth's layer";
    for path in ["/mine", "/anyone", "/admin", "/basket", "/has-session"] {
        let response = browser.get(path).await;
        assert_eq!(response.status, 500, "{path}");
        assert_eq!(response.body.contains(explanation), cfg!(debug_assertions), "{path}");
    }
    let response = browser.submit_bare("/note", &[("text", "hi")]).await;
    assert_eq!(response.status, 500);
    assert_eq!(response.body.contains(explanation), cfg!(debug_assertions));
}

#[tokio::test]
async fn layer_may_wrap_some_routes_only() {
    let site = Site::new();
    let layer: CrossauthLayer = site.crossauth.layer();
    let inside = application(&site.crossauth).layer(layer);
    let outside = Router::new().route("/plain", get(|| async { "plain" }));
    let mut browser = Browser::new(outside.merge(inside));
    let plain = browser.get("/plain").await;
    assert_eq!(plain.body, "plain");
    assert!(plain.set_cookies().is_empty());
    assert_eq!(browser.get("/anyone").await.body, "visitor");
}

#[tokio::test]
async fn responses_of_the_application_keep_their_headers() {
    async fn own() -> Response {
        ([("cache-control", "public"), ("set-cookie", "theme=dark")], "own").into_response()
    }
    let site = Site::new();
    let mut browser = Browser::new(site.crossauth.mount(Router::new().route("/own", get(own))));
    let response = browser.get("/own").await;
    assert_eq!(response.header("cache-control"), Some("public"));
    assert_eq!(response.set_cookie("theme"), Some("theme=dark"));
}

#[tokio::test]
async fn cacheable_responses_set_no_cookies() {
    let cached = |kind: &'static str| {
        get(move |CsrfToken(token): CsrfToken| async move { ([("cache-control", kind)], token) })
    };
    let site = Site::new();
    let mut application = Router::new();
    let kinds = [
        ("public, max-age=60", false),
        ("Public", false),
        ("s-maxage=60", false),
        ("S-MaxAge=60", false),
        ("max-age=3600", false),
        ("private, max-age=60", true),
        ("max-age=60, Private", true),
        ("no-store", true),
        ("no-cache", true),
    ];
    for (index, (kind, _)) in kinds.into_iter().enumerate() {
        application = application.route(&format!("/{index}"), cached(kind));
    }
    let router = site.crossauth.mount(application);
    for (index, (kind, visitor)) in kinds.into_iter().enumerate() {
        let response = Browser::new(router.clone()).get(&format!("/{index}")).await;
        assert_eq!(response.set_cookie("CSRFTOKEN").is_some(), visitor, "{kind}");
        assert_eq!(response.header("x-crossauth-csrf").is_some(), visitor, "{kind}");
    }
}

#[tokio::test]
async fn response_that_begins_a_session_is_not_cacheable() {
    let site = Site::new();
    let crossauth = site.crossauth.clone();
    let begin = move || async move {
        let session = crossauth.begin_anonymous_session(&Map::new()).await.unwrap();
        (session, [("cache-control", "public, max-age=60")], "welcome")
    };
    let router = site.crossauth.mount(Router::new().route("/begin", get(begin)));
    let response = Browser::new(router).get("/begin").await;
    assert!(response.set_cookie("SESSIONID").is_some());
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn unreachable_prefix_is_rejected() {
    let site = Site::new();
    for bad in ["/../", "/{x}/", "/a b/", "/./"] {
        let builder = Crossauth::builder().secret(crate::site::SECRET).prefix(bad);
        let refused = builder.storage(site.storage.clone()).build().unwrap_err();
        assert!(refused.to_string().contains("prefix"), "{bad}: {refused}");
    }
}

#[tokio::test]
async fn second_factor_cannot_be_demanded_at_an_endpoint_that_does_not_exist() {
    let site = Site::new();
    for (listed, exists) in [
        ("/auth/updateuser", true),
        ("updateuser", true),
        ("/api/updateuser/", true),
        ("/auth/upadteuser", false),
        ("/api/sessions", false),
        ("", false),
    ] {
        let pages = vec![listed.to_owned()];
        let endpoints = ProtectedEndpoints { pages, ..ProtectedEndpoints::default() };
        let builder = Crossauth::builder().secret(crate::site::SECRET).prefix("/auth/");
        let built = builder.storage(site.storage.clone()).protected_endpoints(endpoints).build();
        let reason = built.err().map(|error| error.to_string());
        assert_eq!(reason.is_none(), exists, "{listed}: {reason:?}");
        assert!(reason.is_none_or(|reason| reason.contains(&format!("{listed:?}"))));
    }
}

#[tokio::test]
async fn csrf_header_must_not_be_a_standard_header() {
    let site = Site::new();
    for name in ["Content-Length", "Set-Cookie", "Transfer-Encoding", "x y", ""] {
        let builder = Crossauth::builder().secret(crate::site::SECRET).csrf_header(name);
        assert!(builder.storage(site.storage.clone()).build().is_err(), "{name}");
    }
    let builder = Crossauth::builder().secret(crate::site::SECRET).csrf_header("X-My-Token");
    assert!(builder.storage(site.storage.clone()).build().is_ok());
}
