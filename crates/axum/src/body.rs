//! Request bodies: JSON, form or multipart, read into one list of named fields.
//!
//! The three forms mean the same to every endpoint. A body that is too large, not UTF-8, names
//! a field twice or holds a NUL character is refused before anything looks at it.

mod form;
mod json;
mod multipart;

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use crossauth_core::error::ErrorCode;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::failure::Failure;

/// Most fields in one body.
const MAX_FIELDS: usize = 200;

/// How much of a body is read, and how long that may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimits {
    /// Most bytes.
    pub size: usize,
    /// Longest time from the end of the headers to the end of the body.
    pub time: Duration,
}

impl Default for BodyLimits {
    /// 64 KiB in 30 seconds.
    fn default() -> Self {
        Self { size: 64 * 1024, time: Duration::from_secs(30) }
    }
}

/// The named fields of a body, in no particular order.
#[derive(Default)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a body by its media type; an empty one has no fields.
    pub(crate) async fn read(request: Request, limits: BodyLimits) -> Result<Self, Failure> {
        let media_type = media_type(request.headers());
        let (parts, body) = request.into_parts();
        let bytes = read_all(&parts.headers, body, limits).await?;
        let fields = match media_type.as_deref() {
            _ if bytes.is_empty() => Self::default(),
            Some("application/json") => json::parse(&bytes)?,
            Some("application/x-www-form-urlencoded") => form::parse(&bytes)?,
            Some("multipart/form-data") => multipart::parse(&parts.headers, bytes).await?,
            _ => return Err(unsupported_media_type()),
        };
        fields.0.values().try_for_each(refuse_nul)?;
        Ok(fields)
    }

    /// Adds a field. Naming one twice is an error: nobody can tell which was meant.
    fn insert(&mut self, name: String, value: Value) -> Result<(), Failure> {
        if self.0.len() >= MAX_FIELDS {
            return Err(bad_request("The body has too many fields"));
        }
        if name.contains('\0') {
            return Err(bad_request("A field contains a NUL character"));
        }
        match self.0.insert(name, value) {
            None => Ok(()),
            Some(_) => Err(bad_request("A field is given twice")),
        }
    }

    /// The text of a field, if it is there and is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// The fields whose names begin with `prefix`, without it.
    pub(crate) fn with_prefix(&self, prefix: &str) -> Map<String, Value> {
        let rest = |(name, value): (&String, &Value)| {
            Some((name.strip_prefix(prefix)?.to_owned(), value.clone()))
        };
        self.0.iter().filter_map(rest).collect()
    }

    /// The fields as a `T`; those it does not know are left out.
    pub(crate) fn into_typed<T: DeserializeOwned>(self) -> Result<T, Failure> {
        serde_json::from_value(Value::Object(self.0)).map_err(|error| {
            // Other messages of serde's repeat the value, which may be a password.
            let text = error.to_string();
            if text.starts_with("missing field") {
                bad_request(text)
            } else {
                bad_request("A field has the wrong type")
            }
        })
    }
}

/// Reads a yes-or-no field: a boolean, or what forms send for one.
pub(crate) fn deserialize_flag<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(flag) => Some(flag),
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => {
            let text = text.to_ascii_lowercase();
            Some(matches!(text.as_str(), "true" | "t" | "on" | "1" | "yes" | "y"))
        }
        Value::Number(number) => Some(number.as_i64() == Some(1)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    })
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}

async fn read_all(headers: &HeaderMap, body: Body, limits: BodyLimits) -> Result<Bytes, Failure> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(unsupported_media_type());
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if announced.and_then(|text| text.parse().ok()).is_some_and(|n: u64| n > limits.size as u64) {
        return Err(too_large());
    }
    let collected = tokio::time::timeout(limits.time, Limited::new(body, limits.size).collect());
    match collected.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if is_length_limit(&*error) => Err(too_large()),
        Ok(Err(_)) => Err(bad_request("The body could not be read")),
        Err(_) => Err(Failure::new(ErrorCode::BadRequest)
            .status(StatusCode::REQUEST_TIMEOUT)
            .message("The body took too long to arrive")),
    }
}

fn is_length_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .any(<dyn std::error::Error>::is::<LengthLimitError>)
}

fn refuse_nul(value: &Value) -> Result<(), Failure> {
    match value {
        Value::String(text) if text.contains('\0') => {
            Err(bad_request("A field contains a NUL character"))
        }
        Value::Array(items) => items.iter().try_for_each(refuse_nul),
        Value::Object(members) if members.keys().any(|name| name.contains('\0')) => {
            Err(bad_request("The name of a field contains a NUL character"))
        }
        Value::Object(members) => members.values().try_for_each(refuse_nul),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn bad_request(message: impl Into<String>) -> Failure {
    Failure::new(ErrorCode::BadRequest).message(message)
}

fn malformed(media_type: &str) -> Failure {
    bad_request(format!("The body is not valid {media_type}"))
}

fn not_utf8() -> Failure {
    bad_request("The body is not UTF-8 text")
}

fn too_large() -> Failure {
    bad_request("The body is too large").status(StatusCode::PAYLOAD_TOO_LARGE)
}

fn unsupported_media_type() -> Failure {
    bad_request(
        "The body must be application/json, application/x-www-form-urlencoded or \
         multipart/form-data, not compressed",
    )
    .status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}
