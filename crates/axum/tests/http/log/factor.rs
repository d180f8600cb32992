//! A day with second factors and mailed links.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use crossauth_core::clock::Clock as _;
use crossauth_core::outbox::{Delivery, Mail, MailTransport, SendError};
use serde_json::{Value, json};

use super::{Day, RIGHT};
use crate::factor::STEP;
use crate::site::Site;

/// A mail server that is busy at first.
#[derive(Default)]
pub(super) struct BusyAtFirst(AtomicBool);

impl BusyAtFirst {
    pub(super) fn delivery() -> Delivery {
        Delivery { mail: Some(std::sync::Arc::new(Self::default())), ..Delivery::default() }
    }
}

#[async_trait]
impl MailTransport for BusyAtFirst {
    async fn send(&self, _: &Mail) -> Result<(), SendError> {
        let was_busy = self.0.swap(true, Ordering::SeqCst);
        if was_busy { Ok(()) } else { Err(SendError::Temporary("451 busy".into())) }
    }
}

impl Day {
    pub(super) async fn of_second_factors(&mut self, site: &Site) {
        let mut carol = site.browser();
        let form = json!({ "username": "carol", "password": RIGHT, "user_email": "c@x.example" });
        self.responses.push(carol.post("/api/signup", form.clone()).await);
        let shown = carol.post("/api/changefactor2", json!({ "factor2": "totp" })).await.json();
        let secret = shown["totpsecret"].as_str().unwrap().to_owned();
        let code = site.totp_code(&secret);
        let done = carol.confirm(&code).await;
        let codes = done.json()["recoveryCodes"].as_array().unwrap().clone();
        let codes: Vec<_> = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
        self.secrets.extend(codes.iter().map(|code| code.replace('-', "")));
        self.secrets.extend(codes.iter().cloned());
        site.clock.advance(STEP);

        let mut other = site.browser();
        self.responses.push(other.post("/api/login", form.clone()).await);
        self.keep_cookies(&other);
        let wrong = json!({ "otp": "271828" });
        self.responses.push(other.post("/api/loginfactor2", wrong).await);
        let body = json!({ "otp": site.totp_code(&secret), "remember_device": true });
        self.responses.push(other.post("/api/loginfactor2", body.clone()).await);
        assert!(other.cookies.contains_key("KNOWNDEVICE"));
        self.keep_cookies(&other);
        self.secrets.push(body["otp"].as_str().unwrap().to_owned());
        // The stored request holds a password.
        let change = json!({ "old_password": RIGHT, "new_password": "Canary-Newer-9" });
        self.responses.push(other.post("/api/changepassword", change).await);
        let recovery = json!({ "recovery_code": codes[0] });
        self.responses.push(other.post("/api/changepassword", recovery).await);
        self.secrets.extend([secret, code, "271828".into(), "Canary-Newer-9".into()]);
        self.of_mailed_links(site).await;
    }

    async fn of_mailed_links(&mut self, site: &Site) {
        let address = json!({ "email": "c@x.example" });
        let mut visitor = site.browser();
        self.responses.push(visitor.post("/api/requestpasswordreset", address).await);
        site.crossauth.auth().handle_mail_requests().await;
        let now = site.clock.now();
        let mut tokens = Vec::new();
        for queued in site.storage.outbox.claim(now, now, 100).await.unwrap() {
            let content = site.crossauth.auth().messages.open(&queued.message).unwrap();
            let variables = content.variables.into_iter();
            tokens.extend(variables.filter(|(name, _)| name == "token" || name == "otp"));
        }
        let tokens: Vec<_> = tokens.iter().filter_map(|(_, value)| Value::as_str(value)).collect();
        let token = tokens.last().copied().unwrap().to_owned();
        for _ in 0..2 {
            site.crossauth.auth().outbox.send_now().await.unwrap();
        }
        let path = format!("/resetpassword/{token}");
        assert_eq!(visitor.get(&path).await.status, 200);
        for status in [200, 401] {
            let new = "Canary-Newest-5";
            let body = json!({ "token": token, "new_password": new, "repeat_password": new });
            let response = visitor.post("/api/resetpassword", body).await;
            assert_eq!(response.status.as_u16(), status, "{}", response.body);
            self.responses.push(response);
        }
        self.responses.push(visitor.get(&path).await);
        self.secrets.extend([token, "Canary-Newest-5".into()]);
    }
}
