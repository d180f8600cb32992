//! What the pages promise to visitors, and to those who override them.

mod contrast;
mod overrides;

use serde_json::{Value, json};

use super::*;
use crate::routes::PAGES;

const LOGIN: &str = "login.html";
const SIGNUP: &str = "signup.html";
const ACCOUNT: &str = "account.html";
const SETUP: &str = "setup.html";
const ERROR: &str = "error.html";

fn every_page() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|page| page.template.name)
}

fn html(page: &str, context: impl Serialize) -> String {
    html_of(&Pages::new(PAGES, None).unwrap(), page, context)
}

fn html_of(pages: &Pages, page: &str, context: impl Serialize) -> String {
    try_html(pages, page, context).unwrap()
}

fn try_html(pages: &Pages, page: &str, context: impl Serialize) -> Result<String, PageError> {
    let layers = [
        minijinja::Value::UNDEFINED,
        minijinja::Value::UNDEFINED,
        minijinja::Value::from(Serde(context)),
    ];
    pages.render_layers(page, layers)
}

/// Every variable of the contract at once, so that it serves for every page.
fn full() -> Value {
    json!({
        "urlPrefix": "/auth/",
        "csrfToken": "token",
        "siteName": "Northwind",
        "requestId": "request-1",
        "cspNonce": "nonce",
        "user": {
            "username": "ada", "email": "ada@example.com", "admin": true,
            "state": "active", "factor2": "totp",
        },
        "errorMessage": "Username must be short. Password must be long",
        "errorMessages": ["Username must be short", "Password must be long"],
        "errorCode": 42,
        "errorCodeName": "FormEntry",
        "message": "Done",
        "next": "/after?a=b&c=d",
        "persist": "on",
        "username": "ada",
        "signupEnabled": true,
        "fields": [{
            "name": "email", "label": "Email", "type": "email",
            "autocomplete": "email", "value": "ada@example.com", "required": true,
        }],
        "allowedFactor2": [
            {"name": "none", "friendlyName": "None", "hasSecrets": false},
            {"name": "totp", "friendlyName": "Authenticator app", "hasSecrets": true},
        ],
        "factor2": "totp",
        "passwordHint": "Make it long.",
        "facts": [{"label": "Member since", "value": "March"}],
        "token": "setup-token",
        "user_email": "ada@example.com",
        "status": 404,
        "title": "Not found",
    })
}

/// `context` with every text in it replaced.
fn replaced(context: &Value, text: &str) -> Value {
    match context {
        Value::String(_) => text.into(),
        Value::Array(items) => items.iter().map(|item| replaced(item, text)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), replaced(value, text))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => context.clone(),
    }
}

/// The values of an attribute, in the order of the page.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    html.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

fn input<'a>(html: &'a str, name: &str) -> &'a str {
    let needle = format!(" name=\"{name}\"");
    html.split('<').find(|tag| tag.starts_with("input") && tag.contains(&needle)).unwrap()
}

#[test]
fn every_page_renders_without_any_variable() {
    for page in every_page() {
        let html = html(page, json!({}));
        assert!(html.starts_with("<!doctype html>"), "{page:?}");
        assert_eq!(html.matches("<h1>").count(), 1, "{page:?}");
        assert!(html.contains("· Crossauth</title>"), "{page:?}");
        assert!(!html.contains("undefined") && !html.contains("role=\"alert\""), "{page:?}");
    }
}

#[test]
fn null_is_the_same_as_nothing() {
    let Value::Object(members) = full() else { panic!() };
    let nulls: Value = members.keys().map(|name| (name.clone(), Value::Null)).collect();
    for page in every_page() {
        assert_eq!(html(page, &nulls), html(page, json!({})), "{page:?}");
    }
}

#[test]
fn forms_post_the_fields_of_the_contract() {
    let expected: [(&str, &str, &[&str]); 4] = [
        (LOGIN, "/auth/login", &["csrfToken", "next", "username", "password", "persist"]),
        (
            SIGNUP,
            "/auth/signup",
            &[
                "csrfToken",
                "next",
                "persist",
                "username",
                "user_email",
                "password",
                "repeat_password",
                "factor2",
                "factor2",
            ],
        ),
        (
            SETUP,
            "/auth/setup",
            &["csrfToken", "token", "username", "user_email", "password", "repeat_password"],
        ),
        (ACCOUNT, "/auth/logout", &["csrfToken", "next"]),
    ];
    for (page, action, names) in expected {
        let html = html(page, full());
        assert!(html.contains(&format!("<form method=\"post\" action=\"{action}\">")), "{page:?}");
        let form = html.split("<form").nth(1).unwrap();
        assert_eq!(attributes(form, "name"), names, "{page:?}");
    }
}

