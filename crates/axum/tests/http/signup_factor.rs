//! `signup`, `api/signup` with a second factor, and `configurefactor2` that completes it.

use std::time::Duration;

use crossauth_core::message::MessageKind;
use crossauth_core::user::{FactorName, Patch, UserState, UserUpdate};
use serde_json::{Value, json};

use crate::browser::{Browser, TestResponse};
use crate::factor::{STEP, factors};
use crate::site::{PASSWORD, Site, unverified};

async fn sign_up(browser: &mut Browser, fields: Value) -> TestResponse {
    let mut body = json!({
        "username": "bob",
        "password": PASSWORD,
        "user_email": "bob@x.org",
        "user_phone": "+431234567",
    });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    browser.post("/api/signup", body).await
}

fn form<'a>(factor2: &'a str, next: &'a str) -> [(&'a str, &'a str); 7] {
    [
        ("username", "bob"),
        ("password", PASSWORD),
        ("repeat_password", PASSWORD),
        ("user_email", "bob@x.org"),
        ("user_phone", "+431234567"),
        ("factor2", factor2),
        ("next", next),
    ]
}

#[tokio::test]
async fn each_factor_is_set_up_at_sign_up_by_a_program() {
    for factor2 in ["totp", "email", "sms", "dummyFactor2"] {
        let site = Site::with_factors(&[]);
        let mut browser = site.browser();
        let response = sign_up(&mut browser, json!({ "factor2": factor2 })).await;
        assert_eq!(response.status, 200, "{factor2}: {}", response.body);
        let shown = response.json();
        assert_eq!(
            (&shown["ok"], &shown["user"], &shown["factor2"], &shown["username"]),
            (&json!(true), &Value::Null, &json!(factor2), &json!("bob"))
        );
        assert_eq!(browser.whoami().await, None, "no user is logged in yet");
        let (user, _) = site.found("bob").await.unwrap();
        assert_eq!(user.state, UserState::AwaitingTwoFactorSetup);
        browser.confirm("000000").await.assert_failure(401, "InvalidToken");
        let code = site.code_for(&shown).await;
        assert!(!response.body.contains(&code) || factor2 == "totp", "the code is not shown");
        let done = browser.confirm(&code).await;
        assert_eq!(done.status, 200, "{factor2}: {}", done.body);
        assert_eq!(done.header("cache-control"), Some("no-store"));
        let body = done.json();
        assert_eq!(body["user"]["factor2"], json!(factor2));
        assert_eq!(body["emailVerificationNeeded"], json!(false));
        assert_eq!(body["recoveryCodes"].as_array().unwrap().len(), 10);
        assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
        let (user, _) = site.found("bob").await.unwrap();
        assert_eq!((user.state, user.factor2), (UserState::Active, Some(factor2.into())));
        browser.confirm(&code).await.assert_failure(401, "Unauthorized");
    }
}

#[tokio::test]
async fn pages_of_a_sign_up_with_an_authenticator_application() {
    let site = Site::with_factors(&[]);
    let mut browser = site.browser();
    let page = browser.get("/signup").await;
    for choice in ["value=\"none\" checked", "value=\"totp\"", "value=\"email\"", "value=\"sms\""] {
        page.assert_page(200, choice);
    }
    let page = browser.submit("/signup", &form("totp", "/reports")).await;
    page.assert_page(200, "src=\"data:image/png;base64,");
    assert!(page.header("content-security-policy").unwrap().contains("img-src 'self' data:"));
    let shown = browser.get_json("/api/configurefactor2").await.json();
    let secret = shown["totpsecret"].as_str().unwrap();
    let typed = page.body.replace("</span><span>", "");
    assert!(typed.contains(secret), "the secret can be typed: {}", page.body);
    assert!(page.text().contains("href=\"otpauth://totp/Example:bob?secret="), "{}", page.body);
    for expected in
        ["inputmode=\"numeric\"", "autocomplete=\"one-time-code\"", "value=\"/reports\""]
    {
        page.assert_page(200, expected);
    }
    let token = field(&page, "csrfToken");
    let wrong = [("otp", "000000"), ("next", "/reports"), ("csrfToken", &token)];
    let page = browser.submit_bare("/configurefactor2", &wrong).await;
    page.assert_page(401, "not valid");
    assert!(page.text().contains("data:image/png") && page.text().contains("/reports"));
    let code = site.totp_code(secret);
    let page = browser.submit("/configurefactor2", &[("otp", &code), ("next", "/reports")]).await;
    page.assert_page(200, "href=\"/reports\"");
    let (_, codes) = page.body.split_once("<textarea").unwrap();
    let (codes, _) = codes.split_once("</textarea>").unwrap();
    assert_eq!(codes.lines().count(), 10, "{codes}");
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    let again = browser.get("/recoverycodes").await;
    again.assert_page(200, "10 recovery codes");
    assert!(!again.body.contains("<textarea"), "they are shown once");
}

