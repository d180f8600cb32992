//! Pages, lists and assets.

use axum::extract::ConnectInfo;
use crossauth_axum::Builder;
use crossauth_core::message::MessageKind;
use http::Method;
use http::header::{ACCEPT, USER_AGENT};
use serde_json::json;

use super::{cookie_parts, stored_secrets};
use crate::browser::{Browser, TestResponse, json_request, request};
use crate::factor::{STEP, factors};
use crate::site::{PASSWORD, Site};

fn with_all(site: Builder) -> Builder {
    site.preview_messages().factors(factors(&[]))
}

#[tokio::test]
async fn h2_markup_in_the_name_of_a_client_is_not_in_the_list_of_sessions() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    for agent in [
        "<script>alert(1)</script>",
        "curl<img src=x onerror=alert(1)>/8",
        "Mozilla/5.0 (X11; Linux \"><script>alert(1)</script>) Firefox/140.0",
        "'\"><svg onload=alert(1)> Chrome/1 Windows {{7*7}}",
    ] {
        let mut other = site.browser();
        let login = json_request("/api/login")
            .header("X-CROSSAUTH-CSRF", other.csrf_token().await)
            .header(USER_AGENT, agent)
            .header("X-Forwarded-For", "<b>203.0.113.9</b>, 203.0.113.9")
            .extension(ConnectInfo(std::net::SocketAddr::from(([198, 51, 100, 7], 4711))));
        let body = json!({ "username": "bob", "password": PASSWORD }).to_string();
        assert_eq!(other.send(login, body).await.status, 200);
    }
    let listed = bob.get_json("/api/sessions").await;
    assert_eq!(listed.json()["sessions"].as_array().unwrap().len(), 5);
    for response in [listed, bob.get("/").await] {
        assert!(response.body.contains("198.51.100.7") && response.body.contains("Linux"));
        for harm in ["alert(1)", "onerror", "onload", "{{7*7}}", "49", "203.0.113.9"] {
            let shown = without_random(&response.body);
            assert!(!shown.contains(harm), "{harm}: {shown}");
        }
    }
}

/// A body without lines that have ids, tokens and nonces.
fn without_random(body: &str) -> String {
    if body.starts_with('{') {
        let mut value: serde_json::Value = serde_json::from_str(body).unwrap();
        for session in value["sessions"].as_array_mut().unwrap() {
            session["id"] = json!(null);
        }
        return value.to_string();
    }
    let random = ["csrfToken", "nonce", "?v=", "/endsession/", "<code>"];
    body.lines().filter(|line| !random.iter().any(|part| line.contains(part))).collect()
}

#[tokio::test]
async fn h11_fields_can_be_pasted_into_and_filled_by_password_managers() {
    let site = Site::with(with_all);
    let bob = site.account_with("bob", "bob@example.com").await;
    let mut inside = site.logged_in("bob").await;
    let setup = site.crossauth.auth().setup.issue_token().await.unwrap().unwrap();
    let mut visitor = site.browser();
    visitor.post("/api/requestpasswordreset", json!({ "email": "bob@example.com" })).await;
    let link = site.one_mail(MessageKind::PasswordReset, "bob@example.com").await;
    let mut waiting = inside.submit("/changefactor2", &[("factor2", "totp")]).await.body;
    assert!(waiting.contains("one-time-code"), "{waiting}");
    for path in ["/changepassword", "/updateuser", "/deleteuser", "/changefactor2"] {
        waiting += &inside.get(path).await.body;
    }
    for path in ["/login", "/signup", "/requestpasswordreset", "/resendverification"] {
        waiting += &visitor.get(path).await.body;
    }
    waiting += &visitor.get(&format!("/setup?token={setup}")).await.body;
    waiting += &visitor.get(&format!("/resetpassword/{}", link.token())).await.body;
    assert!(!bob.admin && waiting.matches("<form").count() >= 11);
    let script = visitor.get("/crossauth.js").await.body;
    for forbids in ["autocomplete=\"off\"", "onpaste", "readonly", "autocomplete=\"new-off\""] {
        assert!(!waiting.contains(forbids) && !script.contains(forbids), "{forbids}");
    }
    assert!(!script.contains("paste") && !script.contains("clipboard"), "{script}");
    let fields = waiting.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap());
    let mut passwords = 0;
    for field in fields.filter(|field| field.contains("type=\"password\"")) {
        let named = ["current-password", "new-password"];
        assert!(named.iter().any(|name| field.contains(name)), "{field}");
        assert!(!field.contains("maxlength"), "a pasted password is cut: {field}");
        passwords += 1;
    }
    assert!(passwords >= 10, "{passwords}");
}

