//! Brings accounts up to date with their entries.

use serde_json::Value;

use super::account::entry_key;
use super::give_way::Moved;
use super::{DirectoryAccounts, DirectoryLink, Entry};
use crate::account::{AccountError, AccountUpdate, LINKS, Role, usable_fields};
use crate::audit::{Act, AuditEvent};
use crate::key::{Key, KeyPrefix};
use crate::storage::{
    Change, Changed, CredentialVersion, Effects, EndSessions, Guard, StorageError, StoredUser,
};
use crate::user::{
    EmailAddress, Patch, SecretsUpdate, StateEvent, User, UserId, UserState, UserUpdate, Username,
};

/// What another address or name makes invalid: links that were sent, and devices that were
/// remembered.
pub(super) const OF_ADDRESS: &[KeyPrefix] = &[
    KeyPrefix::PasswordReset,
    KeyPrefix::EmailVerification,
    KeyPrefix::AddressRestore,
    KeyPrefix::KnownDevice,
];

/// How an account differs from its entry.
#[derive(Debug, Clone, Default)]
pub(super) struct Difference {
    user: UserUpdate,
    /// The new link.
    link: Option<DirectoryLink>,
    /// The key by which the account is then found.
    key: Option<Key>,
    /// Whether the account is enabled again.
    pub(super) enables: bool,
}

impl Difference {
    /// A change of attributes.
    pub(super) fn of(user: UserUpdate) -> Self {
        Self { user, ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        self.user == UserUpdate::default()
            && self.link.is_none()
            && self.key.is_none()
            && !self.enables
    }

    /// Whether an administrator becomes an ordinary user.
    pub(super) fn demotes(&self) -> bool {
        self.user.admin == Some(false)
    }

    /// Whether the account changes in the same way.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.user, &self.link, self.enables) == (&other.user, &other.link, other.enables)
    }

    /// The names of what differs, without the values.
    pub(super) fn fields(&self) -> Vec<String> {
        let UserUpdate { username, email, admin, extra, .. } = &self.user;
        let named = [
            ("username", username.is_some()),
            ("email", *email != Patch::Keep),
            ("admin", admin.is_some()),
            ("link", (self.link.is_some() || self.key.is_some()) && !self.enables),
        ];
        let named = named.into_iter().filter(|(_, differs)| *differs);
        let named = named.map(|(name, _)| name.to_owned());
        named.chain(extra.keys().cloned()).collect()
    }

    /// What the change makes invalid.
    fn revoked(&self) -> Vec<KeyPrefix> {
        let mut revoke = Vec::new();
        if self.user.username.is_some() || self.user.email != Patch::Keep {
            revoke.extend_from_slice(OF_ADDRESS);
        } else if self.enables {
            revoke.extend_from_slice(LINKS);
        }
        if self.user.admin == Some(true) {
            revoke.push(KeyPrefix::Setup);
        }
        revoke
    }

    fn guard<'a>(&self, credentials: &'a CredentialVersion) -> Guard<'a> {
        match self.user.admin {
            Some(false) => Guard::CredentialsAndNotTheLastAdmin(credentials),
            Some(true) | None => Guard::CredentialsAre(credentials),
        }
    }
}

impl DirectoryAccounts {
    /// Brings an account up to date with its entry, which may log in; `None` if the account was
    /// changed since it was found.
    pub(super) async fn apply(
        &self,
        found: &StoredUser,
        entry: &Entry,
    ) -> Result<Option<StoredUser>, StorageError> {
        match self.difference(found, entry).await? {
            Some(difference) => self.write(found, difference).await,
            None => Ok(Some(found.clone())),
        }
    }

    /// How an account differs from its entry, which may log in; `None` if it does not.
    pub(super) async fn difference(
        &self,
        found: &StoredUser,
        entry: &Entry,
    ) -> Result<Option<Difference>, StorageError> {
        let (user, secrets) = found.parts();
        let Some(link) = DirectoryLink::parse(secrets.password.as_deref()) else {
            return Ok(None);
        };
        let wanted = self.without_bound_field(user, wanted(user, &link, entry));
        let update = self.checked(&user.id, wanted).await?;
        let mut difference = Difference::of(update);
        match &link {
            DirectoryLink::Name => {
                if let Some(key) = self.unlinked(found, entry).await? {
                    // Another program reads the table where there are no epochs.
                    let is_own = found.epoch().is_some();
                    difference.link = is_own.then(|| DirectoryLink::to_entry(entry.id.as_str()));
                    difference.key = key;
                }
            }
            DirectoryLink::Entry { id, is_suspended: true } => {
                difference.link = Some(DirectoryLink::to_entry(id.as_str()));
                difference.enables = user.state == UserState::Disabled;
            }
            DirectoryLink::Entry { .. } => {}
        }
        Ok((!difference.is_empty()).then_some(difference))
    }

