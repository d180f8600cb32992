//! All use cases over one storage.

mod import;
mod mailed_link;
mod part;
mod task;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::account::{Accounts, ResetLinks};
use crate::api_key::{ApiKeyConfig, ApiKeys};
use crate::audit::{Audit, AuditConfig};
use crate::challenge::Challenges;
use crate::clock::{Clock, SystemClock};
use crate::crypto::{InvalidKey, SignatureForm};
use crate::csrf::Csrf;
use crate::deps::Deps;
use crate::device::Devices;
use crate::directory::{DirectoryAccounts, DirectoryConfig};
use crate::email_verification::{EmailVerification, EmailVerificationConfig};
use crate::enrolment::{Enrolment, EnrolmentParts};
use crate::factor::{FactorConfig, Factors};
use crate::fresh_login::FreshLogin;
use crate::hooks::Hooks;
use crate::known_browser::KnownBrowsers;
use crate::limit::LimitConfig;
use crate::login::Login;
use crate::mail_request::MailRequestWorker;
use crate::message::Messages;
use crate::outbox::{Delivery, Outbox};
use crate::password::{HasherConfig, HasherConfigError, PasswordPolicy};
use crate::password_change::PasswordChanges;
use crate::password_reset::{PasswordReset, PasswordResetConfig};
use crate::profile::Profile;
use crate::protected::Protection;
use crate::random::{Random, SystemRandom};
use crate::reauthentication::Reauthentication;
use crate::recovery::RecoveryCodes;
use crate::secret::ServerSecret;
use crate::session::{SessionConfig, Sessions};
use crate::setup::Setup;
use crate::signup::{Signup, SignupConfig};
use crate::storage::Storage;
use crate::token::Tokens;
use crate::user::{FactorName, User};
use mailed_link::mailed_links;
use part::{deps, directory, login, mail_requests, outbox, profile_parts};
pub(crate) use task::{Restarts, catch_panic};

/// Configuration of the use cases.
#[derive(Debug)]
pub struct AuthConfig {
    /// The secret that signs cookies. Knowing it is enough to sign cookies, but not to guess ids.
    pub secret: ServerSecret,
    /// The encoding of cookie signatures; every encoding is accepted.
    pub signature_form: SignatureForm,
    /// How long sessions live.
    pub session: SessionConfig,
    /// How passwords are hashed.
    pub hasher: HasherConfig,
    /// The rules for new passwords.
    pub password_policy: PasswordPolicy,
    /// Who may sign up.
    pub signup: SignupConfig,
    /// The second factors.
    pub factors: FactorConfig,
    /// Verification of e-mail addresses.
    pub email_verification: EmailVerificationConfig,
    /// Reset of passwords by e-mail.
    pub password_reset: PasswordResetConfig,
    /// The audit log.
    pub audit: AuditConfig,
    /// API keys.
    pub api_keys: ApiKeyConfig,
    /// How often secrets may be tried and messages sent.
    pub limits: LimitConfig,
    /// The directory that verifies the passwords of its accounts, such as LDAP; `None` for none.
    pub directory: Option<DirectoryConfig>,
    /// Callbacks of the application.
    pub hooks: Hooks,
    /// How messages to users are rendered and sent.
    pub delivery: Delivery,
}

impl AuthConfig {
    /// The defaults, with the secret, which has no default.
    pub fn new(secret: ServerSecret) -> Self {
        Self {
            secret,
            signature_form: SignatureForm::default(),
            session: SessionConfig::default(),
            hasher: HasherConfig::default(),
            password_policy: PasswordPolicy::default(),
            signup: SignupConfig::default(),
            factors: FactorConfig::default(),
            email_verification: EmailVerificationConfig::default(),
            password_reset: PasswordResetConfig::default(),
            audit: AuditConfig::default(),
            api_keys: ApiKeyConfig::default(),
            limits: LimitConfig::default(),
            directory: None,
            hooks: Hooks::default(),
            delivery: Delivery::default(),
        }
    }
}

/// Sources of time and randomness.
#[derive(Clone)]
pub struct Sources {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub random: Arc<dyn Random>,
}

impl Default for Sources {
    /// The system's clock and randomness.
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom) }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources")
    }
}

