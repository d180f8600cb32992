//! Dependencies of the use cases.

use std::sync::Arc;

use crate::audit::Audit;
use crate::auth::Restarts;
use crate::clock::Clock;
use crate::crypto::Signer;
use crate::directory::{CountedDirectory, EntryNames, Passwords};
use crate::factor::Factors;
use crate::hooks::Hooks;
use crate::limit::Limits;
use crate::message::Messages;
use crate::password::Hasher;
use crate::pseudonym::Pseudonyms;
use crate::random::Random;
use crate::storage::Storage;
use crate::vault::Vault;

/// Passed to each use case, which clones what it needs.
pub(crate) struct Deps {
    pub(crate) storage: Storage,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) signer: Arc<Signer>,
    pub(crate) hasher: Arc<Hasher>,
    pub(crate) directory: Option<Arc<CountedDirectory>>,
    pub(crate) passwords: Arc<Passwords>,
    pub(crate) entry_names: EntryNames,
    pub(crate) hooks: Hooks,
    pub(crate) messages: Arc<Messages>,
    pub(crate) factors: Arc<Factors>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) pseudonyms: Arc<Pseudonyms>,
    pub(crate) restarts: Restarts,
    pub(crate) audit: Arc<Audit>,
    pub(crate) limits: Arc<Limits>,
}
