//! Attacks on API keys.

use std::time::Duration;

use crossauth_core::api_key::{ApiKeyRefused, NewApiKey};
use crossauth_core::audit::Act;
use crossauth_core::key::KeyPrefix;
use crossauth_core::message::MessageKind;
use crossauth_core::secret::Password;
use crossauth_core::storage::AuditFilter;
use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, ORIGIN};
use serde_json::json;

use crate::api_key::header;
use crate::browser::{json_request, request};
use crate::site::{PASSWORD, Site};

#[tokio::test]
async fn k1_without_a_session_no_key_is_made_for_a_user_in_the_body() {
    let site = Site::with_keys();
    let mut bob = site.logged_in("bob").await;
    let id = site.found("bob").await.unwrap().0.id;
    let body = json!({ "name": "x", "user_id": id, "userid": id, "owner": id });
    site.browser()
        .post("/api/createapikey", body.clone())
        .await
        .assert_failure(401, "Unauthorized");
    let mut mallory = site.logged_in("mallory").await;
    assert_eq!(mallory.post("/api/createapikey", body).await.status, 200);
    assert_eq!(bob.get_json("/api/apikeys").await.json()["apiKeys"], json!([]));
    let own = mallory.get_json("/api/apikeys").await.json();
    assert_eq!(own["apiKeys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn k2_scopes_and_lifetime_of_a_key_do_not_exceed_those_of_its_owner() {
    let site = Site::with_keys();
    let mut bob = site.logged_in("bob").await;
    for scope in [json!(["admin"]), json!(["read", "*"]), json!(["read admin"]), json!([""])] {
        let refused = bob.post("/api/createapikey", json!({ "name": "x", "scope": scope })).await;
        if refused.status == 200 {
            assert_eq!(refused.json()["apiKey"]["scope"], json!([]), "{scope}");
        } else {
            refused.assert_failure(400, "InvalidScope");
        }
    }
    let body = json!({ "name": "y", "expires_in": u64::MAX });
    assert_eq!(bob.post("/api/createapikey", body).await.status, 400);
}

#[tokio::test]
async fn k3_key_is_shown_once_and_stored_as_a_hash() {
    let site = Site::with_keys();
    let mut bob = site.logged_in("bob").await;
    let (token, id) = site.key(&mut bob, &["read"]).await;
    let user = site.found("bob").await.unwrap().0.id;
    let stored = site.storage.keys.list_for_user(Some(&user), KeyPrefix::ApiKey, None, 9).await;
    let stored = format!("{stored:?}");
    for path in ["/api/apikeys", "/apikeys", &format!("/deleteapikey/{id}")] {
        let shown = bob.get(path).await.body;
        for part in token.split('.') {
            assert!(!shown.contains(part) && !stored.contains(part), "{path}");
        }
    }
    // The id is no credential.
    assert_eq!(site.get_with("/app/any", &header(&id)).await.status, 401);
}

#[tokio::test]
async fn k4_k5_k6_deleted_expired_and_ownerless_keys_are_refused_at_once() {
    let site = Site::with_keys();
    let mut bob = site.logged_in("bob").await;
    let (deleted, id) = site.key(&mut bob, &[]).await;
    bob.post(&format!("/api/deleteapikey/{id}"), json!({})).await;
    for path in ["/app/any", "/app/optional", "/api/getcsrftoken", "/login"] {
        let refused = site.get_with(path, &header(&deleted)).await;
        assert_eq!(refused.status, 401, "{path}: {}", refused.body);
        let challenge = refused.header("www-authenticate");
        assert_eq!(challenge, Some("ApiKey error=\"invalid_token\""), "{path}");
    }
    let body = json!({ "name": "short", "expires_in": 60 });
    let short = bob.post("/api/createapikey", body).await.json();
    let short = header(short["token"].as_str().unwrap());
    assert_eq!(site.get_with("/app/any", &short).await.status, 200);
    site.clock.advance(Duration::from_mins(1));
    site.get_with("/app/any", &short).await.assert_failure(401, "Expired");
    let (live, _) = site.key(&mut bob, &[]).await;
    let live = header(&live);
    site.crossauth.auth().accounts.disable("bob").await.unwrap();
    site.get_with("/app/any", &live).await.assert_failure(401, "InvalidKey");
    site.crossauth.auth().accounts.enable("bob").await.unwrap();
    assert_eq!(site.get_with("/app/any", &live).await.status, 200);
    site.crossauth.auth().accounts.delete("bob").await.unwrap();
    site.get_with("/app/any", &live).await.assert_failure(401, "InvalidKey");
}

#[tokio::test]
async fn k7_key_for_reading_does_not_write() {
    let site = Site::with_keys();
    let mut bob = site.logged_in("bob").await;
    let (read, _) = site.key(&mut bob, &["read"]).await;
    let (write, _) = site.key(&mut bob, &["write"]).await;
    let note = json!({ "text": "hello" });
    let refused = site.post_with("/app/write", &header(&read), note.clone()).await;
    refused.assert_failure(403, "InsufficientScope");
    assert_eq!(
        site.post_with("/app/write", &header(&write), note.clone()).await.body,
        "bob: hello"
    );
    assert_eq!(bob.post("/app/write", note).await.body, "bob: hello");
}

#[tokio::test]
async fn k8_key_in_the_query_or_a_cookie_is_not_read() {
    let site = Site::with_keys();
    let mut bob = site.logged_in("bob").await;
    let (token, _) = site.key(&mut bob, &[]).await;
    for name in ["apikey", "api_key", "ApiKey", "token", "access_token", "authorization"] {
        let response = site.browser().get_json(&format!("/app/optional?{name}={token}")).await;
        assert_eq!(response.body, "false", "{name}");
        let mut browser = site.browser();
        browser.cookies.insert(name.to_owned(), token.clone());
        assert_eq!(browser.get_json("/app/optional").await.body, "false", "{name}");
    }
    let mut browser = site.browser();
    browser.cookies.insert("SESSIONID".to_owned(), token);
    assert_eq!(browser.get_json("/app/optional").await.body, "false");
}

/// Each of our endpoints but `api/updateuser` refuses a key, whatever its scopes.
#[tokio::test]
async fn k9_key_opens_none_of_our_endpoints_and_changes_no_credential() {
    let site = Site::with_keys();
    let mut bob = site.administrator("bob").await;
    let (token, _) = site.key(&mut bob, &["read", "write", "profile"]).await;
    let before = site.found("bob").await;
    let keys = bob.get_json("/api/apikeys").await.body;
    let body = json!({
        "name": "x", "username": "mallory", "password": PASSWORD, "old_password": PASSWORD,
        "new_password": "Another-Horse-8", "repeat_password": "Another-Horse-8",
        "repeat_new_password": "Another-Horse-8", "factor2": "totp", "all": true,
    });
    for endpoint in site.crossauth.endpoints() {
        // A logout without a session changes nothing, and is a success.
        if endpoint.path == "/api/updateuser" || endpoint.path.ends_with("logout") {
            continue;
        }
        let path = endpoint.path.replace("{id}", "1").replace("{token}", "1");
        if endpoint.method == Method::POST && !path.ends_with("getcsrftoken") {
            let response = site.post_with(&path, &header(&token), body.clone()).await;
            assert!(response.status.is_client_error(), "{path}: {}", response.body);
            response.assert_no_session();
        }
        if endpoint.method == Method::GET {
            let response = site.get_with(&path, &header(&token)).await;
            assert!(!response.body.contains("\"bob\""), "{path}: {}", response.body);
        }
    }
    assert_eq!(site.found("bob").await, before);
    assert!(site.found("mallory").await.is_none());
    assert_eq!(bob.get_json("/api/apikeys").await.body, keys);
}

#[tokio::test]
async fn k10_key_of_another_user_looks_like_none() {
    let site = Site::with_keys();
    let (mut bob, mut mallory) = (site.logged_in("bob").await, site.logged_in("mallory").await);
    let (token, id) = site.key(&mut bob, &[]).await;
    let path = format!("/api/deleteapikey/{id}");
    let of_other = mallory.post(&path, json!({})).await;
    let of_none = mallory.post("/api/deleteapikey/x", json!({})).await;
    assert_eq!(of_other.shape(), of_none.shape());
    of_other.assert_failure(404, "BadRequest");
    mallory.get(&format!("/deleteapikey/{id}")).await.assert_page(404, "no such key");
    assert_eq!(site.get_with("/app/any", &header(&token)).await.body, "bob");
}

#[tokio::test]
async fn k11_altered_keys_are_refused() {
    let site = Site::with_keys();
    let mut bob = site.logged_in("bob").await;
    let (token, _) = site.key(&mut bob, &[]).await;
    let last = if token.ends_with('A') { 'B' } else { 'A' };
    let cut = &token[..token.len() - 1];
    for altered in [
        format!("{cut}{last}"),
        cut.to_owned(),
        format!("{token}A"),
        format!("{token} A"),
        format!("{token},"),
        token.to_uppercase(),
        token.to_lowercase(),
        token.replace('.', " ."),
        String::new(),
        "A".repeat(5000),
    ] {
        let refused = site.get_with("/app/any", &header(&altered)).await;
        refused.assert_failure(401, "InvalidKey");
    }
    assert_eq!(site.get_with("/app/any", "ApiKey").await.status, 401);
    assert_eq!(site.get_with("/app/any", &header(&token)).await.status, 200);
}

#[tokio::test]
async fn k11_guessed_keys_are_limited_for_each_network_and_recorded() {
    let site = Site::with_keys();
    let mut bob = site.logged_in("bob").await;
    let (token, _) = site.key(&mut bob, &[]).await;
    let present = async |address: &str, token: &str| {
        let request = request(Method::GET, "/app/any").header(ACCEPT, "application/json");
        let request = request.header(AUTHORIZATION, header(token));
        site.browser().at(address).send(request, "").await
    };
    for index in 0..50 {
        let guess = format!("guess{index}");
        present("192.0.2.1", &guess).await.assert_failure(401, "InvalidKey");
    }
    let limited = present("192.0.2.1", "guess").await;
    limited.assert_failure(429, "SlowDown");
    assert!(limited.header("retry-after").is_some());
    present("192.0.2.2", "guess").await.assert_failure(401, "InvalidKey");
    assert_eq!(present("192.0.2.1", &token).await.body, "bob");
    let entries = site.storage.audit.list(&AuditFilter::default(), None, 200).await.unwrap();
    let failed = entries.iter().filter(|entry| entry.act == Act::ApiKeyFailed);
    assert_eq!(failed.count(), 2, "one for each network");
}

#[tokio::test]
async fn k12_session_of_one_user_and_key_of_another_are_refused() {
    let site = Site::with_keys();
    let (mut bob, mut mallory) = (site.logged_in("bob").await, site.logged_in("mallory").await);
    let (of_bob, _) = site.key(&mut bob, &[]).await;
    let (of_mallory, _) = site.key(&mut mallory, &[]).await;
    let own = site.crossauth.auth().api_keys.create(NewApiKey::new("cron")).await.unwrap().token;
    let extractors = ["any", "optional", "current", "admin", "fresh", "session", "key"];
    let paths = extractors.map(|name| format!("/app/{name}"));
    let csrf = bob.csrf_token().await;
    for token in [&of_mallory, &own] {
        for path in paths.iter().map(String::as_str).chain(["/login"]) {
            let both = request(Method::GET, path).header(ACCEPT, "application/json");
            let refused = bob.send(both.header(AUTHORIZATION, header(token)), "").await;
            assert_eq!(refused.status, 400, "{path}: {}", refused.body);
        }
        for path in ["/app/write", "/app/checked", "/app/import", "/api/updateuser", "/api/logout"]
        {
            let both = json_request(path).header("X-CROSSAUTH-CSRF", &csrf);
            let both = both.header(AUTHORIZATION, header(token));
            bob.send(both, json!({"text": "x"}).to_string())
                .await
                .assert_failure(400, "BadRequest");
        }
    }
    let both = request(Method::GET, "/app/any").header(AUTHORIZATION, header(&of_bob));
    assert_eq!(bob.send(both, "").await.body, "bob");
    let both = request(Method::GET, "/app/current").header(ACCEPT, "application/json");
    let refused = bob.send(both.header(AUTHORIZATION, header(&of_bob)), "").await;
    assert_eq!(refused.status, 401, "only the key counts: {}", refused.body);
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn r13_keys_end_when_the_password_is_reset_or_set_by_an_administrator() {
    let site = Site::with_every_feature();
    let auth = site.crossauth.auth();
    for is_mailed in [true, false] {
        let name = if is_mailed { "bob" } else { "eve" };
        let email = format!("{name}@example.com");
        let user = site.account_with(name, &email).await;
        let new = NewApiKey { owner: Some(&user.id), ..NewApiKey::new("of an attacker") };
        let token = auth.api_keys.create(new).await.unwrap().token;
        assert!(auth.api_keys.check(&token).await.is_ok(), "{name}");
        let notices = site.mail().await;
        assert!(notices.iter().any(|mail| mail.kind == MessageKind::ApiKeyCreated), "{name}");
        if is_mailed {
            let body = json!({ "email": email });
            site.browser().post("/api/requestpasswordreset", body).await;
            let mail = site.one_mail(MessageKind::PasswordReset, &email).await;
            let body = json!({ "token": mail.token(), "new_password": "Another-Horse-8" });
            let reset = site.browser().post("/api/resetpassword", body).await;
            assert_eq!(reset.status, 200, "{}", reset.body);
        } else {
            auth.accounts.set_password(name, Password::new("Another-Horse-8")).await.unwrap();
        }
        let refused = auth.api_keys.check(&token).await;
        assert!(matches!(refused, Err(ApiKeyRefused::Unknown)), "{name}: {refused:?}");
    }
}

/// A session that another person uses leaves no key behind unnoticed.
#[tokio::test]
async fn l23_owner_is_notified_by_mail_of_a_new_key() {
    let site = Site::with_keys();
    site.account_with("bob", "bob@example.com").await;
    let mut bob = site.logged_in("bob").await;
    site.key(&mut bob, &["read", "write"]).await;
    let mail = site.one_mail(MessageKind::ApiKeyCreated, "bob@example.com").await;
    let said = ["username", "key", "scope"].map(|name| mail.variable(name));
    assert_eq!(said, ["bob", "key 0", "read, write"]);
    bob.post("/api/createapikey", json!({ "name": "key 0" }))
        .await
        .assert_failure(400, "KeyExists");
    assert!(site.mail().await.is_empty());
}

/// A header does not switch the CSRF check off for a request with a session.
#[tokio::test]
async fn c15_header_does_not_replace_the_csrf_token_of_a_session() {
    let site = Site::with_keys();
    let mut bob = site.logged_in("bob").await;
    let (token, _) = site.key(&mut bob, &["write", "profile"]).await;
    let before = site.found("bob").await;
    let body = json!({ "text": "x", "user_phone": "666" }).to_string();
    for authorization in [header(&token), header("abc"), "Bearer abc".into(), "Basic abc".into()] {
        for path in ["/app/write", "/app/checked", "/api/updateuser", "/api/createapikey"] {
            let forged = json_request(path).header(AUTHORIZATION, &authorization);
            let refused = bob.copy().send(forged, body.clone()).await;
            assert!(
                refused.status.is_client_error(),
                "{path}: {} {}",
                refused.status,
                refused.body
            );
        }
    }
    assert_eq!(site.found("bob").await, before);
    // Without the session, the key alone is enough, also from another origin.
    let alone = json_request("/app/checked").header(AUTHORIZATION, header(&token));
    let alone = alone.header(ORIGIN, "https://app.example.net");
    assert_eq!(site.browser().send(alone, body).await.body, "bob");
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn several_authorization_headers_are_refused() {
    let site = Site::with_keys();
    let mut bob = site.logged_in("bob").await;
    let (token, _) = site.key(&mut bob, &[]).await;
    for other in ["Bearer abc".to_owned(), header(&token)] {
        let both = request(Method::GET, "/app/any").header(ACCEPT, "application/json");
        let both = both.header(AUTHORIZATION, other).header(AUTHORIZATION, header(&token));
        site.browser().send(both, "").await.assert_failure(400, "BadRequest");
    }
}
