//! Configuration of a directory.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Directory;

/// How often accounts are compared with the directory unless configured.
const CHECK_INTERVAL: Duration = Duration::from_hours(1);

/// A directory, and what its entries become here.
#[derive(Clone)]
pub struct DirectoryConfig {
    /// The directory.
    pub directory: Arc<dyn Directory>,
    /// Whether the first login of an entry creates its account.
    pub first_login: FirstLogin,
    /// How often the [tasks](crate::Auth::tasks) compare all accounts with their entries; `None` for
    /// never. A user who is disabled or gone in the directory stays logged in until then.
    pub check_interval: Option<Duration>,
}

/// What the first login of an entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FirstLogin {
    /// It fails: an administrator creates the account first.
    #[default]
    NeedsAccount,
    /// It creates the account. Unknown usernames are looked up in the directory for this.
    CreatesAccount,
}

impl DirectoryConfig {
    /// A directory whose accounts an administrator creates, and which are compared with it every
    /// hour.
    pub fn new(directory: Arc<dyn Directory>) -> Self {
        Self { directory, first_login: FirstLogin::default(), check_interval: Some(CHECK_INTERVAL) }
    }
}

impl fmt::Debug for DirectoryConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectoryConfig")
            .field("first_login", &self.first_login)
            .field("check_interval", &self.check_interval)
            .finish_non_exhaustive()
    }
}
