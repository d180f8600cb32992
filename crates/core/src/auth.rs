//! All use cases, put together over one storage.

use std::fmt;
use std::sync::Arc;

use crate::account::Accounts;
use crate::clock::{Clock, SystemClock};
use crate::crypto::{SignatureForm, Signer};
use crate::csrf::Csrf;
use crate::housekeeping::Housekeeping;
use crate::login::Login;
use crate::password::{Hasher, HasherConfig, HasherConfigError, PasswordPolicy};
use crate::random::{Random, SystemRandom};
use crate::secret::ServerSecret;
use crate::session::{SessionConfig, Sessions};
use crate::setup::Setup;
use crate::signup::{Signup, SignupConfig};
use crate::storage::Storage;

/// How the use cases behave.
#[derive(Debug)]
pub struct AuthConfig {
    /// Signs cookies. An attacker who knows it can sign cookies, but not guess session ids.
    pub secret: ServerSecret,
    /// The form in which cookies are signed; every form is read.
    pub signature_form: SignatureForm,
    /// How long sessions live.
    pub session: SessionConfig,
    /// How passwords are hashed.
    pub hasher: HasherConfig,
    /// What new passwords must be like.
    pub password_policy: PasswordPolicy,
    /// Who may sign up.
    pub signup: SignupConfig,
}

impl AuthConfig {
    /// The defaults, with the one setting that has none.
    pub fn new(secret: ServerSecret) -> Self {
        Self {
            secret,
            signature_form: SignatureForm::default(),
            session: SessionConfig::default(),
            hasher: HasherConfig::default(),
            password_policy: PasswordPolicy::default(),
            signup: SignupConfig::default(),
        }
    }
}

/// What the use cases take from outside besides storage.
#[derive(Clone)]
pub struct Environment {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives randomness.
    pub random: Arc<dyn Random>,
}

impl Default for Environment {
    /// The system's clock and randomness.
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom) }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

/// All use cases.
pub struct Auth {
    /// Removes what has expired.
    pub housekeeping: Arc<Housekeeping>,
    /// Begins, checks and ends sessions.
    pub sessions: Arc<Sessions>,
    /// Makes and checks CSRF tokens.
    pub csrf: Csrf,
    /// Logs people in.
    pub login: Login,
    /// Makes accounts for strangers.
    pub signup: Signup,
    /// Makes and changes accounts.
    pub accounts: Arc<Accounts>,
    /// Makes the first administrator.
    pub setup: Setup,
}

impl Auth {
    /// Puts the use cases together and starts the threads that hash passwords.
    pub fn new(
        config: AuthConfig,
        storage: &Storage,
        environment: &Environment,
    ) -> Result<Self, HasherConfigError> {
        let Environment { clock, random } = environment.clone();
        let signer = Arc::new(Signer::new(&config.secret).with_form(config.signature_form));
        let hasher = Arc::new(Hasher::new(config.hasher, random.clone())?);
        let housekeeping = Arc::new(Housekeeping::new(&storage.keys, clock.clone()));
        let sessions = Arc::new(Sessions::new(
            storage,
            housekeeping.clone(),
            signer.clone(),
            clock.clone(),
            random.clone(),
            config.session,
        ));
        let accounts = Arc::new(Accounts::new(
            storage,
            hasher.clone(),
            sessions.clone(),
            config.password_policy,
        ));
        Ok(Self {
            housekeeping,
            csrf: Csrf::new(signer, random.clone()),
            login: Login::new(storage, hasher, sessions.clone()),
            signup: Signup::new(accounts.clone(), sessions.clone(), config.signup),
            setup: Setup::new(storage, accounts.clone(), sessions.clone(), clock, random),
            accounts,
            sessions,
        })
    }
}
