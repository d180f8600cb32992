//! Request bodies: JSON, form or multipart, parsed into named fields.
//!
//! Every endpoint accepts all three media types. A body that is too large, not UTF-8 or contains a
//! NUL character is refused before a handler runs.

mod flag;
mod form;
mod json;
mod multipart;
mod typed;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use axum::body::{Body, Bytes};
use crossauth_core::error::ErrorCode;
use crossauth_core::form::label;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::failure::Failure;

pub(crate) use flag::{deserialize_flag, deserialize_tick};

/// Maximum number of fields in a body.
const MAX_FIELDS: usize = 200;

/// Limits of request bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimits {
    /// Maximum size, in bytes.
    pub size: usize,
    /// Maximum time from the end of the headers to the end of the body.
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
pub(crate) struct Fields(BTreeMap<String, FieldValue>);

/// The value of a field.
#[derive(Clone)]
pub(crate) enum FieldValue {
    /// Text of an HTML form.
    Text(String),
    /// A repeated field of an HTML form.
    Many(Vec<String>),
    /// A member of a JSON object.
    Json(Value),
}

impl Fields {
    /// Reads a body and parses it by its media type; an empty one has no fields.
    pub(crate) async fn read(
        headers: &HeaderMap,
        body: Body,
        limits: BodyLimits,
    ) -> Result<Self, Failure> {
        let bytes = read_all(headers, body, limits).await?;
        Self::parse(headers, bytes).await
    }

    /// Parses a body that was read.
    pub(crate) async fn parse(headers: &HeaderMap, bytes: Bytes) -> Result<Self, Failure> {
        let media_type = media_type(headers);
        let fields = match media_type.as_deref() {
            _ if bytes.is_empty() => Self::default(),
            Some("application/json") => json::parse(&bytes)?,
            Some("application/x-www-form-urlencoded") => form::parse(&bytes)?,
            Some("multipart/form-data") => multipart::parse(headers, bytes).await?,
            _ => return Err(unsupported_media_type()),
        };
        fields.0.values().try_for_each(FieldValue::refuse_nul)?;
        if matches!(fields.0.get("csrfToken"), Some(FieldValue::Many(_))) {
            return Err(bad_request("A field is given twice"));
        }
        Ok(fields)
    }

    /// Adds a field of an HTML form.
    fn add(&mut self, name: String, text: String) -> Result<(), Failure> {
        self.check_name(&name)?;
        match self.0.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(FieldValue::Text(text));
            }
            Entry::Occupied(mut entry) => entry.get_mut().push(text),
        }
        Ok(())
    }

    /// Adds a member of a JSON object. Duplicates are refused, because they are ambiguous.
    fn insert(&mut self, name: String, value: Value) -> Result<(), Failure> {
        self.check_name(&name)?;
        match self.0.insert(name, FieldValue::Json(value)) {
            None => Ok(()),
            Some(_) => Err(bad_request("A field is given twice")),
        }
    }

    fn check_name(&self, name: &str) -> Result<(), Failure> {
        let count: usize = self.0.values().map(FieldValue::len).sum();
        if count >= MAX_FIELDS {
            return Err(bad_request("The body has too many fields"));
        }
        if name.contains('\0') {
            return Err(nul());
        }
        Ok(())
    }

    /// The text of a field, if it is present exactly once and is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            FieldValue::Text(text) => Some(text),
            FieldValue::Json(value) => value.as_str(),
            FieldValue::Many(_) => None,
        }
    }

    /// The texts of a field that may be repeated, as checkboxes of one name are.
    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        match self.0.get(name) {
            Some(FieldValue::Many(texts)) => texts.iter().map(String::as_str).collect(),
            Some(FieldValue::Text(_) | FieldValue::Json(_)) | None => {
                self.text(name).into_iter().collect()
            }
        }
    }

    /// The CSRF token, if there is exactly one.
    pub(crate) fn csrf_token(&self) -> Option<&str> {
        self.text("csrfToken").or_else(|| self.text("csrf_token"))
    }

    /// Whether a checkbox is ticked; `None` without it.
    pub(crate) fn tick(&self, name: &str) -> Option<bool> {
        let text = self.text(name).filter(|text| !text.is_empty())?;
        Some(flag::of_text(text) == Some(true))
    }

    /// The fields except those with these names.
    pub(crate) fn without(&self, names: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        Self(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// The fields whose names begin with `prefix`, without it.
    pub(crate) fn with_prefix(&self, prefix: &str) -> Map<String, Value> {
        let rest = |(name, value): (&String, &FieldValue)| {
            Some((name.strip_prefix(prefix)?.to_owned(), value.clone().into()))
        };
        self.0.iter().filter_map(rest).collect()
    }

    /// Deserializes the fields; unknown ones are ignored.
    pub(crate) fn into_typed<T: DeserializeOwned>(self) -> Result<T, Failure> {
        typed::read(self.0).map_err(|problem| {
            let Some(field) = problem.field else {
                return bad_request("A field has the wrong type");
            };
            let name = field.strip_prefix("user_").unwrap_or(&field);
            let message = format!("{} {}", label(name), problem.kind);
            Failure::new(ErrorCode::BadRequest).field(&field, message)
        })
    }
}

impl FieldValue {
    fn push(&mut self, text: String) {
        match self {
            Self::Many(values) => values.push(text),
            Self::Text(first) => *self = Self::Many(vec![std::mem::take(first), text]),
            Self::Json(_) => {}
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Many(values) => values.len(),
            Self::Text(_) | Self::Json(_) => 1,
        }
    }

    fn refuse_nul(&self) -> Result<(), Failure> {
        let contains = match self {
            Self::Text(text) => text.contains('\0'),
            Self::Many(values) => values.iter().any(|text| text.contains('\0')),
            Self::Json(value) => contains_nul(value),
        };
        if contains { Err(nul()) } else { Ok(()) }
    }
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}

/// Reads a body within limits.
pub(crate) async fn read_all(
    headers: &HeaderMap,
    body: Body,
    limits: BodyLimits,
) -> Result<Bytes, Failure> {
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

/// Whether text or a member name at any depth contains NUL.
fn contains_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(contains_nul),
        Value::Object(members) => {
            members.iter().any(|(name, value)| name.contains('\0') || contains_nul(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn nul() -> Failure {
    bad_request("A field contains a NUL character")
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
