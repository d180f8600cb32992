//! Pages: templates, their overrides, and assets.
//!
//! A page is a type that implements [`Page`]: its fields are the variables of its template.
//! [`PAGES`](crate::routes::PAGES) lists all pages. To add one more page, write the template,
//! implement `Page` beside the handler, add one line to the list, and describe the variables in
//! `docs/reference/templates.md`.
//!
//! Default templates are compiled into the binary. A file of the same name in the operator's
//! directory overrides one.

mod asset;
mod check;
mod emergency;
mod engine;
mod error_page;
mod source;
#[cfg(test)]
mod tests;
mod variables;

use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use minijinja::value::{Serde, Value};
use minijinja::{Environment, ErrorKind};
use serde::Serialize;

pub(crate) use asset::{Asset, version as asset_version};
pub(crate) use emergency::emergency;
pub(crate) use error_page::{ErrorPage, NOTHING_HERE};
pub(crate) use source::Overrides;
use source::Source;
use variables::Layers;
pub(crate) use variables::{Common, FooterLink, Problem, sample_user};

/// A page. Its serialized fields are the variables of its template, besides those of [`Common`].
pub(crate) trait Page: Serialize {
    /// Its template.
    const TEMPLATE: Template;

    /// Who can see it.
    const AUDIENCE: Audience = Audience::Anyone;

    /// Whether the response to its form redirects to an address of the application, which may
    /// redirect to another origin.
    const REDIRECTS_TO_APPLICATION: bool = false;

    /// Whether the address of the page has the token of a mailed link, which browsers must not send
    /// to anyone as `Referer`.
    const HAS_SECRET_ADDRESS: bool = false;

    /// A sample with a value for every variable, to check templates.
    fn sample() -> Self
    where
        Self: Sized;
}

/// A default template.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Template {
    /// Its name, which is also the name of the file that overrides it.
    pub(crate) name: &'static str,
    /// Its text.
    pub(crate) text: &'static str,
}

/// The [`Template`] of this name, from the folder `templates`.
macro_rules! template {
    ($name:literal) => {
        $crate::page::Template {
            name: $name,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/", $name)),
        }
    };
}
pub(crate) use template;

/// Whether the variable `user` is set on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Always.
    LoggedIn,
    /// Sometimes.
    Anyone,
}

/// An entry of the list of pages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageEntry {
    template: Template,
    audience: Audience,
    sample: fn() -> Value,
}

impl PageEntry {
    /// The entry of a page.
    pub(crate) const fn of<P: Page>() -> Self {
        Self {
            template: P::TEMPLATE,
            audience: P::AUDIENCE,
            sample: || Value::from(Serde(P::sample())),
        }
    }
}

/// The loaded templates.
#[derive(Debug)]
pub(crate) struct Pages {
    environment: Environment<'static>,
    source: Arc<Source>,
    reload: Reload,
}

/// Whether changed overrides are reloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reload {
    Never,
    WhenChanged,
}

/// A template cannot be read or rendered. For the operator, not for visitors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The directory of overrides, or a file in it, cannot be read.
    #[error("cannot read the templates in {}", path.display())]
    Unreadable {
        /// The directory or file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file that a page should have does not exist, or there is no such page.
    #[error(
        "the page {page:?} should have the file {file:?}, which is not in the directory of templates, or there is no such page"
    )]
    NoFile {
        /// The name of the page.
        page: String,
        /// The name of the file.
        file: String,
    },
    /// A template has an error.
    #[error("{}{}: {reason}", file.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
    Template {
        /// The file of the override, or the name of the default.
        file: PathBuf,
        /// Line in the file, if it is known.
        line: Option<usize>,
        /// The error.
        reason: String,
    },
}

impl Pages {
    /// Loads these pages, with their overrides.
    ///
    /// Renders overrides with sample values, so that an error in one is detected at the start
    /// rather than at a login. Likely mistakes are logged. Default templates are checked by tests.
    pub(crate) fn new(
        pages: &'static [PageEntry],
        overrides: impl Into<Overrides>,
    ) -> Result<Self, PageError> {
        let overrides = overrides.into();
        let is_overridden = overrides.directory.is_some();
        let this = Self::open(pages, overrides)?;
        if is_overridden {
            for warning in this.check(pages)? {
                tracing::warn!("{warning}");
            }
        }
        Ok(this)
    }

    fn open(
        pages: &'static [PageEntry],
        overrides: impl Into<Overrides>,
    ) -> Result<Self, PageError> {
        let source = Arc::new(Source::open(pages, overrides.into())?);
        Ok(Self { environment: engine::environment(&source), source, reload: Reload::Never })
    }

    /// Reloads overrides when their files change, and shows their errors to visitors, for
    /// development.
    #[must_use]
    pub(crate) fn reloading(mut self) -> Self {
        self.environment.set_auto_reload(true);
        self.reload = Reload::WhenChanged;
        self
    }

    /// Whether errors in templates are shown to visitors.
    pub(crate) fn shows_errors(&self) -> bool {
        self.reload == Reload::WhenChanged
    }

    /// Renders a page. Variables of the page take precedence over those of `problem`, and these
    /// over the common ones.
    pub(crate) fn render<P: Page>(
        &self,
        page: &P,
        problem: Option<&Problem>,
        common: &Common<'_>,
    ) -> Result<String, PageError> {
        let page = Value::from(Serde(page));
        let problem = problem.map_or(Value::UNDEFINED, |problem| Value::from(Serde(problem)));
        self.render_layers(P::TEMPLATE.name, [page, problem, Value::from(Serde(common))])
    }

    fn render_layers(&self, name: &str, layers: [Value; 3]) -> Result<String, PageError> {
        let template = self.environment.get_template(name);
        template
            .and_then(|template| template.render(Value::from_object(Layers(layers))))
            .map_err(|error| self.locate(name, &error))
    }

    /// Adds the file of the template to an error of the template `requested`.
    fn locate(&self, requested: &str, error: &minijinja::Error) -> PageError {
        let error = innermost(error);
        let error_kind = if error.kind() == ErrorKind::OutOfFuel {
            "takes too many steps; a loop is too long".to_owned()
        } else {
            error.kind().to_string()
        };
        let causes = [error.detail().map(str::to_owned), error.source().map(ToString::to_string)];
        let reason = causes
            .into_iter()
            .flatten()
            .fold(error_kind, |reason, cause| format!("{reason}: {cause}"));
        PageError::Template {
            file: self.source.file(error.name().unwrap_or(requested)),
            line: error.line(),
            reason,
        }
    }
}

/// The innermost error, if templates include each other.
fn innermost(error: &minijinja::Error) -> &minijinja::Error {
    let inner = error.source().and_then(|source| source.downcast_ref());
    inner.map_or(error, innermost)
}
