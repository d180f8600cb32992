//! In-memory stores, for tests and experiments.
//!
//! ```
//! # async fn example() -> Result<(), crossauth_core::storage::StorageError> {
//! use crossauth_core::storage::memory::MemoryStorage;
//! use crossauth_core::storage::{Created, Effects, Guard};
//! use crossauth_core::user::{NewUser, Normalization, UserSecrets};
//!
//! let storage = MemoryStorage::new(Normalization::Nfkc).storage();
//! let (bob, secrets) = (NewUser::named("Bob"), UserSecrets::default());
//! let created = storage.users.create(&bob, &secrets, Guard::None, &Effects::default()).await?;
//! assert!(matches!(created, Created::Done(_)));
//! # Ok(())
//! # }
//! ```

mod attempt;
mod audit;
mod key;
mod outbox;
mod session;
mod user;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use outbox::Stored;

use super::{Marks, Storage, TotpStep};
use crate::clock::Timestamp;
use crate::key::Key;
use crate::user::{Normalization, User, UserId, UserSecrets};

/// All stores over one in-memory state; clones share it.
#[derive(Clone)]
pub struct MemoryStorage {
    normalization: Normalization,
    state: Arc<Mutex<State>>,
    enqueued: Arc<Notify>,
}

impl MemoryStorage {
    /// An empty storage.
    pub fn new(normalization: Normalization) -> Self {
        Self { normalization, state: Arc::default(), enqueued: Arc::default() }
    }

    /// The stores, for the use cases.
    pub fn storage(&self) -> Storage {
        Storage {
            users: Arc::new(self.clone()),
            keys: Arc::new(self.clone()),
            sessions: Arc::new(self.clone()),
            outbox: Arc::new(self.clone()),
            attempts: Arc::new(self.clone()),
            audit: Arc::new(self.clone()),
        }
    }
}

impl fmt::Debug for MemoryStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStorage").finish_non_exhaustive()
    }
}

/// All data, behind one lock, so that each method of each port is atomic.
#[derive(Default)]
struct State {
    users: BTreeMap<UserId, Account>,
    keys: HashMap<String, Key>,
    outbox: BTreeMap<String, Stored>,
    /// When each counter of attempts is idle.
    attempts: HashMap<String, Timestamp>,
    totp_steps: HashMap<UserId, TotpStep>,
    audit: BTreeMap<String, audit::Recorded>,
    audit_marks: Marks,
    last_id: i64,
}

struct Account {
    user: User,
    /// The normalized form of the username.
    username: String,
    /// The normalized form of the e-mail address.
    email: Option<String>,
    secrets: UserSecrets,
    /// The credential epoch: how often the user's sessions were ended.
    epoch: u64,
}