#[tokio::test]
async fn h14_template_syntax_in_stored_and_typed_values_is_text() {
    let site = Site::with(|site| with_all(site).email_verification(crate::site::unverified()));
    let mut bob = site.logged_in("bob").await;
    for text in ["{{7*7}}", "{% if 1 %}yes{% endif %}", "${7*7}", "<%= 7*7 %>", "#{7*7}"] {
        let done = bob.post("/api/updateuser", json!({ "user_phone": text })).await;
        assert_eq!(done.status, 200, "{}", done.body);
        let page = bob.get("/updateuser").await;
        let shown = page.text().replace("&lt;", "<").replace("&gt;", ">");
        assert!(shown.contains(&format!("value=\"{text}\"")), "{text}: {}", page.body);
        let typed = [("username", text), ("password", "x")];
        let echoed = site
            .browser()
            .submit("/login", &typed)
            .await
            .text()
            .replace("&lt;", "<")
            .replace("&gt;", ">");
        assert!(echoed.contains(&format!("value=\"{text}\"")), "{text}: {echoed}");
    }
}

#[tokio::test]
async fn h15_only_the_assets_are_served_as_files() {
    let site = Site::new();
    let mut browser = site.browser();
    assert_eq!(browser.get("/crossauth.css").await.status, 200);
    for path in [
        "/../Cargo.toml",
        "/..%2fCargo.toml",
        "/%2e%2e/Cargo.toml",
        "/%2e%2e%2fCargo.toml",
        "/..%5cCargo.toml",
        "/..%c0%afCargo.toml",
        "/..;/Cargo.toml",
        "/crossauth.css/",
        "/crossauth.css/../login.html",
        "/crossauth.css%00.html",
        "/crossauth.css.bak",
        "/crossauth.css~",
        "/.git/HEAD",
        "/.env",
        "/templates/login.html",
        "/login.html",
        "/assets/",
        "/static/",
        "//etc/passwd",
        "/file:///etc/passwd",
    ] {
        let page = browser.get(path).await;
        // A slash at the end leads to the path without it.
        let elsewhere = page.location() == Some("/crossauth.css");
        assert!(page.status == 404 || elsewhere, "{path}: {} {}", page.status, page.body);
        for content in ["[package]", "root:", "ref: refs", "{% extends"] {
            assert!(!page.body.contains(content), "{path}: {}", page.body);
        }
    }
}

#[tokio::test]
async fn h16_no_cache_can_be_made_to_keep_or_change_a_page() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    for path in ["/account/x.css", "/x.css", "/updateuser/x.css", "/updateuser;x.css", "/?x.css"] {
        let page = bob.get(path).await;
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
        assert!(path.starts_with("/?") || page.status == 404, "{path}: {}", page.status);
    }
    // What caches may keep is the same whatever else the request has.
    let plain = bob.get("/crossauth.css").await;
    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-scheme", "http"),
        ("x-forwarded-prefix", "/evil"),
        ("x-original-url", "/evil"),
        ("x-host", "evil.example"),
        ("accept-language", "evil"),
        ("user-agent", "evil"),
        ("origin", "https://evil.example"),
    ] {
        let asked = request(Method::GET, "/crossauth.css").header(name, value);
        assert_eq!(bob.send(asked, "").await.shape(), plain.shape(), "{name}");
        let page = request(Method::GET, "/login").header(ACCEPT, "text/html").header(name, value);
        let page = site.browser().send(page, "").await;
        assert!(!page.body.contains("evil") && page.header("cache-control") == Some("no-store"));
        assert!(!format!("{:?}", page.headers).contains("evil"), "{name}");
    }
}

