//! The data directory: the database and the generated secret, with private permissions.

mod owner;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crossauth_core::random::{SystemRandom, bytes};
use crossauth_core::secret::ServerSecret;
use rustix::process::geteuid;
use zeroize::Zeroizing;

pub(crate) use owner::{operator, warn_if_foreign};

/// The data directory, created when first needed.
#[derive(Debug, Clone)]
pub(crate) struct DataDirectory(PathBuf);

impl DataDirectory {
    /// The directory at this path; nothing is created yet.
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Creates the directory with private permissions if it does not exist.
    fn make(&self) -> anyhow::Result<()> {
        let directory = self.0.display();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .with_context(|| format!("cannot create the data directory {directory}"))?;
        warn_if_accessible(&self.0).with_context(|| format!("cannot access {directory}"))
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Default path of the database.
    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("crossauth.db")
    }

    /// Default path of the database; creates the directory.
    pub(crate) fn create_for_database(&self) -> anyhow::Result<PathBuf> {
        self.make()?;
        Ok(self.database())
    }

    /// The secret; generated if it does not exist. If several servers start concurrently, one
    /// generates it and all use it.
    pub(crate) fn secret(&self) -> anyhow::Result<ServerSecret> {
        if let Some(secret) = self.existing_secret()? {
            return Ok(secret);
        }
        self.make()?;
        let path = self.secret_path();
        self.create_secret(&path, |draft, path| fs::hard_link(draft, path))
            .with_context(|| format!("cannot write {}", path.display()))?;
        self.existing_secret()?
            .with_context(|| format!("{} was deleted while it was being created", path.display()))
    }

    /// The generated secret, if it exists.
    pub(crate) fn existing_secret(&self) -> anyhow::Result<Option<ServerSecret>> {
        let path = self.secret_path();
        let shown = path.display();
        let found = match path.metadata() {
            Err(error) if is_absent(&error) => {
                anyhow::ensure!(!path.is_symlink(), "{shown} is a broken symbolic link");
                return Ok(None);
            }
            found => found.with_context(|| format!("cannot access {shown}"))?,
        };
        // Reading a pipe waits for its writer.
        anyhow::ensure!(found.is_file(), "{shown} is not a regular file");
        warn_if_accessible(&path).with_context(|| format!("cannot access {shown}"))?;
        let text = read_complete(&path).with_context(|| format!("cannot read {shown}"))?;
        let secret = ServerSecret::new(text.trim_end());
        Ok(Some(secret.with_context(|| format!("cannot use {shown}"))?))
    }

    /// A secret that is not stored.
    pub(crate) fn ephemeral_secret() -> anyhow::Result<ServerSecret> {
        Ok(ServerSecret::new(URL_SAFE_NO_PAD.encode(bytes::<32>(&SystemRandom)))?)
    }

    /// Whether a secret has been generated.
    pub(crate) fn has_secret(&self) -> bool {
        self.secret_path().exists()
    }

    /// The path of the generated secret.
    pub(crate) fn secret_path(&self) -> PathBuf {
        self.0.join("secret")
    }

    /// Writes the file under a temporary name first, so that it appears complete. If the file
    /// system has no hard links, creates it in place.
    fn create_secret(
        &self,
        path: &Path,
        link: impl Fn(&Path, &Path) -> io::Result<()>,
    ) -> io::Result<()> {
        let secret =
            Zeroizing::new(format!("{}\n", URL_SAFE_NO_PAD.encode(bytes::<32>(&SystemRandom))));
        let draft =
            self.0.join(format!("secret.{}", URL_SAFE_NO_PAD.encode(bytes::<9>(&SystemRandom))));
        let written = write_new(&draft, &secret);
        // A link, unlike a rename, does not replace a secret that another server has just created.
        let linked = written.and_then(|()| link(&draft, path));
        let made = match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(_) if draft.exists() => write_new(path, &secret).or_else(ignore_already_exists),
            other => other,
        };
        fs::remove_file(&draft)?;
        made.and_then(|()| File::open(&self.0)?.sync_all())
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Whether a file or its directory does not exist.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn ignore_already_exists(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
}

/// Reads a file that another process may be writing; retries until it is complete.
#[expect(
    clippy::disallowed_methods,
    reason = "there is no notification from the process that writes"
)]
fn read_complete(path: &Path) -> io::Result<Zeroizing<String>> {
    const ATTEMPTS: usize = 20;
    for _ in 1..ATTEMPTS {
        let text = Zeroizing::new(fs::read_to_string(path)?);
        if !text.is_empty() {
            return Ok(text);
        }
        sleep(Duration::from_millis(50));
    }
    fs::read_to_string(path).map(Zeroizing::new)
}

