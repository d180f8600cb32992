//! Headers of our responses.

use crossauth_axum::Crossauth;
use crossauth_core::account::Role;
use crossauth_core::user::NewUser;
use serde_json::json;

use http::Method;

use crate::browser::{TestResponse, request};
use crate::site::{PASSWORD, SECRET, Site, test_storage};

#[tokio::test]
async fn csp_forbids_external_resources_inline_scripts_and_framing() {
    let site = Site::with(|site| site.base_url("https://id.example.com"));
    let mut bob = site.logged_in("bob").await;
    let token = site.crossauth.auth().setup.issue_token().await.unwrap().unwrap();
    let mut visitor = site.browser();
    let mut pages = vec![bob.get("/").await];
    for path in ["/login", "/signup", "/nowhere", "/setup", &format!("/setup?token={token}")] {
        pages.push(visitor.get(path).await);
    }
    pages.push(visitor.submit("/login", &[("username", "bob"), ("password", "x")]).await);
    pages.push(bob.submit_bare("/logout", &[]).await);
    for page in &pages {
        let policy = directives(page);
        // Browsers apply it to every redirect after a form, and these forms redirect.
        let leads_on = page.body.contains("<form");
        assert_eq!(policy.contains(&"form-action 'self'".to_owned()), !leads_on, "{policy:?}");
        for directive in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(&directive.to_owned()), "{policy:?}");
        }
        assert!(!policy.iter().any(|directive| directive.contains("unsafe")), "{policy:?}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("cross-origin-opener-policy"), Some("same-origin"));
        assert!(page.header("permissions-policy").unwrap().contains("camera=()"));
        assert_eq!(page.header("referrer-policy"), Some("same-origin"));
        assert_always(page);
    }
    let mut policies: Vec<_> = pages.iter().map(directives).collect();
    policies.sort();
    policies.dedup();
    assert_eq!(policies.len(), pages.len(), "a nonce came twice");
}

#[tokio::test]
async fn listed_origins_are_the_only_ones_to_which_a_form_may_lead() {
    for (origins, directive) in [
        (&[][..], "form-action 'self'"),
        (
            &["https://App.example.com/", "http://localhost:5173"][..],
            "form-action 'self' https://app.example.com http://localhost:5173",
        ),
    ] {
        let site = Site::with(|site| site.form_origins(origins.iter().copied()));
        let mut bob = site.logged_in("bob").await;
        let mut stranger = site.browser();
        for page in [
            bob.get("/").await,
            stranger.get("/login").await,
            stranger.get("/signup").await,
            stranger.submit("/login", &[("username", "bob"), ("password", "x")]).await,
        ] {
            assert!(directives(&page).contains(&directive.to_owned()), "{:?}", directives(&page));
        }
        let error = directives(&stranger.get("/nowhere").await);
        assert!(error.contains(&"form-action 'self'".to_owned()), "{error:?}");
    }
    let bad = Crossauth::builder().secret(SECRET).form_origins(["https://a.example;script-src *"]);
    let bad = bad.storage(test_storage().storage()).build().unwrap_err();
    assert!(bad.to_string().contains("is not an origin"), "{bad}");
}

#[tokio::test]
async fn json_responses_have_type_and_csp() {
    let site = Site::with(|site| site.base_url("https://id.example.com"));
    let mut bob = site.logged_in("bob").await;
    let mut visitor = site.browser();
    for response in [
        bob.get("/api/userforsessionkey").await,
        bob.get("/api/getcsrftoken").await,
        visitor.get("/api/userforsessionkey").await,
        visitor.get("/api/%3Cscript%3E").await,
        visitor.get("/api/login").await,
        visitor.log_in("<script>alert(1)</script>", PASSWORD).await,
        visitor.post("/api/signup", json!({"username": "<script>", "password": PASSWORD})).await,
        bob.post("/api/logout", json!({})).await,
    ] {
        response.json();
        assert_eq!(response.header("content-type"), Some("application/json; charset=utf-8"));
        assert_eq!(
            response.header("content-security-policy"),
            Some("default-src 'none'; frame-ancestors 'none'")
        );
        assert_always(&response);
        assert!(!response.body.contains("<script>"), "{}", response.body);
    }
}

#[tokio::test]
async fn redirects_are_302_and_not_cacheable() {
    let site = Site::with(|site| site.base_url("https://id.example.com"));
    site.account("bob", Role::User).await;
    let mut browser = site.browser();
    let form = [("username", "bob"), ("password", PASSWORD)];
    let redirects = [
        browser.get("/").await,
        browser.submit("/login", &form).await,
        browser.get("/login").await,
        browser.submit("/logout", &[]).await,
    ];
    for response in redirects {
        assert_eq!((response.status.as_u16(), response.body.as_str()), (302, ""));
        assert_always(&response);
    }
}

#[tokio::test]
async fn hsts_is_sent_over_tls_only() {
    let site = Site::new();
    assert_eq!(site.browser().get("/login").await.header("strict-transport-security"), None);
}

