//! Who may use the routes of administration: a walk over the route table.

use std::time::Duration;

use crossauth_axum::{Access, Endpoint};
use http::Method;
use serde_json::json;

use crate::browser::{Browser, TestResponse};
use crate::site::{PASSWORD, Site};

/// Longer than a login is fresh.
const LATER: Duration = Duration::from_mins(16);

fn endpoints(site: &Site) -> Vec<Endpoint> {
    let is_admin = |access| matches!(access, Access::Admin | Access::AdminWithCsrfToken);
    let all = site.crossauth.endpoints().into_iter();
    let found: Vec<_> = all.filter(|endpoint| is_admin(endpoint.access)).collect();
    assert!(found.len() > 2, "{found:?}");
    found
}

/// The responses as a page and as JSON, whatever is the surface of the endpoint.
async fn responses(browser: &mut Browser, endpoint: &Endpoint) -> Vec<TestResponse> {
    let path = endpoint.path.replace("{id}", "1");
    if endpoint.method == Method::GET {
        return vec![browser.get(&path).await, browser.get_json(&path).await];
    }
    let fields = [("username", "mallory"), ("password", PASSWORD), ("user_admin", "on")];
    vec![browser.submit(&path, &fields).await, browser.post(&path, json!({})).await]
}

fn is_api(endpoint: &Endpoint) -> bool {
    endpoint.path.starts_with("/admin/api/")
}

#[tokio::test]
async fn every_route_below_the_prefix_is_for_administrators_only() {
    let site = Site::administered();
    for Endpoint { method, path, access, .. } in site.crossauth.endpoints() {
        let expected = match (path.starts_with("/admin/"), method == Method::GET) {
            (true, true) => access == Access::Admin,
            (true, false) => access == Access::AdminWithCsrfToken,
            (false, _) => !matches!(access, Access::Admin | Access::AdminWithCsrfToken),
        };
        assert!(expected, "{method} {path} {access:?}");
    }
}

#[tokio::test]
async fn x1_visitors_and_users_are_refused_on_every_route_of_administration() {
    let site = Site::administered();
    site.administrator("ada").await;
    let before = site.found("ada").await;
    let mut bob = site.logged_in("bob").await;
    for endpoint in endpoints(&site) {
        let what = format!("{} {}", endpoint.method, endpoint.path);
        for response in responses(&mut site.browser(), &endpoint).await {
            let leads_to_login =
                response.location().is_some_and(|path| path.starts_with("/login?next=%2Fadmin%2F"));
            if endpoint.method == Method::GET && !is_api(&endpoint) {
                assert!(leads_to_login, "{what}: {} {}", response.status, response.body);
            } else {
                assert_eq!(response.status, 401, "{what}: {}", response.body);
            }
        }
        for response in responses(&mut bob, &endpoint).await {
            assert_eq!(response.status, 401, "{what}: {}", response.body);
            if is_api(&endpoint) {
                response.assert_failure(401, "InsufficientPriviledges");
            } else {
                response.assert_page(401, "You do not have access");
            }
        }
    }
    assert_eq!(site.found("ada").await, before);
    assert!(site.found("mallory").await.is_none());
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn x14_every_route_of_administration_needs_a_fresh_login() {
    let site = Site::administered();
    let mut ada = site.administrator("ada").await;
    for endpoint in endpoints(&site).iter().filter(|it| it.method == Method::GET) {
        if !endpoint.path.contains('{') {
            let [page, json] = responses(&mut ada, endpoint).await.try_into().ok().unwrap();
            assert!(page.status.as_u16() < 400 && json.status.as_u16() < 400, "{}", endpoint.path);
        }
    }
    site.clock.advance(LATER);
    let before = site.found("ada").await;
    for endpoint in endpoints(&site) {
        let what = format!("{} {}", endpoint.method, endpoint.path);
        for response in responses(&mut ada, &endpoint).await {
            if is_api(&endpoint) {
                response.assert_failure(401, "Expired");
                continue;
            }
            let path = response.location().unwrap_or_default();
            let to = match endpoint.method {
                Method::GET => "/reauthenticate?next=%2Fadmin%2F",
                _ => "/reauthenticate?unsent=true",
            };
            assert!(path.starts_with(to), "{what}: {path} {}", response.body);
        }
    }
    assert_eq!(site.found("ada").await, before);
    assert!(site.found("mallory").await.is_none());
}

#[tokio::test]
async fn x7_role_that_was_taken_away_ends_access_at_once() {
    let site = Site::administered();
    let mut ada = site.administrator("ada").await;
    site.administrator("alan").await;
    assert_eq!(ada.get_json("/admin/api/selectuser").await.status, 200);
    let update = crossauth_core::account::AccountUpdate {
        role: Some(crossauth_core::account::Role::User),
        ..Default::default()
    };
    site.crossauth.auth().accounts.update("ada", update).await.unwrap();
    for endpoint in endpoints(&site) {
        for response in responses(&mut ada, &endpoint).await {
            assert_eq!(response.status, 401, "{}: {}", endpoint.path, response.body);
        }
    }
}

#[tokio::test]
async fn without_the_option_there_are_no_routes_of_administration() {
    let (with, without) = (Site::administered(), Site::with_mail());
    let mut ada = without.administrator("ada").await;
    for endpoint in endpoints(&with) {
        for response in responses(&mut ada, &endpoint).await {
            assert_eq!(response.status, 404, "{}: {}", endpoint.path, response.body);
        }
    }
}

#[tokio::test]
async fn prefix_of_administration_can_be_chosen() {
    for (prefix, admin_prefix, expected) in [
        ("/", None, "/admin/"),
        ("/auth/", None, "/auth/admin/"),
        ("/auth/", Some("/admin/"), "/admin/"),
        ("/auth/", Some("staff"), "/staff/"),
    ] {
        let site = Site::with(|site| {
            let config = crossauth_axum::SiteConfig {
                base_url: Some(crossauth_axum::BaseUrl::parse("http://localhost:3000").unwrap()),
                prefix: prefix.into(),
                admin_prefix: admin_prefix.map(str::to_owned),
                admin_endpoints: true,
                ..Default::default()
            };
            site.site(config)
        });
        site.account("ada", crossauth_core::account::Role::Administrator).await;
        let mut ada = site.browser();
        ada.prefix = prefix;
        assert_eq!(ada.log_in("ada", PASSWORD).await.status, 200);
        let page = ada.get(&format!("{expected}selectuser")).await;
        page.assert_page(200, "ada");
        assert!(page.text().contains(&format!("{prefix}crossauth.css")), "{}", page.body);
        let json = ada.get_json(&format!("{expected}api/selectuser")).await;
        assert_eq!(json.json()["users"][0]["username"], json!("ada"));
        assert_eq!(ada.get(expected).await.location(), Some(&*format!("{expected}selectuser")));
        let without_slash = expected.trim_end_matches('/');
        assert_eq!(ada.get(without_slash).await.location(), Some(expected));
    }
    for taken in ["/auth/", "auth", "/auth/api/", "/../"] {
        let config = crossauth_axum::SiteConfig {
            prefix: "/auth/".into(),
            admin_prefix: Some(taken.into()),
            ..Default::default()
        };
        let built = crossauth_axum::testkit::builder().site(config).build();
        let is_refused = matches!(built, Err(crossauth_axum::BuildError::AdminPrefix));
        assert!(is_refused, "{taken}");
    }
}
