//! What was not taken, or not as it was.

use serde::{Deserialize, Serialize};

use super::Part;

/// A row that was not taken, or not as it was. Contains no secret and no value of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// The part that it belongs to.
    pub part: Part,
    /// The id of the row in the source; a digest of the value for a key without id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name of the user, if it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Whether the row was taken nevertheless.
    pub taken: bool,
    /// Why it was not taken, or what is different.
    pub reason: String,
}

impl Finding {
    /// A row that was not taken.
    pub(super) fn refused(part: Part, id: String, reason: impl Into<String>) -> Self {
        Self { part, id: Some(id), username: None, taken: false, reason: reason.into() }
    }

    /// A row that was taken, but not as it was.
    pub(super) fn changed(part: Part, id: String, reason: impl Into<String>) -> Self {
        Self { taken: true, ..Self::refused(part, id, reason) }
    }

    /// Something about a whole part.
    pub(super) fn of_part(part: Part, reason: impl Into<String>) -> Self {
        Self { part, id: None, username: None, taken: false, reason: reason.into() }
    }

    /// The finding with the name of the user.
    pub(super) fn naming(self, username: &str) -> Self {
        Self { username: Some(username.to_owned()), ..self }
    }
}