/// Warns instead of changing permissions: the directory may have other uses. Files in it are
/// created with private permissions in any case.
fn warn_if_accessible(path: &Path) -> io::Result<()> {
    let found = fs::metadata(path)?;
    let (mode, shown) = (found.permissions().mode() & 0o777, path.display());
    if mode & 0o077 != 0 {
        let mode = format!("{mode:o}");
        tracing::warn!(path = %shown, mode, "other users of this machine have access");
    }
    // The directory is reported with the database, by `warn_if_foreign`.
    if !found.is_dir() && !is_trusted(found.uid()) {
        tracing::warn!(path = %shown, owner = found.uid(), "belongs to another user of this machine");
    }
    Ok(())
}

/// Whether files of this user can be changed only by the server and by root.
fn is_trusted(owner: u32) -> bool {
    owner == 0 || owner == geteuid().as_raw()
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
    fn nothing_is_created_before_it_is_needed() {
        let parent = tempfile::tempdir().unwrap();
        let data = DataDirectory::at(&parent.path().join("a"));
        assert!(data.existing_secret().unwrap().is_none());
        assert!(!data.database().exists());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn everything_is_created_with_private_permissions() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let data = DataDirectory::at(&path);
        assert_eq!(data.secret().unwrap().expose().len(), 43);
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("secret")), 0o600);
    }

    #[test]
    fn servers_that_start_concurrently_share_one_secret() {
        let parent = tempfile::tempdir().unwrap();
        let data = DataDirectory::at(parent.path());
        let secrets: BTreeSet<String> = thread::scope(|scope| {
            let starts: Vec<_> = (0..16).map(|_| scope.spawn(|| data.secret().unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap().expose().to_owned()).collect()
        });
        assert_eq!(secrets.len(), 1);
        let files: Vec<_> = fs::read_dir(parent.path()).unwrap().collect();
        assert_eq!(files.len(), 1, "{files:?}");
    }

    #[test]
    fn secret_is_created_without_hard_links() {
        let parent = tempfile::tempdir().unwrap();
        let data = DataDirectory::at(parent.path());
        let path = parent.path().join("secret");
        let refuse = |_: &Path, _: &Path| Err(io::ErrorKind::PermissionDenied.into());
        let make = || {
            data.create_secret(&path, refuse).unwrap();
            fs::read_to_string(&path).unwrap()
        };
        let first = make();
        assert_eq!(first.trim_end().len(), 43);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(make(), first, "an existing secret is kept");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn invalid_secret_is_rejected_and_not_replaced() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("secret"), "short").unwrap();
        let data = DataDirectory::at(parent.path());
        assert!(data.secret().is_err());
        assert_eq!(fs::read_to_string(parent.path().join("secret")).unwrap(), "short");
    }

    #[test]
    fn secret_that_is_not_a_regular_file_is_reported() {
        let parent = tempfile::tempdir().unwrap();
        let data = DataDirectory::at(parent.path());
        let secret = parent.path().join("secret");
        let problem = || data.secret().unwrap_err().to_string();
        fs::create_dir(&secret).unwrap();
        assert!(problem().ends_with("is not a regular file"), "{}", problem());
        fs::remove_dir(&secret).unwrap();
        std::os::unix::fs::symlink("nowhere", &secret).unwrap();
        assert!(problem().ends_with("is a broken symbolic link"), "{}", problem());
        fs::remove_file(&secret).unwrap();
        // Reading a pipe waits for its writer.
        assert!(std::process::Command::new("mkfifo").arg(&secret).status().unwrap().success());
        assert!(problem().ends_with("is not a regular file"), "{}", problem());
    }
}
