//! Logging of failures, once, when the layer renders them.

use std::error::Error;
use std::sync::Arc;

use crossauth_core::directory::DirectoryError;
use crossauth_core::storage::StorageError;

use super::Failure;
use crate::request::RequestInfo;

/// The cause of an internal error.
#[derive(Debug, Clone)]
pub(super) enum Cause {
    Storage(Arc<StorageError>),
    NoCapacity,
    HashFailed,
    Directory(Arc<DirectoryError>),
    Factor(Arc<dyn Error + Send + Sync>),
}

impl Failure {
    pub(crate) fn log(&self, info: &RequestInfo) {
        match &self.0.cause {
            Some(Cause::Storage(error)) => tracing::error!(%error, "storage failed"),
            Some(Cause::NoCapacity) => tracing::warn!("no capacity for hashing passwords"),
            Some(Cause::HashFailed) => tracing::error!("a password could not be hashed"),
            Some(Cause::Directory(error)) => {
                tracing::error!(kind = ?error.kind, %error, "the directory failed");
            }
            Some(Cause::Factor(error)) => tracing::error!(%error, "a second factor failed"),
            None => {}
        }
        if let Some(reason) = self.0.csrf {
            let address = info.visitor.address().map(tracing::field::display);
            let user = info.user().map(|user| tracing::field::display(&user.id));
            tracing::info!(%reason, method = %info.method, user, address, "request refused");
        }
    }
}
