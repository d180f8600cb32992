//! A user of upstream in each of the nine states, from the first login to the last step.

use crossauth_testkit::mail::{SmtpOptions, SmtpServer};
use crossauth_testkit::oathtool::code;
use crossauth_testkit::server::Server;
use serde_json::{Value, json};

use super::upstream::{CROSSAUTHJS, Key, PASSWORD, PYCROSSAUTH, PYCROSSAUTH_TEXT, Upstream, User};
use super::{server_after, stored};
use crate::visitor::Visitor;

const NEW_PASSWORD: &str = "Another-Horse-8";

/// Tokens of upstream and their hashes, from the vectors.
const TOKEN_1: (&str, &str) =
    ("AAECAwQFBgcICQoLDA0ODw", "XSYR1aTdK0Cyd9_bXs9bSYGRUNfVxi9O75YMsMJNsgw");
const TOKEN_2: (&str, &str) =
    ("8PHy8_T19vf4-fr7_P3-_w", "U-4_ReDWoAAvospReZ5ZSldg5yuxZQbZFqHYSAHOe_A");
const TOKEN_3: (&str, &str) =
    ("EBESExQVFhcYGRobHB0eHw", "GvN4eGdyfalAN1m5_kg7a6J1aY9DCYCC40lZhfSaNCg");

/// The secret of an authenticator application: Python's are long, TypeScript's short.
fn totpsecret(upstream: &Upstream) -> &'static str {
    if upstream.tables == "crossauthjs" {
        "JBSWY3DPEHPK3PXP"
    } else {
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    }
}

/// Users in all states, named after their state; the first and the last of those with an
/// authenticator application have one already.
fn users(upstream: &Upstream) -> Vec<User<'_>> {
    let secret = totpsecret(upstream);
    let user = |username, factor2, totpsecret| User { username, factor2, totpsecret };
    vec![
        user("active", "totp", secret),
        user("disabled", "", ""),
        user("awaitingtwofactorsetup", "totp", ""),
        user("awaitingtwofactorsetupandemailverification", "totp", ""),
        user("awaitingemailverification", "none", ""),
        user("passwordchangeneeded", "", ""),
        user("passwordresetneeded", "", ""),
        user("factor2resetneeded", "totp", secret),
        user("passwordandfactor2resetneeded", "totp", secret),
    ]
}

/// The keys of these users that have not expired.
const KEYS: [Key<'_>; 6] = [
    Key { owner: "active", prefix: "kd:", hash: TOKEN_1.1 },
    Key { owner: "factor2resetneeded", prefix: "kd:", hash: TOKEN_2.1 },
    Key { owner: "disabled", prefix: "p:", hash: TOKEN_1.1 },
    Key { owner: "passwordresetneeded", prefix: "p:", hash: TOKEN_2.1 },
    Key { owner: "passwordandfactor2resetneeded", prefix: "p:", hash: TOKEN_3.1 },
    Key { owner: "awaitingemailverification", prefix: "e:", hash: TOKEN_1.1 },
];

/// A site of upstream after the move.
struct Site {
    server: Server,
    smtp: SmtpServer,
    upstream: Upstream,
}

impl Site {
    fn of(upstream: Upstream) -> Self {
        let smtp = SmtpServer::start(SmtpOptions::default());
        let port = smtp.port().to_string();
        let settings = [
            ("CROSSAUTH_USER_EDITABLE_FIELDS", r#"["email"]"#),
            ("CROSSAUTH_ALLOWED_FACTOR2", r#"["none", "totp"]"#),
            ("CROSSAUTH_EMAIL_FROM", "noreply@example.com"),
            ("CROSSAUTH_SMTP_HOST", "127.0.0.1"),
            ("CROSSAUTH_SMTP_PORT", &port),
            ("CROSSAUTH_SMTP_USE_TLS", "false"),
        ];
        let users = users(&upstream);
        let statements = users.iter().map(|user| upstream.user(user));
        let statements = statements.chain(KEYS.iter().map(|key| upstream.key(key)));
        let statements: String = statements.collect();
        let server = server_after(&upstream, &statements, &settings);
        Self { server, smtp, upstream }
    }

    fn visitor(&self) -> Visitor<'_> {
        Visitor::new(&self.server)
    }

    /// The stored state and second factor of a user.
    fn state(&self, username: &str) -> String {
        let query = format!(
            "SELECT state || ' ' || factor2 FROM {} WHERE username = '{username}'",
            self.upstream.users
        );
        stored(&self.server, &query)
    }

    /// Begins a login, which the state of the user refuses with this error.
    async fn refused(&self, username: &str, error: &str) -> Visitor<'_> {
        let visitor = self.visitor();
        assert_error(visitor.log_in(username, PASSWORD).await, 403, error);
        assert_eq!(visitor.user().await, Value::Null);
        visitor
    }

    /// Logs in with the password alone.
    async fn logs_in(&self, username: &str, password: &str) {
        let visitor = self.visitor();
        assert_ok(&visitor.log_in(username, password).await);
        assert_eq!(visitor.user().await, username);
    }

