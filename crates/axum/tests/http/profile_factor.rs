//! `updateuser`, `changepassword` and `deleteuser` of users with a second factor, and values on which
//! the factor depends.

use crossauth_axum::ProtectedEndpoints;
use crossauth_core::account::Role;
use crossauth_core::email_verification::EmailVerificationConfig;
use crossauth_core::message::MessageKind;
use crossauth_core::user::{FactorName, Patch, User, UserUpdate};
use serde_json::{Value, json};

use crate::browser::{Browser, TestResponse};
use crate::factor::{Enrolled, STEP, factors};
use crate::site::{PASSWORD, Site, unverified};

const OLD: &str = "+4312345678";
const NEW: &str = "+4312345679";
const NEW_PASSWORD: &str = "Another-Horse-8";

/// A site that demands the factor for nothing but what always needs it.
fn unlisted(verification: EmailVerificationConfig) -> Site {
    Site::with(|site| {
        site.factors(factors(&[]))
            .preview_messages()
            .email_verification(verification)
            .protected_endpoints(ProtectedEndpoints { pages: Vec::new(), apis: Vec::new() })
    })
}

/// A browser in which bob is logged in, whose factor needs no set-up.
async fn with_factor(site: &Site, factor: FactorName) -> Browser {
    let user = site.account("bob", Role::User).await;
    let update = UserUpdate {
        email: Patch::Set("bob@example.com".into()),
        factor2: Patch::Set(factor),
        extra: [("phone".to_owned(), json!(OLD))].into_iter().collect(),
        ..UserUpdate::default()
    };
    site.change(&user, update).await;
    let mut browser = site.browser();
    browser.log_in("bob", PASSWORD).await;
    let done = browser.post("/api/loginfactor2", json!({"otp": code(site).await})).await;
    assert_eq!(done.status, 200, "{}", done.body);
    browser
}

/// The code that was sent last.
async fn code(site: &Site) -> String {
    let mail = site.mail().await;
    let sent = mail.iter().rev().find(|mail| mail.kind == MessageKind::LoginCode);
    sent.unwrap().variable("otp").to_owned()
}

async fn bob(site: &Site) -> User {
    site.found("bob").await.unwrap().0
}

fn is_asked(response: &TestResponse) -> bool {
    response.json()["factor2Required"] == json!(true)
}

#[tokio::test]
async fn m21_l21_number_of_the_factor_is_changed_with_codes_to_the_old_and_the_new_one() {
    let site = unlisted(unverified());
    let mut browser = with_factor(&site, FactorName::SMS).await;
    let body = json!({"user_phone": NEW, "user_team": "red"});
    let asked = browser.post("/api/updateuser", body).await;
    assert!(is_asked(&asked), "{}", asked.body);
    let sent = site.mail().await;
    assert_eq!((sent.len(), sent[0].to.as_str()), (1, OLD));
    let proof = json!({"otp": sent[0].variable("otp")});
    let waiting = browser.post("/api/updateuser", proof).await.json();
    assert_eq!((&waiting["factor2"], &waiting["phone"]), (&json!("sms"), &json!(NEW)));
    assert_eq!(bob(&site).await.extra["phone"], OLD);
    let sent = site.mail().await;
    assert_eq!((sent.len(), sent[0].to.as_str()), (1, NEW));
    let wrong = browser.confirm("000000x").await;
    wrong.assert_failure(401, "InvalidToken");
    assert_eq!(bob(&site).await.extra["phone"], OLD);
    let done = browser.confirm(sent[0].variable("otp")).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(bob(&site).await.extra["phone"], NEW);
    site.one_mail(MessageKind::SecondFactorChanged, "bob@example.com").await;
}

#[tokio::test]
async fn number_of_the_factor_is_changed_on_pages_and_the_code_is_sent_again() {
    let site = unlisted(unverified());
    let mut browser = with_factor(&site, FactorName::SMS).await;
    let asked = browser.submit("/updateuser", &[("user_phone", NEW)]).await;
    assert_eq!((asked.status.as_u16(), asked.location()), (302, Some("/factor2")));
    let waiting = browser.submit("/updateuser", &[("otp", &code(&site).await)]).await;
    waiting.assert_page(200, NEW);
    site.mail().await;
    let again = browser.submit("/configurefactor2", &[("resend", "on")]).await;
    again.assert_page(200, NEW);
    let sent = site.mail().await;
    assert_eq!((sent.len(), sent[0].to.as_str()), (1, NEW));
    let fields = [("otp", sent[0].variable("otp"))];
    let done = browser.submit("/configurefactor2", &fields).await;
    done.assert_page(200, "Two-factor authentication updated");
    assert_eq!(bob(&site).await.extra["phone"], NEW);
}

