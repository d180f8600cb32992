//! Operations on accounts. Each is one transaction of the store.

use serde_json::{Map, Value};

use super::create::NamesOfEntries;
use super::password::ResetMail;
use super::plan::{Plan, readable};
use super::state::{SelectedState, StateRequest};
use super::{AccountError, Accounts, Editor, Role, check_field};
use crate::audit::{Act, Audit, AuditEvent};
use crate::form::{Field, FieldError, Rule};
use crate::hooks::Submission;
use crate::key::KeyPrefix;
use crate::password::{HashError, Lane};
use crate::secret::Password;
use crate::storage::{Change, Changed, Created, Deleted, Effects, Guard, StorageError, StoredUser};
use crate::user::{EmailAddress, NewUser, Patch, User, UserId, UserSecrets, UserUpdate, Username};

/// Identifies an account.
#[derive(Debug, Clone, Copy)]
pub enum AccountRef<'a> {
    /// By its id.
    Id(&'a UserId),
    /// By its username or, if there is no such username, by its e-mail address.
    Name(&'a str),
}

impl<'a> From<&'a UserId> for AccountRef<'a> {
    fn from(id: &'a UserId) -> Self {
        Self::Id(id)
    }
}

impl<'a> From<&'a User> for AccountRef<'a> {
    fn from(user: &'a User) -> Self {
        Self::Id(&user.id)
    }
}

impl<'a> From<&'a str> for AccountRef<'a> {
    fn from(name: &'a str) -> Self {
        Self::Name(name)
    }
}

impl<'a> From<&'a String> for AccountRef<'a> {
    fn from(name: &'a String) -> Self {
        Self::Name(name)
    }
}

/// New values for some fields of an account; `None` and [`Patch::Keep`] leave a field unchanged.
#[derive(Debug, Clone, Default)]
pub struct AccountUpdate {
    /// New username.
    pub username: Option<String>,
    /// New e-mail address, or its removal.
    pub email: Patch<String>,
    /// Makes the account an administrator or an ordinary user.
    pub role: Option<Role>,
    /// Application fields to write; `null` deletes a field.
    pub fields: Map<String, Value>,
}

impl Accounts {
    /// The secrets of an account with this password.
    pub(crate) async fn secrets(
        &self,
        password: Password,
        lane: Lane,
    ) -> Result<UserSecrets, AccountError> {
        let hash = self.hasher.hash(password, lane).await?;
        Ok(UserSecrets { password: Some(hash), ..UserSecrets::default() })
    }

    /// Checks a password against nothing, which takes as long as against the hash of a user.
    pub(crate) async fn verify_dummy(
        &self,
        password: Password,
        lane: Lane,
    ) -> Result<(), HashError> {
        self.hasher.verify(password, None, lane).await.map(|_| ())
    }

    /// Stores a validated user. Creating the first administrator revokes set-up links.
    pub(crate) async fn insert(
        &self,
        user: &NewUser,
        secrets: &UserSecrets,
        guard: Guard<'_>,
        mut effects: Effects<'_>,
    ) -> Result<StoredUser, AccountError> {
        if user.admin {
            effects.revoke = &[KeyPrefix::Setup];
        }
        match self.users.create(user, secrets, guard, &effects).await? {
            Created::Done(stored) => Ok(*stored),
            Created::UsernameTaken => Err(taken(Field::Username)),
            Created::EmailTaken => Err(taken(Field::Email)),
            // The guard of a set-up link: it is valid while there is no administrator.
            Created::TokenGone | Created::GuardFailed => Err(AccountError::TokenGone),
        }
    }

    /// Finds an account in any state; `None` if it does not exist.
    pub async fn find(
        &self,
        account: impl Into<AccountRef<'_>>,
    ) -> Result<Option<User>, StorageError> {
        Ok(self.stored(account).await?.map(|found| found.regardless_of_state().0))
    }

    pub(crate) async fn stored(
        &self,
        account: impl Into<AccountRef<'_>>,
    ) -> Result<Option<StoredUser>, StorageError> {
        match account.into() {
            AccountRef::Id(id) => self.users.find_by_id(id).await,
            AccountRef::Name(name) => match self.users.find_by_username(name).await? {
                None if name.contains('@') => self.users.find_by_email(name).await,
                found => Ok(found),
            },
        }
    }

    /// Finds the id of an account, even if the rest of its row cannot be decoded; `None` if it does
    /// not exist.
    pub async fn find_id(&self, name: &str) -> Result<Option<UserId>, StorageError> {
        self.users.find_id(name).await
    }

