//! Login, registration, enumeration, and what a second factor is worth.

use std::num::NonZeroUsize;
use std::time::Duration;

use crossauth_core::account::Role;
use crossauth_core::message::MessageKind;
use crossauth_core::password::HasherConfig;
use crossauth_core::user::{FactorName, NewUser, Patch, UserUpdate};
use serde_json::json;
use tokio::task::JoinSet;

use crate::browser::TestResponse;
use crate::factor::factors;
use crate::gate::Gate;
use crate::site::{PASSWORD, Site, quick_hashes, test_storage};

/// Accounts that differ in all that a wrong password must not tell.
async fn accounts(site: &Site) -> Vec<&'static str> {
    for (name, state) in [
        ("active", "active"),
        ("disabled", "disabled"),
        ("unverified", "awaitingemailverification"),
        ("unfinished", "awaitingtwofactorsetup"),
        ("forced", "passwordresetneeded"),
    ] {
        let user = site.account(name, Role::User).await;
        site.set_state(&user, state).await;
    }
    let user = site.account("guarded", Role::User).await;
    let factor2 = Patch::Set(FactorName::TOTP);
    site.change(&user, UserUpdate { factor2, ..UserUpdate::default() }).await;
    for (name, factor1) in [("directory", "ldap"), ("social", "oidc"), ("bare", "localpassword")] {
        let user = NewUser { factor1: FactorName::from(factor1), ..NewUser::named(name) };
        site.stored(user, None).await;
    }
    vec![
        "unknown",
        "active",
        "disabled",
        "unverified",
        "unfinished",
        "forced",
        "guarded",
        "directory",
        "social",
        "bare",
    ]
}

/// A page without its name and what is random in it.
fn masked(page: &TestResponse, name: &str) -> String {
    let random = |line: &&str| !line.contains("csrfToken") && !line.contains("nonce");
    let lines: Vec<_> = page.body.lines().filter(random).collect();
    lines.join("\n").replace(name, "…")
}