#[tokio::test]
async fn x2_what_belongs_to_others_is_not_found_like_what_is_absent() {
    let site = Site::with_factors(&[]);
    let secret = site.enrolled_browser("amy").await.secret;
    let mut amy = remembered(&site, "amy", &secret).await;
    let session = amy.get_json("/api/sessions").await.json()["sessions"][0]["id"].clone();
    let device = amy.get_json("/api/devices").await.json()["devices"][0]["id"].clone();
    let (session, device) = (session.as_str().unwrap(), device.as_str().unwrap());
    let mut bob = site.enrolled_browser("bob").await.browser;
    let absent = |foreign: &str| format!("{}x", &foreign[..foreign.len() - 1]);
    let (no_session, no_device) = (absent(session), absent(device));
    let other = bob.post(&format!("/api/endsession/{session}"), json!({})).await;
    let none = bob.post(&format!("/api/endsession/{no_session}"), json!({})).await;
    assert_eq!((other.status.as_u16(), other.shape()), (404, none.shape()));
    let other = bob.post("/api/forgetdevice", json!({ "id": device })).await;
    let none = bob.post("/api/forgetdevice", json!({ "id": no_device })).await;
    assert_eq!((other.status.as_u16(), other.shape()), (404, none.shape()));
    // The controls: both still exist, and their owner ends them.
    assert_eq!(amy.whoami().await.as_deref(), Some("amy"));
    let own = amy.post("/api/forgetdevice", json!({ "id": device })).await;
    assert_eq!(own.status, 200, "{}", own.body);
    let own = amy.post(&format!("/api/endsession/{session}"), json!({})).await;
    assert_eq!(own.status, 200, "{}", own.body);
}

/// A browser that is remembered.
async fn remembered(site: &Site, username: &str, secret: &str) -> Browser {
    let mut browser = site.browser();
    browser.log_in(username, PASSWORD).await;
    let body = json!({ "otp": site.totp_code(secret), "remember_device": true });
    let response = browser.post("/api/loginfactor2", body).await;
    assert_eq!(response.status, 200, "{}", response.body);
    site.clock.advance(STEP);
    browser
}

#[tokio::test]
async fn x11_answers_hold_no_hash_secret_or_token() {
    let site = Site::with(|site| with_all(site).email_verification(crate::site::unverified()));
    let form = json!({ "username": "bob", "password": PASSWORD, "user_email": "b@x.example" });
    let mut first = site.browser();
    let mut answers: Vec<TestResponse> = vec![first.post("/api/signup", form).await];
    let enrolled = site.enrolled_browser("bob").await;
    let mut bob = remembered(&site, "bob", &enrolled.secret).await;
    let address = json!({ "email": "b@x.example" });
    answers.push(site.browser().post("/api/requestpasswordreset", address).await);
    site.crossauth.auth().handle_mail_requests().await;
    answers.push(site.browser().log_in("bob", PASSWORD).await);
    for path in ["/api/userforsessionkey", "/api/sessions", "/api/devices"] {
        answers.push(bob.get_json(path).await);
    }
    for path in ["/", "/updateuser", "/recoverycodes", "/changefactor2", "/deleteuser"] {
        answers.push(bob.get(path).await);
    }
    let change = json!({ "user_phone": "+431" });
    let code = site.totp_code(&enrolled.secret);
    answers.push(bob.post_with_code("/api/updateuser", change, &code).await);
    let mut hidden = stored_secrets(&site, "bob").await;
    // Two sessions, a device, a link, ten codes, a hash and a secret; over Redis also records of what
    // has ended.
    assert!(hidden.len() >= 16, "{}", hidden.len());
    answers.push(bob.post("/api/endothersessions", json!({})).await);
    hidden.extend(enrolled.recovery_codes);
    hidden.extend([enrolled.secret, PASSWORD.to_owned(), "$argon2id$".into()]);
    hidden.extend(cookie_parts(&bob).into_iter().filter(|part| part.len() > 8));
    for answer in answers {
        assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
        for secret in &hidden {
            assert!(!answer.body.contains(secret), "{secret} is in {}", answer.body);
        }
    }
}
