//! The files of a database: made for their owner only, and still there.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

/// Makes the file if there is none, readable by its owner only.
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

/// The files that were opened, to notice when they are no longer those at their paths. SQLite does
/// not notice: it goes on reading and writing files that have no name any more.
#[derive(Debug, Default)]
pub(super) struct OpenFiles {
    files: Vec<(PathBuf, Identity)>,
    reported: bool,
}

/// A file of an open database was taken away.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database file {} was removed, replaced or emptied while it was open: nothing is written \
     any more; put it back or restart",
    .0.display()
)]
pub(super) struct Replaced(PathBuf);

impl OpenFiles {
    /// The database file at `path` and its log, which are open.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        // SQLite follows links before it adds the ending.
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

    /// Whether they are still those at their paths; logs once if not.
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
    fn file_is_made_at_the_end_of_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (link, file) = (directory.path().join("link"), directory.path().join("file"));
        std::os::unix::fs::symlink(&file, &link).unwrap();
        create_private(&link).unwrap();
        assert!(file.exists());
    }
}