#[tokio::test]
async fn l1_a_wrong_password_tells_nothing_about_the_account() {
    let site = Site::with_factors(&[]);
    let (mut answers, mut pages) = (Vec::new(), Vec::new());
    for name in accounts(&site).await {
        let answer = site.browser().log_in(name, "Wrong-Horse-7").await;
        answer.assert_failure(401, "UsernameOrPasswordInvalid");
        answers.push(answer.shape());
        let form = [("username", name), ("password", "Wrong-Horse-7")];
        let page = site.browser().submit("/login", &form).await;
        page.assert_page(401, "Invalid username or password");
        page.assert_no_session();
        pages.push(masked(&page, name));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
    assert!(pages.windows(2).all(|pair| pair[0] == pair[1]), "{pages:#?}");
    // Nor does any password at an account that has none here.
    for name in ["directory", "social", "bare"] {
        for password in [PASSWORD, "", "DISABLED", "********"] {
            let answer = site.browser().log_in(name, password).await;
            assert_eq!(answer.shape(), answers[0], "{name} {password:?}");
        }
    }
}

/// Time follows from work: of each login the calls of the store are the same, and each waits for
/// its turn at the hasher. `core` compares the hashes that are computed.
#[tokio::test]
async fn l2_every_refused_login_does_the_same_work() {
    let storage = test_storage();
    let (gate, mut entered, open) = Gate::new();
    let one = NonZeroUsize::MIN;
    let config = HasherConfig { threads: Some(one), queue: one, ..quick_hashes() };
    let site = Site::over(storage.storage(), |site| {
        site.hasher(config).random(gate.clone()).factors(factors(&[]))
    });
    let names = accounts(&site).await;
    for name in &names {
        let mut browser = site.browser();
        let token = browser.csrf_token().await;
        storage.take_calls();
        let body = json!({ "username": name, "password": "Wrong-Horse-7" });
        browser.post_with_token("/api/login", body, &token).await;
        let calls = ["users.find_by_username", "attempts.charge", "audit.append"];
        assert_eq!(storage.take_calls(), calls, "{name}");
    }
    // With the only thread at work and the queue full, each is refused for lack of capacity.
    gate.close();
    let mut busy = JoinSet::new();
    let log_in = |busy: &mut JoinSet<TestResponse>| {
        let mut browser = site.browser();
        busy.spawn(async move { browser.log_in("unknown", PASSWORD).await });
    };
    log_in(&mut busy);
    entered.recv().await.unwrap();
    (0..2).for_each(|_| log_in(&mut busy));
    busy.join_next().await.unwrap().unwrap().assert_failure(503, "Connection");
    for name in names {
        let answer = site.browser().log_in(name, "Wrong-Horse-7").await;
        answer.assert_failure(503, "Connection");
    }
    // L10: what is too large is refused before the hasher is asked.
    let huge = site.browser().log_in("active", &"a".repeat(1024 * 1024)).await;
    huge.assert_failure(413, "BadRequest");
    drop(open);
    for answer in busy.join_all().await {
        answer.assert_failure(401, "UsernameOrPasswordInvalid");
    }
}

#[tokio::test]
async fn l8_addresses_that_are_lists_markup_or_headers_are_refused_at_every_door() {
    let site = Site::with_mail();
    let setup = site.crossauth.auth().setup.issue_token().await.unwrap().unwrap();
    site.account_with("bob", "bob@example.com").await;
    let mut bob = site.logged_in("bob").await;
    for email in [
        "a@x.example,b@y.example",
        "a@x.example;b@y.example",
        "a@x.example b@y.example",
        "\"<a@x.example>\"",
        "<a@x.example>",
        "a@x.example\r\nBcc: b@y.example",
        "a@x.example\nb@y.example",
        "a\u{0}@x.example",
        "<script>alert(1)</script>@x.example",
        "a@x.example@y.example",
        "a@x.example\u{202e}",
    ] {
        let form = json!({ "username": "eve", "password": PASSWORD, "user_email": email });
        let mut visitor = site.browser();
        for (path, body) in [
            ("/api/signup", form),
            ("/api/requestpasswordreset", json!({ "email": email })),
            ("/api/resendverification", json!({ "email": email })),
        ] {
            let answer = visitor.post(path, body).await;
            assert_eq!(answer.status, 400, "{path} {email:?}: {}", answer.body);
        }
        let answer = bob.post("/api/updateuser", json!({ "user_email": email })).await;
        assert_eq!(answer.status, 400, "{email:?}: {}", answer.body);
        let fields = [
            ("token", setup.as_str()),
            ("username", "root"),
            ("password", PASSWORD),
            ("repeat_password", PASSWORD),
            ("user_email", email),
        ];
        assert_eq!(visitor.submit("/setup", &fields).await.status, 400, "{email:?}");
    }
    assert!(site.mail().await.is_empty());
    assert!(site.found("eve").await.is_none() && site.found("root").await.is_none());
    let form = json!({ "username": "eve", "password": PASSWORD, "user_email": "a@x.example" });
    assert_eq!(site.browser().post("/api/signup", form).await.status, 200);
    assert_eq!(site.mail().await.len(), 1);
}

/// Codes by mail beside a reset by mail are one factor: a site that wants two allows no `email`.
#[tokio::test]
async fn m11_a_site_can_refuse_mail_as_second_factor() {
    let site =
        |allowed: &[&str]| Site::with(|site| site.preview_messages().factors(factors(allowed)));
    // Where it is allowed, a reset alone does not log in: the code is still demanded.
    let free = site(&[]);
    let bob = free.account_with("bob", "bob@example.com").await;
    let factor2 = Patch::Set(FactorName::EMAIL);
    free.change(&bob, UserUpdate { factor2: factor2.clone(), ..UserUpdate::default() }).await;
    let mut thief = free.browser();
    thief.post("/api/requestpasswordreset", json!({ "email": "bob@example.com" })).await;
    let link = free.one_mail(MessageKind::PasswordReset, "bob@example.com").await;
    let new = "Another-Horse-8";
    let body = json!({ "token": link.token(), "new_password": new, "repeat_password": new });
    assert_eq!(thief.post("/api/resetpassword", body).await.status, 200);
    assert_eq!(thief.whoami().await, None);
    let answer = thief.log_in("bob", new).await;
    assert_eq!(answer.json()["twoFactorRequired"], json!(true), "{}", answer.body);
    assert_eq!(thief.whoami().await, None);

    let strict = site(&["totp"]);
    let bob = strict.account_with("bob", "bob@example.com").await;
    let form = json!({ "username": "eve", "password": PASSWORD, "user_email": "eve@x.example",
        "factor2": "email" });
    strict.browser().post("/api/signup", form).await.assert_failure(403, "Forbidden");
    // An account that has it from before must set another one up first.
    strict.change(&bob, UserUpdate { factor2, ..UserUpdate::default() }).await;
    let mut browser = strict.browser();
    browser.log_in("bob", PASSWORD).await.assert_failure(403, "Factor2ResetNeeded");
    assert_eq!(browser.whoami().await, None);
    let email = json!({ "factor2": "email" });
    browser.post("/api/changefactor2", email).await.assert_failure(403, "Forbidden");
    let kinds: Vec<_> = strict.mail().await.into_iter().map(|mail| mail.kind).collect();
    assert!(!kinds.contains(&MessageKind::LoginCode), "{kinds:?}");
}

#[tokio::test]
async fn m16_where_all_need_a_factor_no_door_opens_without_one() {
    let site = Site::with(|site| site.preview_messages().factors(factors(&["totp"])));
    site.account_with("bob", "bob@example.com").await;
    let mut browser = site.browser();
    browser.log_in("bob", PASSWORD).await.assert_failure(403, "Factor2ResetNeeded");
    assert_eq!(browser.whoami().await, None, "password as JSON");
    let form = [("username", "bob"), ("password", PASSWORD)];
    assert_eq!(browser.submit("/login", &form).await.status, 302);
    assert_eq!(browser.whoami().await, None, "password on the page");
    let form = json!({ "username": "bob", "password": PASSWORD, "user_email": "bob@example.com" });
    browser.post("/api/signup", form).await;
    assert_eq!(browser.whoami().await, None, "sign-up of an account that exists");
    site.mail().await;

    browser.post("/api/requestpasswordreset", json!({ "email": "bob@example.com" })).await;
    let link = site.one_mail(MessageKind::PasswordReset, "bob@example.com").await;
    let new = "Another-Horse-8";
    let body = json!({ "token": link.token(), "new_password": new, "repeat_password": new });
    assert_eq!(browser.post("/api/resetpassword", body).await.status, 200);
    assert_eq!(browser.whoami().await, None, "reset");

    let (bob, _) = site.found("bob").await.unwrap();
    site.set_state(&bob, "passwordchangeneeded").await;
    browser.log_in("bob", new).await.assert_failure(403, "PasswordChangeNeeded");
    let body = json!({ "old_password": new, "new_password": PASSWORD });
    browser.post("/api/changepassword", body).await;
    assert_eq!(browser.whoami().await, None, "required change of the password");

    let form = json!({ "username": "eve", "password": PASSWORD, "user_email": "eve@x.example" });
    let shown = browser.post("/api/signup", form).await;
    assert_eq!(shown.json()["factor2"], "totp", "{}", shown.body);
    assert_eq!(browser.whoami().await, None, "sign-up");
    browser.confirm(&site.totp_code(shown.json()["totpsecret"].as_str().unwrap())).await;
    // Messages of the same moment are in no order.
    site.clock.advance(Duration::from_secs(1));
    let body = json!({ "email": "eve@x.example" });
    browser.post("/api/resendverification", body).await;
    let mail = site.mail().await;
    let link = mail.iter().rfind(|mail| mail.kind == MessageKind::EmailVerification).unwrap();
    let done = browser.post("/api/verifyemail", json!({ "token": link.token() })).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(browser.whoami().await, None, "verification");
    let asked = browser.log_in("eve", PASSWORD).await;
    assert_eq!(asked.json()["twoFactorRequired"], json!(true), "{}", asked.body);
    assert_eq!(browser.whoami().await, None);
}
