//! Sign-up with an address that another account has: no answer reveals it, not even after several
//! requests.

use crossauth_core::message::MessageKind;
use crossauth_core::secret::Password;
use serde_json::{Map, Value, json};

use crate::browser::{Browser, TestResponse};
use crate::factor::{DUMMY_CODE, factors};
use crate::site::{PASSWORD, Site, test_storage};

const VICTIM: &str = "victim@example.com";
const OWN: &str = "eve@example.net";
const PHONE: &str = "+431234567";
const OTHER: &str = "Other-Horse-8";
/// The password of the account that has the address.
const OWNERS: &str = "Owners-Horse-9";

#[derive(Debug, Clone, Copy)]
struct Attack {
    username: &'static str,
    factor2: &'static str,
    /// Whether the set-up of the factor is completed, where the attacker gets the code.
    completes: bool,
    pages: bool,
}

/// The attacker's view of a site: every answer without its random values.
struct Attacker<'a> {
    site: &'a Site,
    attack: Attack,
    seen: Vec<(&'static str, String)>,
    sent: Vec<(MessageKind, String)>,
    code: Option<String>,
}

impl Attacker<'_> {
    async fn send(
        &mut self,
        step: &'static str,
        browser: &mut Browser,
        path: &str,
        fields: &[(&str, &str)],
    ) -> TestResponse {
        let answer = if self.attack.pages {
            browser.submit(&format!("/{path}"), fields).await
        } else {
            let body: Map<String, Value> =
                fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            browser.post(&format!("/api/{path}"), body.into()).await
        };
        self.note(step, &answer).await;
        answer
    }

    async fn note(&mut self, step: &'static str, answer: &TestResponse) {
        let (status, headers, body) = answer.shape();
        let mut cookies: Vec<_> = answer.set_cookies().into_iter().map(masked).collect();
        cookies.sort();
        let body = body.replace("</span><span>", "");
        self.seen.push((step, masked(&format!("{status} {headers:?} {cookies:?} {body}"))));
        for mail in self.site.mail().await {
            // What comes to the attacker's own telephone and address is an answer, too.
            if mail.to != VICTIM {
                self.seen.push((step, format!("{} to {}", mail.kind, mail.to)));
                self.code = Some(mail.variable("otp").to_owned()).filter(|code| !code.is_empty());
            }
            self.sent.push((mail.kind, mail.to));
        }
    }

    async fn sign_up(
        &mut self,
        step: &'static str,
        browser: &mut Browser,
        (email, password, factor2): (&str, &str, &str),
    ) {
        let username = self.attack.username;
        let fields = [
            ("username", username),
            ("password", password),
            ("repeat_password", password),
            ("user_email", email),
            ("user_phone", PHONE),
            ("factor2", factor2),
        ];
        self.send(step, browser, "signup", &fields).await;
    }

    /// The factor that waits in a browser; the attacker's telephone computes or gets its code.
    async fn look(&mut self, step: &'static str, browser: &mut Browser) {
        let answer = if self.attack.pages {
            browser.get("/configurefactor2").await
        } else {
            browser.get_json("/api/configurefactor2").await
        };
        self.note(step, &answer).await;
        let shown = browser.get_json("/api/configurefactor2").await.json();
        if let Some(secret) = shown["totpsecret"].as_str() {
            self.code = Some(self.site.totp_code(secret));
        } else if shown["factor2"] == "dummyFactor2" {
            self.code = Some(DUMMY_CODE.to_owned());
        }
    }

    async fn log_in(&mut self, step: &'static str, username: &str, password: &str) {
        let fields = [("username", username), ("password", password)];
        self.send(step, &mut self.site.browser(), "login", &fields).await;
    }

    async fn run(&mut self) {
        let Attack { username, factor2, completes, .. } = self.attack;
        let same = (VICTIM, PASSWORD, factor2);
        let mut first = self.site.browser();
        self.sign_up("sign-up", &mut first, same).await;
        self.look("the factor", &mut first).await;
        self.send("wrong code", &mut first, "configurefactor2", &[("otp", "00000000")]).await;
        self.send("resend", &mut first, "configurefactor2", &[("resend", "on")]).await;
        if let Some(code) = self.code.take().filter(|_| completes) {
            self.send("code", &mut first, "configurefactor2", &[("otp", &code)]).await;
            self.look("the factor after it", &mut first).await;
        }
        let browser = &mut self.site.browser();
        for other in [factor2, "none", "totp", "email"] {
            self.sign_up("other password", browser, (VICTIM, OTHER, other)).await;
            self.sign_up("again", browser, (VICTIM, PASSWORD, other)).await;
            self.look("the factor again", browser).await;
        }
        for _ in 0..6 {
            self.send("guess", browser, "configurefactor2", &[("otp", "00000000")]).await;
        }
        for password in [PASSWORD, OTHER] {
            self.log_in("login", username, password).await;
            self.log_in("login with the address", VICTIM, password).await;
            self.log_in("login in capitals", "VICTIM@EXAMPLE.COM", password).await;
        }
        for path in ["resendverification", "requestpasswordreset"] {
            self.send(path, &mut self.site.browser(), path, &[("email", VICTIM)]).await;
        }
        for (password, factor2) in [(PASSWORD, factor2), (PASSWORD, "none"), (OTHER, "none")] {
            let browser = &mut self.site.browser();
            self.sign_up("own address", browser, (OWN, password, factor2)).await;
        }
        self.log_in("login at last", username, PASSWORD).await;
    }
}

