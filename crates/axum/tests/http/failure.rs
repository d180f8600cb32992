//! Every failure of the endpoints of users, on the page and as JSON: the same status, the same
//! message, and the form once more.

use std::time::Duration;

use crossauth_core::account::Role;
use crossauth_core::message::MessageKind;
use crossauth_core::user::{FactorName, Patch, User, UserUpdate};
use serde_json::{Map, Value};

use crate::browser::{Browser, TestResponse};
use crate::factor::DUMMY_CODE;
use crate::site::{PASSWORD, Site};

const EMAIL: &str = "bob@example.com";
const NEW: &str = "Another-Horse-8";

/// What precedes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    /// A visitor, and an account in this state.
    Visitor(&'static str),
    User,
    /// A user with neither an address nor a number.
    Unreachable,
    Admin,
    /// A user whose login is not fresh.
    Stale,
    /// A user with a second factor.
    Enrolled,
    /// A login that waits for its second factor.
    Pending,
    /// A login that waits, and this afterwards.
    PendingThen(Then),
    /// A set-up that waits.
    SetUp,
    SetUpThen(Then),
    /// A change of the password that waits for the second factor, and this afterwards.
    WaitingThen(Then),
    /// A link of this kind, whose token is the field `token`.
    Link(MessageLink),
    LinkThen(MessageLink, Then),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    CodeExpires,
    WaitingEnds,
    Disabled,
    PasswordChanges,
    /// This many wrong codes.
    Wrong(usize),
    /// This many codes are sent again.
    Resent(usize),
    LinkExpires,
    AddressTaken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MessageLink {
    Reset,
    Verification,
}

use Given::{
    Admin, Enrolled, Link, LinkThen, Pending, PendingThen, SetUp, SetUpThen, Stale, Unreachable,
    User as LoggedIn, Visitor, WaitingThen,
};
use MessageLink::{Reset, Verification};
use Then::{
    AddressTaken, CodeExpires, Disabled, LinkExpires, PasswordChanges, Resent, WaitingEnds, Wrong,
};

const ACTIVE: Given = Visitor("active");

type Fields = &'static [(&'static str, &'static str)];

const RIGHT: Fields = &[("username", "bob"), ("password", PASSWORD)];
const CODE: Fields = &[("otp", DUMMY_CODE)];
const WRONG: Fields = &[("otp", "no")];
const NO_FIELDS: Fields = &[];

/// The heading of the error page for visitors, which says what to do in place of the message.
const LOG_IN: &str = "<h1>Please log in</h1>";

/// Endpoint, what precedes it, fields, status, code, and what the page shows besides the message.
type Row = (&'static str, Given, Fields, u16, &'static str, &'static str);

#[rustfmt::skip]
const LOGIN: &[Row] = &[
    ("login", ACTIVE, &[("username", "bob"), ("password", "x")], 401, "UsernameOrPasswordInvalid", "value=\"bob\""),
    ("login", ACTIVE, &[("username", "unknown"), ("password", "x")], 401, "UsernameOrPasswordInvalid", "action=\"/login\""),
    ("login", ACTIVE, &[("username", "bob")], 400, "BadRequest", "action=\"/login\""),
    ("login", Visitor("disabled"), RIGHT, 403, "UserNotActive", "action=\"/login\""),
    ("login", Visitor("awaitingemailverification"), RIGHT, 403, "EmailNotVerified", "action=\"/login\""),
    ("login", Visitor("awaitingtwofactorsetup"), RIGHT, 403, "TwoFactorIncomplete", "Finish the sign-up"),
    ("login", Visitor("passwordresetneeded"), RIGHT, 403, "PasswordResetNeeded", "action=\"/login\""),
    ("login", Visitor("passwordandfactor2resetneeded"), RIGHT, 403, "PasswordResetNeeded", "action=\"/login\""),
    ("loginfactor2", ACTIVE, CODE, 401, "Unauthorized", "action=\"/login\""),
    ("loginfactor2", Pending, WRONG, 401, "InvalidToken", "action=\"loginfactor2\""),
    ("loginfactor2", Pending, NO_FIELDS, 401, "InvalidToken", "action=\"loginfactor2\""),
    ("loginfactor2", Pending, &[("recovery_code", "no")], 401, "InvalidToken", "action=\"loginfactor2\""),
    ("loginfactor2", PendingThen(CodeExpires), CODE, 401, "Expired", "action=\"loginfactor2\""),
    ("loginfactor2", PendingThen(WaitingEnds), CODE, 401, "Unauthorized", "action=\"/login\""),
    ("loginfactor2", PendingThen(PasswordChanges), CODE, 401, "Unauthorized", "action=\"/login\""),
    ("loginfactor2", PendingThen(Disabled), CODE, 403, "UserNotActive", "<h1>"),
    ("loginfactor2", PendingThen(Wrong(5)), CODE, 429, "SlowDown", "action=\"loginfactor2\""),
    ("resendfactor2", ACTIVE, NO_FIELDS, 401, "Unauthorized", "action=\"/login\""),
    ("resendfactor2", PendingThen(WaitingEnds), NO_FIELDS, 401, "Unauthorized", "action=\"/login\""),
    ("resendfactor2", PendingThen(Resent(3)), NO_FIELDS, 429, "SlowDown", "action=\"loginfactor2\""),
    ("changepassword", WaitingThen(CodeExpires), CODE, 401, "Expired", "<h1>"),
    ("changepassword", WaitingThen(WaitingEnds), CODE, 401, "Unauthorized", "<h1>"),
    ("changepassword", WaitingThen(Wrong(5)), CODE, 429, "SlowDown", "action=\"/changepassword\""),
    ("resendfactor2", WaitingThen(Resent(3)), NO_FIELDS, 429, "SlowDown", "action=\"/changepassword\""),
    ("cancelfactor2", ACTIVE, NO_FIELDS, 401, "Unauthorized", LOG_IN),
];

#[rustfmt::skip]
const FACTOR: &[Row] = &[
    ("configurefactor2", ACTIVE, CODE, 401, "Unauthorized", LOG_IN),
    ("configurefactor2", LoggedIn, NO_FIELDS, 400, "BadRequest", "<h1>"),
    ("configurefactor2", SetUp, WRONG, 401, "InvalidToken", "action=\"/configurefactor2\""),
    ("configurefactor2", SetUpThen(CodeExpires), CODE, 401, "Expired", "action=\"/configurefactor2\""),
    ("configurefactor2", SetUpThen(Wrong(5)), CODE, 429, "SlowDown", "action=\"/configurefactor2\""),
    ("configurefactor2", SetUpThen(Resent(3)), &[("resend", "on")], 429, "SlowDown", "action=\"/configurefactor2\""),
    ("changefactor2", ACTIVE, &[("factor2", "totp")], 401, "Unauthorized", LOG_IN),
    ("changefactor2", LoggedIn, NO_FIELDS, 400, "BadRequest", "action=\"/changefactor2\""),
    ("changefactor2", LoggedIn, &[("factor2", "unknown")], 403, "Forbidden", "action=\"/changefactor2\""),
    ("changefactor2", Stale, &[("factor2", "totp")], 401, "UsernameOrPasswordInvalid", "name=\"password\""),
    ("changefactor2", Stale, &[("factor2", "totp"), ("password", "x")], 401, "UsernameOrPasswordInvalid", "name=\"password\""),
    ("changefactor2", Unreachable, &[("factor2", "email")], 400, "InvalidEmail", "action=\"/changefactor2\""),
    ("changefactor2", Unreachable, &[("factor2", "sms")], 400, "InvalidPhoneNumber", "action=\"/changefactor2\""),
    ("recoverycodes", ACTIVE, NO_FIELDS, 401, "Unauthorized", LOG_IN),
    ("recoverycodes", LoggedIn, NO_FIELDS, 400, "BadRequest", "Recovery codes"),
    ("forgetdevice", ACTIVE, NO_FIELDS, 401, "Unauthorized", LOG_IN),
    ("forgetdevice", Enrolled, NO_FIELDS, 400, "BadRequest", "<h1>"),
    ("forgetdevice", Enrolled, &[("id", "unknown")], 404, "BadRequest", "<h1>"),
    ("forgetdevice", Enrolled, &[("id", "unknown"), ("all", "on")], 400, "BadRequest", "<h1>"),
];

#[rustfmt::skip]
const ACCOUNT: &[Row] = &[
    ("endsession/unknown", ACTIVE, NO_FIELDS, 401, "Unauthorized", LOG_IN),
    ("endsession/unknown", LoggedIn, NO_FIELDS, 404, "BadRequest", "<h1>"),
    ("endothersessions", ACTIVE, NO_FIELDS, 401, "Unauthorized", LOG_IN),
    ("changepassword", ACTIVE, &[("old_password", PASSWORD), ("new_password", NEW)], 401, "Unauthorized", LOG_IN),
    ("changepassword", LoggedIn, NO_FIELDS, 400, "BadRequest", "action=\"/changepassword\""),
    ("changepassword", LoggedIn, &[("old_password", "x"), ("new_password", NEW)], 401, "UsernameOrPasswordInvalid", "action=\"/changepassword\""),
    ("changepassword", LoggedIn, &[("old_password", PASSWORD), ("new_password", "x")], 401, "PasswordFormat", "action=\"/changepassword\""),
    ("changepassword", LoggedIn, &[("old_password", PASSWORD), ("new_password", NEW), ("repeat_password", "x")], 401, "PasswordMatch", "action=\"/changepassword\""),
    ("updateuser", ACTIVE, &[("user_phone", "1")], 401, "Unauthorized", LOG_IN),
    ("updateuser", LoggedIn, &[("user_email", "nowhere")], 400, "InvalidEmail", "value=\"nowhere\""),
    ("deleteuser", ACTIVE, &[("password", PASSWORD)], 401, "Unauthorized", LOG_IN),
    ("deleteuser", LoggedIn, NO_FIELDS, 400, "BadRequest", "action=\"/deleteuser\""),
    ("deleteuser", LoggedIn, &[("password", "x")], 401, "UsernameOrPasswordInvalid", "action=\"/deleteuser\""),
    ("deleteuser", Admin, &[("password", PASSWORD)], 403, "Forbidden", "<h1>"),
];

#[rustfmt::skip]
const MAILED: &[Row] = &[
    ("requestpasswordreset", ACTIVE, NO_FIELDS, 400, "BadRequest", "action=\"/requestpasswordreset\""),
    ("requestpasswordreset", ACTIVE, &[("email", "bob")], 400, "InvalidEmail", "value=\"bob\""),
    ("resendverification", ACTIVE, NO_FIELDS, 400, "BadRequest", "action=\"/resendverification\""),
    ("resetpassword", ACTIVE, &[("token", "unknown"), ("new_password", NEW), ("repeat_password", NEW)], 401, "InvalidKey", "<h1>"),
    ("resetpassword", ACTIVE, NO_FIELDS, 400, "BadRequest", "<h1>"),
    ("resetpassword", Link(Reset), &[("new_password", "x"), ("repeat_password", "x")], 401, "PasswordFormat", "action=\"/resetpassword\""),
    ("resetpassword", Link(Reset), &[("new_password", NEW), ("repeat_password", "x")], 401, "PasswordMatch", "action=\"/resetpassword\""),
    ("resetpassword", LinkThen(Reset, LinkExpires), &[("new_password", NEW), ("repeat_password", NEW)], 401, "Expired", "<h1>"),
    ("resetpassword", LinkThen(Reset, Disabled), &[("new_password", NEW), ("repeat_password", NEW)], 403, "UserNotActive", "<h1>"),
    ("resetpassword", LinkThen(Reset, PasswordChanges), &[("new_password", NEW), ("repeat_password", NEW)], 401, "InvalidKey", "<h1>"),
    ("verifyemail", ACTIVE, &[("token", "unknown")], 401, "InvalidKey", "<h1>"),
    ("verifyemail", ACTIVE, NO_FIELDS, 400, "BadRequest", "<h1>"),
    ("verifyemail", LinkThen(Verification, LinkExpires), NO_FIELDS, 401, "Expired", "<h1>"),
    ("verifyemail", LinkThen(Verification, Disabled), NO_FIELDS, 403, "UserNotActive", "<h1>"),
    ("verifyemail", LinkThen(Verification, AddressTaken), NO_FIELDS, 400, "UserExists", "<h1>"),
    ("restoreemail", ACTIVE, &[("token", "unknown")], 401, "InvalidKey", "<h1>"),
    ("restoreemail", ACTIVE, NO_FIELDS, 400, "BadRequest", "<h1>"),
];

#[rustfmt::skip]
const SIGN_UP: &[Row] = &[
    ("signup", ACTIVE, NO_FIELDS, 400, "BadRequest", "action=\"/signup\""),
    ("signup", ACTIVE, &[("username", "amy"), ("password", "x"), ("user_email", "amy@example.com")], 400, "FormEntry", "value=\"amy\""),
    ("signup", ACTIVE, &[("username", "amy"), ("password", NEW), ("repeat_password", "x"), ("user_email", "amy@example.com")], 401, "PasswordMatch", "value=\"amy\""),
    ("signup", ACTIVE, &[("username", "amy"), ("password", NEW), ("user_email", "nowhere")], 400, "InvalidEmail", "value=\"nowhere\""),
    ("signup", ACTIVE, &[("username", "bob"), ("password", NEW), ("user_email", "amy@example.com")], 400, "UserExists", "value=\"bob\""),
    ("signup", ACTIVE, &[("username", "amy"), ("password", NEW), ("user_email", "amy@example.com"), ("factor2", "unknown")], 403, "Forbidden", "value=\"amy\""),
    ("signup", ACTIVE, &[("username", "amy"), ("password", NEW), ("user_email", "amy@example.com"), ("factor2", "sms")], 400, "FormEntry", "value=\"amy\""),
];

#[tokio::test]
async fn every_failure_has_one_status_and_message_on_page_and_as_json() {
    let mut wrong = Vec::new();
    for row in [LOGIN, FACTOR, ACCOUNT, MAILED, SIGN_UP].concat() {
        let (path, given, fields, status, code, shown) = row;
        let (site, json_site) = (Site::complete(), Site::complete());
        let (mut browser, token) = arrange(&site, given, "/").await;
        let fields = with_token(fields, token.as_deref());
        let page = browser.submit(&format!("/{path}"), &borrowed(&fields)).await;
        let (mut browser, token) = arrange(&json_site, given, "/api/").await;
        let fields = with_token(row.2, token.as_deref());
        let body: Map<String, Value> =
            fields.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let json = browser.post(&format!("/api/{path}"), body.into()).await;
        let body = json.json();
        let message = body["errorMessages"][0].as_str().unwrap_or_default();
        let is_right = json.status == status
            && body["errorCodeName"] == code
            && body["ok"] == false
            && is_page(&page, status, shown, message);
        if !is_right {
            let (json, page) = (&json.body, page.text());
            wrong.push(format!("{path} {given:?} {status} {code} {shown}:\n{json}\n{page}"));
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n\n"));
}

fn is_page(page: &TestResponse, status: u16, shown: &str, message: &str) -> bool {
    let text = page.text();
    page.status == status
        && page.header("content-type") == Some("text/html; charset=utf-8")
        && text.contains(shown)
        && (shown == LOG_IN || text.contains(message))
        && !text.contains(PASSWORD)
}

fn with_token(fields: Fields, token: Option<&str>) -> Vec<(String, String)> {
    let fields = fields.iter().copied().chain(token.map(|token| ("token", token)));
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Makes what precedes a request to a path below `base`: the browser, and the token of a mailed
/// link.
async fn arrange(site: &Site, given: Given, base: &str) -> (Browser, Option<String>) {
    let bob = account(site, given).await;
    let (mut browser, mut token) = (site.browser(), None);
    let mut path = "/api/loginfactor2".to_owned();
    let then = match given {
        Visitor(state) => {
            site.set_state(&bob, state).await;
            None
        }
        LoggedIn | Unreachable | Admin => {
            browser = site.logged_in("bob").await;
            None
        }
        Stale => {
            browser = site.logged_in("bob").await;
            site.clock.advance(Duration::from_hours(1));
            None
        }
        Enrolled => {
            browser = site.logged_in("bob").await;
            enrol(site, &bob).await;
            None
        }
        Pending | PendingThen(_) => {
            enrol(site, &bob).await;
            browser.log_in("bob", PASSWORD).await;
            if let PendingThen(then) = given { Some(then) } else { None }
        }
        SetUp | SetUpThen(_) => {
            "/api/configurefactor2".clone_into(&mut path);
            browser = site.logged_in("bob").await;
            browser
                .post("/api/changefactor2", serde_json::json!({"factor2": "dummyFactor2"}))
                .await;
            if let SetUpThen(then) = given { Some(then) } else { None }
        }
        WaitingThen(then) => {
            browser = site.logged_in("bob").await;
            enrol(site, &bob).await;
            let change = serde_json::json!({ "old_password": PASSWORD, "new_password": NEW });
            path = format!("{base}changepassword");
            browser.post(&path, change).await;
            Some(then)
        }
        Link(link) => {
            token = Some(mailed(site, link).await);
            None
        }
        LinkThen(link, then) => {
            token = Some(mailed(site, link).await);
            Some(then)
        }
    };
    if let Some(then) = then {
        happen(site, &bob, &mut browser, &path, then).await;
    }
    (browser, token)
}

/// Bob, whose address and number can receive codes unless he is unreachable.
async fn account(site: &Site, given: Given) -> User {
    let role = if given == Admin { Role::Administrator } else { Role::User };
    let bob = site.account("bob", role).await;
    if given != Unreachable {
        let (email, mut extra) = (Patch::Set(EMAIL.to_owned()), Map::new());
        extra.insert("phone".into(), "+431234567".into());
        site.change(&bob, UserUpdate { email, extra, ..UserUpdate::default() }).await;
    }
    bob
}

async fn happen(site: &Site, bob: &User, browser: &mut Browser, path: &str, then: Then) {
    match then {
        CodeExpires => site.clock.advance(Duration::from_secs(61)),
        WaitingEnds => site.clock.advance(Duration::from_mins(16)),
        LinkExpires => site.clock.advance(Duration::from_hours(25)),
        Disabled => site.set_state(bob, "disabled").await,
        PasswordChanges => {
            let password = crossauth_core::secret::Password::new(NEW);
            site.crossauth.auth().accounts.set_password("bob", password).await.unwrap();
        }
        AddressTaken => {
            site.account_with("amy", "new@example.com").await;
        }
        Wrong(count) => {
            for _ in 0..count {
                browser.post(path, serde_json::json!({ "otp": "no" })).await;
            }
        }
        Resent(count) => {
            let (path, body) = match path {
                "/api/configurefactor2" => (path, serde_json::json!({ "resend": true })),
                _ => ("/api/resendfactor2", serde_json::json!({})),
            };
            for _ in 0..count {
                browser.post(path, body.clone()).await;
            }
        }
    }
}

async fn enrol(site: &Site, user: &User) {
    let factor2 = Patch::Set(FactorName::DUMMY);
    site.change(user, UserUpdate { factor2, ..UserUpdate::default() }).await;
}

/// The token of a link that was mailed to bob.
async fn mailed(site: &Site, link: MessageLink) -> String {
    let (kind, to) = match link {
        Reset => {
            let body = serde_json::json!({ "email": EMAIL });
            site.browser().post("/api/requestpasswordreset", body).await;
            (MessageKind::PasswordReset, EMAIL)
        }
        Verification => {
            let body = serde_json::json!({ "user_email": "new@example.com" });
            site.logged_in("bob").await.post("/api/updateuser", body).await;
            (MessageKind::EmailVerification, "new@example.com")
        }
    };
    let mail = site.mail().await;
    let mail = mail.iter().find(|mail| mail.kind == kind && mail.to == to).unwrap();
    mail.token().to_owned()
}