#[tokio::test]
async fn only_the_current_version_of_an_asset_is_immutable() {
    let site = Site::new();
    let page = site.browser().get("/login").await.body;
    let current = page.split("href=\"/crossauth.css").nth(1).unwrap().split('"').next().unwrap();
    for path in ["/crossauth.css", "/crossauth.js", "/crossauth.svg"] {
        let kept = site.browser().get(&format!("{path}{current}")).await;
        let immutable = "public, max-age=31536000, immutable";
        assert_eq!(kept.header("cache-control"), Some(immutable), "{path}");
        let tag = kept.header("etag").unwrap();
        for query in ["", "?v=", "?v=0123456789abcdef", "?w=x"] {
            let response = site.browser().get(&format!("{path}{query}")).await;
            assert_eq!(
                response.header("cache-control"),
                Some("public, max-age=300"),
                "{path}{query}"
            );
            assert_eq!(response.header("etag"), Some(tag));
        }
        for (known, status) in [(tag, 304), (&*format!("\"x\", W/{tag}"), 304), ("\"x\"", 200)] {
            let request = request(Method::GET, path).header("if-none-match", known);
            let response = site.browser().send(request, "").await;
            assert_eq!(response.status.as_u16(), status, "{path} {known}");
            assert_eq!(response.body.is_empty(), status == 304, "{path} {known}");
        }
    }
}

#[tokio::test]
async fn assets_set_no_cookie_and_have_their_content_type() {
    let site = Site::new();
    for (path, media_type) in [
        ("/crossauth.css", "text/css; charset=utf-8"),
        ("/crossauth.js", "text/javascript; charset=utf-8"),
        ("/crossauth.svg?v=x", "image/svg+xml"),
    ] {
        let response = site.browser().get(path).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.header("content-type"), Some(media_type));
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
        assert!(response.header("content-security-policy").unwrap().contains("sandbox"));
        assert!(response.set_cookies().is_empty());
    }
    for path in ["/crossauth.css/..%2f..%2fetc%2fpasswd", "/.git/config", "/assets/", "/.env"] {
        assert_eq!(site.browser().get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn request_values_are_escaped_or_omitted() {
    let site = Site::new();
    let script = "\"'><script>alert(1)</script>{{7*7}}{% raw %}";
    let query: String = url::form_urlencoded::byte_serialize(script.as_bytes()).collect();
    for path in ["/login", "/signup", "/setup"] {
        for name in ["next", "token", "error", "error_description", "username", "errorMessage"] {
            let page = site.browser().get(&format!("{path}?{name}={query}")).await;
            assert_harmless(&page);
        }
    }
    for path in ["/login", "/signup", "/setup"] {
        let fields = [
            ("username", script),
            ("password", script),
            ("repeat_password", script),
            ("user_email", script),
            ("user_phone", script),
            ("token", script),
            ("next", script),
            ("persist", script),
        ];
        assert_harmless(&site.browser().submit(path, &fields).await);
        assert_harmless(&site.browser().submit_bare(path, &fields).await);
    }
    let again =
        site.browser().submit("/login", &[("username", "{{7*7}}"), ("password", "x")]).await;
    assert!(again.text().contains("value=\"{{7*7}}\""), "{}", again.body);
}

#[tokio::test]
async fn stored_values_are_escaped() {
    let site = Site::new();
    let script = "<img src=x onerror=alert(1)>{{7*7}}";
    let mut user = NewUser::named(script);
    user.email = Some(script.into());
    user.state = crossauth_core::user::UserState::Custom(script.into());
    let hash = {
        site.account("bob", Role::User).await;
        site.found("bob").await.unwrap().1.password
    };
    site.stored(user, hash.as_deref()).await;
    let mut browser = site.browser();
    assert_eq!(browser.log_in(script, PASSWORD).await.status, 200);
    let page = browser.get("/").await;
    assert_harmless(&page);
    assert!(page.body.contains("&lt;img src=x onerror=alert(1)&gt;{{7*7}}"), "{}", page.body);
}

#[tokio::test]
async fn each_response_has_a_request_id_that_error_pages_show() {
    let site = Site::new();
    let mut browser = site.browser();
    let page = browser.get("/nowhere").await;
    let id = page.header("x-request-id").unwrap();
    assert!(page.body.contains(id));
    let other = browser.get("/nowhere").await;
    assert_ne!(other.header("x-request-id"), Some(id));
}

#[track_caller]
pub(crate) fn assert_always(response: &TestResponse) {
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    let policy = response.header("referrer-policy").unwrap();
    assert!(matches!(policy, "no-referrer" | "same-origin"), "{policy}");
    assert_eq!(response.header("cross-origin-resource-policy"), Some("same-origin"));
    let hsts = response.header("strict-transport-security").unwrap();
    let age = hsts.split(';').next().unwrap().strip_prefix("max-age=").unwrap();
    assert!(age.parse::<u64>().unwrap() >= 365 * 24 * 3600, "{hsts}");
}

#[track_caller]
pub(crate) fn assert_harmless(page: &TestResponse) {
    assert!(page.status.as_u16() < 500, "{}", page.body);
    for harm in ["<script>alert", "<img src=x", "49"] {
        assert!(!visible(&page.body).contains(harm), "{harm}: {}", page.body);
    }
}

/// The page without the random values in it.
fn visible(body: &str) -> String {
    let mut pieces = body.split("name=\"csrfToken\" value=\"");
    let mut rest = pieces.next().unwrap().to_owned();
    for piece in pieces {
        rest.push_str(piece.split_once('"').unwrap().1);
    }
    let lines = rest
        .lines()
        .filter(|line| !["?v=", "<code>", "after="].iter().any(|random| line.contains(random)));
    lines.collect()
}

pub(crate) fn directives(page: &TestResponse) -> Vec<String> {
    let policy = page.header("content-security-policy").unwrap();
    policy.split("; ").map(str::to_owned).collect()
}
