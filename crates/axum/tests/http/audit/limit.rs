//! Attempts that a limit refuses.

use crossauth_core::limit::{LimitConfig, Rate};
use crossauth_core::user::UserId;

use super::*;

/// One attempt an hour.
fn strict() -> LimitConfig {
    let one = Some(Rate::per_hour(1));
    LimitConfig {
        logins_per_account_and_address: one,
        passwords_per_account: one,
        codes_per_account: one,
        links_per_address: one,
        signups_per_address: one,
        mails_per_address: one,
        codes_sent_per_account: one,
        ..LimitConfig::default()
    }
}

impl Walk {
    /// Repeats a request until it is refused, and checks the event of the refusal.
    async fn exhaust(
        &self,
        browser: &mut Browser,
        (path, body): (&str, Value),
        (limit, of, user): (&str, Option<&str>, Option<&UserId>),
    ) {
        let first = browser.post(path, body.clone()).await;
        assert_ne!(first.status, 429, "{path}: {}", first.body);
        let refused = browser.post(path, body.clone()).await;
        assert_eq!(refused.status, 429, "{path}: {}", refused.body);
        let [entry] = self.events_of(&refused).await.try_into().unwrap();
        assert_eq!((entry.act, entry.userid.as_ref()), (Act::LimitRefused, user), "{path}");
        assert_eq!(entry.detail["limit"], limit, "{path}");
        assert_eq!(entry.detail.get("of").and_then(Value::as_str), of, "{path}");
        // The log is not filled by an attack.
        let again = browser.post(path, body).await;
        assert_eq!(again.status, 429, "{path}: {}", again.body);
        assert_eq!(self.events_of(&again).await, [], "{path}");
    }
}

#[tokio::test]
async fn g4_attempts_that_a_limit_refuses_are_recorded_once_a_minute_for_each_limit() {
    let site = |site: crossauth_axum::Builder| {
        site.preview_messages().factors(factors(&[])).limits(strict())
    };
    let walk = Walk { site: Site::with(site), used: BTreeSet::new() };
    let bob = walk.site.account("bob", Role::User).await.id;
    let mut session = walk.site.logged_in("bob").await;
    let mut visitor = walk.site.browser().at("192.0.2.1");
    let wrong = "Wrong-Horse-7";
    let login = |name: &str| ("/api/login", json!({ "username": name, "password": wrong }));
    walk.exhaust(&mut visitor, login("bob"), ("login", Some("account and address"), Some(&bob)))
        .await;
    walk.exhaust(&mut visitor, login("hunter2"), ("login", Some("account and address"), None))
        .await;
    let password = ("/api/reauthenticate", json!({ "password": wrong }));
    walk.exhaust(&mut session, password, ("reauthentication", None, Some(&bob))).await;
    let token = ("/api/verifyemail", json!({ "token": "wrong" }));
    walk.exhaust(&mut visitor, token, ("token", Some("address"), None)).await;
    let email = ("/api/requestpasswordreset", json!({ "email": "dave@x.example" }));
    walk.exhaust(&mut visitor, email, ("mail", Some("address"), None)).await;
    let form = json!({ "username": "dave", "password": PASSWORD, "user_email": "dave@x.example" });
    walk.exhaust(&mut visitor, ("/api/signup", form), ("signup", Some("address"), None)).await;

    let carol = walk.site.enrolled_browser("carol").await;
    let id = walk.site.found("carol").await.unwrap().0.id;
    visitor.log_in("carol", PASSWORD).await;
    let code = ("/api/loginfactor2", json!({ "otp": "000000" }));
    // That of the challenge, the first of its counters, allows more.
    walk.exhaust(&mut visitor, code, ("factor", None, Some(&id))).await;
    drop(carol);
}

#[tokio::test]
async fn refusal_names_the_counter_that_is_exhausted_and_no_other() {
    let one = Some(Rate::per_hour(1));
    let per_account = LimitConfig { logins_per_account: one, ..LimitConfig::default() };
    let per_address = LimitConfig { logins_per_address: one, ..LimitConfig::default() };
    for (limits, of) in [(per_account, None), (per_address, Some("address"))] {
        let walk = Walk { site: Site::with(|site| site.limits(limits)), used: BTreeSet::new() };
        let bob = walk.site.account("bob", Role::User).await.id;
        let mut visitor = walk.site.browser().at("192.0.2.1");
        let login = ("/api/login", json!({ "username": "bob", "password": "Wrong-Horse-7" }));
        walk.exhaust(&mut visitor, login, ("login", of, Some(&bob))).await;
    }
}
