//! The pages that people see: templates, their overrides, and what is served beside them.
//!
//! Every page has a default that is part of the binary. A directory of the operator's may hold a
//! file of the same name, which is then used instead. Which variables each page is given is the
//! contract in `docs/reference/templates.md`.

mod asset;
mod source;
#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, escape_formatter};
use serde::Serialize;

pub(crate) use asset::Asset;
use source::Source;

/// The templates, ready to be rendered.
#[derive(Debug)]
pub(crate) struct Pages {
    environment: Environment<'static>,
    source: Arc<Source>,
}

/// A page by its purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PageName {
    /// Asks for username and password; also where one arrives after logging out.
    Login,
    /// Creates an account.
    Signup,
    /// What the account of the logged-in user holds.
    Account,
    /// Creates the first administrator.
    Setup,
    /// Any failure that has no form to return to.
    Error,
}

/// A template cannot be read or rendered; for the operator, never for the visitor.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The directory of overrides, or a file in it, cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A template is wrong.
    #[error("{}:{line}: {reason}", file.display())]
    Template {
        /// The file of the override, or the name of the default.
        file: PathBuf,
        /// Line in the file, or 0 where it is not known.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl Pages {
    /// The default pages, or those of the same name in `overrides`.
    ///
    /// Every template is parsed now, so that a mistake in one stops the start rather than a login.
    pub(crate) fn new(overrides: Option<PathBuf>) -> Result<Self, PageError> {
        let source = Arc::new(Source::open(overrides)?);
        let pages = Self { environment: environment(&source), source };
        pages.check()?;
        Ok(pages)
    }

    /// Reads overrides anew when their files change: for those who are writing templates.
    #[must_use]
    pub(crate) fn reloading(mut self) -> Self {
        self.environment.set_auto_reload(true);
        self
    }

    /// The HTML of a page. Text in `context` is escaped wherever it is printed.
    pub(crate) fn render(
        &self,
        page: PageName,
        context: impl Serialize,
    ) -> Result<String, PageError> {
        self.render_value(page, Value::from(Serde(context))).map_err(|error| self.locate(&error))
    }

    fn check(&self) -> Result<(), PageError> {
        for name in self.source.names()? {
            self.environment.get_template(&name).map_err(|error| self.locate(&error))?;
        }
        for page in PageName::ALL {
            match self.render_value(page, Value::UNDEFINED) {
                Err(error) if names_nothing(&error) => return Err(self.locate(&error)),
                // An override may rely on variables that only a real request brings.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn render_value(&self, page: PageName, context: Value) -> Result<String, minijinja::Error> {
        self.environment.get_template(page.file_name())?.render(context)
    }

    fn locate(&self, error: &minijinja::Error) -> PageError {
        let error = innermost(error);
        let causes = [error.detail().map(str::to_owned), error.source().map(ToString::to_string)];
        let reason = causes
            .into_iter()
            .flatten()
            .fold(error.kind().to_string(), |reason, cause| format!("{reason}: {cause}"));
        PageError::Template {
            file: self.source.file(error.name().unwrap_or_default()),
            line: error.line().unwrap_or_default(),
            reason,
        }
    }
}

impl PageName {
    /// Every page.
    pub(crate) const ALL: [Self; 5] =
        [Self::Login, Self::Signup, Self::Account, Self::Setup, Self::Error];

    /// The file that holds the page, as an override would be named.
    pub(crate) fn file_name(self) -> &'static str {
        match self {
            Self::Login => "login.html",
            Self::Signup => "signup.html",
            Self::Account => "account.html",
            Self::Setup => "setup.html",
            Self::Error => "error.html",
        }
    }
}

fn environment(source: &Arc<Source>) -> Environment<'static> {
    let mut environment = Environment::new();
    let loader = Arc::clone(source);
    environment.set_loader(move |name| loader.load(name));
    environment.set_auto_reload(false);
    // The engine would escape by the file's extension, and an override may have any.
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_formatter(|out, state, value| {
        escape_formatter(out, state, if value.is_none() { &Value::UNDEFINED } else { value })
    });
    // Its reports would carry the variables, and so tokens, into the log.
    environment.set_debug(false);
    environment.add_global("assetVersion", asset::version());
    environment
}

/// The mistake itself, where templates include one another.
fn innermost(error: &minijinja::Error) -> &minijinja::Error {
    let inner = error.source().and_then(|source| source.downcast_ref());
    inner.map_or(error, innermost)
}

/// Whether a template asks for something that does not exist, whatever its variables hold.
fn names_nothing(error: &minijinja::Error) -> bool {
    matches!(
        innermost(error).kind(),
        ErrorKind::TemplateNotFound
            | ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::UnknownBlock
    )
}
