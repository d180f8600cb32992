//! The directory as the port of Crossauth.

mod lookup;
mod taken;
mod verify;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use crossauth_core::directory::{
    Directory, DirectoryError, DirectoryErrorKind, Entry, EntryRef, Found, PasswordSet, Verified,
};
use crossauth_core::secret::Password;
use crossauth_core::user::FactorName;
use tokio::time::timeout;
use tracing::warn;

use crate::connection::{Connection, Results};
use crate::error::{configuration, protocol};
use crate::mapping::{Mapped, Mapping, NoAccount};
use crate::message::Search;
use crate::options::PasswordChange;
use crate::pool::{Pool, Turn};
use crate::{OpenError, Options, RawEntry};
use lookup::Lookup;
pub(crate) use verify::{can_be_sent, judge};

/// A directory; see [`Options`].
pub struct LdapDirectory {
    pub(crate) pool: Pool,
    pub(crate) lookup: Lookup,
    pub(crate) mapping: Mapping,
    pub(crate) password_change: PasswordChange,
    /// Of one login or change of a password.
    time_limit: Duration,
}

impl fmt::Debug for LdapDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LdapDirectory").field("lookup", &self.lookup).finish_non_exhaustive()
    }
}

/// Who reads: the service account, or a user who has just authenticated.
pub(crate) enum Reader<'r, 'p> {
    Service(&'r Turn<'p>),
    User(&'r mut Connection),
}

impl Reader<'_, '_> {
    pub(crate) async fn search(&mut self, search: &Search) -> Result<Results, DirectoryError> {
        match self {
            Self::Service(turn) => turn.search(search).await,
            Self::User(connection) => connection.search(search).await,
        }
    }
}

/// The entries that a name or an id has.
#[derive(Debug)]
pub(crate) enum Located {
    None,
    One(Box<RawEntry>),
    /// The distinguished names of several.
    Several(Vec<String>),
    /// None here, but there may be one on another server.
    Elsewhere,
}

impl LdapDirectory {
    pub(crate) fn new(options: Options) -> Result<Self, OpenError> {
        check(&options)?;
        Ok(Self {
            pool: Pool::new(&options)?,
            mapping: Mapping::new(&options)?,
            lookup: Lookup::new(options.bind)?,
            password_change: options.password_change,
            time_limit: (options.connect_timeout + options.operation_timeout).saturating_mul(2),
        })
    }

    /// Finds an entry as the service account.
    pub(crate) async fn locate(
        &self,
        turn: &Turn<'_>,
        entry: EntryRef<'_>,
    ) -> Result<Located, DirectoryError> {
        let requested = self.mapping.requested();
        let Some(search) = self.lookup.search(entry, &self.mapping.identity, requested) else {
            return Ok(Located::None);
        };
        let found = turn.search(&search).await?;
        let is_partial = found.is_partial;
        if found.entries.len() > 1 {
            let names = found.entries.iter().map(|entry| entry.dn().to_owned());
            return Ok(Located::Several(names.collect()));
        }
        let what = format!("the search below {:?}", search.base);
        let found = if search.is_read() {
            found.complete_or_none(&what)?
        } else {
            found.complete(&what)?
        };
        match found.into_iter().next() {
            None if is_partial => Ok(Located::Elsewhere),
            None => Ok(Located::None),
            // It would make the authentication anonymous.
            Some(entry) if entry.dn().is_empty() => Err(protocol("an entry without a name")),
            Some(entry) => Ok(Located::One(Box::new(entry))),
        }
    }

    /// Makes an account of an entry; `None` with a line in the log if it becomes none.
    pub(crate) async fn map(
        &self,
        reader: &mut Reader<'_, '_>,
        raw: &RawEntry,
    ) -> Result<Option<Mapped>, DirectoryError> {
        let memberships = self.mapping.groups.find(reader, raw).await?;
        match self.mapping.apply(raw, &memberships) {
            Ok(mapped) => Ok(Some(mapped)),
            Err(problem) => {
                warn!("the directory entry {} becomes no account: {problem}", raw.dn());
                Ok(None)
            }
        }
    }

    async fn find_one(
        &self,
        turn: &Turn<'_>,
        entry: EntryRef<'_>,
    ) -> Result<Found, DirectoryError> {
        let raw = match self.locate(turn, entry).await? {
            Located::None => return self.missing(turn, entry).await,
            Located::One(raw) => raw,
            Located::Several(names) => {
                return Ok(Found::Unusable(format!("several entries: {}", names.join("; "))));
            }
            Located::Elsewhere => {
                let problem = "the server refers to another one, which is not asked";
                return Ok(Found::Unusable(problem.into()));
            }
        };
        let memberships = self.mapping.groups.find(&mut Reader::Service(turn), &raw).await?;
        match self.mapping.apply(&raw, &memberships) {
            Ok(mapped) if self.is_asked(entry, &mapped.entry.id) => {
                Ok(Found::Entry(Box::new(as_asked(entry, mapped.entry))))
            }
            Ok(_) => Ok(Found::Unusable(format!("another entry was returned: {}", raw.dn()))),
            Err(problem @ NoAccount::Missing(_)) => {
                Ok(Found::Unusable(format!("{}: {problem}", raw.dn())))
            }
            Err(NoAccount::Refused(problem)) => {
                warn!("the directory entry {} becomes no account: {problem}", raw.dn());
                Ok(Found::Gone)
            }
        }
    }

