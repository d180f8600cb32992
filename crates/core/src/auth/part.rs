//! The parts of [`Auth`](super::Auth), made from the configuration.

use std::sync::Arc;

use super::{AuthConfig, AuthConfigError, Restarts, Sources};
use crate::account::Accounts;
use crate::audit::Audit;
use crate::challenge::Challenges;
use crate::crypto::{InvalidKey, Signer};
use crate::deps::Deps;
use crate::device::Devices;
use crate::directory::{
    CountedDirectory, DirectoryAccounts, DirectoryConfig, EntryNames, Passwords,
};
use crate::email_verification::{EmailVerification, EmailVerificationConfig};
use crate::enrolment::{Enrolment, EnrolmentParts};
use crate::factor::{FactorConfig, FactorDeps, Factors};
use crate::known_browser::KnownBrowsers;
use crate::limit::Limits;
use crate::login::Login;
use crate::mail_request::{MailRequestWorker, MailRequests};
use crate::message::Messages;
use crate::outbox::{Delivery, Outbox};
use crate::password::Hasher;
use crate::password_reset::{PasswordReset, PasswordResetConfig};
use crate::profile::ProfileParts;
use crate::pseudonym::Pseudonyms;
use crate::session::Sessions;
use crate::storage::Storage;
use crate::vault::Vault;

/// What changing a profile shares with setting up second factors.
pub(super) fn profile_parts(
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
pub(super) fn deps(
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
    let hasher = Arc::new(Hasher::new(std::mem::take(&mut config.hasher), random.clone())?);
    let directory = config.directory.as_ref().map(|config| config.directory.clone());
    if let Some(field) = directory.as_ref().and_then(|directory| directory.roles_field())
        && config.signup.editable_fields.contains(&field)
    {
        return Err(AuthConfigError::EditableRoles(field));
    }
    let directory = directory.map(|directory| Arc::new(CountedDirectory::new(directory)));
    Ok(Deps {
        limits: Arc::new(limits),
        storage: storage.clone(),
        signer: Arc::new(Signer::new(&config.secret).with_form(config.signature_form)),
        passwords: Arc::new(Passwords::new(hasher.clone(), directory.clone())),
        entry_names: EntryNames::new(directory.as_ref(), config.directory.as_ref()),
        directory,
        hasher,
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

/// The accounts of the directory, if there is one.
pub(super) fn directory(
    deps: &Deps,
    accounts: &Arc<Accounts>,
    config: Option<DirectoryConfig>,
) -> Option<Arc<DirectoryAccounts>> {
    let directory = deps.directory.clone()?;
    Some(Arc::new(DirectoryAccounts::new(deps, accounts.clone(), directory, &config?)))
}

/// What a login takes.
type LoginParts<'a> =
    (&'a Option<Arc<DirectoryAccounts>>, &'a Arc<Sessions>, &'a Arc<Challenges>, &'a Arc<Devices>);

pub(super) fn login(
    deps: &Deps,
    (directory, sessions, challenges, devices): LoginParts<'_>,
    verifies_addresses: bool,
) -> Arc<Login> {
    let (sessions, challenges, devices) = (sessions.clone(), challenges.clone(), devices.clone());
    let directory = directory.clone();
    Arc::new(Login::new(deps, directory, sessions, challenges, devices, verifies_addresses))
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

pub(super) fn outbox(deps: &Deps, delivery: Delivery) -> Outbox {
    let Deps { storage, clock, messages, .. } = deps;
    Outbox::new(storage.outbox.clone(), clock.clone(), messages.clone(), delivery)
}

fn factors(config: &FactorConfig, messages: &Arc<Messages>, sources: &Sources) -> Factors {
    let Sources { clock, random } = sources.clone();
    Factors::new(config, &FactorDeps { messages: messages.clone(), clock, random })
}

/// The use cases that mail links, with the queue of their requests.
pub(super) fn mail_requests(
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
