//! Verifying a password.

use crossauth_core::directory::{
    DirectoryError, DirectoryErrorKind, EntryRef, EntryRefusal, Verified,
};
use crossauth_core::secret::Password;

use super::{LdapDirectory, Located, Reader, as_asked};
use crate::RawEntry;
use crate::connection::Connection;
use crate::dn::Key;
use crate::error::{configuration, of_result, protocol};
use crate::mapping::Mapped;
use crate::message::{Outcome, Search};
use crate::options::PasswordChange;
use crate::policy::{self, Judgement};
use crate::pool::{Call, Turn};

/// Whether a password may be sent: an empty one makes the authentication anonymous, which succeeds,
/// and some servers take a blank one, or what follows NUL, for nothing.
pub(crate) fn can_be_sent(password: &Password) -> bool {
    let text = password.expose();
    !text.trim().is_empty() && !text.contains('\0')
}

/// What a login asks for.
struct Login<'l> {
    entry: EntryRef<'l>,
    dn: &'l str,
    /// The entry, if it has been read.
    raw: Option<Box<RawEntry>>,
}

impl LdapDirectory {
    pub(super) async fn verify_now(
        &self,
        entry: EntryRef<'_>,
        password: &Password,
    ) -> Result<Verified, DirectoryError> {
        if !can_be_sent(password) {
            return Ok(Verified::Mismatch(None));
        }
        let turn = self.pool.turn().await?;
        let (dn, raw) = if self.is_made_of_name(entry) {
            match self.lookup.dn(entry.name) {
                Some(dn) => (dn.as_str().to_owned(), None),
                None => return Ok(Verified::Mismatch(None)),
            }
        } else {
            match self.locate(&turn, entry).await? {
                Located::One(raw) => (raw.dn().to_owned(), Some(raw)),
                Located::None | Located::Elsewhere => {
                    return self.refuse(turn, (entry, password), None).await;
                }
                Located::Several(_) => {
                    let reason = Some(EntryRefusal::Ambiguous);
                    return self.refuse(turn, (entry, password), reason).await;
                }
            }
        };
        let (turn, _place) = self.pool.seat(turn, Key::of(&dn)).await?;
        let mut bound = turn.bind(&dn, password, Call::Bind).await?;
        let login = Login { entry, dn: &dn, raw };
        let verified = self.decide(&turn, &mut bound.connection, login, &bound.outcome).await;
        let reads_as_user = self.pool.service().is_none();
        turn.ended(&bound, Call::Bind, verified.as_ref().err().filter(|_| reads_as_user));
        bound.connection.close().await;
        verified
    }

