//! Forms: submitted fields and errors.

use crossauth_core::error::{ErrorBody, ErrorCode};
use crossauth_core::form::{Field, FieldError, Rule};

use super::*;

fn with_errors(page: &str, errors: &[FieldError]) -> Value {
    let problem = Problem::from(ErrorBody::from(errors));
    merged(sample(page), serde_json::to_value(problem).unwrap())
}

fn with_error(page: &str, code: ErrorCode, messages: &[&str]) -> Value {
    let messages = messages.iter().map(|&message| message.to_owned()).collect();
    let problem = Problem::from(ErrorBody::new(code, messages));
    merged(sample(page), serde_json::to_value(problem).unwrap())
}

fn focused(html: &str) -> Vec<String> {
    let tags = tags(html).into_iter().filter(|tag| tag.attribute("autofocus").is_some());
    tags.map(|tag| tag.attribute("name").unwrap().to_owned()).collect()
}

/// Pages, the actions of their forms, and the fields of these.
const FORMS: [(&str, &str, &[&str]); 13] = [
    (LOGIN, "login", &["csrfToken", "next", "username", "password", "persist"]),
    (
        SIGNUP,
        "signup",
        &[
            "csrfToken",
            "next",
            "username",
            "user_email",
            "user_region",
            "password",
            "repeat_password",
            "factor2",
            "factor2",
            "persist",
        ],
    ),
    (
        SETUP,
        "setup",
        &["csrfToken", "token", "username", "user_email", "password", "repeat_password", "persist"],
    ),
    (ACCOUNT, "logout", &["csrfToken", "next"]),
    ("logout.html", "logout", &["csrfToken", "next"]),
    ("loggedin.html", "logout", &["csrfToken", "next"]),
    (ACCOUNT, "endsession/two", &["csrfToken", "next"]),
    (ACCOUNT, "endothersessions", &["csrfToken", "next"]),
    (
        "changepassword.html",
        "changepassword",
        &[
            "csrfToken",
            "next",
            "required",
            "username",
            "old_password",
            "new_password",
            "repeat_password",
        ],
    ),
    (
        "changefactor2.html",
        "changefactor2",
        &["csrfToken", "next", "factor2", "factor2", "password"],
    ),
    ("configurefactor2.html", "configurefactor2", &["csrfToken", "next", "otp"]),
    ("updateuser.html", "updateuser", &["csrfToken", "user_phone", "password"]),
    ("deleteuser.html", "deleteuser", &["csrfToken", "next", "password"]),
];

#[test]
fn forms_post_the_fields_of_the_contract() {
    for (page, action, names) in FORMS {
        let html = html(page, sample(page));
        let start = format!(" method=\"post\" action=\"/auth/{action}\">");
        let form = html.split("<form").find(|form| form.starts_with(&start));
        let form = form.unwrap_or_else(|| panic!("{page}: {action}")).split("</form>").next();
        let form = form.unwrap();
        let tags = tags(form);
        let sent: Vec<_> = tags.iter().filter_map(|tag| tag.attribute("name")).collect();
        assert_eq!(sent, names, "{page}");
        assert_eq!(control(form, "csrfToken").attribute("value"), Some("csrf-token"), "{page}");
    }
}

#[test]
fn typed_values_are_kept_except_passwords() {
    for page in [LOGIN, SIGNUP, SETUP] {
        let mut context = sample_with_errors(page);
        context["password"] = "Geheim123".into();
        context["repeat_password"] = "Geheim123".into();
        let html = html(page, &context);
        assert_eq!(control(&html, "username").attribute("value"), Some("ada"), "{page}");
        assert!(!html.contains("Geheim123"), "{page}");
        assert!(control(&html, "persist").attribute("checked").is_some(), "{page}");
        context["persist"] = "".into();
        let html = self::html(page, &context);
        assert!(control(&html, "persist").attribute("checked").is_none(), "{page}");
    }
    let signup = html(SIGNUP, sample_with_errors(SIGNUP));
    assert_eq!(control(&signup, "user_email").attribute("value"), Some("ada@example.com"));
}

#[test]
fn next_is_one_encoded_parameter_of_links() {
    let html = html(LOGIN, json!({"signupEnabled": true, "next": "/a?b=c&d=\"e"}));
    assert!(html.contains("href=\"signup?next=/a%3Fb%3Dc%26d%3D%22e\""), "{html}");
    assert!(!self::html(LOGIN, json!({})).contains("signup"));
}

