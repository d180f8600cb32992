//! An application of one route, which returns the user of an API key.
//!
//! What it costs more than the [`bare`](crate::bare) handler is the check of the key: signature,
//! digest, expiry, scopes and state of the owner, the record of its last use, limits and audit.

use std::path::Path;

use anyhow::Result;
use axum::Router;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::routing::get;
use crossauth::{AnyUser, Crossauth, sqlite};
use crossauth_core::api_key::ApiKeyConfig;
use serde::Serialize;

use crate::baseline::{self, JSON};
use crate::population::{DATABASE, SECRET};

/// The path that returns the user of a key.
pub(crate) const PATH: &str = "/application/user";

#[derive(Serialize)]
struct Found {
    ok: bool,
    user: AnyUser,
}

/// Serves it with Crossauth and its background tasks, on the data directory of a server.
pub(crate) fn serve(address: &str, data: &Path) -> Result<()> {
    baseline::serve(address, async {
        let crossauth = Crossauth::builder()
            .secret(std::fs::read_to_string(data.join(SECRET))?.trim())
            .storage(sqlite::open(data.join(DATABASE)).await?)
            .base_url(&format!("http://{address}"))
            .api_keys(ApiKeyConfig { enabled: true, ..ApiKeyConfig::default() })
            .build()?;
        tokio::spawn(crossauth.auth().tasks());
        Ok(crossauth.site_with(Router::new().route(PATH, get(user))))
    })
}

async fn user(user: AnyUser) -> Result<([(HeaderName, HeaderValue); 1], Vec<u8>), StatusCode> {
    let body = serde_json::to_vec(&Found { ok: true, user });
    Ok(([JSON], body.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?))
}