/// Replaces what looks random.
fn masked(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+/_=-%".contains(c);
    let mut masked = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !is_part(c)).unwrap_or(from.len());
        masked += before;
        let count = |is: fn(&u8) -> bool| from[..end].bytes().filter(is).count();
        let is_mixed = count(u8::is_ascii_digit) > 0 || count(u8::is_ascii_uppercase) > 4;
        let is_random = end >= 16 && is_mixed;
        masked += if is_random { "…" } else { &from[..end] };
        rest = &from[end..];
    }
    masked + rest
}

async fn run(attack: Attack, is_taken: bool) -> Vec<(&'static str, String)> {
    let site = Site::with(|site| site.preview_messages().factors(factors(&[])));
    if is_taken {
        site.account_with("carol", VICTIM).await;
        let password = Password::new(OWNERS);
        site.crossauth.auth().accounts.set_password("carol", password).await.unwrap();
        site.one_mail(MessageKind::PasswordChanged, VICTIM).await;
    }
    let (seen, sent) = (Vec::new(), Vec::new());
    let mut attacker = Attacker { site: &site, attack, seen, sent, code: None };
    attacker.run().await;
    if is_taken {
        let told = (MessageKind::AccountExists, VICTIM.to_owned());
        assert!(attacker.sent.contains(&told), "{attack:?}");
        let to_owner = attacker.sent.iter().filter(|(_, to)| to == VICTIM);
        let expected = [MessageKind::AccountExists, MessageKind::PasswordReset];
        assert!(to_owner.clone().all(|(kind, _)| expected.contains(kind)), "{attack:?}");
        assert_eq!(site.browser().log_in("carol", OWNERS).await.status, 200);
    }
    attacker.seen
}

async fn assert_same(username: &'static str, pages: bool) {
    for factor2 in ["none", "totp", "email", "sms", "dummyFactor2"] {
        let gets_code = ["totp", "sms", "dummyFactor2"].contains(&factor2);
        for completes in [false, true].into_iter().take(1 + usize::from(gets_code)) {
            let attack = Attack { username, factor2, completes, pages };
            let (free, taken) = (run(attack, false).await, run(attack, true).await);
            for (number, (free, taken)) in free.iter().zip(&taken).enumerate() {
                assert_eq!(free, taken, "request {number} of {attack:?}");
            }
            assert_eq!(free.len(), taken.len(), "{attack:?}");
        }
    }
}