    /// The key by which an account that is linked by its name is found when it is linked to its entry,
    /// unless there is that already; `None` if another account is linked to the entry.
    pub(super) async fn unlinked(
        &self,
        found: &StoredUser,
        entry: &Entry,
    ) -> Result<Option<Option<Key>>, StorageError> {
        let user = found.id();
        let key = self.keys.find(&entry_key(&entry.id)).await?;
        match key.and_then(|key| key.userid) {
            None => Ok(Some(Some(self.new_entry_key(entry, found.username())))),
            Some(owner) if owner == *user => Ok(Some(None)),
            Some(_) => {
                tracing::warn!(%user, dn = entry.dn, "two accounts have one entry; unlink one of them");
                Ok(None)
            }
        }
    }

    /// The update without the field on which the second factor depends: where users may change it in
    /// their entries, the password alone would change where the codes are sent.
    fn without_bound_field(&self, user: &User, mut update: AccountUpdate) -> AccountUpdate {
        let Some(field) = self.factors.bound_field(user) else { return update };
        let is_left_out = match field {
            "email" => {
                // Without another address, mail goes to the username.
                let renamed =
                    update.username.take_if(|name| user.email.is_none() && name.contains('@'));
                let email = std::mem::replace(&mut update.email, Patch::Keep);
                renamed.is_some() || email != Patch::Keep
            }
            field => update.fields.remove(field).is_some(),
        };
        if is_left_out {
            tracing::info!(
                user = %user.id,
                field,
                "what an entry changes is left out: the second factor depends on it"
            );
        }
        update
    }

    /// The update, checked as one by an administrator; what is not allowed is left out.
    pub(super) async fn checked(
        &self,
        id: &UserId,
        update: AccountUpdate,
    ) -> Result<UserUpdate, StorageError> {
        let AccountUpdate { username, email, role, fields } = &update;
        if username.is_none() && *email == Patch::Keep && role.is_none() && fields.is_empty() {
            return Ok(UserUpdate::default());
        }
        let admin = role.map(|role| role == Role::Administrator);
        match self.accounts.draft_update_of_entry(id, update).await {
            Ok(update) => Ok(update),
            Err(AccountError::Storage(error)) => Err(error),
            Err(error) => {
                tracing::warn!(user = %id, %error, "what an entry changes is not allowed; the account stays as it is");
                Ok(UserUpdate { admin, ..UserUpdate::default() })
            }
        }
    }

    /// Stores a difference; `None` if the account was changed since it was found. What another account
    /// has, or what would demote the last administrator, is left out.
    pub(super) async fn write(
        &self,
        found: &StoredUser,
        difference: Difference,
    ) -> Result<Option<StoredUser>, StorageError> {
        let mut moved = Vec::new();
        let written = self.write_over(found, difference, &mut moved).await?;
        Box::pin(self.move_on(moved)).await?;
        Ok(written)
    }

    /// As [`write`](Self::write). Adds the accounts that gave a username or an address up to `moved`.
    pub(super) async fn write_over(
        &self,
        found: &StoredUser,
        mut difference: Difference,
        moved: &mut Vec<Moved>,
    ) -> Result<Option<StoredUser>, StorageError> {
        let user = found.id();
        while !difference.is_empty() {
            match self.try_write(found, &difference).await? {
                Changed::Done(stored) => return Ok(Some(*stored)),
                Changed::UsernameTaken | Changed::EmailTaken
                    if Box::pin(self.make_way(&difference.user, found, moved)).await? => {}
                Changed::UsernameTaken if difference.user.username.take().is_some() => {
                    tracing::warn!(%user, "the new username of an entry is that of another account, and left out");
                }
                Changed::EmailTaken if difference.user.email != Patch::Keep => {
                    difference.user.email = Patch::Keep;
                    tracing::warn!(%user, "the e-mail address of an entry is that of another account, and left out");
                }
                Changed::LastAdmin if difference.user.admin.take().is_some() => {
                    tracing::warn!(%user, "the directory demotes the last administrator, who stays one: create another one");
                }
                Changed::UsernameTaken
                | Changed::EmailTaken
                | Changed::LastAdmin
                | Changed::GuardFailed
                | Changed::NoSuchUser
                | Changed::NotAllowed
                | Changed::TokenGone
                | Changed::AlreadyUsed
                | Changed::SessionGone
                | Changed::DoneUnreadable => return Ok(None),
            }
        }
        Ok(Some(found.clone()))
    }

