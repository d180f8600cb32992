//! Text messages to a gateway that plays Twilio.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crossauth_core::outbox::{SendError, SmsTransport as _};
use crossauth_core::secret::Password;
use crossauth_mail::{SetupError, Twilio, TwilioConfig};
use crossauth_testkit::mail::Gateway;

fn config(gateway: &str) -> TwilioConfig {
    let token = Password::new("t0ken of the account");
    let config = TwilioConfig::new("AC123", token, "+15005550006");
    TwilioConfig { gateway: gateway.into(), ..config }
}

fn twilio(gateway: &Gateway) -> Twilio {
    Twilio::new(config(&gateway.url())).unwrap()
}

#[tokio::test]
async fn a_text_message_is_posted_to_the_account() {
    let gateway = Gateway::start();
    twilio(&gateway).send("+43123456789", "1 & 2 = ü\n3").await.unwrap();
    let [sms] = &gateway.requests()[..] else { panic!("one request is expected") };
    assert_eq!(sms.path, "/2010-04-01/Accounts/AC123/Messages.json");
    let account = BASE64_STANDARD.encode("AC123:t0ken of the account");
    assert_eq!(sms.authorization, format!("Basic {account}"));
    let form = [("To", "+43123456789"), ("From", "+15005550006"), ("Body", "1 & 2 = ü\n3")];
    assert_eq!(sms.form, form.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn answers_are_temporary_or_permanent() {
    let gateway = Gateway::start();
    let twilio = twilio(&gateway);
    let invalid = r#"{"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400}"#;
    gateway.answer(400, invalid);
    let outcome = twilio.send("+43123456789", "x").await;
    let Err(SendError::Permanent(text)) = outcome else { panic!("{outcome:?}") };
    assert!(text.contains("21211 Invalid 'To'"), "{text}");
    for (status, body) in [
        (201, "{}"),
        (201, r#"{"sid": ""}"#),
        (201, "<html>"),
        (429, r#"{"code": 20429, "message": "Too Many Requests"}"#),
        (500, ""),
        (503, "busy"),
        (302, ""),
        (404, "{}"),
        (0, ""),
    ] {
        gateway.answer(status, body);
        let outcome = twilio.send("+43123456789", "x").await;
        assert!(matches!(outcome, Err(SendError::Temporary(_))), "{status}: {outcome:?}");
    }
    twilio.send("+43123456789", "x").await.unwrap();
}

#[tokio::test]
async fn g1_a_refused_account_is_temporary_and_its_token_is_not_repeated() {
    let gateway = Gateway::start();
    let twilio = twilio(&gateway);
    assert!(!format!("{twilio:?} {:?}", config("https://x")).contains("t0ken"));
    for status in [401, 403] {
        gateway.answer(status, r#"{"message": "wrong: AC123:t0ken of the account"}"#);
        let outcome = twilio.send("+43123456789", "x").await;
        let Err(SendError::Temporary(text)) = outcome else { panic!("{outcome:?}") };
        assert!(!text.contains("t0ken"), "{text}");
    }
}

#[tokio::test]
async fn a_gateway_that_is_silent_does_not_hold_the_attempt_after_it_is_dropped() {
    let gateway = Gateway::start();
    gateway.answer(1, "");
    let twilio = twilio(&gateway);
    let attempt = twilio.send("+43123456789", "x");
    let outcome = tokio::time::timeout(Duration::from_millis(500), attempt).await;
    assert!(outcome.is_err(), "{outcome:?}");
}

#[test]
fn the_gateway_is_reached_by_https_unless_it_is_on_this_machine() {
    for gateway in ["http://gateway.example", "ftp://x", "x", "https://user:pass@x.example", ""] {
        let refused = Twilio::new(config(gateway));
        assert_eq!(refused.unwrap_err(), SetupError::Gateway, "{gateway}");
    }
    for gateway in ["https://api.dublin.ie1.twilio.com", "http://127.0.0.1:1", "http://[::1]:1/x/"]
    {
        Twilio::new(config(gateway)).unwrap();
    }
}
