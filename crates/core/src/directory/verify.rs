//! How passwords of accounts are verified: against a stored hash, or by the directory.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::{CountedDirectory, DirectoryError, DirectoryLink, Entry, EntryRef, EntryRefusal};
use super::{PasswordSet, Standing, Verified};
use crate::password::{HashError, Hasher, Lane, Verification};
use crate::secret::Password;
use crate::storage::StoredUser;
use crate::user::{FactorName, Normalization, User, UserSecrets, is_blank};

/// What verifies the password of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PasswordSource<'a> {
    /// Nothing: the account has no password.
    None,
    /// This stored hash.
    Hash(&'a str),
    /// The directory, which authenticates the entry of the account.
    Entry { username: &'a str, link: DirectoryLink },
}

impl PasswordSource<'_> {
    /// The entry of an account of the directory.
    pub(crate) fn entry(&self) -> Option<EntryRef<'_>> {
        match self {
            Self::Entry { username, link } => Some(EntryRef { name: username, id: link.id() }),
            Self::None | Self::Hash(_) => None,
        }
    }
}

/// The answer to a password of a user whose account is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirmation {
    /// It is that of the account.
    Correct,
    /// It is that of the entry that has the name of the account now, and must be changed. Before that,
    /// the directory does not show whether it is the entry of the account.
    OfUnreadEntry,
    /// It is wrong, or its entry may not log in any more.
    Wrong,
}

/// Verifies passwords of accounts.
pub(crate) struct Passwords {
    hasher: Arc<Hasher>,
    directory: Option<Arc<CountedDirectory>>,
    /// What accounts of the directory have as first factor.
    factor: Option<FactorName>,
}

impl Passwords {
    pub(crate) fn new(hasher: Arc<Hasher>, directory: Option<Arc<CountedDirectory>>) -> Self {
        let factor = directory.as_ref().map(|directory| directory.factor());
        Self { hasher, directory, factor }
    }

    /// Whether accounts with this first factor belong to the directory.
    pub(crate) fn is_factor(&self, factor1: &FactorName) -> bool {
        self.factor.as_ref() == Some(factor1)
    }

    /// Whether an account belongs to the directory.
    pub(crate) fn is_of_directory(&self, user: &User) -> bool {
        self.is_factor(&user.factor1)
    }

    /// Whether the user of an account has a password, here or in the directory.
    pub(crate) fn has_password(&self, user: &User) -> bool {
        user.factor1.is_password() || self.is_of_directory(user)
    }

    /// Whether the user of an account can change the password here.
    pub(crate) fn can_change(&self, user: &User) -> bool {
        let changes = |directory: &Arc<CountedDirectory>| directory.changes_passwords();
        user.factor1.is_password()
            || self.is_of_directory(user) && self.directory.as_ref().is_some_and(changes)
    }

    /// Whether a field of an account is that of its entry in the directory.
    pub(crate) fn is_from_directory(&self, user: &User, field: &str) -> bool {
        let provides = |directory: &Arc<CountedDirectory>| directory.provides(field);
        self.is_of_directory(user) && self.directory.as_ref().is_some_and(provides)
    }

    /// What accounts of the directory have as first factor, if there is a directory.
    pub(crate) fn directory_factor(&self) -> Option<&FactorName> {
        self.factor.as_ref()
    }

