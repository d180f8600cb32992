//! Second factors in tests: sites that offer them, phones, and codes that were sent.

use std::time::Duration;

use crossauth_core::clock::Clock;
use crossauth_core::crypto::TotpSecret;
use crossauth_core::factor::{Configured, FactorConfig};
use serde_json::{Value, json};

use crate::browser::{Browser, TestResponse};
use crate::site::{PASSWORD, Site};

/// The code of the dummy factor.
pub(crate) const DUMMY_CODE: &str = "123456";

/// The time after which an authenticator application shows another code.
pub(crate) const STEP: Duration = Duration::from_secs(30);

/// A user with an authenticator application.
pub(crate) struct Enrolled {
    pub(crate) browser: Browser,
    pub(crate) secret: String,
    pub(crate) recovery_codes: Vec<String>,
}

/// All factors; `allowed` as in the configuration.
pub(crate) fn factors(allowed: &[&str]) -> FactorConfig {
    let second = vec![
        Configured::Totp { issuer: "Example".into() },
        Configured::Email,
        Configured::Sms,
        Configured::DangerDummy { code: DUMMY_CODE.into() },
    ];
    let allowed = allowed.iter().map(|&name| name.to_owned()).collect();
    FactorConfig { second, allowed, ..FactorConfig::default() }
}

impl Site {
    /// A site that offers all factors.
    pub(crate) fn with_factors(allowed: &[&str]) -> Self {
        Self::with(|site| site.factors(factors(allowed)))
    }

    /// The present code of an authenticator application.
    pub(crate) fn totp_code(&self, secret: &str) -> String {
        TotpSecret::parse(secret).unwrap().code(self.clock.now())
    }

    /// The latest code that was sent.
    pub(crate) async fn code_sent(&self) -> String {
        let now = self.clock.now();
        let queued = self.storage.outbox.claim(now, now, 1000).await.unwrap();
        let codes = queued.iter().rev().find_map(|queued| {
            let content = self.crossauth.auth().messages.open(&queued.message).unwrap();
            Some(content.variables.get("otp")?.as_str()?.to_owned())
        });
        codes.unwrap()
    }

    /// The code for a set-up that waits.
    pub(crate) async fn code_for(&self, shown: &Value) -> String {
        match shown["factor2"].as_str().unwrap() {
            "totp" => self.totp_code(shown["totpsecret"].as_str().unwrap()),
            "dummyFactor2" | "dummy" => DUMMY_CODE.into(),
            _ => self.code_sent().await,
        }
    }

    /// A logged-in user with an authenticator application.
    pub(crate) async fn enrolled_browser(&self, username: &str) -> Enrolled {
        let mut browser = self.logged_in(username).await;
        let shown = browser.post("/api/changefactor2", json!({"factor2": "totp"})).await;
        assert_eq!(shown.status, 200, "{}", shown.body);
        let secret = shown.json()["totpsecret"].as_str().unwrap().to_owned();
        let done = browser.confirm(&self.totp_code(&secret)).await;
        assert_eq!(done.status, 200, "{}", done.body);
        let codes = done.json()["recoveryCodes"].as_array().unwrap().clone();
        let recovery_codes = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
        self.clock.advance(STEP);
        Enrolled { browser, secret, recovery_codes }
    }

    /// Whether username, password and this code log in.
    pub(crate) async fn logs_in_with(&self, username: &str, field: &str, code: &str) -> bool {
        let mut browser = self.browser();
        let first = browser.log_in(username, PASSWORD).await;
        assert_eq!(first.json()["twoFactorRequired"], json!(true), "{}", first.body);
        browser.post("/api/loginfactor2", json!({ field: code })).await;
        browser.whoami().await.as_deref() == Some(username)
    }
}

impl Browser {
    /// Confirms the factor that is being set up.
    pub(crate) async fn confirm(&mut self, code: &str) -> TestResponse {
        self.post("/api/configurefactor2", json!({ "otp": code })).await
    }

    /// Sends a request that needs the second factor, then the code.
    pub(crate) async fn post_with_code(
        &mut self,
        path: &str,
        body: Value,
        code: &str,
    ) -> TestResponse {
        let asked = self.post(path, body).await;
        assert_eq!(asked.json()["factor2Required"], json!(true), "{}", asked.body);
        self.post(path, json!({ "otp": code })).await
    }
}
