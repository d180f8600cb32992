//! The option `endpoints`: which of our endpoints are served.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use crossauth_axum::{Admin, BuildError, Crossauth, testkit};
use crossauth_core::factor::FactorConfig;
use crossauth_core::hooks::Hooks;
use crossauth_core::user::User;
use http::Method;

use crate::browser::{Browser, request};
use crate::site::Site;

/// Endpoints that are served whatever is listed.
const ALWAYS: [&str; 4] = ["setup", "dev/outbox", "reauthenticate", "api/reauthenticate"];

/// The names of the endpoints that are served, without those of second factors.
fn served(names: &[&str]) -> BTreeSet<String> {
    let site = Site::with(|site| {
        let none = FactorConfig { second: Vec::new(), ..FactorConfig::default() };
        let site = site.admin_endpoints().preview_messages();
        site.endpoints(names.to_vec()).factors(none)
    });
    let paths = site.crossauth.endpoints().into_iter().map(|endpoint| endpoint.path);
    let names = paths.map(|path| path[1..].split("/{").next().unwrap().to_owned());
    names.filter(|name| !ALWAYS.contains(&name.as_str())).collect()
}

fn refused(names: &[&str]) -> BuildError {
    testkit::builder().endpoints(names.to_vec()).build().unwrap_err()
}

#[test]
fn only_listed_endpoints_are_served() {
    let listed = ["login", "api/login", "/logout", "endsession", "verifyemail"];
    let names = listed.map(|name| name.trim_start_matches('/').to_owned());
    assert_eq!(served(&listed), BTreeSet::from(names));
    assert_eq!(served(&[]), BTreeSet::new());
}

#[test]
fn lists_of_upstream_stand_for_their_members() {
    let api = served(&["SessionApiEndpoints"]);
    assert!(api.iter().all(|name| name.starts_with("api/")), "{api:?}");
    for name in ["api/login", "api/logout", "api/getcsrftoken", "api/sessions"] {
        assert!(api.contains(name), "{name}: {api:?}");
    }
    let verification = ["verifyemail", "resendverification", "restoreemail"];
    let verification = BTreeSet::from(verification.map(str::to_owned));
    assert_eq!(served(&["EmailVerificationPageEndpoints"]), verification);
    let all = served(&["all"]);
    assert!(all.len() > api.len() && all.contains("login"), "{all:?}");
    for name in ["allMinusOAuth", "AllEndpointsMinusOAuth"] {
        assert_eq!(served(&[name]), all, "{name}");
    }
    let pages = served(&["SessionAdminPageEndpoints"]);
    assert!(pages.contains("admin/selectuser") && !pages.contains("login"), "{pages:?}");
    assert!(!pages.iter().any(|name| name.starts_with("admin/api/")), "{pages:?}");
    let api = served(&["SessionAdminApiEndpoints"]);
    assert!(api.iter().all(|name| name.starts_with("admin/api/")), "{api:?}");
    assert_eq!(served(&["admin/selectuser"]), BTreeSet::from(["admin/selectuser".to_owned()]));
    // Upstream accepts these and never serves them.
    assert_eq!(served(&["login", "emailverified", "api/factor2"]).len(), 1);
}

#[test]
fn all_does_not_enable_features_that_are_off() {
    let site = Site::with(|site| site.endpoints(["all"]).close_signup());
    let paths: Vec<_> = site.crossauth.endpoints().into_iter().map(|it| it.path).collect();
    assert!(paths.contains(&"/login".to_owned()));
    assert!(!paths.iter().any(|path| path.contains("signup") || path.contains("reset")));
}

#[test]
fn endpoints_of_second_factors_are_added() {
    let site = Site::with(|site| site.endpoints(["login"]));
    let paths: Vec<_> = site.crossauth.endpoints().into_iter().map(|it| it.path).collect();
    assert!(paths.contains(&"/loginfactor2".to_owned()), "{paths:?}");
    assert!(!paths.contains(&"/signup".to_owned()), "{paths:?}");
}

#[test]
fn unknown_and_disabled_endpoints_are_errors() {
    let unknown = refused(&["login", "singup"]);
    assert!(matches!(&unknown, BuildError::UnknownEndpoint(name) if name == "singup"), "{unknown}");
    for name in ["verifyemail", "api/requestpasswordreset", "admin/selectuser"] {
        let off = refused(&["login", name]);
        assert!(matches!(&off, BuildError::DisabledEndpoint(it) if it == name), "{off}");
    }
    let builder = testkit::builder().close_signup().endpoints(["signup"]);
    assert!(matches!(builder.build(), Err(BuildError::DisabledEndpoint(_))));
    let below = testkit::builder().prefix("/auth").endpoints(["/auth/login", "api/login"]);
    assert!(below.build().is_ok());
}

#[tokio::test]
async fn application_can_serve_a_page_in_place_of_ours() {
    let crossauth = testkit::builder().endpoints(["login", "api/login"]).build().unwrap();
    let own = Router::new().route("/signup", get(async || "our own page"));
    let mut browser = Browser::new(crossauth.mount(own));
    assert_eq!(browser.get("/signup").await.body, "our own page");
    let login = browser.get("/login").await;
    assert_eq!(login.status, 200);
    assert!(!login.body.contains("Create an account"), "{}", login.body);
    assert_eq!(browser.get("/api/userforsessionkey").await.status, 404);
}

#[tokio::test]
async fn account_page_leads_only_to_endpoints_that_are_served() {
    let links = ["/changepassword", "/deleteuser", "/updateuser", "action=\"/logout\""];
    for (names, expected) in [
        (vec!["all"], vec![true, true, true, true]),
        (vec!["login", "api/login", "api/getcsrftoken", "deleteuser"], {
            vec![false, true, false, false]
        }),
    ] {
        let site = Site::with(|site| site.endpoints(names.clone()));
        let page = site.logged_in("bob").await.get("/").await;
        let found: Vec<_> = links.iter().map(|link| page.text().contains(link)).collect();
        assert_eq!(found, expected, "{names:?}: {}", page.body);
    }
}

#[tokio::test]
async fn hook_decides_who_is_an_administrator() {
    let application = |crossauth: &Crossauth| {
        let office = get(async |user: Admin| user.username.clone());
        let either = get(async |user: Option<Admin>| user.is_some().to_string());
        crossauth.mount(Router::new().route("/office", office).route("/either", either))
    };
    let is_admin = |user: &User| user.username == "ada";
    let hooks = Hooks { is_admin: Some(Arc::new(is_admin)), ..Hooks::default() };
    let crossauth = testkit::builder().hooks(hooks).build().unwrap();
    let ada = testkit::logged_in(&crossauth, "ada").await;
    let root = testkit::admin(&crossauth, "root").await;
    for (user, status, either) in [(ada, 200, "true"), (root, 401, "false")] {
        let mut browser = Browser::new(application(&crossauth));
        let get = |path| user.authorize(request(Method::GET, path));
        assert_eq!(browser.send(get("/office"), "").await.status, status);
        assert_eq!(browser.send(get("/either"), "").await.body, either);
    }
}
