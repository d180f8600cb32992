//! The background task that compares accounts with the directory. Of several processes over one
//! storage, one does it each time.

use std::future::pending;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::{DirectoryAccounts, DirectoryErrorKind, SyncError, SyncMode, SyncReport};
use crate::storage::{Charge, Charged, StorageError};

/// The counter that is charged by the process that compares, which admits one in each interval.
const SUBJECT: &str = "directory-sync";

/// How long after a failure it is tried again, at the latest.
const RETRY: Duration = Duration::from_mins(5);

/// Compares accounts with the directory while these are in use, which it does not keep alive.
#[derive(Clone)]
pub(crate) struct SyncTask(Option<(Weak<DirectoryAccounts>, Duration)>);

impl SyncTask {
    pub(crate) fn new(directory: Option<&Arc<DirectoryAccounts>>) -> Self {
        let task = directory
            .and_then(|directory| Some((Arc::downgrade(directory), directory.check_interval?)));
        Self(task)
    }

    /// Compares now and in each interval. Does not end if there is nothing to compare.
    pub(crate) async fn run(self) {
        let Some((directory, interval)) = self.0 else { return pending().await };
        while let Some(directory) = directory.upgrade() {
            let pause = directory.sync_if_due(interval).await;
            drop(directory);
            tokio::time::sleep(pause).await;
        }
    }
}

impl DirectoryAccounts {
    /// Compares accounts with the directory unless another process has done so in this interval.
    /// Returns when to look again.
    async fn sync_if_due(&self, interval: Duration) -> Duration {
        let charges = [Charge { subject: SUBJECT.to_owned(), limit: 1, window: interval }];
        match self.attempts.charge(&charges, self.clock.now()).await {
            Ok(Charged::Ok) => {}
            Ok(Charged::Exhausted { retry_at, .. }) => {
                let pause = retry_at.since(self.clock.now());
                return pause.clamp(Duration::from_secs(1), interval.max(Duration::from_secs(1)));
            }
            Err(error) => return self.failed(&error.into(), &charges, interval).await,
        }
        match self.sync(SyncMode::Apply).await {
            Ok(report) => {
                let differing = report.differences();
                let SyncReport { compared, not_compared, failed, .. } = report;
                tracing::info!(
                    compared,
                    not_compared,
                    failed,
                    differing,
                    "accounts compared with the directory"
                );
                interval
            }
            // The same next time: an administrator must decide.
            Err(error @ (SyncError::TooMany { .. } | SyncError::TooManyAdmins { .. })) => {
                tracing::error!(%error, "accounts were not changed as the directory says");
                interval
            }
            // Also the same next time.
            Err(SyncError::Directory(error)) if error.kind == DirectoryErrorKind::Configuration => {
                tracing::error!(%error, "accounts cannot be compared with the directory");
                interval
            }
            Err(error) => self.failed(&error, &charges, interval).await,
        }
    }

    async fn failed(&self, error: &SyncError, charges: &[Charge], interval: Duration) -> Duration {
        tracing::error!(%error, "accounts cannot be compared with the directory");
        let refunded: Result<(), StorageError> =
            self.attempts.refund(charges, self.clock.now()).await;
        if let Err(error) = refunded {
            tracing::debug!(%error, "the next comparison waits for the interval");
        }
        interval.min(RETRY)
    }
}
