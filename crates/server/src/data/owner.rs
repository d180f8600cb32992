//! Warns of a data directory or database of another user of this machine.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::geteuid;

/// The user id of the superuser.
const ROOT: u32 = 0;

/// Warns of the first of `paths` that exists and belongs to another user. Files that this process
/// creates beside it cannot be opened by a server that runs as that user.
pub(crate) fn warn_if_foreign(paths: &[&Path]) {
    let process = geteuid().as_raw();
    for path in paths {
        let Ok(found) = fs::metadata(path) else { continue };
        if is_foreign(process, found.uid(), found.is_dir()) {
            let names = fs::read_to_string("/etc/passwd").unwrap_or_default();
            tracing::warn!(
                path = %path.display(),
                owner = %Account { id: found.uid(), names: &names },
                process = %Account { id: process, names: &names },
                "belongs to another user than the one this program runs as; a server of the owner \
                 will not be able to use files that this program creates; run it as the owner"
            );
            return;
        }
    }
}

/// The user that this process runs as, by name and id.
pub(crate) fn operator() -> String {
    let names = fs::read_to_string("/etc/passwd").unwrap_or_default();
    Account { id: geteuid().as_raw(), names: &names }.to_string()
}

/// Directories of root are not foreign to other users: orchestrators mount volumes that way, and
/// grant access to a group.
fn is_foreign(process: u32, owner: u32, is_directory: bool) -> bool {
    owner != process && !(is_directory && owner == ROOT)
}

/// A user, shown by name and id.
struct Account<'a> {
    id: u32,
    /// Lines in the format of passwd(5).
    names: &'a str,
}

impl fmt::Display for Account<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name_of = |line: &'_ str| {
            let mut fields = line.split(':');
            let (name, id) = (fields.next()?, fields.nth(1)?);
            (id.parse() == Ok(self.id)).then(|| name.to_owned())
        };
        match self.names.lines().find_map(name_of) {
            Some(name) => write!(f, "{name} ({})", self.id),
            None => write!(f, "{}", self.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_directories_of_others_are_foreign_except_directories_of_root() {
        for (process, owner, is_directory, foreign) in [
            (0, 0, true, false),
            (0, 1000, true, true),
            (0, 1000, false, true),
            (1000, 1000, false, false),
            (1000, 1001, true, true),
            (1000, 0, true, false),
            (1000, 0, false, true),
        ] {
            assert_eq!(
                is_foreign(process, owner, is_directory),
                foreign,
                "{process} {owner} {is_directory}"
            );
        }
    }

    #[test]
    fn user_is_shown_by_name_where_there_is_one() {
        let names = "root:x:0:0:root:/root:/bin/sh\nodd\nada:x:1000:100::/:/bin/sh\n";
        let shown = |id| Account { id, names }.to_string();
        assert_eq!(shown(0), "root (0)");
        assert_eq!(shown(1000), "ada (1000)");
        assert_eq!(shown(100), "100");
        assert_eq!(Account { id: 7, names: "" }.to_string(), "7");
    }
}