#[test]
fn what_was_typed_comes_back_except_for_passwords() {
    let mut context = full();
    context["password"] = "Geheim123".into();
    context["repeat_password"] = "Geheim123".into();
    for page in [LOGIN, SIGNUP, SETUP] {
        let html = html(page, &context);
        assert!(input(&html, "username").contains("value=\"ada\""), "{page:?}");
        assert!(!html.contains("Geheim123"), "{page:?}");
    }
    assert!(input(&html(LOGIN, &context), "persist").contains(" checked"));
    assert!(!input(&html(LOGIN, json!({"persist": ""})), "persist").contains("checked"));
}

#[test]
fn hostile_text_stays_text_in_every_variable() {
    const HOSTILE: &str = r#"hostile"'><script>alert(1)</script>{{7*7}}{% raw %}"#;
    for page in every_page() {
        let html = html(page, replaced(&full(), HOSTILE));
        assert!(!html.contains("<script"), "{page:?}: {html}");
        assert!(
            !html.contains("hostile\"") && !html.contains("hostile&quot;'"),
            "{page:?}: {html}"
        );
        assert!(html.contains("&lt;script"), "{page:?}");
        assert!(html.contains("{{7*7}}{% raw %}") && !html.contains("49{%"), "{page:?}");
    }
}

#[test]
fn the_way_back_travels_in_links_as_one_parameter() {
    let html = html(LOGIN, json!({"signupEnabled": true, "next": "/a?b=c&d=\"e"}));
    assert!(html.contains("href=\"signup?next=/a%3Fb%3Dc%26d%3D%22e\""), "{html}");
    assert!(!self::html(LOGIN, json!({})).contains("signup"));
}

#[test]
fn problems_link_to_the_fields_they_speak_of() {
    let html = html(SIGNUP, full());
    assert!(html.contains("<a href=\"#username\">Username must be short</a>"));
    assert!(html.contains("<a href=\"#password\">Password must be long</a>"));
    let password = input(&html, "password");
    assert!(password.contains("aria-describedby=\"password-hint password-error\""), "{password}");
    assert!(password.contains("aria-invalid=\"true\""));
    assert!(html.contains("id=\"password-error\">Password must be long<"));
    assert!(!input(&html, "repeat_password").contains("aria-invalid"));
}

#[test]
fn rules_link_to_their_field_and_other_messages_to_none() {
    let first_link = |message: &str, code: &str| {
        let context = json!({"errorMessage": message, "errorCodeName": code});
        let html = html(SIGNUP, context);
        let problems =
            html.split("id=\"problems\"").nth(1).unwrap().split("</div>").next().unwrap();
        attributes(problems, "href").first().map(|link| (*link).to_owned())
    };
    for (message, code, link) in [
        ("Username may contain letters only", "FormEntry", "#username"),
        ("Password is too common", "FormEntry", "#password"),
        ("Password not provided", "FormEntry", "#password"),
        ("Email is not in an allowed format", "FormEntry", "#user_email"),
        ("Passwords do not match", "PasswordMatch", "#repeat_password"),
        ("User already exists", "UserExists", "#username"),
    ] {
        assert_eq!(first_link(message, code).as_deref(), Some(link), "{message}");
    }
    assert_eq!(first_link("Password", "FormEntry"), None);
    assert_eq!(first_link("Email address has not been verified", "EmailNotVerified"), None);
}

#[test]
fn a_refused_login_does_not_say_which_field_was_wrong() {
    let refused = json!({
        "username": "ada",
        "errorMessage": "Username or password incorrect",
        "errorCodeName": "UsernameOrPasswordInvalid",
    });
    let html = html(LOGIN, refused);
    for name in ["username", "password"] {
        assert!(input(&html, name).contains("aria-describedby=\"problems\" aria-invalid=\"true\""));
    }
    assert!(input(&html, "password").contains(" autofocus"));
    assert!(html.contains("<title>Error: Log in"));
}

