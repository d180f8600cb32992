//! Time-based one-time passwords of an authenticator application (RFC 6238).

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{
    Acceptance, Challenge, Description, Factor, FactorError, Purpose, Response, State, Subject,
    Verdict, image,
};
use crate::clock::Clock;
use crate::crypto::{TotpSecret, TotpWindow, hash};
use crate::random::Random;
use crate::storage::{TotpStep, Uses};
use crate::user::{FactorName, Patch, SecretsUpdate};

/// The field of a state and of a page with the secret, as upstream calls it.
const SECRET: &str = "totpsecret";

pub(super) struct Totp {
    description: Description,
    issuer: String,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Totp {
    pub(super) fn new(
        issuer: String,
        friendly_name: String,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let description =
            Description { has_secrets: true, ..Description::new(FactorName::TOTP, friendly_name) };
        Self { description, issuer, clock, random }
    }

    fn set_up(
        &self,
        subject: &Subject<'_>,
        previous: Option<&State>,
    ) -> Result<Challenge, FactorError> {
        let secret = previous.and_then(|state| TotpSecret::parse(state.text(SECRET)?).ok());
        let secret = secret.unwrap_or_else(|| TotpSecret::generate(&*self.random));
        let username = &subject.user.username;
        let uri = secret.uri(&self.issuer, username);
        let qr = image::qr_data_url(&uri).map_err(FactorError::Failed)?;
        let shown = fields(json!({
            "username": username,
            "factor2": self.description.name,
            SECRET: secret.expose(),
            "uri": uri,
            "qr": qr,
        }));
        let state = State(fields(json!({ SECRET: secret.expose() })));
        Ok(Challenge { shown, state, send: Vec::new() })
    }
}

#[async_trait]
impl Factor for Totp {
    fn describe(&self) -> &Description {
        &self.description
    }

    async fn challenge(
        &self,
        subject: &Subject<'_>,
        purpose: Purpose,
        previous: Option<&State>,
    ) -> Result<Challenge, FactorError> {
        match purpose {
            Purpose::SetUp => self.set_up(subject, previous),
            Purpose::Login | Purpose::Confirmation => {
                enrolled(subject)?;
                Ok(Challenge::default())
            }
        }
    }

    async fn verify(
        &self,
        subject: &Subject<'_>,
        purpose: Purpose,
        state: &State,
        response: &Response,
    ) -> Result<Verdict, FactorError> {
        let secret = match purpose {
            Purpose::SetUp => state.text(SECRET).and_then(|text| TotpSecret::parse(text).ok()),
            Purpose::Login | Purpose::Confirmation => Some(enrolled(subject)?),
        };
        let secret = secret.ok_or(FactorError::NotEnrolled)?;
        let verified = secret.verify(&response.code("otp"), self.clock.now(), TotpWindow::OneStep);
        let Some(step) = verified else { return Ok(Verdict::Wrong) };
        let password = Patch::Keep;
        let totpsecret = match purpose {
            Purpose::SetUp => Patch::Set(secret.expose().to_owned()),
            Purpose::Login | Purpose::Confirmation => Patch::Keep,
        };
        let used = TotpStep { secret: hash(&format!("totp step: {}", secret.expose())), step };
        Ok(Verdict::Accepted(Acceptance {
            secrets: SecretsUpdate { password, totpsecret },
            uses: Uses { totp_step: Some(used), ..Uses::default() },
        }))
    }
}

fn enrolled(subject: &Subject<'_>) -> Result<TotpSecret, FactorError> {
    let stored = subject.secrets.totpsecret.as_deref().ok_or(FactorError::NotEnrolled)?;
    TotpSecret::parse(stored).map_err(|_| FactorError::NotEnrolled)
}

/// The fields of a JSON object.
pub(super) fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}