    /// Logs in with the password and the next code of an authenticator application.
    async fn logs_in_with_app(&self, username: &str, password: &str, secret: &str) {
        let visitor = self.visitor();
        let asked = visitor.log_in(username, password).await;
        assert_ok(&asked);
        assert_eq!(
            (&asked.1["twoFactorRequired"], &asked.1["factor2"]),
            (&json!(true), &json!("totp"))
        );
        assert_eq!(visitor.user().await, Value::Null);
        let body = json!({ "otp": code(secret, "now + 30 seconds") });
        assert_ok(&visitor.post("/api/loginfactor2", &body).await);
        assert_eq!(visitor.user().await, username);
    }

    /// Continues an interrupted sign-up, to the first code of the authenticator application.
    /// Returns the response and the secret.
    async fn signs_up_again(&self, username: &str) -> (Value, String) {
        let visitor = self.refused(username, "TwoFactorIncomplete").await;
        let form = json!({
            "username": username, "user_email": format!("{username}@example.com"),
            "password": PASSWORD, "repeat_password": PASSWORD, "factor2": "totp",
        });
        let shown = visitor.post("/api/signup", &form).await;
        assert_ok(&shown);
        self.confirms(&visitor, &shown.1).await
    }

    /// Sets an authenticator application up with the first code of it.
    async fn confirms(&self, visitor: &Visitor<'_>, shown: &Value) -> (Value, String) {
        let secret = shown["totpsecret"].as_str().unwrap().to_owned();
        let body = json!({ "otp": code(&secret, "now") });
        let confirmed = visitor.post("/api/configurefactor2", &body).await;
        assert_ok(&confirmed);
        assert_eq!(confirmed.1["recoveryCodes"].as_array().unwrap().len(), 10);
        (confirmed.1, secret)
    }

    /// Sets a new password by a link.
    async fn resets(&self, token: &str) -> (u16, Value) {
        assert_eq!(self.server.status(&format!("/resetpassword/{token}")), 200);
        self.post_reset(token).await
    }

    async fn post_reset(&self, token: &str) -> (u16, Value) {
        let body = json!({
            "token": token, "new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD,
        });
        self.visitor().post("/api/resetpassword", &body).await
    }

    /// The token of the next link of this kind that is mailed to a user.
    fn mailed(&self, username: &str, path: &str) -> String {
        loop {
            let mail = self.smtp.next();
            let Some((_, rest)) = mail.data.split_once(&format!("/{path}/")) else { continue };
            assert_eq!(mail.to, [format!("{username}@example.com")]);
            return rest.chars().take(22).collect();
        }
    }
}

#[track_caller]
fn assert_ok((status, body): &(u16, Value)) {
    assert_eq!((*status, &body["ok"]), (200, &json!(true)), "{body}");
}

#[track_caller]
fn assert_error((status, body): (u16, Value), expected: u16, error: &str) {
    assert_eq!((status, &body["errorCodeName"]), (expected, &json!(error)), "{body}");
}

async fn active(site: &Site) {
    let secret = totpsecret(&site.upstream);
    let browser = site.visitor();
    assert_eq!(browser.log_in("active", PASSWORD).await.1["twoFactorRequired"], true);
    let attempt = async |browser: &Visitor<'_>, otp: &str| {
        browser.post("/api/loginfactor2", &json!({ "otp": otp })).await
    };
    assert_error(attempt(&browser, "000000").await, 401, "InvalidToken");
    let otp = code(secret, "now");
    assert_ok(&attempt(&browser, &otp).await);
    assert_eq!(browser.user().await, "active");
    // Each code works once.
    let thief = site.visitor();
    assert_eq!(thief.log_in("active", PASSWORD).await.1["twoFactorRequired"], true);
    assert_error(attempt(&thief, &otp).await, 401, "InvalidToken");
    site.logs_in_with_app("active", PASSWORD, secret).await;
    for cookie in [site.upstream.cookie, TOKEN_1.0] {
        let known = Visitor::with_cookie(&site.server, &format!("KNOWNDEVICE={cookie}"));
        assert_ok(&known.log_in("active", PASSWORD).await);
        assert_eq!(known.user().await, "active");
    }
    // Other programs read the tables of upstream, and no encrypted secrets.
    let table = site.upstream.secrets;
    let plain = format!("SELECT count(*) FROM {table} WHERE totpsecret = '{secret}'");
    assert!(stored::<i64>(&site.server, &plain) > 0);
}

async fn disabled(site: &Site) {
    site.refused("disabled", "UserNotActive").await;
    assert_error(site.post_reset(TOKEN_1.0).await, 403, "UserNotActive");
    site.refused("disabled", "UserNotActive").await;
    assert_eq!(site.state("disabled"), "disabled ");
}

async fn awaiting_factor(site: &Site) {
    let name = "awaitingtwofactorsetup";
    let (confirmed, secret) = site.signs_up_again(name).await;
    assert_eq!(confirmed["user"]["username"], name);
    site.logs_in_with_app(name, PASSWORD, &secret).await;
    assert_eq!(site.state(name), "active totp");
}