    /// Sends as many messages for an entry that there is not as for a wrong password: authenticates as an
    /// entry that does not exist, and no more often at once than as one that does. A directory that hashes
    /// passwords slowly does not do so for this one, and answers it sooner.
    async fn refuse(
        &self,
        turn: Turn<'_>,
        (entry, password): (EntryRef<'_>, &Password),
        reason: Option<EntryRefusal>,
    ) -> Result<Verified, DirectoryError> {
        if let Some(nowhere) = self.lookup.nowhere() {
            // This is no distinguished name, so it takes no place of an entry.
            let key = Key::of(&format!("name {}", entry.name));
            let (turn, _place) = self.pool.seat(turn, key).await?;
            let bound = turn.bind(nowhere.as_str(), password, Call::Bind).await?;
            turn.ended(&bound, Call::Bind, None);
            bound.connection.close().await;
        }
        Ok(Verified::Mismatch(reason))
    }

    async fn decide(
        &self,
        turn: &Turn<'_>,
        connection: &mut Connection,
        login: Login<'_>,
        outcome: &Outcome,
    ) -> Result<Verified, DirectoryError> {
        let can_change = self.password_change != PasswordChange::Never;
        match judge(connection.url(), outcome)? {
            Judgement::Mismatch(reason) => Ok(Verified::Mismatch(reason)),
            Judgement::Refused(reason) => Ok(Verified::Refused(reason)),
            Judgement::Match => self.matched(turn, connection, login).await,
            Judgement::Grace if !can_change => self.matched(turn, connection, login).await,
            Judgement::Expired if !self.changes_as_service() => {
                Ok(Verified::Refused(EntryRefusal::PasswordExpired))
            }
            // Without authentication, nothing can be read.
            Judgement::MustChange if outcome.code != 0 && self.pool.service().is_none() => {
                Ok(Verified::MustChange(None))
            }
            Judgement::MustChange | Judgement::Grace | Judgement::Expired => {
                self.must_change(turn, connection, login).await
            }
        }
    }

    /// Whether a password can be changed without authentication with the old one.
    pub(crate) fn changes_as_service(&self) -> bool {
        self.password_change == PasswordChange::ActiveDirectory && self.pool.service().is_some()
    }

    async fn matched(
        &self,
        turn: &Turn<'_>,
        connection: &mut Connection,
        login: Login<'_>,
    ) -> Result<Verified, DirectoryError> {
        let entry = login.entry;
        match self.read(turn, connection, login).await? {
            // Also an entry that even its owner may not read.
            None => Ok(Verified::Refused(EntryRefusal::Unusable)),
            Some(mapped) if !self.is_asked(entry, &mapped.entry.id) => Ok(Verified::Mismatch(None)),
            Some(Mapped { refusal: Some(reason), .. }) => Ok(Verified::Refused(reason)),
            Some(Mapped { entry: found, refusal: None }) => {
                Ok(Verified::Match(Box::new(as_asked(entry, found))))
            }
        }
    }

    /// With a password that must be changed, the server may refuse to let anything be read.
    async fn must_change(
        &self,
        turn: &Turn<'_>,
        connection: &mut Connection,
        login: Login<'_>,
    ) -> Result<Verified, DirectoryError> {
        let entry = login.entry;
        match self.read(turn, connection, login).await? {
            Some(mapped) if !self.is_asked(entry, &mapped.entry.id) => Ok(Verified::Mismatch(None)),
            Some(Mapped { refusal: Some(reason), .. }) => Ok(Verified::Refused(reason)),
            Some(Mapped { entry: found, refusal: None }) => {
                Ok(Verified::MustChange(Some(Box::new(as_asked(entry, found)))))
            }
            // The service account reads every entry that may log in.
            None if self.pool.service().is_some() => Ok(Verified::Refused(EntryRefusal::Unusable)),
            None => Ok(Verified::MustChange(None)),
        }
    }

    /// Reads the entry with its groups: as the service account if there is one, else as the user, who
    /// may not be allowed to.
    async fn read(
        &self,
        turn: &Turn<'_>,
        connection: &mut Connection,
        login: Login<'_>,
    ) -> Result<Option<Mapped>, DirectoryError> {
        const INSUFFICIENT_ACCESS_RIGHTS: u32 = 50;
        let has_service = self.pool.service().is_some();
        let mut reader = if has_service { Reader::Service(turn) } else { Reader::User(connection) };
        let raw = match login.raw {
            // What anyone may read is not all.
            Some(raw) if has_service => raw,
            Some(_) | None => {
                let search = Search::entry(login.dn, self.mapping.requested());
                let found = reader.search(&search).await?;
                if found.outcome.code == INSUFFICIENT_ACCESS_RIGHTS && !has_service {
                    return Ok(None);
                }
                let what = format!("reading the entry {}", login.dn);
                match found.complete_or_none(&what)?.into_iter().next() {
                    Some(raw) => Box::new(raw),
                    None => return Ok(None),
                }
            }
        };
        self.map(&mut reader, &raw).await
    }
}

/// What a bind of a user says about the password. An error if it says nothing about it. It has no name:
/// what was typed as one may be a password.
pub(crate) fn judge(url: &str, outcome: &Outcome) -> Result<Judgement, DirectoryError> {
    let judged = policy::judge(outcome);
    let judged = judged.map_err(|_| protocol(format!("{url}: a malformed control of a bind")))?;
    judged.ok_or_else(|| {
        let what = format!("{url}: authentication of a user");
        let error = of_result(&what, outcome.code, &outcome.text);
        // It was not the service account that was refused.
        let is_refused = error.kind == DirectoryErrorKind::ServiceAccount;
        if is_refused { configuration(error.message) } else { error }
    })
}
