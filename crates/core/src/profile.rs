//! Changes of an account by its owner: fields of the profile, the e-mail address, and deletion.
//!
//! A new e-mail address needs more than an open session: a fresh login, the password, or the second
//! factor. A value on which the second factor depends always needs that factor.

mod delete;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::account::{AccountError, AccountRef, AccountUpdate, Accounts, Editor, taken};
use crate::audit::{Act, Audit, AuditEvent};
use crate::challenge::{Account, Challenges};
use crate::clock::Timestamp;
use crate::deps::Deps;
use crate::directory::EntryNames;
use crate::email_verification::{AddressChange, EmailVerification, PreparedAddress};
use crate::enrolment::{Assurance, Begun, Enrolment};
use crate::factor::email;
use crate::form::{Field, FieldError, Rule};
use crate::hooks::Submission;
use crate::notice::Notices;
use crate::reauthentication::{PasswordRejection, Reauthentication};
use crate::session::Session;
use crate::storage::{Change, Changed, Effects, Guard, UserStore};
use crate::user::{FactorName, Patch, User, UserUpdate, is_reserved_field};

/// What the owner of an account wants to change.
#[derive(Debug, Default)]
pub struct ProfileUpdate<'a> {
    /// New values by name, `email` among them. Absent fields stay; `null` and an empty text delete a
    /// field. Fields that users may not set are ignored.
    pub fields: Map<String, Value>,
    /// The request, for the [hooks](crate::hooks).
    pub submission: Submission,
    /// What the user has proved in this request.
    pub assurance: Assurance<'a>,
}

/// The outcome of changing a profile.
#[derive(Debug)]
pub enum ProfileChange {
    /// The changes are stored, except those that must be confirmed.
    Done(Box<UpdatedProfile>),
    /// A value on which the second factor depends is changed: the factor must be confirmed; see
    /// [`Protection`](crate::protected::Protection).
    NeedsFactor,
    /// The e-mail address is changed, and the login is not fresh: the password must be typed once
    /// more.
    NeedsPassword,
    /// The password is not accepted.
    Rejected(PasswordRejection),
    /// Too many links or codes were sent.
    TooMany {
        /// When the next attempt is allowed.
        retry_at: Timestamp,
    },
    /// The session is anonymous or has ended, or the credentials were changed in this moment.
    NotLoggedIn,
}

/// A profile after a change.
#[derive(Debug)]
#[non_exhaustive]
pub struct UpdatedProfile {
    /// The user.
    pub user: User,
    /// Whether a link was sent to the new e-mail address, which replaces the present one when the
    /// link is used. Also `true` if another account has that address: its owner is notified instead.
    pub email_verification_required: bool,
    /// The second factor that must be confirmed with its new value, such as a phone number, before
    /// that is stored; see [`Enrolment::complete`].
    pub waiting: Option<WaitingValue>,
}

/// A second factor that waits for its confirmation with a new value.
#[derive(Debug)]
#[non_exhaustive]
pub struct WaitingValue {
    /// The factor.
    pub factor: FactorName,
    /// What the browser is shown.
    pub shown: Map<String, Value>,
}

/// The outcome of deleting an account at the request of its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// The account was deleted with its sessions and all other keys.
    Deleted,
    /// The password is not accepted.
    Rejected(PasswordRejection),
}

/// The use cases that changing a profile takes.
pub(crate) struct ProfileParts {
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) challenges: Arc<Challenges>,
    pub(crate) verification: Arc<EmailVerification>,
    pub(crate) enrolment: Arc<Enrolment>,
    pub(crate) reauthentication: Arc<Reauthentication>,
    pub(crate) editable_fields: Vec<String>,
}

/// Changes accounts at the request of their owners.
pub struct Profile {
    users: Arc<dyn UserStore>,
    notices: Notices,
    audit: Arc<Audit>,
    entry_names: EntryNames,
    parts: ProfileParts,
}

impl Profile {
    pub(crate) fn new(deps: &Deps, parts: ProfileParts) -> Self {
        let notices = Notices::new(deps.messages.clone());
        let (users, audit) = (deps.storage.users.clone(), deps.audit.clone());
        Self { users, notices, audit, entry_names: deps.entry_names.clone(), parts }
    }

    /// Whether the owner of an account may change this field.
    pub fn is_editable(&self, field: &str) -> bool {
        self.parts.editable_fields.iter().any(|name| name == field)
            && (field == "email" || !is_reserved_field(field))
    }

    /// Same as [`is_editable`](Self::is_editable), for the owner of this account: what an account of
    /// the directory has from there is changed there.
    pub fn is_editable_by(&self, user: &User, field: &str) -> bool {
        let passwords = &self.parts.reauthentication.passwords;
        self.is_editable(field) && !passwords.is_from_directory(user, field)
    }

    /// The present values of the fields that the owner of an account may change.
    pub fn values(&self, user: &User) -> Map<String, Value> {
        let mut values = user.extra.clone();
        values.extend(email(user).map(|address| ("email".to_owned(), address.into())));
        values.retain(|name, _| self.is_editable_by(user, name));
        values
    }