#[tokio::test]
async fn codes_that_were_not_sent_are_shown_in_development() {
    for (factor2, to) in [("email", "bob@x.org"), ("sms", "+431234567")] {
        let site = Site::with(|site| {
            site.preview_messages().email_verification(unverified()).factors(factors(&[]))
        });
        let mut browser = site.browser();
        let page = browser.submit("/signup", &form(factor2, "/reports")).await;
        page.assert_page(200, to);
        site.crossauth.auth().outbox.send_now().await.unwrap();
        let outbox = browser.get("/dev/outbox").await.text();
        assert!(outbox.contains(to), "{outbox}");
        let words = outbox.split(|c: char| !c.is_ascii_alphanumeric());
        let code = words
            .into_iter()
            .find(|word| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit()));
        let form = [("otp", code.unwrap()), ("next", "/reports")];
        browser.submit("/configurefactor2", &form).await.assert_page(200, "href=\"/reports\"");
        assert_eq!(browser.whoami().await.as_deref(), Some("bob"), "{factor2}");
    }
}

#[tokio::test]
async fn form_of_a_login_that_waits_has_the_token_of_its_new_session() {
    let site = Site::with_factors(&[]);
    let secret = site.enrolled_browser("bob").await.secret;
    let mut browser = site.browser();
    let page = browser.submit("/login", &[("username", "bob"), ("password", PASSWORD)]).await;
    let token = field(&page, "csrfToken");
    let code = site.totp_code(&secret);
    let done = browser.submit_bare("/loginfactor2", &[("otp", &code), ("csrfToken", &token)]).await;
    assert_eq!((done.status.as_u16(), done.location()), (302, Some("/")), "{}", done.body);
}

