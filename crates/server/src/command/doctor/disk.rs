//! Free space.

use std::io;
use std::path::Path;

use crossauth_settings::Settings;
use rustix::fs::{StatVfs, statvfs};

use super::finding::Findings;
use crate::data::DataDirectory;
use crate::database;

const MIB: u64 = 1024 * 1024;

/// Free space below which writes will soon fail.
const TOO_LITTLE: u64 = 64 * MIB;

/// Free space below which an operator should know.
const LITTLE: u64 = 1024 * MIB;

/// Checks the file system of the database, or of the data directory.
pub(super) fn check(
    settings: &Settings,
    data: &DataDirectory,
    findings: &mut Findings,
) -> io::Result<()> {
    let file = database::file(settings, data);
    let directory = file.as_deref().and_then(Path::parent).unwrap_or(data.path());
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let Ok(StatVfs { f_bavail, f_frsize, f_files, f_favail, .. }) = statvfs(directory) else {
        return Ok(());
    };
    let (free, shown) = (f_bavail * f_frsize, directory.display());
    let told = format!("{} MiB are free on the file system of {shown}", free / MIB);
    if f_files > 0 && f_favail == 0 {
        findings.problem(&format!("the file system of {shown} can have no more files"))
    } else if free < TOO_LITTLE {
        findings.problem(&format!("{told}: writes will fail soon"))
    } else if free < LITTLE {
        findings.warning(&told)
    } else {
        findings.fine(&told)
    }
}
