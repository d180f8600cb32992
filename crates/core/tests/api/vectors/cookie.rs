use std::collections::BTreeMap;
use std::time::Duration;

use crossauth_core::clock::Timestamp;
use crossauth_core::cookie::{self, CookieOptions, SameSite, SetCookie};
use crossauth_core::crypto::csrf;
use serde_json::{Value, json};

use super::Case;
use super::sign::signer;

fn options(case: &Case, name: &str) -> CookieOptions {
    let given = &case.input["options"];
    let text = |name: &str| given[name].as_str().map(str::to_owned);
    let mut options = CookieOptions::new(text("cookieName").unwrap_or_else(|| name.to_owned()));
    options.domain = text("domain");
    options.path = text("path").or(options.path);
    options.secure = given["secure"].as_bool().unwrap_or(true);
    options.http_only = given["httpOnly"].as_bool().unwrap_or(true);
    options.same_site = match given["sameSite"].as_str() {
        None | Some("lax") => SameSite::Lax,
        Some("strict") => SameSite::Strict,
        Some("none") => SameSite::None,
        Some(other) => panic!("{}: {other}", case.id),
    };
    options
}

/// Name and value of a cookie, and its attributes with their names in lower case.
fn parts(header: &str) -> (&str, BTreeMap<String, String>) {
    let (cookie, attributes) = header.split_once("; ").unwrap();
    let attributes = attributes.split("; ").map(|attribute| {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let name = name.to_lowercase();
        let value = if name == "samesite" { value.to_lowercase() } else { value.to_owned() };
        (name, value)
    });
    (cookie, attributes.collect())
}

pub(crate) fn session(case: &Case) {
    let persist = case.input["persist"].as_bool();
    let persist = persist.or(case.input["options"]["persist"].as_bool()).unwrap_or(true);
    let expires = case.input["expires_ms"].as_i64().filter(|_| persist);
    let value = signer(case).sign_token(case.text("sessionId"));
    let options = options(case, cookie::SESSION_COOKIE);
    let set = SetCookie::new(&options, &value, expires.map(Timestamp::from_millis)).unwrap();
    let theirs = case.written()["string"].as_str().unwrap();
    assert_eq!(parts(set.as_str()), parts(theirs), "{}", case.id);
}

pub(crate) fn csrf(case: &Case) {
    let options = options(case, cookie::CSRF_COOKIE);
    match case.op.as_str() {
        "make_csrf_cookie" => csrf_attributes(case, &options),
        "make_csrf_cookie_string" => csrf_header(case, &options),
        op => panic!("unknown operation {op}"),
    }
}

fn csrf_attributes(case: &Case, options: &CookieOptions) {
    let value = csrf::cookie_value(&signer(case), case.text("token"));
    let set = SetCookie::new(options, &value, None).unwrap();
    let (cookie, attributes) = parts(set.as_str());
    let theirs = case.written();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    assert_eq!(cookie, format!("{}={}", text(&theirs["name"]), text(&theirs["value"])));
    let expected = theirs["options"].as_object().unwrap().iter().filter_map(|(name, value)| {
        let flag = value.as_bool().map(|set| set.then(String::new));
        flag.unwrap_or_else(|| Some(text(value))).map(|value| (name.to_lowercase(), value))
    });
    assert_eq!(attributes, expected.collect(), "{}", case.id);
}

/// Upstream leaves out `Path=` and `Domain=` before the values; ours does not.
fn csrf_header(case: &Case, options: &CookieOptions) {
    let set = SetCookie::new(options, case.text("cookieValue"), None).unwrap();
    let expected = match case.id.as_str() {
        "csrf_cookie-12" => {
            "CSRFTOKEN=abc.def; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax"
        }
        "csrf_cookie-13" => "CSRFTOKEN=abc.def; Path=/; HttpOnly; SameSite=Lax",
        id => panic!("nothing expected of {id}"),
    };
    assert_eq!(set.as_str(), expected);
}

pub(crate) fn expiry(case: &Case) {
    let created = Timestamp::from_millis(case.number("now_ms"));
    let max_age = case.input["options"]["maxAge"].as_u64().map(Duration::from_secs);
    let expires = cookie::expiry(created, max_age.unwrap_or(cookie::SESSION_MAX_AGE));
    let [created, expires] = [Some(created), expires].map(|t| t.map(Timestamp::as_millis));
    case.assert_writes(json!({"created": created, "expires": expires}));
}
