//! `apikeys`, `createapikey`, `deleteapikey/{id}`, requests with an API key, and the extractors that
//! take them.

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use crossauth_axum::{
    Admin, AnyUser, ApiKey, CsrfChecked, CsrfForm, CurrentUser, FreshUser, KeyScope, Scoped,
    Session,
};
use crossauth_core::api_key::{ApiKeyConfig, NewApiKey};
use http::header::{ACCEPT, AUTHORIZATION, COOKIE};
use http::{Method, Request};
use serde_json::{Map, Value, json};

use crate::browser::{Browser, TestResponse, json_request, request, send_bare};
use crate::site::{PASSWORD, Site, test_storage};

pub(crate) struct Write;

impl KeyScope for Write {
    const NAME: &'static str = "write";
}

#[derive(serde::Deserialize)]
struct Note {
    text: String,
}

impl Site {
    /// A site whose users may have keys, with a handler for each way in.
    pub(crate) fn with_keys() -> Self {
        Self::with_keys_and(|config| config)
    }

    pub(crate) fn with_keys_and(change: impl FnOnce(ApiKeyConfig) -> ApiKeyConfig) -> Self {
        let config = ApiKeyConfig {
            enabled: true,
            scopes: vec!["read".into(), "write".into()],
            edit_user_scope: Some("profile".into()),
            max_lifetime: Some(Duration::from_hours(24 * 90)),
            ..ApiKeyConfig::default()
        };
        let site = Self::with(|site| {
            site.api_keys(change(config)).factors(crate::factor::factors(&[])).admin_endpoints()
        });
        let application = Router::new()
            .route("/app/current", get(async |user: CurrentUser| user.username.clone()))
            .route("/app/admin", get(async |user: Admin| user.username.clone()))
            .route("/app/fresh", get(async |user: FreshUser| user.username.clone()))
            .route("/app/session", get(async |session: Session| format!("{session:?}")))
            .route("/app/any", get(async |user: AnyUser| user.username.clone()))
            .route("/app/optional", get(async |user: Option<AnyUser>| user.is_some().to_string()))
            .route("/app/key", get(async |key: ApiKey| key.name.clone()))
            .route(
                "/app/write",
                post(async |user: Scoped<Write>, CsrfForm(note): CsrfForm<Note>| {
                    format!("{}: {}", user.username, note.text)
                }),
            )
            .route(
                "/app/checked",
                post(async |_: CsrfChecked, user: AnyUser| user.username.clone()),
            )
            .route("/app/import", post(async |key: Scoped<Write, ApiKey>| key.name.clone()));
        let router = site.crossauth.mount(application);
        Self { router, ..site }
    }

    /// The token and the id of a new key of the user of a browser.
    pub(crate) async fn key(&self, browser: &mut Browser, scope: &[&str]) -> (String, String) {
        let count =
            browser.get_json("/api/apikeys").await.json()["apiKeys"].as_array().unwrap().len();
        let body = json!({ "name": format!("key {count}"), "scope": scope });
        let made = browser.post("/api/createapikey", body).await;
        assert_eq!(made.status, 200, "{}", made.body);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&made.json()["token"]), text(&made.json()["apiKey"]["id"]))
    }

    /// A request for JSON with an `Authorization` header.
    pub(crate) async fn get_with(&self, path: &str, authorization: &str) -> TestResponse {
        let request = request(Method::GET, path).header(ACCEPT, "application/json");
        self.browser().send(request.header(AUTHORIZATION, authorization), "").await
    }

    pub(crate) async fn post_with(
        &self,
        path: &str,
        authorization: &str,
        body: Value,
    ) -> TestResponse {
        let request = json_request(path).header(AUTHORIZATION, authorization);
        self.browser().send(request, body.to_string()).await
    }
}

pub(crate) fn header(token: &str) -> String {
    format!("ApiKey {token}")
}

#[tokio::test]
async fn key_is_created_listed_used_and_deleted() {
    let site = Site::with_keys();
    let mut bob = site.logged_in("bob").await;
    let body = json!({ "name": "backup", "expires_in": 3600, "scope": ["read"] });
    let made = bob.post("/api/createapikey", body).await.json();
    let key = &made["apiKey"];
    assert_eq!(
        (&made["ok"], &key["name"], &key["scope"]),
        (&json!(true), &json!("backup"), &json!(["read"]))
    );
    assert!(key["created"].is_string() && key["expires"].is_string() && key["lastUsed"].is_null());
    let listed = bob.get_json("/api/apikeys").await.json();
    assert_eq!(listed, json!({ "ok": true, "apiKeys": [key] }));
    let token = header(made["token"].as_str().unwrap());
    assert_eq!(site.get_with("/app/any", &token).await.body, "bob");
    let path = format!("/api/deleteapikey/{}", key["id"].as_str().unwrap());
    assert_eq!(bob.post(&path, json!({})).await.json(), json!({ "ok": true }));
    bob.post(&path, json!({})).await.assert_failure(404, "BadRequest");
    site.get_with("/app/any", &token).await.assert_failure(401, "InvalidKey");
    assert_eq!(bob.get_json("/api/apikeys").await.json()["apiKeys"], json!([]));
}

