//! Sign-up: creates an account at the request of its user, and begins its first session.

mod factor;
mod taken_address;

use factor::expect_factor;
use taken_address::check_address;

use std::slice;
use std::sync::Arc;

use crate::account::{AccountError, AccountForm, Accounts, taken};
use crate::audit::Act;
use crate::challenge::TakenAddress;
use crate::clock::{Clock, Timestamp};
use crate::deps::Deps;
use crate::directory::EntryNames;
use crate::email_verification::EmailVerification;
use crate::enrolment::{Enrolment, EnrolmentError, SignupFactor};
use crate::factor::Factors;
use crate::form::{Field, Rule};
use crate::limit::{Limits, TooMany};
use crate::login::{Door, Login, LoginAttempt, LoginOutcome};
use crate::password::Lane;
use crate::random::Random;
use crate::session::{BeginOptions, NewAccount, NewSession, Persistence, Replaced, Sessions};
use crate::storage::{Effects, Guard, KeyStore, StorageError, StorageErrorKind, StoredUser};
use crate::user::{
    NewUser, Refusal, ReservedNames, User, UserSecrets, UserState, is_reserved_field,
};
use crate::visitor::Visitor;

/// Configuration of sign-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignupConfig {
    /// Whether visitors may create accounts.
    pub registration: Registration,
    /// The account fields that users may set, such as `email` or `phone`.
    pub editable_fields: Vec<String>,
    /// Usernames that cannot be taken.
    pub reserved_names: ReservedNames,
}

impl Default for SignupConfig {
    fn default() -> Self {
        Self {
            registration: Registration::Open,
            editable_fields: Vec::new(),
            reserved_names: ReservedNames::default(),
        }
    }
}

/// Whether visitors may create accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Visitors may create accounts.
    Open,
    /// Only administrators may create accounts.
    Closed,
}

/// A sign-up request.
#[derive(Debug)]
pub struct SignupRequest<'a> {
    /// The form. Fields that are not editable are ignored.
    pub form: AccountForm,
    /// The second factor, `none` or empty for none; `None` for the configured default.
    pub factor2: Option<&'a str>,
    /// Whether the cookie outlives the browser; `None` for the configured default.
    pub persist: Option<Persistence>,
    /// The current session of the browser, which ends when the new one begins.
    pub replaces: Option<Replaced<'a>>,
    /// The visitor.
    pub visitor: Visitor<'a>,
}

impl<'a> SignupRequest<'a> {
    /// A request from a browser without a session, with the configured persistence.
    pub fn new(form: AccountForm) -> Self {
        let visitor = Visitor::default();
        Self { form, factor2: None, persist: None, replaces: None, visitor }
    }

    pub(crate) fn door(&self) -> Door<'a> {
        let Self { persist, replaces, visitor, .. } = *self;
        Door { persist, replaces, visitor, ..Door::default() }
    }
}

/// The outcome of a sign-up.
#[derive(Debug)]
pub enum SignupOutcome {
    /// The account was created and a session has begun.
    LoggedIn(Box<NewSession>),
    /// The account was created, and a link to verify the address was sent. If another account has
    /// the address, this one has none, cannot be logged in to, and the owner was notified instead.
    VerifyEmail,
    /// The account was created, and its second factor waits to be set up. Signing up once more with
    /// the same password continues there.
    SetUpFactor(Box<SignupFactor>),
    /// Exactly this account exists, and the password is its own: its login goes on, as after the
    /// first factor.
    Existing(LoginOutcome),
    /// There were too many sign-ups from this network, and no account was created; or it was
    /// created, and too many codes were sent.
    TooMany {
        /// When the next attempt is allowed.
        retry_at: Timestamp,
    },
}

/// Creates accounts at the request of their users.
pub struct Signup {
    accounts: Arc<Accounts>,
    sessions: Arc<Sessions>,
    login: Arc<Login>,
    enrolment: Arc<Enrolment>,
    factors: Arc<Factors>,
    verification: Arc<EmailVerification>,
    keys: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    entry_names: EntryNames,
    limits: Arc<Limits>,
    config: SignupConfig,
}

impl Signup {
    pub(crate) fn new(
        deps: &Deps,
        accounts: Arc<Accounts>,
        enrolment: Arc<Enrolment>,
        config: SignupConfig,
    ) -> Self {
        Self {
            accounts,
            sessions: enrolment.sessions.clone(),
            login: enrolment.login.clone(),
            verification: enrolment.verification.clone(),
            enrolment,
            factors: deps.factors.clone(),
            keys: deps.storage.keys.clone(),
            clock: deps.clock.clone(),
            random: deps.random.clone(),
            entry_names: deps.entry_names.clone(),
            limits: deps.limits.clone(),
            config,
        }
    }

