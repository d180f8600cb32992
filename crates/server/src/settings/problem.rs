//! What can be wrong with a configuration, said in one line that gives no secret away.

use std::fmt;
use std::path::PathBuf;

use super::value::Raw;

/// Where a setting was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// On the command line.
    Argument,
    /// In this variable of the environment.
    Variable(String),
    /// In this file.
    File(PathBuf),
    /// Nowhere: it is the default.
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

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    key: String,
    value: Option<String>,
    reason: String,
    source: Source,
}

impl Problem {
    /// A problem with `key`, whose value is not shown.
    pub(super) fn new(key: impl Into<String>, reason: impl Into<String>, source: Source) -> Self {
        Self { key: key.into(), value: None, reason: reason.into(), source }
    }

    /// A name that no setting has. Its value is never shown: it may be a misspelt secret's.
    pub(super) fn unknown(name: &str, meant: Option<String>, source: Source) -> Self {
        let reason = match meant {
            Some(meant) => format!("no such setting; did you mean {meant}?"),
            None => "no such setting".to_owned(),
        };
        Self::new(name, reason, source)
    }

    /// The same problem with the value shown, except for a password inside an address.
    pub(super) fn with_value(self, value: &Raw) -> Self {
        let shown = value.to_string();
        let value = if shown.contains("://") && shown.contains('@') {
            "(an address with a password)".to_owned()
        } else {
            shown
        };
        Self { value: Some(value), ..self }
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