#[tokio::test]
async fn pages_create_show_and_delete_a_key() {
    let site = Site::with_keys();
    let mut bob = site.logged_in("bob").await;
    bob.get("/apikeys").await.assert_page(200, "You have no keys");
    bob.get("/createapikey").await.assert_page(200, "90 days");
    let fields = [
        ("name", "Nightly <backup>"),
        ("scope", "read"),
        ("scope", "write"),
        ("expires_in", "604800"),
    ];
    let made = bob.submit("/createapikey", &fields).await;
    made.assert_page(200, "not shown again");
    assert!(made.body.contains("Nightly &lt;backup&gt;"), "{}", made.body);
    let token = made
        .text()
        .split("translate=\"no\">")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .trim()
        .to_owned();
    assert_eq!(site.get_with("/app/any", &header(&token)).await.body, "bob");
    let page = bob.get("/apikeys").await;
    page.assert_page(200, "read, write");
    assert!(!page.text().contains(&token));
    let id =
        bob.get_json("/api/apikeys").await.json()["apiKeys"][0]["id"].as_str().unwrap().to_owned();
    bob.get(&format!("/deleteapikey/{id}")).await.assert_page(200, "cannot be undone");
    let deleted = bob.submit(&format!("/deleteapikey/{id}"), &[]).await;
    assert_eq!((deleted.status.as_u16(), deleted.location()), (302, Some("/apikeys?done=deleted")));
    bob.get("/apikeys?done=deleted").await.assert_page(200, "The key was deleted");
    bob.get(&format!("/deleteapikey/{id}")).await.assert_page(404, "no such key");
}

/// As in OAuth (RFC 6749 section 3.3), and as a list; each scope counts once.
#[tokio::test]
async fn scope_is_a_list_or_one_text() {
    let site = Site::with_keys();
    let mut bob = site.logged_in("bob").await;
    for (number, (scope, expected)) in [
        (json!("read write"), json!(["read", "write"])),
        (json!(" write  read write "), json!(["write", "read"])),
        (json!(["read", "read", "write read"]), json!(["read", "write"])),
        (json!(""), json!([])),
        (json!(null), json!([])),
        (json!([]), json!([])),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({ "name": format!("key {number}"), "scope": scope });
        let made = bob.post("/api/createapikey", body).await;
        assert_eq!(made.status, 200, "{scope}: {}", made.body);
        assert_eq!(made.json()["apiKey"]["scope"], expected, "{scope}");
    }
    for scope in [json!(7), json!(true), json!([7]), json!({ "read": true })] {
        let refused = bob.post("/api/createapikey", json!({ "name": "x", "scope": scope })).await;
        refused.assert_failure(400, "BadRequest");
        assert!(refused.body.contains("Scope has the wrong type"), "{}", refused.body);
    }
    let made = bob.submit("/createapikey", &[("name", "page"), ("scope", "read write")]).await;
    made.assert_page(200, "not shown again");
    let keys = bob.get_json("/api/apikeys").await.json();
    let page = keys["apiKeys"].as_array().unwrap().iter().find(|key| key["name"] == "page");
    assert_eq!(page.unwrap()["scope"], json!(["read", "write"]));
}

#[tokio::test]
async fn account_page_leads_to_the_keys_where_there_are_keys() {
    let keys = ApiKeyConfig { enabled: true, ..ApiKeyConfig::default() };
    let with_keys = Site::with(|site| site.api_keys(keys));
    let page = with_keys.logged_in("bob").await.get("/").await;
    page.assert_page(200, "href=\"/apikeys\"");
    let page = Site::new().logged_in("bob").await.get("/").await;
    assert!(!page.text().contains("apikeys"), "{}", page.body);
}