#[tokio::test]
async fn page_for_the_code_also_tells_of_the_link_to_a_new_address() {
    for (address, is_told) in [("bob@example.com", false), ("bob@new.example", true)] {
        let site = unlisted(EmailVerificationConfig::default());
        let mut browser = with_factor(&site, FactorName::SMS).await;
        let fields = [("user_phone", NEW), ("user_email", address)];
        let asked = browser.submit("/updateuser", &fields).await;
        assert_eq!(asked.location(), Some("/factor2"), "{}", asked.body);
        let waiting = browser.submit("/updateuser", &[("otp", &code(&site).await)]).await;
        waiting.assert_page(200, NEW);
        let told = waiting.body.contains("Please click on the link in your email");
        assert_eq!(told, is_told, "{}", waiting.body);
        let links = site.mail().await;
        let links = links.iter().filter(|mail| mail.kind == MessageKind::EmailVerification);
        assert_eq!(links.count(), usize::from(is_told));
    }
}

#[tokio::test]
async fn number_of_the_factor_cannot_be_removed_or_be_none() {
    let site = unlisted(unverified());
    let mut browser = with_factor(&site, FactorName::SMS).await;
    for phone in ["", "555-0100"] {
        assert!(is_asked(&browser.post("/api/updateuser", json!({"user_phone": phone})).await));
        let proof = json!({"otp": code(&site).await});
        let refused = browser.post("/api/updateuser", proof).await;
        refused.assert_failure(400, "FormEntry");
        assert!(refused.json()["fieldErrors"]["user_phone"].is_array(), "{}", refused.body);
    }
    assert_eq!(bob(&site).await.extra["phone"], OLD);
}

#[tokio::test]
async fn m21_address_of_the_factor_is_changed_with_a_code_and_verified() {
    for (verification, verified) in
        [(unverified(), false), (EmailVerificationConfig::default(), true)]
    {
        let site = unlisted(verification);
        let mut browser = with_factor(&site, FactorName::EMAIL).await;
        let body = json!({"user_email": "bob@new.example", "password": PASSWORD});
        let asked = browser.post("/api/updateuser", body).await;
        assert!(is_asked(&asked), "{}", asked.body);
        let sent = site.one_mail(MessageKind::LoginCode, "bob@example.com").await;
        let proof = json!({"otp": sent.variable("otp")});
        let done = browser.post("/api/updateuser", proof).await;
        let answer = json!({"ok": true, "emailVerificationRequired": verified});
        assert_eq!(done.json(), answer);
        if verified {
            let link = site.one_mail(MessageKind::EmailVerification, "bob@new.example").await;
            assert_eq!(bob(&site).await.email.as_deref(), Some("bob@example.com"));
            let token = json!({"token": link.token()});
            assert_eq!(site.browser().post("/api/verifyemail", token).await.status, 200);
        }
        assert_eq!(bob(&site).await.email.as_deref(), Some("bob@new.example"));
        site.one_mail(MessageKind::AddressChanged, "bob@example.com").await;
    }
}

#[tokio::test]
async fn values_on_which_the_factor_does_not_depend_need_no_code() {
    let site = unlisted(unverified());
    let mut browser = with_factor(&site, FactorName::EMAIL).await;
    let unchanged = json!({"user_email": "bob@example.com", "user_phone": NEW});
    let done = browser.post("/api/updateuser", unchanged).await;
    assert_eq!(done.json(), json!({"ok": true, "emailVerificationRequired": false}));
    assert_eq!(bob(&site).await.extra["phone"], NEW);
}