#[test]
fn each_error_is_shown_once_and_at_its_field() {
    let errors = [
        FieldError::new(Field::Password, Rule::Common),
        FieldError::new(Field::Extra("region".into()), Rule::Choice),
    ];
    let html = html(SIGNUP, with_errors(SIGNUP, &errors));
    for error in &errors {
        let name = error.field.wire_name();
        assert_eq!(html.matches(&error.message()).count(), 1, "{name}: {html}");
        assert_eq!(text_of(&html, &format!("{name}-error")), Some(error.message()));
        let control = control(&html, &name);
        assert_eq!(control.attribute("aria-invalid"), Some("true"), "{name}");
        let described = format!("{name}-error {name}-hint");
        assert_eq!(control.attribute("aria-describedby"), Some(&*described));
    }
    assert_eq!(focused(&html), ["password"]);
    assert_eq!(control(&html, "username").attribute("aria-invalid"), None);
    assert!(html.contains("<p>Please check the marked fields.</p>"));
    assert!(html.contains("<title>Error: Create an account"));
}

#[test]
fn every_form_shows_errors_at_its_fields() {
    for page in [LOGIN, SIGNUP, SETUP] {
        let errors = [
            FieldError::new(Field::Username, Rule::Missing),
            FieldError::new(Field::Password, Rule::Missing),
        ];
        let html = html(page, with_errors(page, &errors));
        assert_eq!(text_of(&html, "username-error").unwrap(), "Username is required", "{page}");
        assert_eq!(text_of(&html, "password-error").unwrap(), "Password is required", "{page}");
        assert_eq!(focused(&html), ["username"], "{page}");
    }
}

#[test]
fn errors_of_one_field_are_joined() {
    let errors = [
        FieldError::new(Field::Password, Rule::TooShort { min: 8 }),
        FieldError::new(Field::Password, Rule::ContainsName),
    ];
    let html = html(SETUP, with_errors(SETUP, &errors));
    let expected = errors.map(|error| error.message()).join(". ");
    assert_eq!(text_of(&html, "password-error"), Some(expected));
}

#[test]
fn errors_without_a_field_are_listed_at_the_top() {
    let errors = [
        FieldError::new(Field::Username, Rule::Taken),
        FieldError::new(Field::Extra("shoe_size".into()), Rule::Missing),
        FieldError::new(Field::Extra("hat_size".into()), Rule::Missing),
    ];
    let html = html(SIGNUP, with_errors(SIGNUP, &errors));
    assert!(html.contains("<ul><li>Shoe size is required</li><li>Hat size is required</li></ul>"));
    assert_eq!(html.matches(&errors[0].message()).count(), 1);
    let plain = html_with_message();
    assert!(plain.contains("<p>Sign-up is closed</p>"), "{plain}");
}

fn html_with_message() -> String {
    html(SIGNUP, with_error(SIGNUP, ErrorCode::Forbidden, &["Sign-up is closed"]))
}

#[test]
fn message_of_several_sentences_ends_with_a_full_stop() {
    for message in ["The form has expired. Please send it again", "It is late. <Hurry>."] {
        let html = html(LOGIN, with_error(LOGIN, ErrorCode::InvalidCsrf, &[message]));
        let expected = message.trim_end_matches('.').replace('<', "&lt;").replace('>', "&gt;");
        assert!(html.contains(&format!("<p>{expected}.</p>")), "{html}");
    }
}

#[test]
fn failed_login_does_not_reveal_which_field_was_wrong() {
    let refused = with_error(LOGIN, ErrorCode::UsernameOrPasswordInvalid, &[]);
    let html = html(LOGIN, refused);
    for name in ["username", "password"] {
        let control = control(&html, name);
        assert_eq!(control.attribute("aria-describedby"), Some("problems"), "{name}");
        assert_eq!(control.attribute("aria-invalid"), Some("true"), "{name}");
    }
    assert_eq!(focused(&html), ["password"]);
    assert!(html.contains("<title>Error: Log in"));
    let message = ErrorCode::UsernameOrPasswordInvalid.message();
    let alert = html.split("role=\"alert\"").nth(1).unwrap();
    assert!(alert.contains(&format!("<p>{message}</p>")) && !alert.contains("href=\"#"));
}

