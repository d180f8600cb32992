//! Attacks on every endpoint of the route table, with all features enabled, by users without and
//! with a second factor. Tests begin with their numbers in the list of attacks.

use crossauth_axum::{Access, Endpoint};
use crossauth_core::user::{FactorName, Patch, UserUpdate};
use http::Method;
use http::header::{ACCEPT, ALLOW, CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::{Map, Value, json};

use crate::browser::{Browser, TestResponse, json_request, request};
use crate::factor::{DUMMY_CODE, factors};
use crate::headers::{assert_always, assert_harmless, directives};
use crate::redirect::FOREIGN;
use crate::site::{PASSWORD, Site};

const FORM: &str = "application/x-www-form-urlencoded";

/// Methods other than `POST` and `OPTIONS`.
const METHODS: [&str; 8] = ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "FOO", "PROPFIND"];

/// Names of fields that some endpoint reads.
const FIELDS: [&str; 20] = [
    "username",
    "password",
    "repeat_password",
    "old_password",
    "new_password",
    "user_email",
    "user_phone",
    "email",
    "token",
    "otp",
    "recovery_code",
    "factor2",
    "remember_device",
    "resend",
    "id",
    "all",
    "required",
    "persist",
    "next",
    "error",
];

impl Site {
    /// A site with all features.
    pub(crate) fn complete() -> Self {
        Self::with(|site| {
            let site = site.admin_endpoints().preview_messages().factors(factors(&[]));
            site.login_redirect("/home")
        })
    }

    /// The paths of forms and their JSON twins.
    pub(crate) fn unsafe_paths(&self) -> Vec<String> {
        let endpoints = self.crossauth.endpoints().into_iter();
        let paths: Vec<_> = endpoints.filter(changes_state).map(|it| it.path).collect();
        assert!(paths.iter().any(|path| path == "/api/resetpassword"), "{paths:?}");
        paths
    }

    /// Browsers of administrators without and with a second factor.
    pub(crate) async fn users(&self) -> [Browser; 2] {
        if let Some((user, _)) = self.found("eve").await {
            self.change(&user, UserUpdate { factor2: Patch::Clear, ..UserUpdate::default() }).await;
        }
        let (bob, eve) = (self.logged_in("bob").await, self.logged_in("eve").await);
        for (name, factor2) in [("bob", Patch::Keep), ("eve", Patch::Set(FactorName::DUMMY))] {
            let (user, _) = self.found(name).await.unwrap();
            let admin = Some(true);
            self.change(&user, UserUpdate { factor2, admin, ..UserUpdate::default() }).await;
        }
        [bob, eve]
    }
}

fn needs_token(access: Access) -> bool {
    matches!(
        access,
        Access::CsrfToken
            | Access::LoggedInWithCsrfToken
            | Access::ProfileEditor
            | Access::AdminWithCsrfToken
    )
}

/// Whether an endpoint takes a form, or JSON in place of one.
fn changes_state(endpoint: &Endpoint) -> bool {
    needs_token(endpoint.access) && endpoint.path != "/api/userforsessionkey"
}

fn posts(path: &str, media_type: &str) -> http::request::Builder {
    request(Method::POST, path).header(CONTENT_TYPE, media_type)
}

/// The response is a failed CSRF check, on a page or as JSON.
#[track_caller]
fn assert_refused(what: &str, response: &TestResponse) {
    assert_eq!(response.status, 401, "{what}: {}", response.body);
    let reasons =
        ["\"InvalidCsrf\"", "form has expired", "This form was not accepted", "You are logged in"];
    assert!(reasons.iter().any(|it| response.body.contains(it)), "{what}: {}", response.body);
    response.assert_no_session();
}

#[test]
fn every_endpoint_that_changes_state_needs_a_csrf_token() {
    let site = Site::complete();
    for Endpoint { method, path, access, .. } in site.crossauth.endpoints() {
        let only_reads = path == "/api/getcsrftoken" || method == Method::GET;
        assert_eq!(needs_token(access), !only_reads, "{method} {path} {access:?}");
        assert_eq!(access == Access::Link, path.ends_with("{token}"), "{path}");
    }
}

#[tokio::test]
async fn c1_c2_c3_no_other_token_is_accepted() {
    let site = Site::complete();
    let foreign = site.logged_in("mallory").await.csrf_token().await;
    let anonymous = site.browser().csrf_token().await;
    for mut browser in site.users().await {
        let token = browser.csrf_token().await;
        for path in site.unsafe_paths() {
            let own = json!({ "username": "carol", "password": PASSWORD, "otp": DUMMY_CODE });
            let own = own.to_string();
            let with = |token: &str| json_request(&path).header("X-CROSSAUTH-CSRF", token);
            let requests = [
                (json_request(&path), own.clone()),
                (posts(&path, FORM).header(ACCEPT, "text/html"), "username=carol".to_owned()),
                (posts(&path, FORM), format!("csrfToken={foreign}")),
                (json_request(&path), json!({ "csrfToken": anonymous }).to_string()),
                (with(&foreign), own.clone()),
                (with(&anonymous), own.clone()),
                (with(""), own.clone()),
                (with(&token[..token.len() - 1]), own.clone()),
                (with(&token).header("X-CROSSAUTH-CSRF", &token), own.clone()),
                (json_request(&format!("{path}?csrfToken={token}")), own.clone()),
                (with("x"), json!({ "csrfToken": token }).to_string()),
            ];
            for (index, (request, body)) in requests.into_iter().enumerate() {
                let response = browser.send(request, body).await;
                assert_refused(&format!("{path} {index}"), &response);
            }
            let twice = format!("csrfToken={token}&csrfToken={token}");
            let response = browser.send(posts(&path, FORM), twice).await;
            assert_eq!(response.status, 400, "{path}: {}", response.body);
            assert!(browser.whoami().await.is_some(), "{path}");
        }
    }
}