#[tokio::test]
async fn page_says_which_scope_or_lifetime_is_refused() {
    let site = Site::with_keys();
    let mut bob = site.logged_in("bob").await;
    for (field, value, message) in [
        ("scope", "admin", "\"admin\" is not available"),
        ("expires_in", "31536000", "Lifetime must be at most 90 days"),
    ] {
        let page = bob.submit("/createapikey", &[("name", "x"), (field, value)]).await;
        page.assert_page(400, message);
    }
}

#[tokio::test]
async fn errors_of_the_form_name_their_field() {
    let site = Site::with_keys();
    let mut bob = site.logged_in("bob").await;
    site.key(&mut bob, &[]).await;
    for (body, status, code, field) in [
        (json!({ "name": "" }), 400, "FormEntry", "name"),
        (json!({ "name": "key 0" }), 400, "KeyExists", "name"),
        (json!({ "name": "x", "scope": ["admin"] }), 400, "InvalidScope", "scope"),
        (json!({ "name": "x", "expires_in": 0 }), 400, "FormEntry", "expires_in"),
        (json!({ "name": "x", "expires_in": 24 * 91 * 3600 }), 400, "FormEntry", "expires_in"),
    ] {
        let refused = bob.post("/api/createapikey", body).await;
        refused.assert_failure(status, code);
        assert!(refused.json()["fieldErrors"][field].is_array(), "{}", refused.body);
    }
    bob.post("/api/createapikey", json!({})).await.assert_failure(400, "BadRequest");
    let fields = [("name", "key 0"), ("scope", "read"), ("scope", "write")];
    let page = bob.submit("/createapikey", &fields).await;
    page.assert_page(400, "that of another key");
    for chosen in ["value=\"read\" checked", "value=\"write\" checked"] {
        assert!(page.body.contains(chosen), "{}", page.body);
    }
    site.clock.advance(Duration::from_hours(1));
    let body = json!({ "name": "late" });
    bob.post("/api/createapikey", body).await.assert_failure(401, "UsernameOrPasswordInvalid");
    let body = json!({ "name": "late", "password": "wrong" });
    bob.post("/api/createapikey", body).await.assert_failure(401, "UsernameOrPasswordInvalid");
    bob.get("/createapikey").await.assert_page(200, "type=\"password\"");
    let body = json!({ "name": "late", "password": PASSWORD });
    assert_eq!(bob.post("/api/createapikey", body).await.status, 200);
}

#[tokio::test]
async fn second_factor_is_demanded_for_a_new_key() {
    let site = Site::with_keys();
    let mut bob = site.enrolled_browser("bob").await;
    let asked = bob.browser.post("/api/createapikey", json!({ "name": "backup" })).await;
    assert_eq!(asked.json()["factor2Required"], json!(true), "{}", asked.body);
    assert_eq!(bob.browser.get_json("/api/apikeys").await.json()["apiKeys"], json!([]));
    let otp = site.totp_code(&bob.secret);
    let made = bob.browser.post("/api/createapikey", json!({ "otp": otp })).await;
    assert!(made.json()["token"].is_string(), "{}", made.body);
}

#[tokio::test]
async fn each_extractor_says_what_it_takes() {
    let site = Site::with_keys();
    let mut bob = site.administrator("bob").await;
    let (token, _) = site.key(&mut bob, &["read", "write"]).await;
    let own = site
        .crossauth
        .auth()
        .api_keys
        .create(NewApiKey { scope: vec!["write".into()], ..NewApiKey::new("cron") });
    let own = header(&own.await.unwrap().token);
    let token = header(&token);
    for path in ["/app/current", "/app/admin", "/app/fresh", "/app/session"] {
        assert_eq!(bob.get_json(path).await.status, 200, "{path}");
        assert_eq!(site.get_with(path, &token).await.status, 401, "{path}");
        assert_eq!(site.get_with(path, &own).await.status, 401, "{path}");
    }
    assert_eq!(bob.get_json("/app/any").await.body, "bob");
    assert_eq!(site.get_with("/app/any", &token).await.body, "bob");
    site.get_with("/app/any", &own).await.assert_failure(401, "Unauthorized");
    for (authorization, expected) in [(&token, "true"), (&own, "false")] {
        assert_eq!(site.get_with("/app/optional", authorization).await.body, expected);
    }
    assert_eq!(site.get_with("/app/key", &token).await.body, "key 0");
    assert_eq!(site.get_with("/app/key", &own).await.body, "cron");
    let needed = bob.get_json("/app/key").await;
    needed.assert_failure(401, "Unauthorized");
    assert_eq!(needed.header("www-authenticate"), Some("ApiKey"));
    assert_eq!(site.post_with("/app/import", &own, json!({})).await.body, "cron");
}

