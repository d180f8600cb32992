//! Reads all sources, checks the settings, and reports all problems at once.

use std::ffi::OsString;
use std::path::PathBuf;

use crossauth_axum::Builder;

use crate::entry::Entries;
use crate::kind::Secrecy;
use crate::problem::{Problem, Problems, Source};
use crate::program::Program;
use crate::settings::Settings;
use crate::source::{argument, environment, file};

/// The sources of settings. The command line takes precedence over the environment, and the
/// environment over the file.
#[derive(Clone)]
pub struct Inputs {
    program: Program,
    file: Option<PathBuf>,
    environment: Vec<(OsString, OsString)>,
    arguments: Vec<(String, Option<String>)>,
}

impl std::fmt::Debug for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inputs").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Inputs {
    /// No source yet.
    pub fn new(program: Program) -> Self {
        Self { program, file: None, environment: Vec::new(), arguments: Vec::new() }
    }

    /// Reads this TOML file, instead of the one that `CROSSAUTH_CONFIG` names.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Reads those of these variables whose names begin with `CROSSAUTH_`.
    #[must_use]
    pub fn environment<N, V>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        let variables = variables.into_iter();
        self.environment.extend(variables.map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Reads the environment of this process.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the environment")]
    pub fn process_environment(self) -> Self {
        self.environment(std::env::vars_os())
    }

    /// Sets one setting by its key, as the command line does. Secrets are refused.
    #[must_use]
    pub fn argument(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.arguments.push((key.into(), Some(value.into())));
        self
    }

    /// Same as [`argument`](Self::argument), for text of the form `KEY=VALUE`. Text without `=` is
    /// a problem.
    #[must_use]
    pub fn assignment(mut self, text: &str) -> Self {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (text, None),
        };
        self.arguments.push((key.trim().to_owned(), value));
        self
    }

    /// Reads and checks all settings. The error lists all problems.
    pub fn load(self) -> Result<Configuration, Problems> {
        let (mut problems, mut warnings) = (Vec::new(), Vec::new());
        let environment = environment::read(self.program, self.environment, &mut problems);
        let file = self.file.or(environment.file);
        let mut entries = match &file {
            Some(path) => file::read(self.program, path, &mut problems),
            None => Entries::default(),
        };
        entries.override_with(environment.entries);
        entries.override_with(argument::read(self.program, self.arguments, &mut problems));
        let settings = Settings::from_entries(self.program, &entries, &mut problems, &mut warnings);
        if !problems.is_empty() {
            return Err(Problems::new(problems));
        }
        let (program, ignored) = (self.program, environment.ignored);
        Ok(Configuration { settings, program, entries, file, ignored, warnings })
    }
}

/// The settings in effect and their sources.
pub struct Configuration {
    /// The checked values.
    pub settings: Settings,
    program: Program,
    entries: Entries,
    file: Option<PathBuf>,
    ignored: Vec<String>,
    warnings: Vec<Problem>,
}

impl std::fmt::Debug for Configuration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Configuration").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Configuration {
    /// One line per setting: its value, hidden for secrets, and its source.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.program.settings().map(|setting| {
            let key = setting.key;
            match (self.entries.get(key), setting.secrecy, setting.default()) {
                (Some(entry), Secrecy::Secret, _) => {
                    format!("{key} = (hidden)  # {}", entry.source)
                }
                (Some(entry), Secrecy::Public, _) => {
                    format!("{key} = {}  # {}", entry.raw, entry.source)
                }
                (None, _, Some(default)) => format!("{key} = {default:?}  # default"),
                (None, _, None) => format!("# {key} is not set"),
            }
        })
    }

    /// The file that was read.
    pub fn file(&self) -> Option<&std::path::Path> {
        self.file.as_deref()
    }

    /// Whether the file has settings that are secret, or names files of secrets.
    pub fn has_secrets_in_file(&self) -> bool {
        self.program.settings().filter(|setting| setting.secrecy == Secrecy::Secret).any(
            |setting| {
                let entry = self.entries.get(setting.key);
                entry.is_some_and(|entry| matches!(entry.source, Source::File(_)))
            },
        )
    }

    /// Likely mistakes that are not errors.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Variables `CROSSAUTH_…` that were ignored because orchestrators and images set them.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }
}

/// Reads the settings of an application: from the environment of this process, and from the TOML
/// file that `CROSSAUTH_CONFIG` names.
pub fn load() -> Result<Configuration, Problems> {
    Inputs::new(Program::Application).process_environment().load()
}

/// A builder with the settings of an application, as read by [`load`].
pub fn builder() -> Result<Builder, Problems> {
    Ok(load()?.settings.builder())
}
