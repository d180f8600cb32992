//! The cost of an API-key check compared with that of its query.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::session_check::{Side, Target};
use crate::http;
use crate::load;
use crate::progress::say;
use crate::scale::Scale;

/// An application with Crossauth compared with the bare handler.
#[derive(Debug, Serialize)]
pub(crate) struct KeyCheck {
    /// A handler that takes the user of an API key.
    pub(crate) application: Side,
    /// A handler that does one prepared query.
    pub(crate) bare: Side,
}

/// Loads both alternately.
pub(crate) fn measure(
    application: &Target<'_>,
    bare: &Target<'_>,
    scale: Scale,
) -> Result<KeyCheck> {
    let mut check = KeyCheck { application: Side::default(), bare: Side::default() };
    for target in [application, bare] {
        load::saturate(target.server.address, target.requests, Duration::from_secs(1))?;
    }
    for round in 0..scale.session_rounds {
        let mut turns = [(application, &mut check.application), (bare, &mut check.bare)];
        if round % 2 == 1 {
            turns.reverse();
        }
        for (target, side) in turns {
            side.add_round(target, scale.session_time())?;
        }
    }
    say!("API-key check: {:.2} of the bare handler", check.ratio());
    Ok(check)
}

impl KeyCheck {
    /// The throughput relative to that of the bare handler.
    pub(crate) fn ratio(&self) -> f64 {
        self.application.throughput_ratio(&self.bare)
    }
}

/// The request of a program with an API key.
pub(crate) fn request(server: SocketAddr, path: &str, key: &str) -> Vec<u8> {
    http::get_with_key(server, path, key)
}