    /// Whether the user of a session must type the password to change the e-mail address: the login
    /// is not fresh.
    pub fn needs_password(&self, session: &Session) -> bool {
        !self.parts.reauthentication.is_fresh(session)
    }

    /// Changes the fields of the logged-in user that users may set. A new e-mail address is verified
    /// first where addresses must be, and the old one gets a link that takes the change back. A new
    /// value of the second factor is stored once the factor was confirmed with it.
    pub async fn update(
        &self,
        session: &Session,
        update: ProfileUpdate<'_>,
    ) -> Result<ProfileChange, AccountError> {
        let Some(user) = &session.user else { return Ok(ProfileChange::NotLoggedIn) };
        let Some(account) = self.parts.challenges.account(&user.id).await? else {
            return Ok(ProfileChange::NotLoggedIn);
        };
        let ProfileUpdate { fields, submission, assurance } = update;
        let mut draft = self.draft(&account.user, fields, &submission).await?;
        let bound = self.parts.challenges.factors.bound_field(&account.user);
        let bound = bound.filter(|field| changes(&draft, &account.user, field));
        if let Some(refused) =
            self.refusal(session, &account, bound.is_some(), &draft, assurance).await?
        {
            return Ok(refused);
        }
        let waiting = match bound.and_then(|field| draft.extra.remove_entry(field)) {
            Some((field, value)) => match self.set_up(session, &account, &field, value).await? {
                Ok(waiting) => Some(waiting),
                Err(refused) => return Ok(refused),
            },
            None => None,
        };
        self.store(&account, draft, waiting).await
    }

    /// Changes the profile of the owner of an API key, who is not asked. What protects the account is
    /// refused: the e-mail address, with which the password can be reset, and a value on which the
    /// second factor depends.
    pub async fn update_by_key(
        &self,
        owner: &User,
        update: ProfileUpdate<'_>,
    ) -> Result<ProfileChange, AccountError> {
        let Some(account) = self.parts.challenges.account(&owner.id).await? else {
            return Ok(ProfileChange::NotLoggedIn);
        };
        let ProfileUpdate { fields, submission, .. } = update;
        let draft = self.draft(&account.user, fields, &submission).await?;
        let bound = self.parts.challenges.factors.bound_field(&account.user);
        let bound = bound.filter(|field| changes(&draft, &account.user, field));
        let refused = match bound {
            _ if draft.email != Patch::Keep => Some(Field::Email),
            Some("email") => Some(Field::Email),
            Some(field) => Some(Field::Extra(field.to_owned())),
            None => None,
        };
        if let Some(field) = refused {
            let rule = Rule::Custom("cannot be changed with an API key".into());
            return Err(AccountError::Form(vec![FieldError::new(field, rule)]));
        }
        self.store(&account, draft, None).await
    }

    /// Validates the fields that users may set. The address is kept if it does not change.
    async fn draft(
        &self,
        user: &User,
        mut fields: Map<String, Value>,
        submission: &Submission,
    ) -> Result<UserUpdate, AccountError> {
        fields.retain(|name, _| self.is_editable_by(user, name));
        let email = requested_address(user, fields.remove("email"));
        let email = email.map_err(|error| AccountError::Form(vec![error]))?;
        for value in fields.values_mut().filter(|value| value.as_str() == Some("")) {
            *value = Value::Null;
        }
        let update = AccountUpdate { email, fields, ..AccountUpdate::default() };
        let account = AccountRef::Id(&user.id);
        let drafted = self.parts.accounts.draft(account, update, submission, Editor::Owner);
        Ok(drafted.await?.1)
    }

    /// Why the user may not make these changes with what was proved; `None` if they may.
    async fn refusal(
        &self,
        session: &Session,
        account: &Account,
        is_bound: bool,
        draft: &UserUpdate,
        assurance: Assurance<'_>,
    ) -> Result<Option<ProfileChange>, AccountError> {
        if assurance.factor.is_some_and(|proof| proof.is_of(account)) {
            return Ok(None);
        }
        if is_bound {
            return Ok(Some(ProfileChange::NeedsFactor));
        }
        if draft.email == Patch::Keep || !self.needs_password(session) {
            return Ok(None);
        }
        let Some(password) = assurance.password else {
            return Ok(Some(ProfileChange::NeedsPassword));
        };
        let checked = self.parts.reauthentication.check_account::<AccountError>(account, password);
        Ok(checked.await?.map(ProfileChange::Rejected))
    }

