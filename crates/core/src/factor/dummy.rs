//! A factor with a fixed code, for development and tests.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use super::one_time::verify_code;
use super::totp::fields;
use super::{
    Challenge, Description, Factor, FactorError, Kind, Purpose, Response, State, Subject, Verdict,
};
use crate::clock::Clock;
use crate::message::Channel;
use crate::user::FactorName;

/// How long the code is valid after a challenge.
const LIFETIME: Duration = Duration::from_mins(1);

pub(super) struct Dummy {
    description: Description,
    code: String,
    clock: Arc<dyn Clock>,
}

impl Dummy {
    pub(super) fn new(code: String, friendly_name: String, clock: Arc<dyn Clock>) -> Self {
        let description = Description {
            kind: Kind::Oob,
            channel: Some(Channel::Email),
            ..Description::new(FactorName::DUMMY, friendly_name)
        };
        Self { description, code, clock }
    }
}

#[async_trait]
impl Factor for Dummy {
    fn describe(&self) -> &Description {
        &self.description
    }

    async fn challenge(
        &self,
        subject: &Subject<'_>,
        _: Purpose,
        _: Option<&State>,
    ) -> Result<Challenge, FactorError> {
        let expiry = (self.clock.now() + LIFETIME).as_millis();
        Ok(Challenge {
            shown: fields(json!({
                "username": subject.user.username,
                "factor2": self.description.name,
            })),
            state: State(fields(json!({ "otp": self.code, "expiry": expiry }))),
            send: Vec::new(),
        })
    }

    async fn verify(
        &self,
        _: &Subject<'_>,
        _: Purpose,
        state: &State,
        response: &Response,
    ) -> Result<Verdict, FactorError> {
        Ok(verify_code(state, response, self.clock.now()))
    }
}
