//! Counts how the directory answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{
    Directory, DirectoryError, DirectoryErrorKind, EntryRef, Found, PasswordSet, Verified,
};
use crate::metric::DirectoryMetrics;
use crate::secret::Password;
use crate::user::FactorName;

/// A directory whose answers and failures are counted.
pub(crate) struct CountedDirectory {
    inner: Arc<dyn Directory>,
    answered: AtomicU64,
    failures: [AtomicU64; DirectoryErrorKind::ALL.len()],
}

impl CountedDirectory {
    pub(crate) fn new(inner: Arc<dyn Directory>) -> Self {
        Self { inner, answered: AtomicU64::default(), failures: Default::default() }
    }

    pub(crate) fn metrics(&self) -> DirectoryMetrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let failures = DirectoryErrorKind::ALL.iter().zip(&self.failures);
        DirectoryMetrics {
            answered: read(&self.answered),
            failures: failures.map(|(kind, count)| (kind.name(), read(count))).collect(),
        }
    }

    fn counted<T>(&self, answer: Result<T, DirectoryError>) -> Result<T, DirectoryError> {
        let counter = match &answer {
            Ok(_) => Some(&self.answered),
            Err(error) => {
                let index = DirectoryErrorKind::ALL.iter().position(|kind| *kind == error.kind);
                index.and_then(|index| self.failures.get(index))
            }
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }
}

/// The methods of the port. This does not implement it, so that none of its methods that have a default
/// is forgotten here.
impl CountedDirectory {
    pub(crate) fn factor(&self) -> FactorName {
        self.inner.factor()
    }

    pub(crate) async fn verify(
        &self,
        entry: EntryRef<'_>,
        password: &Password,
    ) -> Result<Verified, DirectoryError> {
        self.counted(self.inner.verify(entry, password).await)
    }

    pub(crate) async fn find(
        &self,
        entries: &[EntryRef<'_>],
    ) -> Result<Vec<Found>, DirectoryError> {
        self.counted(self.inner.find(entries).await)
    }

    pub(crate) fn provides(&self, field: &str) -> bool {
        self.inner.provides(field)
    }

    pub(crate) async fn is_taken(&self, name: &str) -> Result<bool, DirectoryError> {
        self.counted(self.inner.is_taken(name).await)
    }

    pub(crate) fn changes_passwords(&self) -> bool {
        self.inner.changes_passwords()
    }

    pub(crate) async fn change_password(
        &self,
        entry: EntryRef<'_>,
        old: &Password,
        new: &Password,
    ) -> Result<PasswordSet, DirectoryError> {
        self.counted(self.inner.change_password(entry, old, new).await)
    }
}