#[tokio::test]
async fn key_changes_profile_fields_only_with_the_scope_for_it() {
    let site = Site::with_keys();
    let mut bob = site.logged_in("bob").await;
    let (read, _) = site.key(&mut bob, &["read", "write"]).await;
    let (edit, _) = site.key(&mut bob, &["profile"]).await;
    let path = "/api/updateuser";
    let body = json!({ "user_phone": "+431234", "user_admin": true });
    let refused = site.post_with(path, &header(&read), body.clone()).await;
    refused.assert_failure(403, "InsufficientScope");
    let changed = site.post_with(path, &header(&edit), body).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let (user, _) = site.found("bob").await.unwrap();
    assert_eq!((user.extra.get("phone"), user.admin), (Some(&json!("+431234")), false));
    let refused =
        site.post_with(path, &header(&edit), json!({ "user_email": "m@example.com" })).await;
    refused.assert_failure(400, "FormEntry");
    assert_eq!(site.found("bob").await.unwrap().0.email, None);
    let page = site.post_with("/updateuser", &header(&edit), json!({ "user_phone": "1" })).await;
    assert_eq!(page.status, 401, "{}", page.body);
}

#[tokio::test]
async fn other_schemes_are_left_to_the_application() {
    let site = Site::with_keys();
    for other in ["Bearer abc", "Basic Ym9iOmJvYg==", "ApiKeys abc", "abc", ""] {
        assert_eq!(site.get_with("/app/optional", other).await.body, "false", "{other}");
    }
}

#[tokio::test]
async fn scheme_is_configured_and_has_any_case() {
    let site = Site::with_keys_and(|config| ApiKeyConfig { scheme: "X-Token".into(), ..config });
    let mut bob = site.logged_in("bob").await;
    let (token, _) = site.key(&mut bob, &[]).await;
    for scheme in ["X-Token", "x-token", "X-TOKEN "] {
        assert_eq!(site.get_with("/app/any", &format!("{scheme} {token}")).await.body, "bob");
    }
    assert_eq!(site.get_with("/app/optional", &header(&token)).await.body, "false");
}

#[tokio::test]
async fn without_the_option_keys_are_neither_read_nor_made() {
    let site = Site::with_keys_and(|config| ApiKeyConfig { enabled: false, ..config });
    let mut bob = site.logged_in("bob").await;
    let key = site.crossauth.auth().api_keys.create(NewApiKey::new("cron")).await.unwrap();
    assert_eq!(site.get_with("/app/optional", &header(&key.token)).await.body, "false");
    assert_eq!(site.get_with("/app/key", &header(&key.token)).await.status, 401);
    for path in ["/apikeys", "/api/apikeys", "/createapikey"] {
        assert_eq!(bob.get_json(path).await.status, 404, "{path}");
    }
    bob.get("/").await;
    assert!(!bob.get("/apikeys").await.body.contains("createapikey"));
}

#[tokio::test]
async fn store_that_fails_is_not_a_refusal() {
    let storage = test_storage();
    let site = Site::over(storage.storage(), |site| {
        site.api_keys(ApiKeyConfig { enabled: true, ..ApiKeyConfig::default() })
    });
    let key = site.crossauth.auth().api_keys.create(NewApiKey::new("cron")).await.unwrap();
    storage.take_calls();
    let path = "/api/getcsrftoken";
    assert_eq!(site.get_with(path, &header(&key.token)).await.status, 200);
    assert_eq!(storage.take_calls(), ["sessions.find"]);
    storage.fail();
    site.get_with(path, &header(&key.token)).await.assert_failure(503, "Connection");
}

/// The extractors work for keys with data of the application.
#[tokio::test]
async fn data_of_a_key_reaches_the_handler() {
    let site = Site::with_keys();
    let data = Map::from_iter([("bucket".to_owned(), json!("nightly"))]);
    let key = site.crossauth.auth().api_keys.create(NewApiKey { data, ..NewApiKey::new("cron") });
    let key = key.await.unwrap();
    let application =
        Router::new().route("/bucket", get(async |key: ApiKey| key.data["bucket"].to_string()));
    let router = site.crossauth.mount(application);
    let request = Request::get("/bucket").header(AUTHORIZATION, header(&key.token));
    let response = send_bare(&router, request.body("".into()).unwrap()).await;
    assert_eq!(response.body, "\"nightly\"");
    let request = Request::get("/bucket").header(COOKIE, "SESSIONID=x");
    assert_eq!(send_bare(&router, request.body("".into()).unwrap()).await.status, 401);
}
