//! How messages to users are sent: options of the builder.

use std::error::Error;

use crossauth_core::outbox::Delivery;
use serde_json::{Map, Value};

use super::{BuildError, Builder, Config};

impl Builder {
    /// How messages to users are rendered and sent. Without it, none are sent.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Same as [`Builder::delivery`]; [`Builder::build`] reports the error.
    pub fn checked_delivery(
        mut self,
        delivery: Result<Delivery, Box<dyn Error + Send + Sync>>,
    ) -> Self {
        match delivery {
            Ok(delivery) => self.delivery = delivery,
            Err(error) => self.error = Some(BuildError::Delivery(error)),
        }
        self
    }

    /// Shows messages to users on the page `dev/outbox` and in the log instead of sending them, for
    /// development. Anyone who reaches the site can read them.
    pub fn preview_messages(mut self) -> Self {
        self.delivery.preview.get_or_insert_default();
        self
    }
}

/// What every message to a user may contain. Links are made of it, never of what a request says.
pub(super) fn message_variables(config: &Config) -> Map<String, Value> {
    let variables = [
        ("siteName", config.site_name.as_str()),
        ("siteUrl", config.base_url.as_str()),
        ("prefix", config.prefix.as_str()),
    ];
    variables.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}