    async fn try_write(
        &self,
        found: &StoredUser,
        difference: &Difference,
    ) -> Result<Changed, StorageError> {
        let credentials = found.credentials();
        let link = difference.link.as_ref().map(DirectoryLink::stored);
        let (revoke, audit) = (difference.revoked(), self.events(found, difference));
        let sessions = if difference.enables { EndSessions::All } else { EndSessions::Keep };
        let change = Change {
            user: difference.user.clone(),
            secrets: SecretsUpdate {
                password: link.map_or(Patch::Keep, Patch::Set),
                ..SecretsUpdate::default()
            },
            event: difference.enables.then_some(StateEvent::Enabled),
            guard: difference.guard(&credentials),
            effects: Effects {
                sessions,
                revoke: &revoke,
                issue: difference.key.as_slice(),
                audit: &audit,
                ..Effects::default()
            },
        };
        match self.users.change(found.id(), &change).await {
            // Another account was linked to the entry in this moment.
            Err(error) if error.is_conflict() => Ok(Changed::GuardFailed),
            changed => changed,
        }
    }

    fn events(&self, found: &StoredUser, difference: &Difference) -> Vec<AuditEvent> {
        let fields = difference.fields();
        let changed = (!fields.is_empty()).then(|| {
            let event = self.audit.event(Act::DirectoryChanged).detail("fields", fields.join(" "));
            match difference.user.admin {
                Some(is_admin) => event.detail("admin", is_admin),
                None => event,
            }
        });
        let enabled = difference.enables.then(|| self.audit.event(Act::DirectoryEnabled));
        changed.into_iter().chain(enabled).map(|event| event.about_stored(found)).collect()
    }
}

/// The changes that make an account what its entry says. An account that is found by its name keeps
/// it, and an entry without an address leaves that of the account.
fn wanted(user: &User, link: &DirectoryLink, entry: &Entry) -> AccountUpdate {
    let is_renamed = link.id().is_some()
        && entry.username != user.username
        && Username::parse(&entry.username).is_ok();
    let email = entry.email.as_deref().filter(|email| user.email.as_deref() != Some(*email));
    let email = email.filter(|email| EmailAddress::parse(email).is_ok());
    let mut fields = usable_fields(entry);
    fields.retain(|name, value| !is_same(user.extra.get(name).unwrap_or(&Value::Null), value));
    let role = entry.admin.filter(|admin| *admin != user.admin);
    AccountUpdate {
        username: is_renamed.then(|| entry.username.clone()),
        email: email.map_or(Patch::Keep, |email| Patch::Set(email.to_owned())),
        role: role.map(|admin| if admin { Role::Administrator } else { Role::User }),
        fields,
    }
}

/// Whether a stored value is that of an entry. A column of a table of upstream has a type of its own: a
/// text that is a number is read back as one, and a list as its JSON.
fn is_same(stored: &Value, value: &Value) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    stored == value || (!stored.is_null() && !value.is_null() && text(stored) == text(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn value_that_a_column_gives_back_in_another_type_is_the_same() {
        for (stored, value) in [
            (json!("a"), json!("a")),
            (json!(43), json!("43")),
            (json!(true), json!("true")),
            (json!(r#"["a"]"#), json!(["a"])),
            (Value::Null, Value::Null),
        ] {
            assert!(is_same(&stored, &value), "{stored} {value}");
        }
        for (stored, value) in [
            (json!("a"), json!("A")),
            (json!(43), json!("043")),
            (json!(r#"["a"]"#), json!(["b"])),
            (Value::Null, json!("null")),
            (json!("null"), Value::Null),
        ] {
            assert!(!is_same(&stored, &value), "{stored} {value}");
        }
    }
}