/// The configuration of the use cases is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthConfigError {
    /// The hasher cannot work as configured.
    #[error(transparent)]
    Hasher(#[from] HasherConfigError),
    /// No key can be derived from the secret.
    #[error("the keys that encrypt stored values cannot be derived from the secret")]
    Key(#[from] InvalidKey),
    /// A feature that needs mail is switched on, and mail cannot be sent.
    #[error("{0} is enabled, but no mail can be sent: configure a mail server or disable it")]
    NoMail(&'static str),
    /// Users may write into the field in which groups of the directory write roles.
    #[error(
        "users may edit {0}, which contains the roles that groups of the directory give: name another field"
    )]
    EditableRoles(String),
}

macro_rules! opaque {
    ($($type:ident)*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type)).finish_non_exhaustive()
            }
        }
    )*};
}

opaque! {
    Accounts ApiKeys Auth Csrf Devices DirectoryAccounts EmailVerification Enrolment FreshLogin
    KnownBrowsers Login PasswordChanges PasswordReset Profile Protection RecoveryCodes Sessions Setup
    Signup
}

/// All use cases.
pub struct Auth {
    /// Begins, authenticates and ends sessions.
    pub sessions: Arc<Sessions>,
    /// Issues and checks CSRF tokens.
    pub csrf: Csrf,
    /// Logs users in.
    pub login: Arc<Login>,
    /// Judges how old logins are, and renews them.
    pub fresh_login: FreshLogin,
    /// The configured second factors.
    pub factors: Arc<Factors>,
    /// Sets up, changes and turns off second factors.
    pub enrolment: Arc<Enrolment>,
    /// Demands the second factor for requests.
    pub protection: Protection,
    /// Counts and replaces recovery codes.
    pub recovery: RecoveryCodes,
    /// Lists and forgets known devices.
    pub devices: Arc<Devices>,
    /// Makes the cookies of known browsers.
    pub browsers: Arc<KnownBrowsers>,
    /// Creates accounts at the request of their users.
    pub signup: Signup,
    /// Creates, changes and deletes accounts on behalf of an administrator.
    pub accounts: Arc<Accounts>,
    /// Creates, links and compares accounts of the directory; `None` without one.
    pub directory: Option<Arc<DirectoryAccounts>>,
    /// Changes passwords at the request of their users.
    pub password_change: PasswordChanges,
    /// Changes accounts at the request of their owners.
    pub profile: Profile,
    /// Verifies and changes e-mail addresses.
    pub email_verification: Arc<EmailVerification>,
    /// Resets passwords by e-mail.
    pub password_reset: Arc<PasswordReset>,
    /// Creates, checks, lists and deletes API keys.
    pub api_keys: Arc<ApiKeys>,
    /// Creates the first administrator.
    pub setup: Setup,
    /// Issues and takes one-time tokens of the application.
    pub tokens: Tokens,
    /// Composes messages to users.
    pub messages: Arc<Messages>,
    /// The messages that wait to be sent.
    pub outbox: Arc<Outbox>,
    /// Records events, and lists and verifies them.
    pub audit: Arc<Audit>,
    mail_requests: Arc<MailRequestWorker>,
    deps: Deps,
}

