//! The contract of the pages with visitors and with overrides.

mod contrast;
mod error;
mod form;
mod markup;
mod overrides;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::variables::{FooterLink, sample_user};
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
    let [problem, common] = [minijinja::Value::UNDEFINED; 2];
    pages.render_layers(page, [minijinja::Value::from(Serde(context)), problem, common])
}

/// The variables of a page that can be shown without an error.
fn sample(page: &str) -> Value {
    let user = sample_user();
    let links = [FooterLink { label: "Privacy", href: "/privacy".into() }];
    let entry = PAGES.iter().find(|entry| entry.template.name == page).unwrap();
    let common = serde_json::to_value(Common::sample(Some(&user), &links)).unwrap();
    let mut variables = merged(common, serde_json::to_value((entry.sample)()).unwrap());
    if page == SIGNUP {
        // Shown instead of the form, once the account waits for its verification.
        variables["message"] = Value::Null;
    }
    variables
}

/// The variables of a page with field errors.
fn sample_with_errors(page: &str) -> Value {
    merged(sample(page), serde_json::to_value(Problem::sample()).unwrap())
}

fn merged(mut variables: Value, others: Value) -> Value {
    let (Value::Object(all), Value::Object(others)) = (&mut variables, others) else { panic!() };
    all.extend(others);
    variables
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

/// A start tag.
#[derive(Debug, Clone)]
struct Tag {
    name: String,
    attributes: BTreeMap<String, String>,
}

impl Tag {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    fn is(&self, name: &str) -> bool {
        self.name == name
    }
}

/// Every start tag of a page whose attributes are quoted with `"`.
fn tags(html: &str) -> Vec<Tag> {
    let inner = html.split('<').skip(1).filter(|inner| inner.starts_with(char::is_alphabetic));
    inner.map(|inner| tag(inner.split('>').next().unwrap())).collect()
}

fn tag(inner: &str) -> Tag {
    let (name, mut rest) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
    let mut attributes = BTreeMap::new();
    while !rest.trim_matches(['/', ' ', '\n']).is_empty() {
        rest = rest.trim_start();
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let value = after.strip_prefix("=\"").and_then(|after| after.split_once('"'));
        let (value, after) = value.unwrap_or(("", after));
        assert!(attributes.insert(name.into(), value.into()).is_none(), "{name} twice: {inner}");
        rest = after;
    }
    Tag { name: name.trim_end_matches('/').into(), attributes }
}

/// The control of a form that sends `name`.
fn control(html: &str, name: &str) -> Tag {
    let mut named = tags(html).into_iter().filter(|tag| tag.attribute("name") == Some(name));
    named.find(|tag| !tag.is("meta")).unwrap_or_else(|| panic!("no {name} in {html}"))
}

/// The text of the element with that id, without tags.
fn text_of(html: &str, id: &str) -> Option<String> {
    let (_, rest) = html.split_once(&format!("id=\"{id}\""))?;
    let (_, rest) = rest.split_once('>')?;
    let rest = rest.split("</p>").next()?;
    let texts = format!("<{rest}");
    let texts = texts.split('<').filter_map(|part| part.split_once('>'));
    let text: String = texts.map(|(_, text)| text).collect();
    Some(if text.is_empty() { rest.to_owned() } else { text }.trim().to_owned())
}

#[test]
fn every_page_renders_without_any_variable() {
    for page in every_page() {
        let html = html(page, json!({}));
        assert!(html.starts_with("<!doctype html>"), "{page}");
        assert!(html.contains("· Crossauth</title>"), "{page}");
        assert!(!html.contains("undefined") && !html.contains("role=\"alert\""), "{page}");
    }
}

#[test]
fn null_renders_like_an_undefined_variable() {
    for page in every_page() {
        let Value::Object(members) = sample_with_errors(page) else { panic!() };
        let nulls: Value = members.keys().map(|name| (name.clone(), Value::Null)).collect();
        assert_eq!(html(page, &nulls), html(page, json!({})), "{page}");
    }
}

#[test]
fn every_variable_is_escaped() {
    const HOSTILE: &str = r#"hostile"'><script>alert(1)</script>{{7*7}}{% raw %}"#;
    for page in every_page() {
        let html = html(page, replaced(&sample_with_errors(page), HOSTILE));
        assert!(!html.contains("<script>"), "{page}: {html}");
        assert!(!html.contains("hostile\"") && !html.contains("hostile&quot;'"), "{page}: {html}");
        assert!(html.contains("&lt;script"), "{page}");
        assert!(html.contains("{{7*7}}{% raw %}") && !html.contains("49{%"), "{page}");
    }
}

#[test]
fn page_variables_override_the_problem_which_overrides_common_variables() {
    let layer = |text: &str| minijinja::Value::from(Serde(json!({ text: text, "all": text })));
    let directory = tempfile::tempdir().unwrap();
    let text = "{{ page }} {{ problem }} {{ common }} {{ all }} {{ assetVersion|length }}";
    std::fs::write(directory.path().join(LOGIN), text).unwrap();
    let pages = Pages::new(PAGES, Some(directory.path().to_owned())).unwrap();
    let html = pages.render_layers(LOGIN, ["page", "problem", "common"].map(layer)).unwrap();
    assert_eq!(html, "page problem common page 16");
}

#[test]
fn account_page_describes_the_state_of_the_user() {
    let shown = |user: Value| html(ACCOUNT, json!({"user": user}));
    let plain = shown(json!({"username": "bob", "state": "awaitingemailverification"}));
    assert!(plain.contains("Email not confirmed yet") && !plain.contains("Administrator"));
    assert!(!plain.contains("Second step"), "no feature is shown that is not in use");
    let custom = shown(json!({"username": "b", "state": "onholiday", "admin": true}));
    assert!(custom.contains("onholiday") && custom.contains("Administrator"));
    let factor = json!({"secondFactors": true, "factor2Name": "Email OTP", "recoveryCodesLeft": 1});
    let html = html(ACCOUNT, merged(json!({"user": {"username": "b"}}), factor));
    assert!(html.contains("Email OTP. You have 1 recovery code left."), "{html}");
}

#[test]
fn truncated_names_have_the_full_name_as_title() {
    let name = "b".repeat(254);
    let html = html(ACCOUNT, json!({"user": {"username": name, "email": "b@example.com"}}));
    assert!(html.contains(&format!("<h1 title=\"{name}\">{name}</h1>")));
    assert!(html.contains("<dd title=\"b@example.com\">b@example.com</dd>"));
}

#[test]
fn pages_for_logged_in_users_link_to_continue_and_log_out() {
    let logout = html("logout.html", json!({"user": {"username": "ada"}, "urlPrefix": "/auth/"}));
    assert!(logout.contains("You are logged in as <strong title=\"ada\">ada</strong>"));
    assert!(
        logout.contains("href=\"/auth/\">Stay logged in") && logout.contains(">Log out</button>")
    );
    let other = html("loggedin.html", sample("loggedin.html"));
    assert!(other.contains("href=\"/after?a=b&amp;c=d\">Continue</a>"), "{other}");
    let refused = html("loggedin.html", sample_with_errors("loggedin.html"));
    assert!(refused.contains("<title>You are logged in"), "{refused}");
    assert!(control(&other, "next").attribute("value") == Some("/auth/login?next=%2Fafter"));
}

#[test]
fn every_page_has_the_footer_links() {
    for page in every_page() {
        let html = html(page, sample(page));
        let footer = html.split("<footer").nth(1).unwrap();
        assert!(footer.contains("<a href=\"/privacy\">Privacy</a>"), "{page}");
        let without = self::html(page, json!({}));
        assert!(!without.contains("About this site"), "{page}");
    }
}

#[test]
fn template_reference_lists_every_variable() {
    const CONTRACT: &str = include_str!("../../../../docs/reference/templates.md");
    let pages = Pages::new(PAGES, None).unwrap();
    for page in every_page().chain(["base.html"]) {
        let template = pages.environment.get_template(page).unwrap();
        for name in template.undeclared_variables(false) {
            let known = CONTRACT.contains(&format!("`{name}`")) || name == "namespace";
            assert!(known, "{page} uses {name}");
        }
    }
    for page in every_page() {
        assert!(CONTRACT.contains(&format!("`{page}`")), "{page}");
        let Value::Object(members) = sample_with_errors(page) else { panic!() };
        for name in members.keys() {
            assert!(CONTRACT.contains(&format!("`{name}`")), "{page} has {name}");
        }
    }
}

#[test]
fn defaults_copied_as_overrides_pass_the_check_without_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    let templates = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
    std::fs::create_dir(directory.path().join("admin")).unwrap();
    for folder in ["", "admin/"] {
        for file in std::fs::read_dir(format!("{templates}/{folder}")).unwrap() {
            let file = file.unwrap();
            if file.path().is_file() {
                let name = file.file_name().into_string().unwrap();
                std::fs::copy(file.path(), directory.path().join(folder).join(name)).unwrap();
            }
        }
    }
    let pages = Pages::open(PAGES, Some(directory.path().to_owned())).unwrap();
    let warnings = pages.check(PAGES).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
}
