//! The account page, and unknown paths.

use axum::Router;
use crossauth_axum::SignupField;
use crossauth_core::account::Role;
use http::Method;

use crate::browser::{Browser, request};
use crate::site::{PASSWORD, Site};

#[tokio::test]
async fn account_page_shows_username_and_logout_button() {
    let site = Site::new();
    site.account("root", Role::Administrator).await;
    let page = site.logged_in("root").await.get("/").await;
    page.assert_page(200, "root");
    assert!(page.text().contains("Administrator"));
    assert!(page.text().contains("action=\"/logout\""));
    assert!(page.text().contains("<dt>Member since</dt><dd>1 January 2026</dd>"), "{}", page.body);
    let page = site.logged_in("bob").await.get("/").await;
    assert!(!page.text().contains("Administrator"));
}

#[tokio::test]
async fn account_page_shows_non_empty_fields() {
    let site = Site::with(|site| {
        site.signup_fields([
            SignupField::new("email"),
            SignupField::new("phone").label("Mobile phone"),
            SignupField::new("team").choices([("red", "Red team"), ("blue", "Blue team")]),
            SignupField::new("home_town"),
        ])
    });
    let mut browser = site.browser();
    let fields = [
        ("username", "bob"),
        ("password", PASSWORD),
        ("repeat_password", PASSWORD),
        ("user_email", "bob@example.com"),
        ("user_phone", "555-0100"),
        ("user_team", "blue"),
        ("user_home_town", ""),
    ];
    browser.submit("/signup", &fields).await;
    let page = browser.get("/").await.text();
    for shown in [
        "<dt>Email</dt><dd title=\"bob@example.com\">",
        "<dt>Mobile phone</dt><dd title=\"555-0100\">",
        "<dt>Team</dt><dd title=\"Blue team\">",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains("Home town"), "{page}");
}

#[tokio::test]
async fn unauthenticated_pages_redirect_to_the_login_page_and_api_calls_are_refused() {
    let site = Site::new();
    let page = site.browser().get("/").await;
    assert_eq!((page.status.as_u16(), page.location()), (302, Some("/login?next=%2F")));
    site.browser().get_json("/").await.assert_failure(401, "Unauthorized");
}

#[tokio::test]
async fn unknown_paths_are_not_found_as_page_or_json() {
    let site = Site::new();
    for path in ["/nowhere", "/account/x.css", "//login", "/crossauth.css/../login"] {
        site.browser().get(path).await.assert_page(404, "Page not found");
        let response = site.browser().get_json(path).await;
        response.assert_failure(404, "BadRequest");
    }
    site.browser().get("/api/nowhere").await.assert_failure(404, "BadRequest");
}

#[tokio::test]
async fn trailing_slash_redirects_to_the_route() {
    let site = Site::with(|site| site.prefix("/auth"));
    for (path, location) in [
        ("/auth", "/auth/"),
        ("/auth/login/", "/auth/login"),
        ("/auth/login/?next=%2Fx", "/auth/login?next=%2Fx"),
        ("/auth/api/userforsessionkey/", "/auth/api/userforsessionkey"),
    ] {
        let response = site.browser().get(path).await;
        assert_eq!(
            (response.status.as_u16(), response.location()),
            (302, Some(location)),
            "{path}"
        );
    }
    let posted = site.browser().submit_bare("/auth/login/", &[]).await;
    assert_eq!(posted.status, 405);
    // In an application these paths work, and it handles the prefix without a slash.
    let mounted: Router = site.crossauth.mount(Router::new());
    let response = Browser::new(mounted).get("/auth/login/").await;
    assert_eq!(response.location(), Some("/auth/login"));
}

#[tokio::test]
async fn robots_favicon_and_change_password_are_served() {
    let site = Site::new();
    let robots = site.browser().get("/robots.txt").await;
    assert_eq!(robots.body, "User-agent: *\nDisallow: /\n");
    let icon = site.browser().get("/favicon.ico").await;
    assert_eq!((icon.status.as_u16(), icon.location()), (302, Some("/crossauth.svg")));
    let password = site.browser().get("/.well-known/change-password").await;
    assert_eq!((password.status.as_u16(), password.location()), (302, Some("/changepassword")));
    for response in [robots, icon, password] {
        assert!(response.set_cookies().is_empty());
    }
}

#[tokio::test]
async fn unsupported_methods_are_rejected_as_page_or_json() {
    let site = Site::new();
    for (path, method) in [
        ("/", "POST"),
        ("/", "DELETE"),
        ("/login", "DELETE"),
        ("/login", "TRACE"),
        ("/login", "FOO"),
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let page = request(method.clone(), path).header("accept", "text/html");
        site.browser()
            .send(page, "")
            .await
            .assert_page(405, "This address cannot be used that way");
        let response = site.browser().send(request(method, path), "").await;
        response.assert_failure(405, "BadRequest");
    }
}
