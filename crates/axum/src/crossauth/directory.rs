//! The directory.

use std::error::Error;

use crossauth_core::directory::DirectoryConfig;

use super::{BuildError, Builder};

impl Builder {
    /// A directory, such as LDAP, that verifies the passwords of its accounts.
    pub fn directory(mut self, config: DirectoryConfig) -> Self {
        self.directory = Some(config);
        self
    }

    /// Same as [`Builder::directory`], or no directory; [`Builder::build`] reports the error.
    pub fn checked_directory(
        mut self,
        config: Result<Option<DirectoryConfig>, Box<dyn Error + Send + Sync>>,
    ) -> Self {
        match config {
            Ok(config) => self.directory = config,
            Err(error) => self.error = Some(BuildError::Directory(error)),
        }
        self
    }
}