impl Auth {
    /// Builds the use cases and starts the threads that hash passwords.
    pub fn new(
        mut config: AuthConfig,
        storage: &Storage,
        sources: &Sources,
    ) -> Result<Self, AuthConfigError> {
        let deps = deps(&mut config, storage, sources)?;
        let outbox = outbox(&deps, config.delivery);
        let configs = (config.email_verification, config.password_reset);
        let (verifies, resets) = mailed_links(&configs, &outbox)?;
        let fresh_for = config.session.fresh_for;
        let sessions = Arc::new(Sessions::new(&deps, config.session));
        let links = ResetLinks { is_enabled: resets, lifetime: configs.1.lifetime };
        let accounts = Arc::new(Accounts::new(&deps, config.password_policy, links));
        let challenges = Arc::new(Challenges::new(&deps));
        let devices = Arc::new(Devices::new(&deps, config.factors.device_lifetime));
        let directory = directory(&deps, &accounts, config.directory);
        let parts = (&directory, &sessions, &challenges, &devices);
        let login = login(&deps, parts, verifies);
        let reauthentication = Arc::new(Reauthentication::new(&deps, fresh_for));
        let mail_requests = mail_requests(&deps, configs, (verifies, resets), (&accounts, &login));
        let parts = EnrolmentParts {
            challenges: challenges.clone(),
            sessions: sessions.clone(),
            login: login.clone(),
            verification: mail_requests.verification.clone(),
            reauthentication: reauthentication.clone(),
        };
        let enrolment = Arc::new(Enrolment::new(&deps, parts.clone()));
        let signup = Signup::new(&deps, accounts.clone(), enrolment.clone(), config.signup.clone());
        let profile = profile_parts(&accounts, &parts, &enrolment, config.signup.editable_fields);
        let api_keys = ApiKeys::new(&deps, &challenges, &reauthentication, config.api_keys);
        let (keeper, owners) = (sessions.clone(), accounts.clone());
        Ok(Self {
            fresh_login: FreshLogin::new(&sessions, &challenges, &reauthentication),
            api_keys: Arc::new(api_keys),
            password_change: PasswordChanges::new(&deps, owners, keeper, reauthentication),
            profile: Profile::new(&deps, profile),
            csrf: Csrf::new(deps.signer.clone(), deps.random.clone()),
            signup,
            email_verification: mail_requests.verification.clone(),
            password_reset: mail_requests.reset.clone(),
            mail_requests,
            setup: Setup::new(&deps, accounts.clone(), sessions.clone(), login.clone()),
            tokens: Tokens::new(&deps),
            messages: deps.messages.clone(),
            outbox: Arc::new(outbox),
            audit: deps.audit.clone(),
            factors: deps.factors.clone(),
            protection: Protection::new(challenges.clone(), sessions.clone()),
            recovery: RecoveryCodes::new(&deps, challenges),
            enrolment,
            devices,
            browsers: deps.limits.browsers.clone(),
            directory,
            login,
            accounts,
            sessions,
            deps,
        })
    }

    /// Whether a user is an administrator, as the application or the account says.
    pub fn is_admin(&self, user: &User) -> bool {
        self.deps.hooks.is_admin.as_ref().map_or(user.admin, |is_admin| is_admin(user))
    }

    /// Whether accounts with this first factor belong to the directory.
    pub fn is_of_directory(&self, factor1: &FactorName) -> bool {
        self.deps.passwords.is_factor(factor1)
    }

    /// Whether a field of an account is that of its entry in the directory, which replaces it at the
    /// next login: `username`, `email`, `admin`, or one of the application.
    pub fn is_from_directory(&self, user: &User, field: &str) -> bool {
        self.deps.passwords.is_from_directory(user, field)
    }

    /// What accounts of the directory have as first factor; `None` if there is no directory.
    pub fn directory_factor(&self) -> Option<&FactorName> {
        self.deps.passwords.directory_factor()
    }

    /// Whether the user of an account has a password, here or in the directory.
    pub fn has_password(&self, user: &User) -> bool {
        self.deps.passwords.has_password(user)
    }

    /// Whether the user of an account can change the password here.
    pub fn can_change_password(&self, user: &User) -> bool {
        self.deps.passwords.can_change(user)
    }

    /// Finishes what the [`tasks`](Self::tasks) have begun, in at most `limit`. For a graceful
    /// shutdown, after the last request was answered, while the tasks are still running.
    ///
    /// Handles the requests for mail, such as those to reset a password, and waits for the messages
    /// that are being sent. Messages that are not sent by then are left to other processes
    /// and the next start.
    pub async fn finish(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        if timeout_at(deadline, self.handle_mail_requests()).await.is_err() {
            tracing::warn!("stopped with requests for mail that were not handled");
        }
        if !matches!(timeout_at(deadline, self.audit.extend_chain()).await, Ok(Ok(_))) {
            tracing::warn!("stopped with events that are not in the hash chain of the audit log");
        }
        self.outbox.stop(deadline.saturating_duration_since(Instant::now())).await;
    }

    pub(crate) fn deps(&self) -> &Deps {
        &self.deps
    }

    pub(crate) fn task_restarts(&self) -> u64 {
        self.deps.restarts.count()
    }

    /// Handles the requests for mail that wait, such as those to reset a password, which the
    /// [`tasks`](Self::tasks) do otherwise. For tests.
    pub async fn handle_mail_requests(&self) {
        self.mail_requests.handle_waiting().await;
    }
}
