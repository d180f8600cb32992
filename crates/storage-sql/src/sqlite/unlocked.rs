//! Files that are read without locks.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file that is read without locks, as it was in the beginning.
#[derive(Debug)]
pub(crate) struct UnlockedFile {
    path: PathBuf,
    state: State,
}

/// What changes if a process writes: the length, the time of the last change, the existence of a log.
type State = (Option<(u64, Option<SystemTime>)>, bool);

impl UnlockedFile {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), state: state(path) }
    }

    /// Whether a process has written, or may be writing, to it. What was read may be mixed then.
    pub(crate) fn is_in_use(&self) -> bool {
        state(&self.path) != self.state
    }
}

fn state(path: &Path) -> State {
    let file = path.metadata().ok().map(|file| (file.len(), file.modified().ok()));
    (file, log_of(path).exists())
}

/// The write-ahead log of a file.
pub(super) fn log_of(path: &Path) -> PathBuf {
    let mut log: OsString = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}
