//! All use cases over one storage.

mod import;
mod mailed_link;
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
use crate::crypto::{InvalidKey, SignatureForm, Signer};
use crate::csrf::Csrf;
use crate::deps::Deps;
use crate::device::Devices;
use crate::email_verification::{EmailVerification, EmailVerificationConfig};
use crate::enrolment::{Enrolment, EnrolmentParts};
use crate::factor::{FactorConfig, FactorDeps, Factors};
use crate::fresh_login::FreshLogin;
use crate::hooks::Hooks;
use crate::known_browser::KnownBrowsers;
use crate::limit::{LimitConfig, Limits};
use crate::login::Login;
use crate::mail_request::{MailRequestWorker, MailRequests};
use crate::message::Messages;
use crate::outbox::{Delivery, Outbox};
use crate::password::{Hasher, HasherConfig, HasherConfigError, PasswordPolicy};
use crate::password_change::PasswordChanges;
use crate::password_reset::{PasswordReset, PasswordResetConfig};
use crate::profile::{Profile, ProfileParts};
use crate::protected::Protection;
use crate::pseudonym::Pseudonyms;
use crate::random::{Random, SystemRandom};
use crate::reauthentication::Reauthentication;
use crate::recovery::RecoveryCodes;
use crate::secret::ServerSecret;
use crate::session::{SessionConfig, Sessions};
use crate::setup::Setup;
use crate::signup::{Signup, SignupConfig};
use crate::storage::Storage;
use crate::token::Tokens;
use crate::user::User;
use crate::vault::Vault;
use mailed_link::mailed_links;
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
    Accounts ApiKeys Auth Csrf Devices EmailVerification Enrolment FreshLogin KnownBrowsers Login
    PasswordChanges PasswordReset Profile Protection RecoveryCodes Sessions Setup Signup
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
        let login = login(&deps, (&sessions, &challenges, &devices), verifies);
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

/// What changing a profile shares with setting up second factors.
fn profile_parts(
    accounts: &Arc<Accounts>,
    shared: &EnrolmentParts,
    enrolment: &Arc<Enrolment>,
    editable_fields: Vec<String>,
) -> ProfileParts {
    ProfileParts {
        accounts: accounts.clone(),
        challenges: shared.challenges.clone(),
        verification: shared.verification.clone(),
        enrolment: enrolment.clone(),
        reauthentication: shared.reauthentication.clone(),
        editable_fields,
    }
}

/// What the use cases share.
fn deps(
    config: &mut AuthConfig,
    storage: &Storage,
    sources: &Sources,
) -> Result<Deps, AuthConfigError> {
    let Sources { clock, random } = sources.clone();
    let messages = Arc::new(Messages::new(&config.secret, clock.clone(), random.clone())?);
    let log = (clock.clone(), random.clone());
    let audit = Audit::new(storage.audit.clone(), log, &config.secret, config.audit.clone())?;
    let audit = Arc::new(audit);
    let limits = limits(config, storage, &audit, sources)?;
    Ok(Deps {
        limits: Arc::new(limits),
        storage: storage.clone(),
        signer: Arc::new(Signer::new(&config.secret).with_form(config.signature_form)),
        hasher: Arc::new(Hasher::new(std::mem::take(&mut config.hasher), random.clone())?),
        hooks: std::mem::take(&mut config.hooks),
        vault: Arc::new(Vault::new(&config.secret, random.clone())?),
        restarts: Restarts::default(),
        pseudonyms: Arc::new(Pseudonyms::new(&config.secret)?),
        factors: Arc::new(factors(&config.factors, &messages, sources)),
        audit,
        messages,
        clock,
        random,
    })
}

fn login(
    deps: &Deps,
    (sessions, challenges, devices): (&Arc<Sessions>, &Arc<Challenges>, &Arc<Devices>),
    verifies_addresses: bool,
) -> Arc<Login> {
    let (sessions, challenges, devices) = (sessions.clone(), challenges.clone(), devices.clone());
    Arc::new(Login::new(deps, sessions, challenges, devices, verifies_addresses))
}

fn limits(
    config: &mut AuthConfig,
    storage: &Storage,
    audit: &Arc<Audit>,
    sources: &Sources,
) -> Result<Limits, InvalidKey> {
    let (secret, Sources { clock, random }) = (&config.secret, sources.clone());
    let browsers = Arc::new(KnownBrowsers::new(secret, clock.clone(), random)?);
    let limits = std::mem::take(&mut config.limits);
    Limits::new(secret, limits, browsers, (storage.attempts.clone(), audit.clone()), clock)
}

fn outbox(deps: &Deps, delivery: Delivery) -> Outbox {
    let Deps { storage, clock, messages, .. } = deps;
    Outbox::new(storage.outbox.clone(), clock.clone(), messages.clone(), delivery)
}

fn factors(config: &FactorConfig, messages: &Arc<Messages>, sources: &Sources) -> Factors {
    let Sources { clock, random } = sources.clone();
    Factors::new(config, &FactorDeps { messages: messages.clone(), clock, random })
}

/// The use cases that mail links, with the queue of their requests.
fn mail_requests(
    deps: &Deps,
    (verification, reset): (EmailVerificationConfig, PasswordResetConfig),
    (verifies, resets): (bool, bool),
    (accounts, login): (&Arc<Accounts>, &Arc<Login>),
) -> Arc<MailRequestWorker> {
    let (accounts, login) = (accounts.clone(), login.clone());
    let requests = Arc::new(MailRequests::new(deps));
    let queue = requests.clone();
    let verification = EmailVerification::new(deps, queue, verification.lifetime, verifies, resets);
    let queue = requests.clone();
    let reset = PasswordReset::new(deps, accounts, login, queue, reset.lifetime, resets);
    let (verification, reset) = (Arc::new(verification), Arc::new(reset));
    let (limits, handling) = (deps.limits.clone(), tokio::sync::Mutex::default());
    Arc::new(MailRequestWorker { requests, handling, limits, verification, reset })
}