#[tokio::test]
async fn c1_token_of_the_session_is_accepted() {
    let site = Site::complete();
    for path in site.unsafe_paths() {
        for mut browser in site.users().await {
            let response = browser.post(&path, json!({})).await;
            assert!(!response.body.contains("CSRF"), "{path}: {}", response.body);
            assert!(response.status.as_u16() < 500, "{path}: {}", response.body);
        }
    }
}

#[tokio::test]
async fn c5_valid_token_from_another_site_is_refused() {
    let site = Site::complete();
    for mut browser in site.users().await {
        let token = browser.csrf_token().await;
        for path in site.unsafe_paths() {
            for (name, value) in [
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-site", "same-site"),
                ("origin", "https://evil.example"),
                ("origin", "http://localhost:3000.evil.example"),
            ] {
                let json = json_request(&path).header("X-CROSSAUTH-CSRF", &token);
                let page = posts(&path, FORM).header(ACCEPT, "text/html");
                let body = format!("csrfToken={token}");
                for response in [
                    browser.send(json.header(name, value), "{}").await,
                    browser.send(page.header(name, value), body).await,
                ] {
                    assert_refused(&format!("{path} {name}: {value}"), &response);
                }
            }
            assert!(browser.whoami().await.is_some(), "{path}");
        }
    }
}

#[tokio::test]
async fn c7_i6_i7_json_of_another_content_type_and_compressed_bodies_are_refused() {
    let site = Site::complete();
    for mut browser in site.users().await {
        let token = browser.csrf_token().await;
        let body = json!({ "csrfToken": token, "otp": DUMMY_CODE }).to_string();
        for path in site.unsafe_paths() {
            for (media_type, status) in [
                ("text/plain", 415),
                ("text/plain; application/json", 415),
                ("", 415),
                ("application/xml", 415),
                (FORM, 401),
                ("multipart/form-data", 400),
                ("multipart/form-data; boundary=x", 400),
            ] {
                let request = posts(&path, media_type).header(ACCEPT, "text/html");
                let response = browser.send(request, body.clone()).await;
                if status == 401 {
                    assert_refused(&format!("{path} "), &response);
                } else {
                    assert_eq!(response.status, status, "{path} {media_type}: {}", response.body);
                }
            }
            for encoding in ["gzip", "br", "deflate"] {
                let request = json_request(&path)
                    .header("X-CROSSAUTH-CSRF", &token)
                    .header(CONTENT_ENCODING, encoding);
                let response = browser.send(request, "x").await;
                assert_eq!(response.status, 415, "{path} {encoding}: {}", response.body);
            }
            let many = (0..300).map(|n| n.to_string()).collect::<Vec<_>>().join("&");
            let request = posts(&path, FORM).header("X-CROSSAUTH-CSRF", &token);
            assert_eq!(browser.send(request, many).await.status, 400, "{path}");
            assert!(browser.whoami().await.is_some(), "{path}");
        }
    }
}

#[tokio::test]
async fn c8_c9_i11_only_the_method_of_the_table_is_accepted() {
    let site = Site::complete();
    let endpoints = site.crossauth.endpoints();
    let routes = |path: &str, method: &Method| {
        endpoints.iter().any(|it| it.path == path && it.method == method)
    };
    for mut browser in site.users().await {
        let token = browser.csrf_token().await;
        for Endpoint { path, .. } in &endpoints {
            for method in METHODS {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let is_get = matches!(method, Method::GET | Method::HEAD);
                if is_get && routes(path, &Method::GET) {
                    continue;
                }
                let request = request(method.clone(), &format!("{path}?_method=POST"))
                    .header("X-HTTP-Method-Override", "POST")
                    .header("X-Method-Override", "POST")
                    .header("X-CROSSAUTH-CSRF", &token);
                let response = browser.send(request, "").await;
                assert_eq!(response.status, 405, "{method} {path}: {}", response.body);
                let allowed = response.header(ALLOW.as_str()).unwrap();
                let has_post = allowed.contains("POST");
                assert_eq!(has_post, routes(path, &Method::POST), "{path}: {allowed}");
            }
            assert!(browser.whoami().await.is_some(), "{path}");
        }
    }
}

