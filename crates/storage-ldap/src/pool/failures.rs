//! What several servers failed with.

use crossauth_core::directory::{DirectoryError, DirectoryErrorKind};

use crate::error::is_outage;

/// The failures of several servers, as one error.
#[derive(Default)]
pub(super) struct Failures(Vec<DirectoryError>);

impl Failures {
    /// Returns an error that another server would have, too.
    pub(super) fn add_outage(&mut self, error: DirectoryError) -> Result<(), DirectoryError> {
        if !is_outage(&error) {
            return Err(error);
        }
        self.0.push(error);
        Ok(())
    }

    /// Of several kinds, those that have to be looked at by a person are named first.
    pub(super) fn into_error(self) -> DirectoryError {
        use DirectoryErrorKind::{Certificate, Protocol, ServiceAccount, TimedOut, Unreachable};
        let is = |kind| self.0.iter().any(|error| error.kind == kind);
        let kind =
            [Certificate, ServiceAccount, Protocol, TimedOut].into_iter().find(|kind| is(*kind));
        let messages: Vec<_> = self.0.iter().map(|error| error.message.as_str()).collect();
        DirectoryError::new(kind.unwrap_or(Unreachable), messages.join("; "))
    }
}