#[tokio::test]
async fn l3_answers_to_programs_do_not_reveal_that_an_address_is_taken() {
    assert_same("eve", false).await;
}

#[tokio::test]
async fn l3_pages_do_not_reveal_that_an_address_is_taken() {
    assert_same("eve", true).await;
}

#[tokio::test]
async fn l3_answers_to_programs_do_not_reveal_that_an_address_as_username_is_taken() {
    assert_same(VICTIM, false).await;
}

#[tokio::test]
async fn l3_pages_do_not_reveal_that_an_address_as_username_is_taken() {
    assert_same(VICTIM, true).await;
}

#[tokio::test]
async fn l3_sign_up_does_the_same_work_whether_or_not_an_address_is_taken() {
    for username in ["eve", VICTIM] {
        for factor2 in ["none", "totp", "email"] {
            let mut calls = Vec::new();
            for is_taken in [false, true] {
                let storage = test_storage();
                let site = Site::over(storage.storage(), |site| {
                    site.preview_messages().factors(factors(&[]))
                });
                if is_taken {
                    site.account_with("carol", VICTIM).await;
                }
                let mut browser = site.browser();
                let token = browser.csrf_token().await;
                storage.take_calls();
                let body = json!({
                    "username": username,
                    "password": PASSWORD,
                    "user_email": VICTIM,
                    "factor2": factor2,
                });
                let answer = browser.post_with_token("/api/signup", body, &token).await;
                assert_eq!(answer.status, 200, "{}", answer.body);
                calls.push(storage.take_calls());
            }
            assert_eq!(calls[0], calls[1], "{username} {factor2}");
        }
    }
}

#[tokio::test]
async fn l3_limit_of_codes_does_not_reveal_that_an_address_is_taken() {
    let mut answers = Vec::new();
    for is_taken in [false, true] {
        let site = Site::with(|site| site.preview_messages().factors(factors(&[])));
        if is_taken {
            site.account_with("carol", VICTIM).await;
        }
        let mut statuses = Vec::new();
        for number in 0..13 {
            let body = json!({
                "username": format!("eve{number}"),
                "password": PASSWORD,
                "user_email": VICTIM,
                "factor2": "email",
            });
            statuses.push(site.browser().post("/api/signup", body).await.status.as_u16());
        }
        answers.push(statuses);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], [[200; 10].as_slice(), &[429; 3]].concat());
}

#[tokio::test]
async fn address_whose_account_was_deleted_can_sign_up_again() {
    let site = Site::with_mail();
    site.account_with("carol", VICTIM).await;
    let sign_up = async |username: &str, password: &str| {
        let body = json!({ "username": username, "password": password, "user_email": VICTIM });
        site.browser().post("/api/signup", body).await
    };
    for username in ["eve", VICTIM] {
        let answer = sign_up(username, PASSWORD).await;
        assert_eq!(answer.json()["emailVerificationNeeded"], true, "{}", answer.body);
        site.one_mail(MessageKind::AccountExists, VICTIM).await;
    }
    site.crossauth.auth().accounts.delete("carol").await.unwrap();
    // No mail is to be sent, so the answer must not say so.
    sign_up("eve", OWNERS).await.assert_failure(400, "UserExists");
    assert!(site.mail().await.is_empty());
    // As at any sign-up, the second request continues the first.
    for _ in 0..2 {
        let answer = sign_up(VICTIM, OWNERS).await;
        assert_eq!(answer.json()["emailVerificationNeeded"], true, "{}", answer.body);
        let mail = site.one_mail(MessageKind::EmailVerification, VICTIM).await;
        assert_eq!(mail.variable("username"), VICTIM);
    }
}

#[test]
fn random_values_are_masked() {
    assert_eq!(masked("a=\"0123456789abcdef\" bob"), "a=\"…\" bob");
}