#[test]
fn forms_are_labelled_and_known_to_password_managers() {
    for page in [LOGIN, SIGNUP, SETUP] {
        let html = html(page, full());
        let form = html.split("<form").nth(1).unwrap();
        for id in attributes(form, "id").iter().filter(|id| !id.contains('-')) {
            assert!(form.contains(&format!("<label for=\"{id}\"")), "{page:?} {id}");
        }
        let kind = if page == LOGIN { "current-password" } else { "new-password" };
        assert!(input(form, "password").contains(&format!("autocomplete=\"{kind}\"")), "{page:?}");
        assert!(input(form, "username").contains("autocomplete=\"username\""), "{page:?}");
        assert_eq!(form.matches(" autofocus").count(), 1, "{page:?}");
    }
}

#[test]
fn an_account_shows_its_state_in_words() {
    let shown = |user: Value| html(ACCOUNT, json!({"user": user}));
    let plain = shown(json!({"username": "bob", "state": "awaitingemailverification"}));
    assert!(plain.contains("Email not confirmed yet") && !plain.contains("Administrator"));
    assert!(plain.contains("<dd>Off</dd>"));
    let custom =
        shown(json!({"username": "b", "state": "onholiday", "admin": true, "factor2": "totp"}));
    assert!(custom.contains("onholiday") && custom.contains("Administrator"));
    assert!(custom.contains("<dd>On</dd>"));
}

#[test]
fn an_error_names_the_request_and_a_way_on() {
    let html = html(ERROR, json!({"status": 401, "urlPrefix": "/auth/", "requestId": "r7"}));
    assert!(html.contains("<code>r7</code>"));
    assert!(html.contains("href=\"/auth/login\"") && html.contains("href=\"/auth/\""));
}

#[test]
fn an_error_is_headed_in_plain_words() {
    let headline = |context: Value| {
        let html = html(ERROR, context);
        html.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap().to_owned()
    };
    assert_eq!(headline(json!({"status": 404, "title": "Not Found"})), "Page not found");
    assert_eq!(headline(json!({"status": 418, "title": "I am a teapot"})), "I am a teapot");
    assert_eq!(headline(json!({"status": 500})), "Something went wrong");
    let stale = json!({"status": 401, "errorCodeName": "InvalidCsrf"});
    assert_eq!(headline(stale.clone()), "This form was not accepted");
    assert!(!html(ERROR, stale).contains("Log in"));
    let used = json!({"status": 401, "errorCodeName": "InvalidKey"});
    assert_eq!(headline(used), "This link does not work any more");
}

#[test]
fn pages_need_no_script_no_inline_style_and_no_other_host() {
    for page in every_page() {
        let html = html(page, full()).to_lowercase();
        for forbidden in ["<script", "style=", "<style", "http://", "https://", "javascript:"] {
            assert!(!html.contains(forbidden), "{page:?} holds {forbidden}");
        }
        let handler = html.match_indices(" on").find(|(at, _)| {
            let word = html[at + 1..].split(|c: char| !c.is_ascii_alphabetic()).next().unwrap();
            html[at + 1 + word.len()..].starts_with('=')
        });
        assert_eq!(handler, None, "{page:?} has an event handler");
    }
    let css = Asset::ALL[0].body;
    assert!(!css.contains("url(") && !css.contains("@import") && !css.contains("http"));
}

#[test]
fn pages_load_only_assets_that_exist_in_their_present_version() {
    let html = html(ERROR, json!({"urlPrefix": "/"}));
    for asset in Asset::ALL {
        let link = format!("\"/{}?v={}\"", asset.name, asset::version());
        assert!(html.contains(&link), "{}", asset.name);
    }
    assert_eq!(html.matches("?v=").count(), html.matches(&asset::version()).count());
}

#[test]
fn the_contract_names_every_variable_in_use() {
    const CONTRACT: &str = include_str!("../../../../docs/reference/templates.md");
    let pages = Pages::new(PAGES, None).unwrap();
    for page in every_page().chain(["base.html"]) {
        let template = pages.environment.get_template(page).unwrap();
        for name in template.undeclared_variables(false) {
            assert!(CONTRACT.contains(&format!("`{name}`")), "{page} uses {name}");
        }
    }
    let Value::Object(members) = full() else { panic!() };
    for name in members.keys() {
        assert!(CONTRACT.contains(&format!("`{name}`")), "{name}");
    }
}
