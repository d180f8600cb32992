//! The files of a database: created with private permissions, and checked for replacement.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

/// Creates the file if it does not exist, readable by its owner only.
///
/// An existing file is not opened. Closing it would drop the locks that another connection of this
/// process holds on it.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if std::fs::exists(path)? {
                return Ok(());
            }
            // A link to a file that does not exist yet.
            options.create_new(false).create(true).open(path).map(drop)
        }
        result => result.map(drop),
    }
}

/// The opened files, to detect when their paths no longer refer to them. SQLite does not detect
/// this: it continues to read and write deleted files.
#[derive(Debug, Default)]
pub(super) struct OpenFiles {
    files: Vec<(PathBuf, Identity)>,
    reported: bool,
}

/// A file of an open database was removed, replaced or emptied.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database file {} was removed, replaced or emptied while it was open: writing has \
     stopped; restore the file or restart",
    .0.display()
)]
pub(super) struct Replaced(PathBuf);

impl OpenFiles {
    /// The open database file at `path` and its log.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        // SQLite resolves symbolic links before it appends the suffix.
        let mut log = path.canonicalize()?.into_os_string();
        log.push("-wal");
        let mut files = Vec::new();
        for (path, may_be_empty) in [(path, false), (log.into(), true)] {
            if let Ok(metadata) = std::fs::metadata(&path) {
                files.push((path, Identity::of(&metadata, may_be_empty)));
            }
        }
        Ok(Self { files, reported: false })
    }

    /// Checks that their paths still refer to them; logs once if not.
    pub(super) fn check(&mut self) -> Result<(), Replaced> {
        let replaced = self.files.iter().find(|(path, opened)| !opened.is_at(path));
        let Some((path, _)) = replaced else {
            self.reported = false;
            return Ok(());
        };
        let error = Replaced(path.clone());
        if !self.reported {
            tracing::error!("{error}");
        }
        self.reported = true;
        Err(error)
    }
}

/// What distinguishes a file from another one at the same path.
#[derive(Debug)]
struct Identity {
    #[cfg(unix)]
    device_and_inode: (u64, u64),
    may_be_empty: bool,
}

impl Identity {
    fn of(metadata: &Metadata, may_be_empty: bool) -> Self {
        Self {
            #[cfg(unix)]
            device_and_inode: device_and_inode(metadata),
            may_be_empty,
        }
    }

    fn is_at(&self, path: &Path) -> bool {
        let Ok(metadata) = std::fs::metadata(path) else { return false };
        #[cfg(unix)]
        if device_and_inode(&metadata) != self.device_and_inode {
            return false;
        }
        self.may_be_empty || metadata.len() > 0
    }
}

#[cfg(unix)]
fn device_and_inode(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;

    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn existing_file_is_not_opened() {
        // Opening a directory for writing fails.
        create_private(tempfile::tempdir().unwrap().path()).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn file_is_created_at_the_target_of_a_symbolic_link() {
        let directory = tempfile::tempdir().unwrap();
        let (link, file) = (directory.path().join("link"), directory.path().join("file"));
        std::os::unix::fs::symlink(&file, &link).unwrap();
        create_private(&link).unwrap();
        assert!(file.exists());
    }
}
