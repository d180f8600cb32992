//! Problems with settings, each formatted as one line that contains no secret.

use std::fmt;
use std::path::PathBuf;

use crate::kind::Raw;

/// Maximum number of listed problems.
const MAX_LISTED: usize = 100;

/// The source of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The command line.
    Argument,
    /// This environment variable.
    Variable(String),
    /// This file.
    File(PathBuf),
    /// The default.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument => f.write_str("command line"),
            Self::Variable(name) => f.write_str(name),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A problem with one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    key: String,
    value: Option<String>,
    reason: String,
    source: Source,
}

impl Problem {
    /// A problem with `key`, whose value is not shown.
    pub fn new(key: impl Into<String>, reason: impl Into<String>, source: Source) -> Self {
        Self { key: key.into(), value: None, reason: reason.into(), source }
    }

    /// An unknown name. Its value is never shown: the name may be that of a secret, misspelt.
    pub(crate) fn unknown(name: &str, meant: Option<String>, source: Source) -> Self {
        let reason = match meant {
            Some(meant) => format!("no such setting; did you mean {meant}?"),
            None => "no such setting".to_owned(),
        };
        Self::new(name, reason, source)
    }

    /// The same problem with the value shown, except for tables and a password inside an address.
    pub(crate) fn with_value(self, value: &Raw) -> Self {
        if matches!(value, Raw::Tables(_)) {
            // Long, and the reason names the place.
            return self;
        }
        let shown = value.to_string();
        let value = if shown.contains("://") && shown.contains('@') {
            "(a URL with a password)".to_owned()
        } else {
            shown
        };
        Self { value: Some(value), ..self }
    }

    /// Whether the problem is about a key that begins with `prefix`.
    #[cfg(feature = "ldap")]
    pub(crate) fn is_below(&self, prefix: &str) -> bool {
        self.key.starts_with(prefix)
    }

    /// Whether the problem is about `key`.
    pub(crate) fn is_about(&self, key: &str) -> bool {
        self.key == key
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key.escape_debug().to_string())?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        write!(f, ": {}", self.reason)?;
        match &self.source {
            Source::Variable(name) if *name == self.key => f.write_str(" (environment)"),
            Source::Default => Ok(()),
            source @ (Source::Argument | Source::Variable(_) | Source::File(_)) => {
                write!(f, " ({source})")
            }
        }
    }
}

/// All problems; at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        Self(problems)
    }

    /// The problems in the order in which they were found, at most 100.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter().take(MAX_LISTED)
    }
}

impl fmt::Display for Problems {
    /// One problem per line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        match self.0.len().saturating_sub(MAX_LISTED) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more problems"),
        }
    }
}
