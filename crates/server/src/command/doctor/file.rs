//! Permissions of files with secrets and personal data.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crossauth_settings::Configuration;
use rustix::process::geteuid;

use super::finding::Findings;
use crate::data::DataDirectory;
use crate::database;

/// The access of the group and of others.
const OTHERS: u32 = 0o077;

pub(super) fn check(
    configuration: &Configuration,
    data: &DataDirectory,
    findings: &mut Findings,
) -> io::Result<()> {
    let settings = &configuration.settings;
    let mut paths = vec![data.path().to_owned()];
    if settings.site.secret.is_none() {
        paths.push(data.secret_path());
    }
    if let Some(file) = database::file(settings, data) {
        paths.extend(["", "-wal", "-shm"].map(|suffix| with_suffix(&file, suffix)));
    }
    if configuration.has_secrets_in_file() {
        paths.extend(configuration.file().map(Path::to_owned));
    }
    let found: Vec<_> =
        paths.iter().filter_map(|path| Some((path, fs::metadata(path).ok()?))).collect();
    let mut all_private = true;
    for (path, metadata) in &found {
        let (mode, shown) = (metadata.permissions().mode() & 0o777, path.display());
        if mode & OTHERS != 0 {
            all_private = false;
            let private = mode & !OTHERS;
            findings.problem(&format!(
                "{shown} has mode {mode:03o}, so other users of this machine have access: \
                 chmod {private:03o} {shown}"
            ))?;
        }
    }
    let process = geteuid().as_raw();
    if let Some((path, of)) = found.iter().find(|(_, it)| it.uid() != process) {
        findings.warning(&format!(
            "{} belongs to user {}, but this program runs as user {process}: run it as the user of \
             the server, or what it writes may be closed to the server",
            path.display(),
            of.uid(),
        ))?;
    }
    if all_private && !found.is_empty() {
        findings.fine("only their owner has access to the files with secrets and accounts")?;
    }
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.to_owned().into_os_string();
    path.push(suffix);
    path.into()
}