#[tokio::test]
async fn a_pending_change_of_address_ends_with_the_factor_that_permitted_it() {
    let site = unlisted(EmailVerificationConfig::default());
    site.account_with("bob", "bob@example.com").await;
    let mut browser = site.logged_in("bob").await;
    let body = json!({"user_email": "eve@new.example"});
    assert_eq!(browser.post("/api/updateuser", body).await.status, 200);
    let link = site.one_mail(MessageKind::EmailVerification, "eve@new.example").await;
    assert_eq!(browser.post("/api/changefactor2", json!({"factor2": "email"})).await.status, 200);
    assert_eq!(browser.confirm(&code(&site).await).await.status, 200);
    let refused = site.browser().post("/api/verifyemail", json!({"token": link.token()})).await;
    refused.assert_failure(401, "InvalidKey");
}

/// Sends a request through the second factor, as a program or as a page.
async fn confirmed(site: &Site, bob: &mut Enrolled, name: &str, fields: &[(&str, &str)]) {
    let code = site.totp_code(&bob.secret);
    site.clock.advance(STEP);
    let wrong = "000000x";
    let body = Value::Object(fields.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect());
    let replayed = [fields, &[("otp", code.as_str())]].concat();
    if name.starts_with("api/") {
        let path = format!("/{name}");
        let asked = bob.browser.post(&path, body).await;
        assert!(is_asked(&asked), "{}", asked.body);
        let refused = bob.browser.post(&path, json!({"otp": wrong})).await;
        refused.assert_failure(401, "InvalidToken");
        let done = bob.browser.post(&path, json!({"otp": code, "user_team": "blue"})).await;
        assert_eq!(
            (done.status.as_u16(), &done.json()["ok"]),
            (200, &json!(true)),
            "{}",
            done.body
        );
    } else {
        let path = format!("/{name}");
        let asked = bob.browser.submit(&path, fields).await;
        assert_eq!((asked.status.as_u16(), asked.location()), (302, Some("/factor2")));
        let refused = bob.browser.submit(&path, &[("otp", wrong)]).await;
        assert_eq!(refused.location(), Some("/factor2?error=InvalidToken"));
        let done = bob.browser.submit(&path, &replayed).await;
        assert!(done.status == 200 || done.status == 302, "{}", done.body);
    }
    let code = json!({"otp": site.totp_code(&bob.secret)});
    let again = bob.browser.post(&format!("/{name}"), code).await;
    assert_ne!(again.status, 200, "the request was executed twice");
}

/// A browser that the user asked to remember.
async fn remembered(site: &Site, bob: &Enrolled) -> Browser {
    let mut browser = site.browser();
    browser.log_in("bob", PASSWORD).await;
    let body = json!({"otp": site.totp_code(&bob.secret), "remember_device": true});
    let done = browser.post("/api/loginfactor2", body).await;
    assert!(browser.cookies.contains_key("KNOWNDEVICE"), "{}", done.body);
    site.clock.advance(STEP);
    browser
}

/// Whether this device is asked for the code at the next login.
async fn is_known(device: &Browser, password: &str) -> bool {
    let mut device = device.copy();
    device.cookies.retain(|name, _| name == "KNOWNDEVICE");
    let answer = device.log_in("bob", password).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["twoFactorRequired"] != json!(true)
}

#[tokio::test]
async fn password_is_changed_through_the_factor_and_ends_sessions_and_known_devices() {
    for name in ["changepassword", "api/changepassword"] {
        let site = Site::with_factors(&[]);
        let mut bob = site.enrolled_browser("bob").await;
        let mut device = remembered(&site, &bob).await;
        assert!(is_known(&device, PASSWORD).await);
        let fields = [("old_password", PASSWORD), ("new_password", NEW_PASSWORD)];
        confirmed(&site, &mut bob, name, &fields).await;
        assert_eq!(bob.browser.whoami().await.as_deref(), Some("bob"));
        assert_eq!(device.whoami().await, None);
        assert!(!is_known(&device, NEW_PASSWORD).await);
    }
}

#[tokio::test]
async fn profile_is_changed_through_the_factor_with_the_fields_of_the_first_request() {
    for name in ["updateuser", "api/updateuser"] {
        let site = Site::with_factors(&[]);
        let mut bob = site.enrolled_browser("bob").await;
        confirmed(&site, &mut bob, name, &[("user_phone", NEW)]).await;
        let (user, _) = site.found("bob").await.unwrap();
        assert_eq!(Value::Object(user.extra), json!({"phone": NEW}));
    }
}