    /// Changes fields of an account; reports all violated rules. The last administrator cannot be
    /// demoted.
    pub async fn update(
        &self,
        account: impl Into<AccountRef<'_>>,
        update: AccountUpdate,
    ) -> Result<User, AccountError> {
        Ok(self.edit_as(account.into(), update, None, NamesOfEntries::Allowed).await?.user)
    }

    /// Changes fields of an account, and its state or its second factor, in one step: all or
    /// nothing. As [`update`](Self::update) together with [`set_state`](Self::set_state) or
    /// [`reset_factor`](Self::reset_factor). A local account does not get the username or the address
    /// of an entry of the directory.
    pub async fn edit(
        &self,
        account: impl Into<AccountRef<'_>>,
        update: AccountUpdate,
        state: Option<StateRequest>,
    ) -> Result<SelectedState, AccountError> {
        self.edit_as(account.into(), update, state, NamesOfEntries::Refused).await
    }

    async fn edit_as(
        &self,
        account: AccountRef<'_>,
        update: AccountUpdate,
        state: Option<StateRequest>,
        names: NamesOfEntries,
    ) -> Result<SelectedState, AccountError> {
        let submission = Submission::default();
        let (id, user) = self.draft(account, update, &submission, Editor::Administrator).await?;
        if names == NamesOfEntries::Refused {
            self.refuse_new_names_of_entries(&id, &user).await?;
        }
        let plan = self.plan_update(&id, user.clone()).await?;
        let (plan, mail) = match state {
            Some(state) => {
                let mut edited = self.find(&id).await?.ok_or(AccountError::NoSuchUser)?;
                // A link goes to the new address.
                user.apply(&mut edited);
                let (state, mail) = self.plan_state(&edited, state).await?;
                (plan.with_state(state), mail)
            }
            None => (plan, ResetMail::NotNeeded),
        };
        let user = self.execute(&id, plan).await?;
        Ok(SelectedState { user, mail })
    }