/// The value of a hidden field.
fn field(page: &TestResponse, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let text = page.text();
    let (_, rest) = text.split_once(&start).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn factor_that_is_not_allowed_is_forbidden_and_the_first_allowed_one_is_the_default() {
    let site = Site::with_factors(&["totp"]);
    for factor2 in ["email", "none", "", "nonsense", "localpassword"] {
        let response = sign_up(&mut site.browser(), json!({ "factor2": factor2 })).await;
        response.assert_failure(403, "Forbidden");
        let page = site.browser().submit("/signup", &form(factor2, "")).await;
        page.assert_page(403, "bob@x.org");
    }
    assert!(site.found("bob").await.is_none());
    let shown = sign_up(&mut site.browser(), json!({})).await.json();
    assert_eq!(shown["factor2"], "totp");
    let page = site.browser().get("/signup").await;
    page.assert_page(200, "<input type=\"hidden\" name=\"factor2\" value=\"totp\">");
    let free = Site::with_factors(&[]);
    assert_eq!(sign_up(&mut free.browser(), json!({})).await.json()["user"]["factor2"], "");
}

#[tokio::test]
async fn factor_needs_the_field_that_it_sends_codes_to() {
    let site = Site::with_factors(&[]);
    for (factor2, fields, status, code, wrong) in [
        ("email", json!({"user_email": ""}), 400, "InvalidEmail", "user_email"),
        ("sms", json!({"user_phone": ""}), 400, "FormEntry", "user_phone"),
    ] {
        let mut fields = fields;
        fields["factor2"] = json!(factor2);
        let response = sign_up(&mut site.browser(), fields).await;
        response.assert_failure(status, code);
        assert!(response.json()["fieldErrors"][wrong].is_array(), "{}", response.body);
    }
    assert!(site.found("bob").await.is_none());
}

#[tokio::test]
async fn interrupted_sign_up_continues_in_any_browser_that_knows_the_password() {
    let site = Site::with_factors(&[]);
    sign_up(&mut site.browser(), json!({"factor2": "totp"})).await;
    let login = site.browser().log_in("bob", PASSWORD).await;
    login.assert_failure(403, "TwoFactorIncomplete");
    let wrong = json!({"factor2": "totp", "password": "Other-Horse-8"});
    sign_up(&mut site.browser(), wrong).await.assert_failure(400, "UserExists");
    let mut other = site.browser();
    let shown = sign_up(&mut other, json!({"factor2": "totp"})).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    let code = site.code_for(&shown.json()).await;
    assert_eq!(other.confirm(&code).await.status, 200);
    assert_eq!(other.whoami().await.as_deref(), Some("bob"));
    // Now a sign-up is a login, which needs the factor.
    site.clock.advance(STEP);
    let again = sign_up(&mut site.browser(), json!({"factor2": "none"})).await;
    assert_eq!(again.json()["twoFactorRequired"], json!(true), "{}", again.body);
    again.assert_no_session_user(&site).await;
}

#[tokio::test]
async fn f5_first_set_up_that_is_not_completed_leaves_login_as_it_was() {
    let site = Site::with_factors(&[]);
    let mut bob = site.logged_in("bob").await;
    bob.post("/api/changefactor2", json!({"factor2": "totp"})).await;
    let login = site.browser().log_in("bob", PASSWORD).await;
    assert_eq!(login.json()["user"]["username"], "bob");
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn b27_completing_a_set_up_does_not_activate_a_disabled_account() {
    for state in ["disabled", "passwordresetneeded", "awaitingemailverification"] {
        let site = Site::with_factors(&[]);
        let mut browser = site.browser();
        let shown = sign_up(&mut browser, json!({"factor2": "totp"})).await.json();
        let (user, _) = site.found("bob").await.unwrap();
        site.set_state(&user, state).await;
        let done = browser.confirm(&site.code_for(&shown).await).await;
        assert!(done.status.is_client_error(), "{state}: {}", done.body);
        assert_eq!(browser.whoami().await, None);
        let (user, _) = site.found("bob").await.unwrap();
        assert_eq!((user.state.as_str(), user.factor2), (state, Some(FactorName::TOTP)));
    }
}

#[tokio::test]
async fn another_code_is_sent_on_request_and_only_it_is_valid() {
    let site = Site::with_factors(&[]);
    let mut browser = site.browser();
    sign_up(&mut browser, json!({"factor2": "email"})).await;
    let first = site.code_sent().await;
    // Messages of the same moment are in no order.
    site.clock.advance(Duration::from_secs(1));
    let page = browser.submit("/configurefactor2", &[("resend", "on"), ("next", "/a")]).await;
    page.assert_page(200, "bob@x.org");
    assert!(page.text().contains("value=\"/a\""));
    let second = site.code_sent().await;
    assert_ne!(first, second);
    browser.confirm(&first).await.assert_failure(401, "InvalidToken");
    assert_eq!(browser.confirm(&second).await.status, 200);
}

#[tokio::test]
async fn sixth_wrong_code_is_refused_with_the_time_to_wait() {
    let site = Site::with(|site| site.factors(factors(&[])));
    let mut browser = site.browser();
    let shown = sign_up(&mut browser, json!({"factor2": "totp"})).await.json();
    for _ in 0..5 {
        browser.confirm("000000").await.assert_failure(401, "InvalidToken");
    }
    let right = browser.confirm(&site.code_for(&shown).await).await;
    assert_eq!(right.status, 429, "{}", right.body);
    assert!(right.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
}

#[tokio::test]
async fn m9_sign_ups_of_others_do_not_keep_the_owner_of_a_number_from_logging_in() {
    for (factor2, own) in [("sms", "user_phone"), ("email", "user_email")] {
        let site = Site::with(|site| site.preview_messages().factors(factors(&[])));
        let bob = site.account_with("bob", "bob@x.org").await;
        let phone = ("phone".to_owned(), json!("+431234567"));
        let extra = [phone].into_iter().collect();
        let enrolled =
            UserUpdate { factor2: Patch::Set(factor2.into()), extra, ..UserUpdate::default() };
        site.change(&bob, enrolled).await;
        let mut statuses = Vec::new();
        for number in 0..12 {
            let mut fields = json!({
                "username": format!("eve{number}"),
                "user_email": format!("eve{number}@x.org"),
                "user_phone": format!("+4399900{number:02}"),
                "factor2": factor2,
            });
            fields.as_object_mut().unwrap().remove(own);
            statuses.push(sign_up(&mut site.browser(), fields).await.status.as_u16());
        }
        assert_eq!(statuses, [[200; 10].as_slice(), &[429; 2]].concat(), "{factor2}");
        let login = site.browser().log_in("bob", PASSWORD).await;
        assert_eq!(login.json()["twoFactorRequired"], json!(true), "{}", login.body);
    }
}

impl TestResponse {
    /// Asserts that the session of this response, if any, has no user.
    async fn assert_no_session_user(&self, site: &Site) {
        let mut browser = site.browser();
        if let Some(cookie) = self.set_cookie("SESSIONID") {
            let value = cookie.split(['=', ';']).nth(1).unwrap();
            browser.cookies.insert("SESSIONID".into(), value.into());
        }
        assert_eq!(browser.whoami().await, None);
    }
}

#[tokio::test]
async fn sign_up_that_stopped_before_its_factor_is_finished_after_a_reset_of_the_password() {
    let site = Site::with(|site| site.preview_messages().factors(factors(&[])));
    sign_up(&mut site.browser(), json!({"factor2": "totp"})).await;
    site.mail().await;
    // A sign-up under another name: only the owner of the address learns how to go on.
    let other = json!({"username": "bobby", "factor2": "totp"});
    assert_eq!(sign_up(&mut site.browser(), other).await.status, 200);
    let mail = site.one_mail(MessageKind::AccountExists, "bob@x.org").await;
    assert_eq!((mail.variable("username"), mail.variable("unfinished")), ("bob", "true"));
    assert_eq!(mail.variable("passwordResetEnabled"), "true");

    let email = json!({"email": "bob@x.org"});
    site.browser().post("/api/requestpasswordreset", email).await;
    let mail = site.one_mail(MessageKind::PasswordReset, "bob@x.org").await;
    let new = "Another-Horse-8";
    let fields = [("token", mail.token()), ("new_password", new), ("repeat_password", new)];
    let done = site.browser().submit("/resetpassword", &fields).await;
    done.assert_page(200, "Finish the sign-up");
    site.one_mail(MessageKind::PasswordChanged, "bob@x.org").await;
    done.assert_page(200, "<strong title=\"bob\">bob</strong> is not finished");
    let login = [("username", "bob"), ("password", new)];
    let refused = site.browser().submit("/login", &login).await;
    refused.assert_page(403, "same username, email address and password");

    let without = json!({"factor2": "none", "password": new});
    let refused = sign_up(&mut site.browser(), without).await;
    refused.assert_failure(400, "FormEntry");
    assert!(refused.body.contains("Choose one to finish the sign-up"), "{}", refused.body);
    let mut browser = site.browser();
    let shown = sign_up(&mut browser, json!({"factor2": "totp", "password": new})).await;
    let code = site.code_for(&shown.json()).await;
    let confirmed = browser.confirm(&code).await;
    assert_eq!(confirmed.json()["emailVerificationNeeded"], json!(true), "{}", confirmed.body);
    let link = site.one_mail(MessageKind::EmailVerification, "bob@x.org").await;
    let token = json!({"token": link.token()});
    assert_eq!(browser.post("/api/verifyemail", token).await.status, 200);
    assert_eq!(site.found("bob").await.unwrap().0.state, UserState::Active);
}

#[tokio::test]
async fn l3_login_by_address_says_how_to_go_on_whether_or_not_there_is_an_account() {
    let site = Site::with(|site| site.preview_messages().factors(factors(&[])));
    sign_up(&mut site.browser(), json!({"factor2": "totp"})).await;
    for (address, password) in
        [("bob@x.org", PASSWORD), ("bob@x.org", "Other-Horse-8"), ("absent@x.org", PASSWORD)]
    {
        let fields = [("username", address), ("password", password)];
        let refused = site.browser().submit("/login", &fields).await;
        refused.assert_page(401, "Have you not finished signing up?");
    }
}
