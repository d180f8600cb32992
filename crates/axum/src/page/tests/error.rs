//! The error page and the emergency page.

use crossauth_core::error::{ErrorBody, ErrorCode};
use http::StatusCode;

use super::*;
use crate::request_id::RequestId;

fn page(status: u16, code: ErrorCode, messages: &[&str]) -> String {
    let messages = messages.iter().map(|&message| message.to_owned()).collect();
    let status = StatusCode::from_u16(status).unwrap();
    let links = [];
    let common = Common::sample(None, &links);
    let page = ErrorPage::new(status, ErrorBody::new(code, messages));
    Pages::new(PAGES, None).unwrap().render(&page, None, &common).unwrap()
}

fn headline(html: &str) -> &str {
    html.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap()
}

#[test]
fn error_page_shows_the_request_id_and_links() {
    let html = html(ERROR, json!({"status": 401, "urlPrefix": "/auth/", "requestId": "r7"}));
    assert!(html.contains("<code>r7</code>"));
    assert!(html.contains("href=\"/auth/login\"") && html.contains("href=\"/auth/\""));
}

#[test]
fn error_page_has_a_heading_for_the_error() {
    for (status, code, expected) in [
        (404, ErrorCode::BadRequest, "Page not found"),
        (418, ErrorCode::BadRequest, "I&#39;m a teapot"),
        (500, ErrorCode::UnknownError, "Something went wrong"),
        (503, ErrorCode::Connection, "We are busy right now"),
        (401, ErrorCode::InvalidCsrf, "This form was not accepted"),
        (401, ErrorCode::InvalidKey, "This link no longer works"),
    ] {
        let html = page(status, code, &[]);
        assert_eq!(headline(&html), expected, "{status} {code:?}");
        assert!(!html.contains("Log in</a>"), "{status} {code:?}");
    }
}

#[test]
fn error_page_of_a_mailed_link_offers_a_new_one() {
    let error = json!({"status": 401, "errorCodeName": "Expired", "urlPrefix": "/auth/"});
    let link = json!({"newLinkPath": "/auth/resendverification"});
    let code = html(ERROR, &error);
    assert_eq!(headline(&code), "That is no longer valid");
    assert!(!code.contains("new link") && !code.contains("Log in</a>"), "{code}");
    let link = html(ERROR, merged(error, link));
    assert_eq!(headline(&link), "This link no longer works");
    assert!(link.contains("href=\"/auth/resendverification\">Get a new link</a>"), "{link}");
}

#[test]
fn error_page_has_no_alert_role() {
    let html = page(404, ErrorCode::BadRequest, &["There is nothing at this address"]);
    assert!(html.contains("<title>Page not found ·"), "{html}");
    assert!(!html.contains("role=\"alert\"") && !html.contains("danger"), "{html}");
    assert!(!html.contains("There is nothing"), "it is said once: {html}");
}

#[test]
fn specific_message_replaces_the_default_text() {
    let closed = page(403, ErrorCode::Forbidden, &["Sign-up is closed."]);
    assert!(closed.contains("<p class=\"lead\">Sign-up is closed.</p>"), "{closed}");
    let plain = page(403, ErrorCode::Forbidden, &[]);
    assert!(plain.contains("Your account does not have access"), "{plain}");
    assert!(!plain.contains(ErrorCode::Forbidden.message()), "{plain}");
}

#[test]
fn error_page_has_the_variables_of_upstream() {
    let page = ErrorPage::new(StatusCode::NOT_FOUND, ErrorCode::BadRequest.into());
    let variables = serde_json::to_value(page).unwrap();
    assert_eq!(variables["status"], 404);
    assert_eq!(variables["httpStatus"], 404);
    assert_eq!(variables["msg"], variables["errorMessage"]);
    for name in ["errorCode", "errorCodeName", "errorMessage", "errorMessages", "msg"] {
        assert!(!variables[name].is_null(), "{name}");
    }
}

#[test]
fn emergency_page_shows_a_template_error_only_if_given_one() {
    let plain = emergency("/auth/", RequestId::new(7), None);
    assert!(plain.contains("href=\"/auth/crossauth.css?v="), "{plain}");
    assert!(plain.contains(&RequestId::new(7).to_string()) && !plain.contains("<pre"));
    let error = PageError::Template {
        file: "login.html".into(),
        line: Some(3),
        reason: "<script> & co".into(),
    };
    let shown = emergency("/", RequestId::new(7), Some(&error));
    assert!(shown.contains("login.html:3: &lt;script&gt; &amp; co"), "{shown}");
}