    /// The events of a change: the names of the fields, without their values.
    pub(super) async fn events_of_update(
        &self,
        id: &UserId,
        update: &UserUpdate,
    ) -> Result<Vec<AuditEvent>, StorageError> {
        let UserUpdate { username, email, admin, extra, .. } = update;
        let named = [("username", username.is_some()), ("email", *email != Patch::Keep)];
        let named = named.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name);
        let fields: Vec<_> = named.chain(extra.keys().map(String::as_str)).collect();
        let changed = (!fields.is_empty())
            .then(|| self.audit().event(Act::UserChanged).detail("fields", fields.join(" ")));
        let role = admin.map(|is_admin| {
            self.audit().event(if is_admin { Act::UserPromoted } else { Act::UserDemoted })
        });
        let mut events = Vec::new();
        for event in changed.into_iter().chain(role) {
            events.push(event.about_id(id, &*self.users).await?);
        }
        Ok(events)
    }

    /// An event about an account that exists.
    pub(super) async fn event_about(
        &self,
        act: Act,
        id: &UserId,
    ) -> Result<AuditEvent, StorageError> {
        self.audit().event(act).about_id(id, &*self.users).await
    }

    pub(super) fn audit(&self) -> &Audit {
        &self.links.audit
    }

    /// The event of the creation of an account.
    pub(crate) fn created(&self, act: Act, user: &NewUser) -> AuditEvent {
        self.audit().event(act).naming(&user.username)
    }

    /// Validates changes at the request of `editor`, without storing them.
    pub(crate) async fn draft(
        &self,
        account: AccountRef<'_>,
        update: AccountUpdate,
        submission: &Submission,
        editor: Editor,
    ) -> Result<(UserId, UserUpdate), AccountError> {
        let (id, update) = self.complete_update(account, update, submission, editor).await?;
        Ok((id, checked(update)?))
    }

    /// Disables an account and ends its sessions, even if its row cannot be decoded. One that the
    /// directory had disabled is not enabled by it any more.
    pub async fn disable(
        &self,
        account: impl Into<AccountRef<'_>>,
    ) -> Result<UserId, AccountError> {
        let id = self.resolve(account).await?;
        let plan = Plan::disabling(self.event_about(Act::UserDisabled, &id).await?);
        self.execute_any(&id, plan).await?;
        Ok(id)
    }

    /// Re-enables a disabled account: its state becomes active. Its user must log in again.
    pub async fn enable(&self, account: impl Into<AccountRef<'_>>) -> Result<User, AccountError> {
        let id = self.resolve(account).await?;
        let plan = Plan::enabling(self.event_about(Act::UserEnabled, &id).await?);
        self.execute(&id, plan).await
    }

    /// Deletes an account with its sessions and all other keys, even if its row cannot be decoded.
    pub async fn delete(&self, account: impl Into<AccountRef<'_>>) -> Result<UserId, AccountError> {
        let id = self.resolve(account).await?;
        let audit = [self.event_about(Act::UserDeleted, &id).await?];
        let effects = Effects { audit: &audit, ..Effects::default() };
        if self.delete_guarded(&id, Guard::NotTheLastAdmin, &effects).await? {
            Ok(id)
        } else {
            Err(unrequested_condition("a password guard"))
        }
    }

    /// Deletes an account; `false` if the credentials in the guard have changed.
    pub(crate) async fn delete_guarded(
        &self,
        id: &UserId,
        guard: Guard<'_>,
        effects: &Effects<'_>,
    ) -> Result<bool, AccountError> {
        match self.users.delete(id, guard, effects).await? {
            Deleted::Done(_) | Deleted::DoneUnreadable => Ok(true),
            Deleted::GuardFailed => Ok(false),
            Deleted::NoSuchUser => Err(AccountError::NoSuchUser),
            Deleted::LastAdmin => Err(AccountError::LastAdmin),
            Deleted::TokenGone | Deleted::AlreadyUsed => Err(unrequested_condition("a token")),
        }
    }

    pub(super) async fn resolve(
        &self,
        account: impl Into<AccountRef<'_>>,
    ) -> Result<UserId, AccountError> {
        match account.into() {
            AccountRef::Id(id) => Ok(id.clone()),
            AccountRef::Name(name) => self.find_id(name).await?.ok_or(AccountError::NoSuchUser),
        }
    }

    /// Makes a change that [needs the account](Change::needs_account).
    pub(super) async fn change_readable(
        &self,
        id: &UserId,
        change: &Change<'_>,
    ) -> Result<User, AccountError> {
        readable(self.change(id, change).await?)
    }

    /// Makes a change; `None` if the changed account cannot be decoded.
    pub(super) async fn change(
        &self,
        id: &UserId,
        change: &Change<'_>,
    ) -> Result<Option<User>, AccountError> {
        Self::changed(self.users.change(id, change).await?)
    }

    /// The account after a change.
    pub(super) fn changed(changed: Changed) -> Result<Option<User>, AccountError> {
        match changed {
            Changed::Done(stored) => Ok(Some(stored.regardless_of_state().0)),
            Changed::DoneUnreadable => Ok(None),
            Changed::NoSuchUser => Err(AccountError::NoSuchUser),
            Changed::NotAllowed => Err(AccountError::NotAllowed),
            Changed::LastAdmin => Err(AccountError::LastAdmin),
            Changed::UsernameTaken => Err(taken(Field::Username)),
            Changed::EmailTaken => Err(taken(Field::Email)),
            Changed::GuardFailed => Err(unrequested_condition("a password guard")),
            Changed::TokenGone | Changed::AlreadyUsed | Changed::SessionGone => {
                Err(unrequested_condition("a token"))
            }
        }
    }
}

fn checked(update: AccountUpdate) -> Result<UserUpdate, AccountError> {
    let mut errors = Vec::new();
    let username = update.username.and_then(|name| match Username::parse(&name) {
        Ok(name) => Some(name.into_string()),
        Err(error) => {
            errors.push(FieldError::new(Field::Username, error.0));
            None
        }
    });
    let mut parse_email = |email: String| {
        let parsed = EmailAddress::parse(&email);
        if parsed.is_err() {
            errors.push(FieldError::new(Field::Email, Rule::Format));
        }
        parsed.map_or(Patch::Keep, |email| Patch::Set(email.into_string()))
    };
    let email = match update.email {
        Patch::Set(email) => parse_email(email),
        unset @ (Patch::Keep | Patch::Clear) => unset,
    };
    for (name, value) in &update.fields {
        if let Err(rule) = check_field(name, value) {
            errors.push(FieldError::new(Field::Extra(name.clone()), rule));
        }
    }
    if !errors.is_empty() {
        return Err(AccountError::Form(errors));
    }
    Ok(UserUpdate {
        username,
        email,
        admin: update.role.map(|role| role == Role::Administrator),
        extra: update.fields,
        ..UserUpdate::default()
    })
}

pub(crate) fn taken(field: Field) -> AccountError {
    AccountError::Form(vec![FieldError::new(field, Rule::Taken)])
}

/// The error for a store that reports the failure of a condition it was not given.
fn unrequested_condition(what: &str) -> AccountError {
    StorageError::corrupt(format!("the store reports the failure of {what} that was not requested"))
        .into()
}
