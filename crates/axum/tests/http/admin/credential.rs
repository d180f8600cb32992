//! What opens the routes of administration: only the session of an administrator who has logged in
//! a short time ago. A walk over the route table with every other credential.

use std::time::Duration;

use crossauth_axum::{Access, Endpoint};
use crossauth_core::account::Role;
use crossauth_core::api_key::{ApiKeyConfig, NewApiKey};
use crossauth_core::user::User;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::api_key::header;
use crate::browser::{Browser, TestResponse, json_request, request};
use crate::site::{PASSWORD, Site};

/// Longer than a login is fresh.
const LATER: Duration = Duration::from_mins(16);

/// Every scope of the site, and what reads like the right to administer.
const SCOPES: [&str; 4] = ["write", "profile", "admin", "*"];

fn site() -> Site {
    let keys = ApiKeyConfig {
        enabled: true,
        scopes: vec!["write".into()],
        edit_user_scope: Some("profile".into()),
        ..ApiKeyConfig::default()
    };
    Site::with(|site| {
        let site = site.admin_endpoints().preview_messages().api_keys(keys);
        site.factors(crate::factor::factors(&[]))
    })
}

fn endpoints(site: &Site) -> Vec<Endpoint> {
    let all = site.crossauth.endpoints().into_iter();
    let found: Vec<_> = all.filter(|endpoint| endpoint.path.starts_with("/admin/")).collect();
    let has = |access| found.iter().any(|endpoint| endpoint.access == access);
    assert!(has(Access::Admin) && has(Access::AdminWithCsrfToken), "{found:?}");
    found
}

fn path_for(endpoint: &Endpoint, user: &User) -> String {
    endpoint.path.replace("{id}", &user.id.to_string())
}

/// What each form of administration takes.
fn body() -> Value {
    json!({
        "username": "mallory", "password": PASSWORD, "repeat_password": PASSWORD,
        "new_password": PASSWORD, "user_email": "mallory@x.org", "user_admin": true, "all": true,
    })
}

/// The response to a key, with the session of a browser or without one.
async fn with_key(
    browser: &mut Browser,
    endpoint: &Endpoint,
    path: &str,
    key: &str,
) -> TestResponse {
    if endpoint.method == Method::GET {
        let request = request(Method::GET, path).header(ACCEPT, "application/json");
        return browser.send(request.header(AUTHORIZATION, header(key)), "").await;
    }
    let token = browser.csrf_token().await;
    let request = json_request(path).header("X-CROSSAUTH-CSRF", token);
    browser.send(request.header(AUTHORIZATION, header(key)), body().to_string()).await
}

async fn with_session(browser: &mut Browser, endpoint: &Endpoint, path: &str) -> TestResponse {
    if endpoint.method == Method::GET {
        browser.get_json(path).await
    } else {
        browser.post(path, body()).await
    }
}

fn is_refused(response: &TestResponse) -> bool {
    let leads_to_login = |path: &str| path.starts_with("/login") || path.starts_with("/reauth");
    response.status == StatusCode::UNAUTHORIZED || response.location().is_some_and(leads_to_login)
}

async fn key_of(site: &Site, owner: Option<&User>, scope: &[&str]) -> String {
    let name = format!("{} {scope:?}", owner.map_or("none", |user| &user.username));
    let new = NewApiKey {
        owner: owner.map(|user| &user.id),
        scope: scope.iter().map(|scope| (*scope).to_owned()).collect(),
        ..NewApiKey::new(&name)
    };
    site.crossauth.auth().api_keys.create(new).await.unwrap().token
}

#[tokio::test]
async fn x1_k9_no_key_opens_a_route_of_administration() {
    let site = site();
    let ada = site.account("ada", Role::Administrator).await;
    let bob = site.account("bob", Role::User).await;
    let eve = site.account_with("eve", "eve@x.org").await;
    let mut keys = Vec::new();
    for (whose, owner) in [("administrator", Some(&ada)), ("user", Some(&bob)), ("none", None)] {
        for scope in [&[][..], &SCOPES] {
            keys.push((format!("{whose} {scope:?}"), key_of(&site, owner, scope).await));
        }
    }
    let mut browsers = [
        ("alone", site.browser()),
        ("with the session of a user", site.logged_in("bob").await),
        ("with the session of an administrator", site.logged_in("ada").await),
    ];
    let before = (site.found("ada").await, site.found("bob").await, site.found("eve").await);
    for endpoint in endpoints(&site) {
        let path = path_for(&endpoint, &eve);
        for (whose, key) in &keys {
            for (with, browser) in &mut browsers {
                let response = with_key(browser, &endpoint, &path, key).await;
                let what = format!("{} {path} by a key: {whose}, {with}", endpoint.method);
                let is_both = *with != "alone" && response.status == StatusCode::BAD_REQUEST;
                assert!(
                    is_refused(&response) || is_both,
                    "{what}: {} {}",
                    response.status,
                    response.body
                );
                assert!(!response.body.contains("eve"), "{what}: {}", response.body);
            }
        }
    }
    let after = (site.found("ada").await, site.found("bob").await, site.found("eve").await);
    assert_eq!(after, before);
    assert!(site.found("mallory").await.is_none());
    assert!(site.mail().await.is_empty());
}

/// The control: the requests that others are refused succeed for an administrator.
#[tokio::test]
async fn x1_only_an_administrator_with_a_fresh_login_passes_on_every_route() {
    let site = site();
    let eve = site.account_with("eve", "eve@x.org").await;
    site.account("ada", Role::Administrator).await;
    let mut stale = site.logged_in("ada").await;
    site.clock.advance(LATER);
    let mut fresh_user = site.logged_in("bob").await;
    let before = (site.found("ada").await, site.found("bob").await, site.found("eve").await);
    for endpoint in endpoints(&site) {
        let path = path_for(&endpoint, &eve);
        for (who, browser) in [
            ("anonymous", &mut site.browser()),
            ("user", &mut fresh_user),
            ("stale administrator", &mut stale),
        ] {
            let response = with_session(browser, &endpoint, &path).await;
            let what = format!("{} {path} by {who}", endpoint.method);
            assert!(is_refused(&response), "{what}: {} {}", response.status, response.body);
            assert!(!response.body.contains("eve"), "{what}: {}", response.body);
        }
    }
    let after = (site.found("ada").await, site.found("bob").await, site.found("eve").await);
    assert_eq!(after, before);
    assert!(site.found("mallory").await.is_none());
    for (number, endpoint) in endpoints(&site).iter().enumerate() {
        let mut fresh = site.logged_in("ada").await;
        let other = site.account(&format!("other{number}"), Role::User).await;
        let response = with_session(&mut fresh, endpoint, &path_for(endpoint, &other)).await;
        let what = format!("{} {} by an administrator", endpoint.method, endpoint.path);
        assert!(!is_refused(&response), "{what}: {} {}", response.status, response.body);
        assert_ne!(response.status, StatusCode::FORBIDDEN, "{what}: {}", response.body);
    }
}
