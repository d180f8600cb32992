//! Where templates come from: a directory of overrides first, then the defaults in the binary.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use minijinja::{Error, ErrorKind, TemplateSource};

use super::PageError;

const DEFAULTS: [(&str, &str); 7] = [
    ("account.html", include_str!("../../templates/account.html")),
    ("base.html", include_str!("../../templates/base.html")),
    ("components.html", include_str!("../../templates/components.html")),
    ("error.html", include_str!("../../templates/error.html")),
    ("login.html", include_str!("../../templates/login.html")),
    ("setup.html", include_str!("../../templates/setup.html")),
    ("signup.html", include_str!("../../templates/signup.html")),
];

/// Goes before the name of a default to mean that one even where it is overridden, so that an
/// override can extend what it replaces.
const DEFAULT_PREFIX: &str = "default/";

/// Templates by name.
#[derive(Debug)]
pub(super) struct Source {
    /// Canonical, so that what a link points to can be compared with it.
    overrides: Option<PathBuf>,
}

impl Source {
    pub(super) fn open(overrides: Option<PathBuf>) -> Result<Self, PageError> {
        let overrides = overrides.map(|directory| {
            let listed = fs::read_dir(&directory).and_then(|_| directory.canonicalize());
            listed.map_err(|source| PageError::Unreadable { path: directory, source })
        });
        Ok(Self { overrides: overrides.transpose()? })
    }

    /// The text of a template, or `None` where there is none of that name.
    pub(super) fn load(&self, name: &str) -> Result<Option<TemplateSource>, Error> {
        if !is_plain(name) {
            return Err(refused(name, "is not the plain name of a template"));
        }
        let Some(file) = self.override_of(name) else {
            return Ok(default(name).map(TemplateSource::new));
        };
        // Taken before reading: a change in between is then seen as a change.
        let stamp = Stamp::of(&file);
        let text = match self.read(&file) {
            Ok(text) => Some(text),
            Err(error) if is_absent(&error) => default(name).map(str::to_owned),
            Err(error) => return Err(refused(name, "cannot be read").with_source(error)),
        };
        Ok(text.map(|text| {
            TemplateSource::new(text).with_uptodate_check(move || Stamp::of(&file) == stamp)
        }))
    }

    /// Every default and every override, so that all of them can be checked.
    pub(super) fn names(&self) -> Result<BTreeSet<String>, PageError> {
        let mut names: BTreeSet<_> = DEFAULTS.iter().map(|(name, _)| (*name).to_owned()).collect();
        if let Some(directory) = &self.overrides {
            collect(directory, "", &mut names)?;
        }
        Ok(names)
    }

    /// What to call a template in a message.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        let file = self.override_of(name).filter(|file| file.exists());
        file.unwrap_or_else(|| name.into())
    }

    fn override_of(&self, name: &str) -> Option<PathBuf> {
        let directory = self.overrides.as_ref()?;
        (is_plain(name) && !name.starts_with(DEFAULT_PREFIX)).then(|| directory.join(name))
    }

    fn read(&self, file: &Path) -> io::Result<String> {
        let target = file.canonicalize()?;
        if !self.overrides.as_ref().is_some_and(|directory| target.starts_with(directory)) {
            return Err(io::Error::other("the link leaves the directory of templates"));
        }
        fs::read_to_string(target)
    }
}

/// What tells one version of a file from the next.
#[derive(Debug, PartialEq, Eq)]
struct Stamp(Option<(SystemTime, u64)>);

impl Stamp {
    fn of(file: &Path) -> Self {
        let seen = fs::metadata(file).and_then(|data| Ok((data.modified()?, data.len())));
        Self(seen.ok())
    }
}

fn default(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix(DEFAULT_PREFIX).unwrap_or(name);
    DEFAULTS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Whether a name stays inside the directory on every platform, and out of its hidden files.
fn is_plain(name: &str) -> bool {
    name.split('/')
        .all(|part| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':', '\0']))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn refused(name: &str, reason: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{name:?} {reason}"))
}

/// Linked directories are not walked: they may lead in a circle.
fn collect(directory: &Path, prefix: &str, names: &mut BTreeSet<String>) -> Result<(), PageError> {
    let unreadable = |source| PageError::Unreadable { path: directory.to_owned(), source };
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let Some(name) = entry.file_name().to_str().map(|part| format!("{prefix}{part}")) else {
            continue;
        };
        if entry.file_type().map_err(unreadable)?.is_dir() {
            if is_plain(&name) {
                collect(&entry.path(), &format!("{name}/"), names)?;
            }
        } else if is_plain(&name) && Path::new(&name).extension().is_some_and(|e| e == "html") {
            names.insert(name);
        }
    }
    Ok(())
}