    /// Configuration of sign-up.
    pub fn config(&self) -> &SignupConfig {
        &self.config
    }

    /// Creates an account and begins its first session, in one transaction. With a second factor,
    /// begins to set that up instead. Where addresses must be verified, sends the link in the same
    /// transaction and begins no session.
    ///
    /// If a form is submitted twice, for example by a double click, the second request logs in: its
    /// username, address and password are those of the existing account.
    pub async fn sign_up(
        &self,
        mut request: SignupRequest<'_>,
    ) -> Result<SignupOutcome, AccountError> {
        if self.config.registration == Registration::Closed {
            return Err(AccountError::SignupClosed);
        }
        request.form.fields.retain(|name, _| self.is_editable(name));
        let mut user = self.accounts.check(&request.form, &self.config.reserved_names)?;
        if self.verification.is_enabled() {
            check_address(&user)?;
            user.state = UserState::AwaitingEmailVerification;
        }
        if let Some(factor) = self.chosen_factor(&request, &user)? {
            expect_factor(&mut user, &**factor);
        }
        if let Err(TooMany { retry_at }) =
            self.limits.charge(self.limits.sign_up(request.visitor), None).await?
        {
            return Ok(SignupOutcome::TooMany { retry_at });
        }
        // Looked for before anything is hashed: whatever the form says, it costs one hash.
        let existing = match self.accounts.find(&user.username).await {
            Ok(existing) => existing,
            Err(error) => return self.refuse_unreadable(request, error).await,
        };
        let earlier = self.with_taken_address(&user).await?;
        let has_owner = self.verification.has_owner(&user).await?;
        let earlier = if has_owner { earlier } else { self.release(earlier).await? };
        if let Some(existing) = existing {
            return self.repeat(request, user, existing, earlier).await;
        }
        if let Some(field) = self.taken_by_entry(&user).await? {
            self.accounts.verify_dummy(request.form.password, Lane::Public).await?;
            let is_name = field == Field::Username;
            return if is_name { self.username_taken(&user) } else { Err(taken(field)) };
        }
        let secrets = self.accounts.secrets(request.form.password.clone(), Lane::Public).await?;
        if has_owner {
            return self.sign_up_without_address(request, user, &secrets).await;
        }
        if user.state != UserState::Active {
            return self.sign_up_incomplete(request, user, &secrets).await;
        }
        let Door { persist, replaces, visitor, .. } = request.door();
        let beginning = BeginOptions { replaces, persist, visitor, ..BeginOptions::default() };
        let guard = Guard::None;
        let audit = self.accounts.created(Act::AccountCreated, &user);
        let audit = slice::from_ref(&audit);
        let account = NewAccount { user: &user, secrets: &secrets, token: None, guard, audit };
        match self.sessions.begin_with_account(&self.accounts, account, &beginning).await {
            Ok(session) => {
                let user = session.user.as_ref().map(|user| tracing::field::display(&user.id));
                tracing::info!(user, session = %session.id.digest(), "signed up");
                Ok(SignupOutcome::LoggedIn(session))
            }
            Err(error) => self.refused(error, request, user, &secrets).await,
        }
    }

    /// Creates an account that waits for its second factor, for the verification of its address, or
    /// for both, and sends the link to verify the address. If this is interrupted, signing up once
    /// more continues.
    async fn sign_up_incomplete(
        &self,
        request: SignupRequest<'_>,
        user: NewUser,
        secrets: &UserSecrets,
    ) -> Result<SignupOutcome, AccountError> {
        match self.insert_with_link(&user, secrets).await {
            Ok(stored) => {
                tracing::info!(user = %stored.id(), state = user.state.as_str(), "signed up");
                self.proceed(stored, None, request.door()).await
            }
            Err(error) => self.refused(error, request, user, secrets).await,
        }
    }

    /// Begins what a new account waits for.
    async fn proceed(
        &self,
        stored: StoredUser,
        taken: Option<TakenAddress>,
        door: Door<'_>,
    ) -> Result<SignupOutcome, AccountError> {
        match stored.second_factor().cloned() {
            Some(factor) => self.set_up((stored, taken), &factor, door).await,
            None => Ok(SignupOutcome::VerifyEmail),
        }
    }