    /// Begins to set up the present factor with another value.
    async fn set_up(
        &self,
        session: &Session,
        account: &Account,
        field: &str,
        value: Value,
    ) -> Result<Result<WaitingValue, ProfileChange>, AccountError> {
        let wrong = |rule| {
            let field = Field::Extra(field.to_owned());
            Err(AccountError::Form(vec![FieldError::new(field, rule)]))
        };
        let Value::String(value) = value else {
            return wrong(Rule::Custom("is needed for your second factor".into()));
        };
        match self.parts.enrolment.rebind(session, account, value).await? {
            Begun::Waiting { factor, shown } => Ok(Ok(WaitingValue { factor, shown })),
            Begun::TooMany { retry_at } => Ok(Err(ProfileChange::TooMany { retry_at })),
            Begun::InvalidEmail | Begun::InvalidPhone => wrong(Rule::Format),
            Begun::TurnedOff { .. }
            | Begun::NeedsFactor
            | Begun::NeedsPassword
            | Begun::WrongPassword
            | Begun::Unavailable
            | Begun::NoSecret
            | Begun::NotPermitted
            | Begun::Refused(_) => Ok(Err(ProfileChange::NotLoggedIn)),
        }
    }

    /// Refuses the address of an entry of the directory. Where addresses are verified, the user who
    /// receives the link has a right to it.
    async fn refuse_address_of_entry(&self, address: &str) -> Result<(), AccountError> {
        if !self.parts.verification.is_enabled() && self.entry_names.have(address).await? {
            return Err(taken(Field::Email));
        }
        Ok(())
    }

    /// Stores the changes, and what the change of the address needs, in one transaction.
    async fn store(
        &self,
        account: &Account,
        draft: UserUpdate,
        waiting: Option<WaitingValue>,
    ) -> Result<ProfileChange, AccountError> {
        let address = match &draft.email {
            Patch::Set(address) => {
                self.refuse_address_of_entry(address).await?;
                match self.parts.verification.prepare(&account.user, address).await? {
                    AddressChange::Prepared(prepared) => prepared,
                    AddressChange::TooMany { retry_at } => {
                        return Ok(ProfileChange::TooMany { retry_at });
                    }
                    AddressChange::NotAllowed => return Err(AccountError::NotAllowed),
                }
            }
            Patch::Keep | Patch::Clear => PreparedAddress::default(),
        };
        let changes_address = address.email != Patch::Keep;
        let audit = self.events(account, changes_address, address.needs_verification);
        let change = Change {
            user: UserUpdate { email: address.email, ..draft },
            event: address.event,
            guard: Guard::CredentialsAre(&account.credentials),
            effects: Effects {
                revoke: address.revoke,
                issue: &address.issue,
                send: &address.send,
                audit: &audit,
                ..Effects::default()
            },
            ..Change::default()
        };
        match self.users.change(&account.user.id, &change).await? {
            Changed::Done(stored) => {
                tracing::info!(user = %account.user.id, "profile changed");
                if changes_address {
                    tracing::info!(user = %account.user.id, "e-mail address changed");
                }
                if let Some(address) = address.in_use {
                    self.parts.verification.report_use(address);
                }
                let user = stored.regardless_of_state().0;
                let email_verification_required = address.needs_verification;
                let updated = UpdatedProfile { user, email_verification_required, waiting };
                Ok(ProfileChange::Done(Box::new(updated)))
            }
            Changed::EmailTaken => Err(taken(Field::Email)),
            Changed::NotAllowed => Err(AccountError::NotAllowed),
            Changed::DoneUnreadable
            | Changed::NoSuchUser
            | Changed::GuardFailed
            | Changed::LastAdmin
            | Changed::TokenGone
            | Changed::AlreadyUsed
            | Changed::SessionGone
            | Changed::UsernameTaken => Ok(ProfileChange::NotLoggedIn),
        }
    }

    fn events(
        &self,
        account: &Account,
        changes_address: bool,
        asks_for_address: bool,
    ) -> Vec<AuditEvent> {
        let address = match (changes_address, asks_for_address) {
            (true, _) => Some(Act::EmailChanged),
            (false, true) => Some(Act::EmailChangeRequested),
            (false, false) => None,
        };
        let acts = std::iter::once(Act::AccountChanged).chain(address);
        acts.map(|act| self.audit.event(act).about(&account.user)).collect()
    }
}

/// The address that a form asks for, which cannot be removed.
fn requested_address(user: &User, value: Option<Value>) -> Result<Patch<String>, FieldError> {
    let present = email(user);
    match value {
        None => Ok(Patch::Keep),
        Some(Value::String(text)) if present.as_deref() == Some(text.trim()) => Ok(Patch::Keep),
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(Patch::Set(text)),
        Some(Value::Null | Value::String(_)) if present.is_none() => Ok(Patch::Keep),
        Some(Value::Null | Value::String(_)) => Err(FieldError::new(Field::Email, Rule::Missing)),
        Some(_) => Err(FieldError::new(Field::Email, Rule::Format)),
    }
}

/// Whether an update changes a field of the user.
fn changes(draft: &UserUpdate, user: &User, field: &str) -> bool {
    if field == "email" {
        return draft.email != Patch::Keep;
    }
    let present = user.extra.get(field).unwrap_or(&Value::Null);
    draft.extra.get(field).is_some_and(|value| value != present)
}
