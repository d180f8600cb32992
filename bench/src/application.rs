//! An application's own routes, with Crossauth around them and without.
//!
//! The handlers are the same but for the extractor, and do nothing, so that what differs is what
//! Crossauth takes from an application that embeds it.

use std::path::Path;

use anyhow::Result;
use axum::Router;
use axum::http::{HeaderName, HeaderValue};
use axum::routing::get;
use crossauth::{Crossauth, CurrentUser, sqlite};

use crate::counterpart::{self, JSON};
use crate::population::{DATABASE, SECRET};

/// A route for everyone.
pub(crate) const PUBLIC: &str = "/public";
/// A route for those who are logged in.
pub(crate) const PRIVATE: &str = "/private";

type Answer = ([(HeaderName, HeaderValue); 1], &'static str);

const ANSWER: Answer = ([JSON], r#"{"ok":true}"#);

/// Serves both routes with Crossauth, on the data directory of a server.
pub(crate) fn serve(address: &str, data: &Path) -> Result<()> {
    counterpart::serve(address, async {
        let crossauth = Crossauth::builder()
            .secret(std::fs::read_to_string(data.join(SECRET))?.trim())
            .storage(sqlite::open(data.join(DATABASE)).await?)
            .base_url(&format!("http://{address}"))
            .build()?;
        let private = get(async |_: CurrentUser| ANSWER);
        Ok(crossauth.site_with(Router::new().route(PUBLIC, get(public)).route(PRIVATE, private)))
    })
}

/// Serves both routes with nothing around them.
pub(crate) fn serve_bare(address: &str) -> Result<()> {
    let router = Router::new().route(PUBLIC, get(public)).route(PRIVATE, get(public));
    counterpart::serve(address, async { Ok(router) })
}

async fn public() -> Answer {
    ANSWER
}