    /// What verifies the password of an account.
    pub(crate) fn source<'a>(
        &self,
        user: &'a User,
        secrets: &'a UserSecrets,
    ) -> PasswordSource<'a> {
        let stored = secrets.password.as_deref();
        if user.factor1.is_password() {
            return stored.map_or(PasswordSource::None, PasswordSource::Hash);
        }
        if !self.is_of_directory(user) {
            return PasswordSource::None;
        }
        if let Some(link) = DirectoryLink::parse(stored) {
            return PasswordSource::Entry { username: &user.username, link };
        }
        tracing::error!(
            user = %user.id,
            "the account belongs to the directory and has the hash of a password: link it"
        );
        PasswordSource::None
    }

    /// Same as [`source`](Self::source), of an account from storage.
    pub(crate) fn source_of<'a>(&self, found: &'a StoredUser) -> PasswordSource<'a> {
        let (user, secrets) = found.parts();
        self.source(user, secrets)
    }

    /// Verifies the password of an account. One that must be changed is correct.
    pub(crate) async fn verify<E>(
        &self,
        source: &PasswordSource<'_>,
        password: Password,
        lane: Lane,
    ) -> Result<Confirmation, E>
    where
        E: From<HashError> + From<DirectoryError>,
    {
        let hash = match source {
            PasswordSource::None => None,
            PasswordSource::Hash(hash) => Some(*hash),
            PasswordSource::Entry { .. } => {
                return Ok(match self.ask::<E>(source, password, lane).await? {
                    Verified::Match(_) | Verified::MustChange(Some(_)) => Confirmation::Correct,
                    Verified::MustChange(None) => Confirmation::OfUnreadEntry,
                    Verified::Refused(_) | Verified::Mismatch(_) => Confirmation::Wrong,
                });
            }
        };
        let verified = self.hasher.verify(password, hash, lane).await?;
        Ok(match verified {
            Verification::Match { .. } => Confirmation::Correct,
            Verification::Mismatch => Confirmation::Wrong,
        })
    }

    /// Asks the directory about the password of one of its accounts. Of any other, the password is
    /// wrong.
    pub(crate) async fn ask<E>(
        &self,
        source: &PasswordSource<'_>,
        password: Password,
        lane: Lane,
    ) -> Result<Verified, E>
    where
        E: From<HashError> + From<DirectoryError>,
    {
        let verified = self.ask_for::<E>(source.entry(), password, lane).await?;
        Ok(match source {
            PasswordSource::Entry { username, link } => {
                refuse_other_entry(verified, username, link)
            }
            PasswordSource::None | PasswordSource::Hash(_) => verified,
        })
    }

    /// Asks the directory about the password of an entry. Computes a hash of the usual cost at the
    /// same time, so that accounts of the directory and others take the same time if the directory
    /// is quick. A directory that fails at once, because it is known to be away, costs none: passwords
    /// of other accounts do not wait for those that cannot be verified.
    pub(crate) async fn ask_for<E>(
        &self,
        entry: Option<EntryRef<'_>>,
        password: Password,
        lane: Lane,
    ) -> Result<Verified, E>
    where
        E: From<HashError> + From<DirectoryError>,
    {
        // First, so that the directory is not asked where passwords wait.
        self.hasher.check_capacity(lane)?;
        let text = password.expose();
        // An unauthenticated bind, which succeeds (RFC 4513 section 5.1.2).
        let is_empty = text.chars().all(is_blank) || text.contains('\0');
        let asked = async {
            match (&self.directory, entry) {
                (Some(directory), Some(entry)) if !is_empty => {
                    directory.verify(entry, &password).await
                }
                _ => Ok(Verified::Mismatch(None)),
            }
        };
        let mut asked = pin!(asked);
        let begun = match poll_fn(|context| Poll::Ready(asked.as_mut().poll(context))).await {
            Poll::Ready(answer) => Some(answer?),
            Poll::Pending => None,
        };
        let hashed = self.hasher.begin_dummy(password.clone(), lane)?;
        let verified = match begun {
            Some(verified) => verified,
            // After a failure, the hash is not computed if it still waits.
            None => asked.await?,
        };
        hashed.await?;
        Ok(match verified {
            Verified::Match(entry) if entry.standing == Standing::Disabled => {
                Verified::Refused(EntryRefusal::Disabled)
            }
            verified @ (Verified::Match(_)
            | Verified::MustChange(_)
            | Verified::Refused(_)
            | Verified::Mismatch(_)) => verified,
        })
    }

    /// Changes the password of an account of the directory.
    pub(crate) async fn change(
        &self,
        source: &PasswordSource<'_>,
        old: &Password,
        new: &Password,
    ) -> Result<PasswordSet, DirectoryError> {
        match (&self.directory, source.entry()) {
            (Some(directory), Some(entry)) => directory.change_password(entry, old, new).await,
            _ => Ok(PasswordSet::NotSupported),
        }
    }
}

/// Makes the answer a mismatch if it is about another entry than that of the account.
fn refuse_other_entry(verified: Verified, username: &str, link: &DirectoryLink) -> Verified {
    let entry = match &verified {
        Verified::Match(entry) | Verified::MustChange(Some(entry)) => entry,
        Verified::MustChange(None) | Verified::Refused(_) | Verified::Mismatch(_) => {
            return verified;
        }
    };
    if is_linked(entry, username, link) {
        return verified;
    }
    tracing::warn!(
        dn = entry.dn,
        username,
        "the login is refused: the name of this account is now that of another entry; link the \
         account to that entry if it is the same person"
    );
    Verified::Mismatch(None)
}

/// Whether an entry is that of an account with this username and link.
pub(super) fn is_linked(entry: &Entry, username: &str, link: &DirectoryLink) -> bool {
    let folded = |name| Normalization::Nfkc.apply(name);
    link.id().map_or_else(|| folded(&entry.username) == folded(username), |id| entry.id == id)
}
