//! The source of templates: a directory of overrides, then the defaults in the binary.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crossauth_core::message::is_message_template;
use minijinja::{Error, ErrorKind, TemplateSource};

use super::{PageEntry, PageError, Template, template};

/// Templates that pages extend or import.
const FRAME: [Template; 6] = [
    template!("base.html"),
    template!("components.html"),
    template!("parts.html"),
    template!("states.html"),
    template!("admin/base.html"),
    template!("admin/components.html"),
];

/// Prefix of a name that means the default template even if it is overridden, so that an override
/// can extend the default.
const DEFAULT_PREFIX: &str = "default/";

/// Extensions of overrides, most preferred first. The latter two are those of the TypeScript and
/// the Python Crossauth.
const EXTENSIONS: [&str; 3] = ["html", "njk", "jinja2"];

/// Templates that replace defaults.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    /// Where they are.
    pub(crate) directory: Option<PathBuf>,
    /// The files of pages with other names than the pages, by the name of the page without
    /// extension.
    pub(crate) files: BTreeMap<String, String>,
}

impl From<Option<PathBuf>> for Overrides {
    fn from(directory: Option<PathBuf>) -> Self {
        Self { directory, ..Self::default() }
    }
}

/// Templates by name.
#[derive(Debug)]
pub(super) struct Source {
    pages: &'static [PageEntry],
    /// Names of the files of pages, by the name of the template.
    files: BTreeMap<&'static str, String>,
    /// Canonical path, to be compared with targets of symbolic links.
    directory: Option<PathBuf>,
    /// Names of the loaded overrides.
    used: Mutex<BTreeSet<String>>,
}

impl Source {
    pub(super) fn open(
        pages: &'static [PageEntry],
        overrides: Overrides,
    ) -> Result<Self, PageError> {
        let directory = overrides.directory.map(|directory| {
            let listed = fs::read_dir(&directory).and_then(|_| directory.canonicalize());
            listed.map_err(|source| PageError::Unreadable { path: directory, source })
        });
        let directory = directory.transpose()?;
        let file = |(page, file): (String, String)| {
            let name = pages.iter().map(|entry| entry.template.name);
            let name = name.into_iter().find(|name| stem(name) == page);
            let missing = PageError::NoFile { page, file: file.clone() };
            let path = directory.as_ref().filter(|_| is_plain(&file)).map(|path| path.join(&file));
            match (name, path) {
                (Some(name), Some(path)) if path.is_file() => Ok((name, file)),
                (Some(_) | None, Some(_) | None) => Err(missing),
            }
        };
        let files = overrides.files.into_iter().map(file).collect::<Result<_, _>>()?;
        Ok(Self { pages, files, directory, used: Mutex::default() })
    }

    /// The text of a template; `None` if it does not exist.
    pub(super) fn load(&self, name: &str) -> Result<Option<TemplateSource>, Error> {
        if !is_plain(name) {
            return Err(refused(name, "is not the plain name of a template"));
        }
        let candidates = self.candidates(name);
        // Taken before reading, so that a change in between is detected.
        let stamps: Vec<_> = candidates.iter().map(|(_, file)| Stamp::of(file)).collect();
        let text = match self.read_first(&candidates) {
            Ok(Some(text)) => Some(text),
            Ok(None) => self.default(name).map(str::to_owned),
            Err(error) => return Err(refused(name, "cannot be read").with_source(error)),
        };
        Ok(text.map(|text| {
            TemplateSource::new(text).with_uptodate_check(move || {
                candidates.iter().map(|(_, file)| Stamp::of(file)).eq(stamps.iter().copied())
            })
        }))
    }

    /// The overrides to check, used or not.
    pub(super) fn overrides(&self) -> Result<BTreeSet<String>, PageError> {
        let mut names = self.files()?;
        names.retain(|name| has_extension(name, &EXTENSIONS[..1]) && !is_message_template(name));
        Ok(names)
    }

