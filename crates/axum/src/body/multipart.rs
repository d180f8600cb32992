//! `multipart/form-data` (RFC 7578) without files: every part is a text field.

use std::convert::Infallible;

use axum::body::Bytes;
use futures_util::stream;
use http::{HeaderMap, header};
use multer::{Multipart, parse_boundary};

use super::{Fields, malformed, not_utf8};
use crate::failure::Failure;

pub(super) async fn parse(headers: &HeaderMap, body: Bytes) -> Result<Fields, Failure> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = parse_boundary(content_type.unwrap_or_default()).map_err(|_| broken())?;
    let body = stream::iter([Ok::<_, Infallible>(body)]);
    let mut parts = Multipart::new(body, boundary);
    let mut fields = Fields::default();
    while let Some(part) = parts.next_field().await.map_err(|_| broken())? {
        let name = part.name().ok_or_else(broken)?.to_owned();
        let bytes = part.bytes().await.map_err(|_| broken())?;
        let text = String::from_utf8(bytes.into()).map_err(|_| not_utf8())?;
        fields.add(name, text)?;
    }
    Ok(fields)
}

fn broken() -> Failure {
    malformed("multipart/form-data")
}
