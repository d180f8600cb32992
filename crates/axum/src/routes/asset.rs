//! Stylesheet, script and logo of our pages.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

use crate::headers::{self, Caching};
use crate::page::{self, Asset};

/// `GET crossauth.css` and the other assets.
///
/// Pages load them with `?v=` and the current version; only that response may be cached
/// indefinitely.
pub(crate) fn serve(asset: &'static Asset, uri: &Uri, request: &HeaderMap) -> Response {
    let version = page::asset_version();
    let etag = format!("\"{version}\"");
    let is_current = uri.query().and_then(|query| query.strip_prefix("v=")) == Some(version);
    let is_unchanged = request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| matches!(tag.trim(), "*") || tag.trim().trim_start_matches("W/") == etag);
    let mut response = if is_unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        asset.body.into_response()
    };
    let caching = if is_current { Caching::Forever } else { Caching::Revalidated };
    headers::asset(response.headers_mut(), asset.content_type, caching);
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}