    /// Logs in if the form asks for exactly the account that exists and has its password. Otherwise
    /// the name is taken. Which of both is wrong takes the same work, so that the time does not
    /// tell whether name and address belong together.
    async fn repeat(
        &self,
        request: SignupRequest<'_>,
        user: NewUser,
        existing: User,
        earlier: Option<(User, TakenAddress)>,
    ) -> Result<SignupOutcome, AccountError> {
        if earlier.is_none() && self.must_conceal(&user, &existing) {
            let secrets =
                self.accounts.secrets(request.form.password.clone(), Lane::Public).await?;
            return self.sign_up_without_address(request, user, &secrets).await;
        }
        let (existing, taken) = match earlier {
            Some((account, taken)) => (account, Some(taken)),
            None => (existing, None),
        };
        let is_same = match &taken {
            Some(taken) => taken.is_of(&user),
            None => existing.username == user.username && existing.email == user.email,
        };
        let door = request.door();
        let password = request.form.password;
        if !is_same {
            self.accounts.verify_dummy(password, Lane::Public).await?;
            return self.username_taken(&user);
        }
        let Door { persist, replaces, visitor, .. } = door;
        let attempt = LoginAttempt {
            persist,
            replaces,
            visitor,
            ..LoginAttempt::new(&existing.username, password)
        };
        match self.login.attempt_revealing(attempt).await {
            Ok(LoginOutcome::LoggedIn(session)) => Ok(SignupOutcome::LoggedIn(session)),
            Ok(LoginOutcome::Refused(Refusal::TwoFactorIncomplete)) => {
                let stored = self.enrolment.account(&existing.id).await?;
                let stored = stored.ok_or_else(taken_name)?;
                self.resume((stored, taken), request.factor2, door).await
            }
            Ok(LoginOutcome::Refused(Refusal::EmailNotVerified)) => {
                match taken {
                    Some(taken) => self.verification.report_use(taken.email),
                    None => self.verification.send_again(&existing.id),
                }
                Ok(SignupOutcome::VerifyEmail)
            }
            Ok(
                outcome @ (LoginOutcome::SecondFactor(_)
                | LoginOutcome::PasswordChange(_)
                | LoginOutcome::FactorReset(_)
                | LoginOutcome::TooMany { .. }),
            ) => Ok(SignupOutcome::Existing(outcome)),
            Ok(LoginOutcome::WrongCredentials | LoginOutcome::Refused(_)) => {
                self.username_taken(&user)
            }
            Err(error) => Err(EnrolmentError::from(error).into()),
        }
    }

    /// The outcome where the store refused an account: another request may have created it in this
    /// moment, perhaps by the same form.
    async fn refused(
        &self,
        error: AccountError,
        request: SignupRequest<'_>,
        user: NewUser,
        secrets: &UserSecrets,
    ) -> Result<SignupOutcome, AccountError> {
        if is_taken(&error, &Field::Username) {
            return self.look_again(error, request, user).await;
        }
        if is_taken(&error, &Field::Email) && self.verification.is_enabled() {
            return self.sign_up_without_address(request, user, secrets).await;
        }
        Err(error)
    }

    /// Looks for an account that another request has created in this moment.
    async fn look_again(
        &self,
        error: AccountError,
        request: SignupRequest<'_>,
        user: NewUser,
    ) -> Result<SignupOutcome, AccountError> {
        let earlier = self.with_taken_address(&user).await?;
        match self.accounts.find(&user.username).await? {
            Some(existing) => Box::pin(self.repeat(request, user, existing, earlier)).await,
            None => Err(error),
        }
    }

    async fn insert_with_link(
        &self,
        user: &NewUser,
        secrets: &UserSecrets,
    ) -> Result<StoredUser, AccountError> {
        let link =
            self.verification.link_for(user)?.map(|link| (vec![link.key], vec![link.message]));
        let (issue, send) = link.unwrap_or_default();
        let audit = [self.accounts.created(Act::AccountCreated, user)];
        let effects = Effects { issue: &issue, send: &send, audit: &audit, ..Effects::default() };
        self.accounts.insert(user, secrets, Guard::None, effects).await
    }

    /// The name of an account whose row cannot be decoded is taken like that of any other.
    async fn refuse_unreadable(
        &self,
        request: SignupRequest<'_>,
        error: StorageError,
    ) -> Result<SignupOutcome, AccountError> {
        if error.kind != StorageErrorKind::BadRow {
            return Err(error.into());
        }
        tracing::error!(%error, "sign-up for the name of an account that cannot be decoded");
        self.accounts.verify_dummy(request.form.password, Lane::Public).await?;
        Err(taken_name())
    }

    fn is_editable(&self, field: &str) -> bool {
        self.config.editable_fields.iter().any(|name| name == field)
            && (field == "email" || !is_reserved_field(field))
    }
}

fn taken_name() -> AccountError {
    taken(Field::Username)
}

fn is_taken(error: &AccountError, field: &Field) -> bool {
    let AccountError::Form(errors) = error else { return false };
    errors.iter().any(|error| error.field == *field && error.rule == Rule::Taken)
}
