//! What the log says about a failure. The layer writes it once, when it renders the failure.

use std::sync::Arc;

use crossauth_core::storage::StorageError;

use super::Failure;
use crate::request::RequestInfo;

/// What is wrong on our side.
#[derive(Debug, Clone)]
pub(super) enum Cause {
    Storage(Arc<StorageError>),
    NoCapacity,
    HashFailed,
}

impl Failure {
    pub(crate) fn log(&self, info: &RequestInfo) {
        match &self.0.cause {
            Some(Cause::Storage(error)) => tracing::error!(%error, "storage failed"),
            Some(Cause::NoCapacity) => tracing::warn!("no capacity for hashing passwords"),
            Some(Cause::HashFailed) => tracing::error!("a password could not be hashed"),
            None => {}
        }
        if let Some(reason) = self.0.csrf {
            let address = info.visitor.address().map(tracing::field::display);
            let user = info.user().map(|user| tracing::field::display(&user.id));
            tracing::info!(%reason, method = %info.method, user, address, "request refused");
        }
    }
}