#[tokio::test]
async fn i5_text_that_is_not_utf_8_or_has_a_nul_is_refused_in_every_field() {
    let site = Site::complete();
    for mut browser in site.users().await {
        let token = browser.csrf_token().await;
        for path in site.unsafe_paths() {
            for name in FIELDS {
                let json = [json!({ name: "a\0b" }), json!({ name: [{ "a\0b": 1 }] })];
                let json = json.iter().map(|it| (json_request(&path), it.to_string()));
                let forms = ["%FF", "a%00b", "%ED%A0%80"].map(|it| format!("{name}={it}"));
                let forms = forms.map(|it| (posts(&path, FORM), it));
                for (request, body) in json.chain(forms) {
                    let request = request.header("X-CROSSAUTH-CSRF", &token);
                    let response = browser.send(request, body.clone()).await;
                    assert_eq!(response.status, 400, "{path} {body}: {}", response.body);
                }
            }
            assert!(browser.whoami().await.is_some(), "{path}");
        }
    }
}

/// Responses of every endpoint to visitors and users, as a page and as JSON, to requests whose
/// fields and parameters have this value.
async fn responses(site: &Site, value: &str) -> Vec<(String, TestResponse)> {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(FIELDS.map(|name| (name, value)))
        .finish();
    let fields = FIELDS.map(|name| (name, value));
    let json: Map<String, Value> =
        FIELDS.map(|name| (name.to_owned(), json!(value))).into_iter().collect();
    let mut responses = Vec::new();
    for Endpoint { method, path, .. } in site.crossauth.endpoints() {
        let [bob, eve] = site.users().await;
        for browser in [site.browser(), bob, eve] {
            let what = format!("{method} {path}");
            if method == Method::GET {
                let wanted = format!("{path}?{query}");
                responses.push((what.clone(), browser.copy().get(&wanted).await));
                responses.push((what, browser.copy().get_json(&wanted).await));
            } else {
                responses.push((what.clone(), browser.copy().submit(&path, &fields).await));
                responses.push((what.clone(), browser.copy().submit_bare(&path, &fields).await));
                let json = Value::Object(json.clone());
                responses.push((what, browser.copy().post(&path, json).await));
            }
        }
    }
    responses
}

#[tokio::test]
async fn h1_h3_h6_h7_h8_every_response_is_escaped_and_has_its_headers() {
    let site = Site::with(|site| {
        let site = site.admin_endpoints().preview_messages().factors(factors(&[]));
        site.base_url("https://id.example.com")
    });
    let script = "\"'><script>alert(1)</script>{{7*7}}{% raw %}";
    let mut nonces = std::collections::BTreeSet::new();
    for (what, response) in responses(&site, script).await {
        assert!(response.status.as_u16() < 500, "{what}: {}", response.body);
        assert_always(&response);
        assert!(response.header("x-request-id").is_some(), "{what}");
        let media_type = response.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        match media_type {
            "text/html; charset=utf-8" => {
                assert!(!what.contains("/api/"), "{what} has a page");
                assert_harmless(&response);
                let policy = directives(&response);
                for directive in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]
                {
                    assert!(policy.contains(&directive.to_owned()), "{what}: {policy:?}");
                }
                assert!(!policy.iter().any(|it| it.contains("unsafe")), "{what}: {policy:?}");
                assert_eq!(response.header("x-frame-options"), Some("DENY"), "{what}");
                assert!(nonces.insert(policy), "{what}: a nonce came twice");
            }
            "application/json; charset=utf-8" => {
                assert!(response.json().is_object(), "{what}: {}", response.body);
            }
            "text/csv; charset=utf-8" | "application/x-ndjson; charset=utf-8" => {
                let disposition = response.header("content-disposition").unwrap();
                assert!(disposition.starts_with("attachment;"), "{what}: {disposition}");
            }
            _ => assert_eq!(response.status, 302, "{what}: {media_type} {}", response.body),
        }
    }
}

#[tokio::test]
async fn o1_o2_no_endpoint_leads_to_another_site() {
    let site = Site::complete();
    // All endpoints share the parser of `next`; the login is tried with all of them.
    for value in FOREIGN.into_iter().step_by(4) {
        for (what, response) in responses(&site, value).await {
            if let Some(location) = response.location() {
                let (path, query) = location.split_once('?').unwrap_or((location, ""));
                assert!(!path.contains("evil.example"), "{what}: {value:?} leads to {path}");
                let next = url::form_urlencoded::parse(query.as_bytes());
                let next = next.filter(|(name, _)| name == "next").map(|(_, next)| next);
                for target in [location.into()].into_iter().chain(next) {
                    let is_local = target.starts_with('/') && !target[1..].starts_with(['/', '\\']);
                    assert!(is_local, "{what}: {value:?} leads to {target}");
                }
            }
            let text = response.text();
            let links = text.split(['<', '>']).filter(|tag| {
                tag.contains("href=") || tag.contains("action=") || tag.contains("name=\"next\"")
            });
            for tag in links {
                assert!(!tag.contains("evil.example"), "{what}: {value:?} is in {tag}");
            }
        }
    }
}
