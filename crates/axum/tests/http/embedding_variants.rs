//! Attacks get the same response in every way of adding our routes to an application.

use axum::Router;
use crossauth_axum::not_found;
use http::header::ALLOW;
use http::{Method, StatusCode};

use crate::browser::{Browser, request};
use crate::site::Site;

const PATHS: [&str; 15] = [
    "/login",
    "//login",
    "/login/",
    "/login//",
    "/%6cogin",
    "/LOGIN",
    "/login;x",
    "/x/../login",
    "/login%2f",
    "/logout",
    "/api/login",
    "/api/logout",
    "/api/userforsessionkey",
    "/setup?token=x",
    "/nowhere",
];

const HEADERS: [&[(&str, &str)]; 8] = [
    &[],
    &[("accept", "text/html")],
    &[("sec-fetch-site", "cross-site")],
    &[("origin", "https://evil.example")],
    &[("origin", "null"), ("host", "evil.example")],
    &[("upgrade", "websocket"), ("sec-fetch-site", "cross-site")],
    &[("x-crossauth-csrf", "AA.BB")],
    &[("x-http-method-override", "POST"), ("x-original-url", "/logout")],
];

/// The compared parts of a response: status, methods, location, and names of set cookies.
type Outcome = (StatusCode, Option<String>, Option<String>, Vec<String>);

async fn outcome(bob: &Browser, method: &Method, path: &str, headers: &[(&str, &str)]) -> Outcome {
    let request = headers.iter().fold(request(method.clone(), path), |request, (name, value)| {
        request.header(*name, *value)
    });
    let response = bob.copy().send(request, "").await;
    // Axum adds the methods of a route to the responses of a layer around it.
    let allow = response
        .headers
        .get(ALLOW)
        .filter(|_| response.status == 405)
        .map(|value| value.to_str().unwrap().to_owned());
    let mut cookies: Vec<String> = response
        .set_cookies()
        .iter()
        .map(|cookie| cookie.split('=').next().unwrap_or_default().to_owned())
        .collect();
    cookies.sort();
    (response.status, allow, response.location().map(str::to_owned), cookies)
}

#[tokio::test]
async fn attacks_get_the_same_response_however_the_routes_are_added() {
    let site = Site::new();
    let cookies = site.logged_in("bob").await.cookies;
    let crossauth = &site.crossauth;
    let application = || Router::new().fallback(not_found);
    let ways: [(&str, Router); 5] = [
        ("mount", crossauth.mount(application())),
        ("site_with", crossauth.site_with(application()).into()),
        ("layer and routes", application().merge(crossauth.routes()).layer(crossauth.layer())),
        ("mount as a service", Router::new().fallback_service(crossauth.mount(application()))),
        ("a site within a layer", {
            let inside: Router = crossauth.site_with(application()).into();
            inside.layer(crossauth.layer())
        }),
    ];
    let mut browsers = ways.map(|(way, router)| (way, Browser::new(router)));
    for (_, browser) in &mut browsers {
        browser.cookies.clone_from(&cookies);
    }
    let foo = Method::from_bytes(b"FOO").unwrap();
    let methods = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        foo,
    ];
    for path in PATHS {
        for method in &methods {
            for headers in HEADERS {
                let [(_, first), others @ ..] = &browsers;
                let expected = outcome(first, method, path, headers).await;
                assert!(!expected.0.is_server_error(), "{method} {path} {headers:?}");
                for (way, browser) in others {
                    let found = outcome(browser, method, path, headers).await;
                    assert_eq!(found, expected, "{way}: {method} {path} {headers:?}");
                }
            }
        }
    }
    for (way, mut browser) in browsers {
        assert_eq!(browser.whoami().await.as_deref(), Some("bob"), "{way}");
    }
}
