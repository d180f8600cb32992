//! Routes of an application, with and without Crossauth.
//!
//! The handlers do nothing and differ only in the extractor, so the difference is the overhead of
//! Crossauth.

use std::path::Path;

use anyhow::Result;
use axum::Router;
use axum::http::{HeaderName, HeaderValue};
use axum::routing::get;
use crossauth::{Crossauth, CurrentUser, sqlite};

use crate::baseline::{self, JSON};
use crate::population::{DATABASE, SECRET};

/// A route for everyone.
pub(crate) const PUBLIC: &str = "/public";
/// A route for logged-in users.
pub(crate) const PRIVATE: &str = "/private";

type Body = ([(HeaderName, HeaderValue); 1], &'static str);

const BODY: Body = ([JSON], r#"{"ok":true}"#);

/// Serves both routes with Crossauth, on the data directory of a server.
pub(crate) fn serve(address: &str, data: &Path) -> Result<()> {
    baseline::serve(address, async {
        let crossauth = Crossauth::builder()
            .secret(std::fs::read_to_string(data.join(SECRET))?.trim())
            .storage(sqlite::open(data.join(DATABASE)).await?)
            .base_url(&format!("http://{address}"))
            .build()?;
        let private = get(async |_: CurrentUser| BODY);
        Ok(crossauth.site_with(Router::new().route(PUBLIC, get(public)).route(PRIVATE, private)))
    })
}

/// Serves both routes without Crossauth.
pub(crate) fn serve_bare(address: &str) -> Result<()> {
    let router = Router::new().route(PUBLIC, get(public)).route(PRIVATE, get(public));
    baseline::serve(address, async { Ok(router) })
}

async fn public() -> Body {
    BODY
}