#[test]
fn fields_have_labels_and_autocomplete_attributes() {
    for page in [LOGIN, SIGNUP, SETUP] {
        let html = html(page, sample(page));
        let new = if page == LOGIN { "current-password" } else { "new-password" };
        assert_eq!(control(&html, "password").attribute("autocomplete"), Some(new), "{page}");
        let username = control(&html, "username");
        assert_eq!(username.attribute("autocomplete"), Some("username"), "{page}");
        assert_eq!(username.attribute("autocapitalize"), Some("none"), "{page}");
        assert_eq!(focused(&html).len(), 1, "{page}");
    }
    assert_eq!(focused(&html(LOGIN, sample(LOGIN))), ["password"], "the name is known");
}

#[test]
fn password_fields_have_a_show_button_and_a_repeat_field() {
    for page in [LOGIN, SIGNUP, SETUP] {
        let html = html(page, sample(page));
        let buttons: Vec<_> = tags(&html)
            .into_iter()
            .filter(|tag| tag.attribute("aria-controls").is_some())
            .collect();
        let [button] = &buttons[..] else { panic!("{page}: {buttons:?}") };
        assert_eq!(button.attribute("aria-controls"), Some("password"), "{page}");
        assert_eq!(button.attribute("aria-label"), Some("Show password"), "{page}");
        assert!(button.attribute("hidden").is_some(), "{page}: shown by the script only");
        assert_eq!(button.attribute("type"), Some("button"), "{page}");
        assert_eq!(html.matches("data-repeats=\"password\"").count(), usize::from(page != LOGIN));
    }
}

#[test]
fn rules_for_names_and_passwords_are_shown_in_the_form() {
    for page in [SIGNUP, SETUP] {
        let html = html(page, sample(page));
        let username = control(&html, "username");
        assert_eq!(username.attribute("minlength"), Some("2"));
        assert_eq!(username.attribute("maxlength"), Some("254"));
        assert_eq!(text_of(&html, "password-hint").as_deref(), Some("At least 8 characters."));
        let password = control(&html, "password");
        assert_eq!(password.attribute("aria-describedby"), Some("password-hint"));
        assert_eq!(password.attribute("maxlength"), None, "a pasted password must not be cut");
    }
}

#[test]
fn application_fields_are_controls_of_their_type() {
    let field = |name: &str, kind: &str, more: Value| {
        let field = json!({"name": name, "label": name, "type": kind, "required": true});
        merged(field, more)
    };
    let choices = json!([{"value": "n", "label": "North"}, {"value": "s", "label": "South"}]);
    let context = json!({"fields": [
        field("region", "select", json!({"choices": choices, "value": "s"})),
        field("about", "textarea", json!({"value": "\n<b>", "required": false})),
        field("news", "checkbox", json!({"value": "on", "required": false})),
        field("born", "date", json!({"value": "2001-02-03", "autocomplete": "bday"})),
        field("site", "url", json!({"hint": "With https."})),
    ]});
    let html = html(SIGNUP, context);
    let region = control(&html, "user_region");
    assert!(region.is("select") && region.attribute("required").is_some());
    assert!(html.contains("<option value=\"s\" selected>South</option>"), "{html}");
    assert!(html.contains("<option value=\"n\">North</option>"), "{html}");
    assert!(html.contains(">\n\n&lt;b&gt;</textarea>"), "{html}");
    assert!(html.contains("about <span class=\"optional\">(optional)</span>"));
    let news = control(&html, "user_news");
    assert_eq!(news.attribute("value"), Some("on"));
    assert!(news.attribute("checked").is_some() && news.attribute("required").is_none());
    let born = control(&html, "user_born");
    assert_eq!(born.attribute("type"), Some("date"));
    assert_eq!(born.attribute("autocomplete"), Some("bday"));
    assert_eq!(text_of(&html, "user_site-hint").as_deref(), Some("With https."));
}

#[test]
fn second_factor_is_a_choice_only_with_several_options() {
    let mut context = sample(SIGNUP);
    assert!(html(SIGNUP, &context).contains("Second step at login"));
    context["allowedFactor2"] = json!([{"name": "totp", "friendlyName": "App"}]);
    let one = html(SIGNUP, &context);
    assert_eq!(control(&one, "factor2").attribute("type"), Some("hidden"));
    context["allowedFactor2"] = json!([]);
    assert!(!html(SIGNUP, &context).contains("factor2"));
}