    /// Overrides that were not loaded and that no loaded template mentions.
    pub(super) fn unused(&self) -> Result<Vec<String>, PageError> {
        let files = self.files()?;
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let texts: Vec<_> = used.iter().filter_map(|name| self.read(name).ok()).collect();
        let is_mentioned = |name: &String| texts.iter().any(|text| text.contains(name.as_str()));
        let is_page = |name: &String| !is_message_template(name);
        let unused = files.into_iter().filter(|name| is_page(name) && !used.contains(name));
        let unused = unused.filter(|name| !is_mentioned(name));
        Ok(unused.collect())
    }

    /// Whether the template of that name is an override.
    pub(super) fn is_override(&self, name: &str) -> bool {
        self.candidates(name).iter().any(|(_, file)| file.exists())
    }

    /// The file of a template, for messages.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        let existing = self.candidates(name).into_iter().find(|(_, file)| file.exists());
        existing.map_or_else(|| name.into(), |(_, file)| file)
    }

    /// The files that can override a template, most preferred first.
    fn candidates(&self, name: &str) -> Vec<(String, PathBuf)> {
        let Some(directory) = &self.directory else { return Vec::new() };
        if !is_plain(name) || name.starts_with(DEFAULT_PREFIX) {
            return Vec::new();
        }
        let mut names = vec![name.to_owned()];
        if let Some(file) = self.files.get(name) {
            names = vec![file.clone()];
        } else if self.pages.iter().any(|page| page.template.name == name) {
            let stem = stem(name);
            names.extend(EXTENSIONS[1..].iter().map(|extension| format!("{stem}.{extension}")));
        }
        names.into_iter().map(|name| (name.clone(), directory.join(name))).collect()
    }

    fn read_first(&self, candidates: &[(String, PathBuf)]) -> io::Result<Option<String>> {
        for (name, _) in candidates {
            match self.read(name) {
                Ok(text) => {
                    let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
                    used.insert(name.clone());
                    return Ok(Some(text));
                }
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Reads a file of the directory.
    fn read(&self, name: &str) -> io::Result<String> {
        let directory = self.directory.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let path = directory.join(name);
        let target = path.canonicalize().map_err(|error| {
            let is_link = is_absent(&error) && path.symlink_metadata().is_ok();
            if is_link { io::Error::other("a broken symbolic link") } else { error }
        })?;
        if !target.starts_with(directory) {
            return Err(io::Error::other("the link leaves the directory of templates"));
        }
        // Reading a pipe waits for its writer.
        if !target.metadata()?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        fs::read_to_string(target)
    }

    fn default(&self, name: &str) -> Option<&'static str> {
        let name = name.strip_prefix(DEFAULT_PREFIX).unwrap_or(name);
        let pages = self.pages.iter().map(|page| page.template);
        pages.chain(FRAME).find(|known| known.name == name).map(|known| known.text)
    }

    /// All templates in the directory.
    fn files(&self) -> Result<BTreeSet<String>, PageError> {
        let mut names = BTreeSet::new();
        if let Some(directory) = &self.directory {
            collect(directory, "", &mut names)?;
        }
        Ok(names)
    }
}

/// Identifies one version of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp(Option<(SystemTime, u64)>);

impl Stamp {
    fn of(file: &Path) -> Self {
        let seen = fs::metadata(file).and_then(|data| Ok((data.modified()?, data.len())));
        Self(seen.ok())
    }
}

/// The name of a page's template without extension.
fn stem(name: &str) -> &str {
    name.strip_suffix(".html").unwrap_or(name)
}

/// Whether a name is inside the directory on every platform, and not a hidden file.
fn is_plain(name: &str) -> bool {
    name.split('/')
        .all(|part| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':', '\0']))
}

fn has_extension(name: &str, extensions: &[&str]) -> bool {
    Path::new(name).extension().is_some_and(|own| extensions.iter().any(|one| own == *one))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn refused(name: &str, reason: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{name:?} {reason}"))
}

/// Symbolic links to directories are not followed: they may form a cycle.
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
        } else if is_plain(&name) && has_extension(&name, &EXTENSIONS) {
            names.insert(name);
        }
    }
    Ok(())
}
