//! The data directory: the database and the generated secret, for nobody else to read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crossauth_core::random::{SystemRandom, bytes};
use crossauth_core::secret::ServerSecret;
use zeroize::Zeroizing;

/// An existing data directory.
#[derive(Debug, Clone)]
pub(crate) struct DataDirectory(PathBuf);

impl DataDirectory {
    /// Opens the directory; if it has to be made, it is closed to others.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let directory = path.display();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("cannot make the data directory {directory}"))?;
        warn_if_open(path).with_context(|| format!("cannot look into {directory}"))?;
        Ok(Self(path.to_owned()))
    }

    /// Where the database lies unless the settings say otherwise.
    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("crossauth.db")
    }

    /// The generated secret; made if there is none. Of servers that start at the same time, one
    /// makes it and all use it.
    pub(crate) fn secret(&self) -> anyhow::Result<ServerSecret> {
        let path = self.0.join("secret");
        let shown = path.display();
        if !path.try_exists().with_context(|| format!("cannot look for {shown}"))? {
            self.make_secret(&path).with_context(|| format!("cannot write {shown}"))?;
        }
        warn_if_open(&path).with_context(|| format!("cannot look at {shown}"))?;
        let secret = Zeroizing::new(
            fs::read_to_string(&path).with_context(|| format!("cannot read {shown}"))?,
        );
        ServerSecret::new(secret.trim_end()).with_context(|| format!("cannot use {shown}"))
    }

    /// Writes the whole file under another name first: whoever sees it, sees it complete.
    fn make_secret(&self, path: &Path) -> io::Result<()> {
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes::<32>(&SystemRandom)));
        let draft =
            self.0.join(format!("secret.{}", URL_SAFE_NO_PAD.encode(bytes::<9>(&SystemRandom))));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        let written = writeln!(file, "{}", *secret).and_then(|()| file.sync_all());
        // A link, unlike a rename, leaves a secret that another server made meanwhile.
        let linked = written.and_then(|()| fs::hard_link(&draft, path));
        fs::remove_file(&draft)?;
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => File::open(&self.0)?.sync_all(),
        }
    }
}

/// Warns rather than closes: the directory may serve other purposes too. What is made in it is
/// closed to others in any case.
fn warn_if_open(path: &Path) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = path.display();
        tracing::warn!(%path, mode = format!("{mode:o}"), "other users of this machine have access");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::thread;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn everything_made_is_closed_to_others() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let data = DataDirectory::open(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(data.secret().unwrap().expose().len(), 43);
        assert_eq!(mode(&path.join("secret")), 0o600);
    }

    #[test]
    fn servers_started_at_once_share_one_secret() {
        let parent = tempfile::tempdir().unwrap();
        let data = DataDirectory::open(parent.path()).unwrap();
        let secrets: BTreeSet<String> = thread::scope(|scope| {
            let starts: Vec<_> = (0..16).map(|_| scope.spawn(|| data.secret().unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap().expose().to_owned()).collect()
        });
        assert_eq!(secrets.len(), 1);
        let files: Vec<_> = fs::read_dir(parent.path()).unwrap().collect();
        assert_eq!(files.len(), 1, "{files:?}");
    }

    #[test]
    fn a_broken_secret_is_refused_rather_than_replaced() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("secret"), "short").unwrap();
        let data = DataDirectory::open(parent.path()).unwrap();
        assert!(data.secret().is_err());
        assert_eq!(fs::read_to_string(parent.path().join("secret")).unwrap(), "short");
    }
}