#[tokio::test]
async fn account_is_deleted_through_the_factor_whatever_is_listed() {
    for name in ["deleteuser", "api/deleteuser"] {
        let site = unlisted(unverified());
        let mut bob = site.enrolled_browser("bob").await;
        let mut other = remembered(&site, &bob).await;
        confirmed(&site, &mut bob, name, &[("password", PASSWORD)]).await;
        assert!(site.found("bob").await.is_none());
        assert_eq!(bob.browser.whoami().await, None);
        assert_eq!(other.whoami().await, None);
    }
}

#[tokio::test]
async fn known_devices_end_with_a_change_of_factor_and_of_address() {
    let site = Site::with(|site| site.factors(factors(&[])).preview_messages());
    site.account_with("bob", "bob@example.com").await;
    let mut bob = site.enrolled_browser("bob").await;
    let device = remembered(&site, &bob).await;
    let body = json!({"user_email": "bob@new.example"});
    let code = site.totp_code(&bob.secret);
    let done = bob.browser.post_with_code("/api/updateuser", body, &code).await;
    assert_eq!(done.json()["emailVerificationRequired"], true, "{}", done.body);
    site.clock.advance(STEP);
    assert!(is_known(&device, PASSWORD).await);
    let mail = site.mail().await;
    let link = mail.iter().find(|mail| mail.kind == MessageKind::EmailVerification).unwrap();
    let token = json!({"token": link.token()});
    assert_eq!(site.browser().post("/api/verifyemail", token).await.status, 200);
    assert!(!is_known(&device, PASSWORD).await);
    let mut device = remembered(&site, &bob).await;
    let code = site.totp_code(&bob.secret);
    let body = json!({"factor2": "dummyFactor2"});
    let shown = bob.browser.post_with_code("/api/changefactor2", body, &code).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    assert!(is_known(&device, PASSWORD).await);
    assert_eq!(bob.browser.confirm(crate::factor::DUMMY_CODE).await.status, 200);
    assert!(!is_known(&device, PASSWORD).await);
    assert_eq!(device.whoami().await, None);
}

#[tokio::test]
async fn l23_owner_is_notified_of_every_change_of_credentials() {
    let site = Site::with(|site| {
        site.factors(factors(&[])).preview_messages().email_verification(unverified())
    });
    site.account_with("bob", "bob@example.com").await;
    let mut bob = site.enrolled_browser("bob").await;
    let told = async |kind| {
        let mail = site.mail().await;
        let mail = mail.into_iter().find(|mail| mail.kind == kind);
        let mail = mail.unwrap_or_else(|| panic!("no notice: {kind:?}"));
        assert_eq!((mail.to.as_str(), mail.variable("username")), ("bob@example.com", "bob"));
    };
    told(MessageKind::SecondFactorChanged).await;
    for (path, body, kind) in [
        (
            "/api/changepassword",
            json!({"old_password": PASSWORD, "new_password": NEW_PASSWORD}),
            MessageKind::PasswordChanged,
        ),
        ("/api/recoverycodes", json!({}), MessageKind::SecondFactorChanged),
        ("/api/changefactor2", json!({"factor2": "none"}), MessageKind::SecondFactorChanged),
    ] {
        let code = site.totp_code(&bob.secret);
        let done = bob.browser.post_with_code(path, body, &code).await;
        assert_eq!(done.status, 200, "{path}: {}", done.body);
        site.clock.advance(STEP);
        told(kind).await;
    }
    let mut browser = bob.browser;
    let reset = json!({"email": "bob@example.com"});
    site.browser().post("/api/requestpasswordreset", reset).await;
    let link = site.one_mail(MessageKind::PasswordReset, "bob@example.com").await;
    let body = json!({"token": link.token(), "new_password": PASSWORD});
    assert_eq!(browser.post("/api/resetpassword", body).await.status, 200);
    told(MessageKind::PasswordChanged).await;
    let body = json!({"user_email": "bob@new.example"});
    assert_eq!(browser.post("/api/updateuser", body).await.status, 200);
    told(MessageKind::AddressChanged).await;
    let body = json!({"password": PASSWORD});
    assert_eq!(browser.post("/api/deleteuser", body).await.status, 200);
    site.one_mail(MessageKind::AccountDeleted, "bob@new.example").await;
}