async fn awaiting_factor_and_verification(site: &Site) {
    let name = "awaitingtwofactorsetupandemailverification";
    let (confirmed, secret) = site.signs_up_again(name).await;
    assert_eq!(
        (&confirmed["user"], &confirmed["emailVerificationNeeded"]),
        (&Value::Null, &json!(true))
    );
    let visitor = site.refused(name, "EmailNotVerified").await;
    // Upstream had mailed no link, which the end of the set-up does.
    let first = site.mailed(name, "verifyemail");
    let body = json!({ "email": format!("{name}@example.com") });
    assert_ok(&visitor.post("/api/resendverification", &body).await);
    let token = site.mailed(name, "verifyemail");
    let replaced = visitor.post("/api/verifyemail", &json!({ "token": first })).await;
    assert_error(replaced, 401, "InvalidKey");
    assert_ok(&visitor.post("/api/verifyemail", &json!({ "token": token })).await);
    assert_eq!(visitor.user().await, Value::Null);
    site.logs_in_with_app(name, PASSWORD, &secret).await;
}

async fn awaiting_verification(site: &Site) {
    let name = "awaitingemailverification";
    let visitor = site.refused(name, "EmailNotVerified").await;
    let body = json!({ "token": TOKEN_1.0 });
    assert_ok(&visitor.post("/api/verifyemail", &body).await);
    assert_eq!(visitor.user().await, Value::Null);
    assert_error(visitor.post("/api/verifyemail", &body).await, 401, "InvalidKey");
    site.logs_in(name, PASSWORD).await;
}

async fn password_change(site: &Site) {
    let name = "passwordchangeneeded";
    let visitor = site.refused(name, "PasswordChangeNeeded").await;
    let change = json!({
        "old_password": PASSWORD, "new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD,
    });
    assert_ok(&visitor.post("/api/changepassword", &change).await);
    assert_eq!(visitor.user().await, name);
    site.logs_in(name, NEW_PASSWORD).await;
    assert_eq!(site.visitor().log_in(name, PASSWORD).await.0, 401);
}

async fn password_reset(site: &Site) {
    let name = "passwordresetneeded";
    site.refused(name, "PasswordResetNeeded").await;
    assert_ok(&site.resets(TOKEN_2.0).await);
    assert_error(site.post_reset(TOKEN_2.0).await, 401, "InvalidKey");
    site.logs_in(name, NEW_PASSWORD).await;
}

/// Continues a login that needs a new second factor to its end.
async fn set_up_again(site: &Site, name: &str, password: &str) {
    let visitor = site.visitor();
    assert_error(visitor.log_in(name, password).await, 403, "Factor2ResetNeeded");
    let shown = visitor.post("/api/changefactor2", &json!({ "factor2": "totp" })).await;
    assert_ok(&shown);
    assert_ne!(shown.1["totpsecret"], totpsecret(&site.upstream));
    let (confirmed, secret) = site.confirms(&visitor, &shown.1).await;
    assert_eq!(confirmed["user"]["username"], name);
    assert_eq!(visitor.user().await, name);
    site.logs_in_with_app(name, password, &secret).await;
    assert_eq!(site.state(name), "active totp");
}

async fn factor_reset(site: &Site) {
    let name = "factor2resetneeded";
    let cookie = format!("KNOWNDEVICE={}", TOKEN_2.0);
    let known = Visitor::with_cookie(&site.server, &cookie);
    assert_error(known.log_in(name, PASSWORD).await, 403, "Factor2ResetNeeded");
    set_up_again(site, name, PASSWORD).await;
    assert_eq!(known.log_in(name, PASSWORD).await.1["twoFactorRequired"], true);
}

async fn password_and_factor_reset(site: &Site) {
    let name = "passwordandfactor2resetneeded";
    site.refused(name, "PasswordResetNeeded").await;
    let reset = site.resets(TOKEN_3.0).await;
    assert_ok(&reset);
    assert_eq!(reset.1["user"], Value::Null);
    assert_eq!(site.state(name), "factor2resetneeded totp");
    set_up_again(site, name, NEW_PASSWORD).await;
}

/// Walks through all states, one user after the other.
async fn walk(upstream: Upstream) {
    let site = Site::of(upstream);
    active(&site).await;
    disabled(&site).await;
    awaiting_factor(&site).await;
    awaiting_factor_and_verification(&site).await;
    awaiting_verification(&site).await;
    password_change(&site).await;
    password_reset(&site).await;
    factor_reset(&site).await;
    password_and_factor_reset(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_pycrossauth_in_each_state_get_as_far_as_it_allows() {
    walk(PYCROSSAUTH).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_pycrossauth_with_text_times_in_each_state_get_as_far_as_it_allows() {
    walk(PYCROSSAUTH_TEXT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_crossauthjs_in_each_state_get_as_far_as_it_allows() {
    walk(CROSSAUTHJS).await;
}