    /// Whether an entry that was not found is gone: if the attribute that identifies entries may not be
    /// read any more, no search finds any.
    async fn missing(&self, turn: &Turn<'_>, entry: EntryRef<'_>) -> Result<Found, DirectoryError> {
        let identity = &self.mapping.identity;
        let is_searched = entry.id.is_some_and(|id| identity.is_attribute_value(id));
        if is_searched
            && let Located::One(raw) = self.locate(turn, EntryRef::named(entry.name)).await?
            && !identity.attributes().iter().any(|attribute| raw.has(attribute))
        {
            let problem = "what identifies entries is missing";
            return Ok(Found::Unusable(format!("{}: {problem}", raw.dn())));
        }
        Ok(Found::Gone)
    }

    /// Whether the distinguished name is made of the username. An entry with a known id is searched for
    /// by it, so that it may be renamed, if there is an account for that; else the id is compared
    /// after authentication.
    pub(crate) fn is_made_of_name(&self, entry: EntryRef<'_>) -> bool {
        self.lookup.is_template() && (entry.id.is_none() || self.pool.service().is_none())
    }

    fn check_readable(&self) -> Result<(), DirectoryError> {
        if self.pool.service().is_none() && self.lookup.is_template() {
            let problem = "entries cannot be read without their password: set a service account";
            return Err(configuration(problem));
        }
        Ok(())
    }

    /// Limits the time of a call, with all servers and steps.
    async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, DirectoryError>> + Send,
    ) -> Result<T, DirectoryError> {
        let limit = self.time_limit;
        timeout(limit, call).await.unwrap_or_else(|_| {
            let message = format!("no server gave an answer within {limit:?}");
            Err(DirectoryError::new(DirectoryErrorKind::TimedOut, message))
        })
    }

    /// Whether an id is the one that was asked for, if one was.
    pub(crate) fn is_asked(&self, entry: EntryRef<'_>, id: &str) -> bool {
        entry.id.is_none_or(|asked| self.mapping.identity.is_same(asked, id))
    }
}

/// The entry with the id that was asked for, which the server may spell in another way.
pub(crate) fn as_asked(asked: EntryRef<'_>, entry: Entry) -> Entry {
    Entry { id: asked.id.map_or(entry.id, str::to_owned), ..entry }
}

fn check(options: &Options) -> Result<(), OpenError> {
    const MAX_TIME: Duration = Duration::from_hours(1);
    const MAX_CONNECTIONS: usize = 10_000;
    const MAX_ENTRY_SIZE: usize = 1 << 30;
    let times = [options.connect_timeout, options.operation_timeout, options.acquire_timeout];
    let (connections, entry_size) = (options.connections, options.max_entry_size);
    if times.iter().any(Duration::is_zero) || connections == 0 || entry_size == 0 {
        return Err(OpenError::Invalid("a limit is zero"));
    }
    let is_long = times.iter().any(|time| *time > MAX_TIME);
    if is_long || connections > MAX_CONNECTIONS || entry_size > MAX_ENTRY_SIZE {
        return Err(OpenError::Invalid("a limit is too large"));
    }
    let incomplete =
        |account: &crate::ServiceAccount| account.dn.is_empty() || !can_be_sent(&account.password);
    if options.service.as_ref().is_some_and(incomplete) {
        return Err(OpenError::Invalid("the name or the password of the service account is empty"));
    }
    Ok(())
}

#[async_trait]
impl Directory for LdapDirectory {
    fn factor(&self) -> FactorName {
        FactorName::LDAP
    }

    fn provides(&self, field: &str) -> bool {
        self.mapping.provides(field)
    }

    async fn verify(
        &self,
        entry: EntryRef<'_>,
        password: &Password,
    ) -> Result<Verified, DirectoryError> {
        self.in_time(self.verify_now(entry, password)).await
    }

    async fn find(&self, entries: &[EntryRef<'_>]) -> Result<Vec<Found>, DirectoryError> {
        self.check_readable()?;
        let mut found = Vec::with_capacity(entries.len());
        let turn = self.pool.turn().await?;
        for entry in entries {
            found.push(match self.find_one(&turn, *entry).await {
                Err(error) if error.kind == DirectoryErrorKind::TooLarge => {
                    Found::Unusable(error.message)
                }
                found => found?,
            });
        }
        Ok(found)
    }

    async fn is_taken(&self, name: &str) -> Result<bool, DirectoryError> {
        self.in_time(self.is_taken_now(name)).await
    }

    fn roles_field(&self) -> Option<String> {
        self.mapping.groups.roles_field().map(str::to_owned)
    }

    fn changes_passwords(&self) -> bool {
        self.password_change != PasswordChange::Never
    }

    async fn change_password(
        &self,
        entry: EntryRef<'_>,
        old: &Password,
        new: &Password,
    ) -> Result<PasswordSet, DirectoryError> {
        self.in_time(self.change_now(entry, old, new)).await
    }
}
