//! The directory.

use crossauth_core::directory::DirectoryConfig;

use super::builder::Builder;

impl Builder {
    /// A directory, such as LDAP, that verifies the passwords of its accounts.
    pub fn directory(mut self, config: DirectoryConfig) -> Self {
        self.directory = Some(config);
        self
    }
}
