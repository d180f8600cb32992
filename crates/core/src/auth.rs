//! All use cases over one storage.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use crate::account::Accounts;
use crate::challenge::Challenges;
use crate::clock::{Clock, SystemClock};
use crate::crypto::{InvalidKey, SignatureForm, Signer};
use crate::csrf::Csrf;
use crate::deps::Deps;
use crate::device::Devices;
use crate::enrolment::Enrolment;
use crate::factor::{FactorConfig, FactorDeps, Factors};
use crate::hooks::Hooks;
use crate::housekeeping;
use crate::login::Login;
use crate::message::Messages;
use crate::outbox::{Delivery, Outbox};
use crate::password::{Hasher, HasherConfig, HasherConfigError, PasswordPolicy};
use crate::password_change::PasswordChanges;
use crate::profile::Profile;
use crate::protected::Protection;
use crate::random::{Random, SystemRandom};
use crate::recovery::RecoveryCodes;
use crate::secret::ServerSecret;
use crate::session::{SessionConfig, Sessions};
use crate::setup::Setup;
use crate::signup::{Signup, SignupConfig};
use crate::storage::Storage;
use crate::vault::Vault;

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
    Accounts Auth Csrf Devices Enrolment Login PasswordChanges Profile Protection RecoveryCodes
    Sessions Setup Signup
}

/// All use cases.
pub struct Auth {
    /// Begins, authenticates and ends sessions.
    pub sessions: Arc<Sessions>,
    /// Issues and checks CSRF tokens.
    pub csrf: Csrf,
    /// Logs users in.
    pub login: Arc<Login>,
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
    /// Creates accounts at the request of their users.
    pub signup: Signup,
    /// Creates, changes and deletes accounts on behalf of an administrator.
    pub accounts: Arc<Accounts>,
    /// Changes passwords at the request of their users.
    pub password_change: PasswordChanges,
    /// Changes accounts at the request of their owners.
    pub profile: Profile,
    /// Creates the first administrator.
    pub setup: Setup,
    /// Composes messages to users.
    pub messages: Arc<Messages>,
    /// The messages that wait to be sent.
    pub outbox: Arc<Outbox>,
    deps: Deps,
}

impl Auth {
    /// Builds the use cases and starts the threads that hash passwords.
    pub fn new(
        config: AuthConfig,
        storage: &Storage,
        sources: &Sources,
    ) -> Result<Self, AuthConfigError> {
        let Sources { clock, random } = sources.clone();
        let messages = Messages::new(&config.secret, clock.clone(), random.clone())?;
        let messages = Arc::new(messages);
        let factor_deps =
            FactorDeps { messages: messages.clone(), clock: clock.clone(), random: random.clone() };
        let deps = Deps {
            storage: storage.clone(),
            signer: Arc::new(Signer::new(&config.secret).with_form(config.signature_form)),
            hasher: Arc::new(Hasher::new(config.hasher, random.clone())?),
            hooks: config.hooks,
            vault: Arc::new(Vault::new(&config.secret, random.clone())?),
            factors: Arc::new(Factors::new(&config.factors, &factor_deps)),
            messages,
            clock,
            random,
        };
        let (store, clock) = (deps.storage.outbox.clone(), deps.clock.clone());
        let outbox = Outbox::new(store, clock, deps.messages.clone(), config.delivery);
        let sessions = Arc::new(Sessions::new(&deps, config.session));
        let accounts = Arc::new(Accounts::new(&deps, config.password_policy));
        let challenges = Arc::new(Challenges::new(&deps));
        let devices = Arc::new(Devices::new(&deps));
        let (keeper, known) = (sessions.clone(), devices.clone());
        let login = Arc::new(Login::new(&deps, keeper, challenges.clone(), known));
        let fresh_for = config.factors.fresh_for;
        let (keeper, door) = (sessions.clone(), login.clone());
        let enrolment = Enrolment::new(&deps, challenges.clone(), keeper, door, fresh_for);
        let enrolment = Arc::new(enrolment);
        let editable_fields = config.signup.editable_fields.clone();
        Ok(Self {
            password_change: PasswordChanges::new(&deps, accounts.clone(), sessions.clone()),
            profile: Profile::new(&deps, accounts.clone(), editable_fields),
            csrf: Csrf::new(deps.signer.clone(), deps.random.clone()),
            signup: Signup::new(
                accounts.clone(),
                sessions.clone(),
                login.clone(),
                enrolment.clone(),
                deps.factors.clone(),
                config.signup,
            ),
            setup: Setup::new(&deps, accounts.clone(), sessions.clone()),
            messages: deps.messages.clone(),
            outbox: Arc::new(outbox),
            factors: deps.factors.clone(),
            protection: Protection::new(challenges.clone(), sessions.clone()),
            recovery: RecoveryCodes::new(&deps, challenges),
            enrolment,
            devices,
            login,
            accounts,
            sessions,
            deps,
        })
    }

    /// The background tasks: sending messages, deleting expired keys and old messages, and recording
    /// when sessions were last used.
    /// They run only while this future is polled, usually as `tokio::spawn(auth.tasks())`. It ends
    /// when this `Auth` is dropped. After the future is dropped, the tasks can be started again, on
    /// another runtime, too.
    pub fn tasks(&self) -> impl Future<Output = ()> + Send + 'static {
        let Deps { storage, clock, .. } = &self.deps;
        let purge = housekeeping::purge_loop(storage, clock.clone());
        let record = self.sessions.record_activity();
        let send = self.outbox.clone().run();
        async move {
            let (mut purge, mut record, mut send) = (pin!(purge), pin!(record), pin!(send));
            poll_fn(|context| {
                // The first ends with this `Auth`; the purge may detect that ten minutes later.
                let recorded = record.as_mut().poll(context);
                let purged = purge.as_mut().poll(context);
                let stopped = send.as_mut().poll(context);
                if recorded.is_ready() || purged.is_ready() || stopped.is_ready() {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
    }
}
