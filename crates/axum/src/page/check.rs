//! The check of overrides at the start.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use crossauth_core::user::User;
use minijinja::ErrorKind;
use minijinja::value::{Serde, Value};

use super::variables::{Common, FooterLink, Problem, sample_user};
use super::{Audience, PageEntry, PageError, Pages, innermost};

/// A likely mistake in an override.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Warning {
    file: PathBuf,
    kind: WarningKind,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum WarningKind {
    /// No page uses the file, directly or indirectly.
    Unused,
    /// The template uses a variable that does not exist.
    UnknownVariable(String),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.kind {
            WarningKind::Unused => {
                write!(f, "{file}: not used: no page has this name and no template includes it")
            }
            WarningKind::UnknownVariable(name) => {
                write!(f, "{file}: unknown variable `{name}`")
            }
        }
    }
}

impl Pages {
    /// Renders every page with sample values, and finds unused files and unknown variables.
    pub(super) fn check(&self, pages: &[PageEntry]) -> Result<Vec<Warning>, PageError> {
        for page in pages {
            self.render_samples(page)?;
        }
        let mut warnings: Vec<_> = self
            .source
            .unused()?
            .into_iter()
            .map(|name| Warning { file: self.source.file(&name), kind: WarningKind::Unused })
            .collect();
        for name in self.source.overrides()? {
            self.environment.get_template(&name).map_err(|error| self.locate(&name, &error))?;
        }
        warnings.extend(self.unknown_variables(pages));
        warnings.sort();
        Ok(warnings)
    }

    /// Renders every page with sample values for its audience, without and with errors.
    #[cfg(feature = "testkit")]
    pub(crate) fn samples(&self, pages: &[PageEntry]) -> Result<Vec<(String, String)>, PageError> {
        let mut samples = Vec::new();
        for page in pages {
            let name = page.template.name;
            for (index, html) in self.render_samples(page)?.into_iter().enumerate() {
                let errors = if index % 2 == 1 { " with errors" } else { "" };
                samples.push((format!("{name}{errors}"), html));
            }
        }
        Ok(samples)
    }

    /// Renders a page for its audience, without and with an error in turn.
    fn render_samples(&self, page: &PageEntry) -> Result<Vec<String>, PageError> {
        let user = sample_user();
        let users: &[_] = match page.audience {
            Audience::LoggedIn => &[Some(&user)],
            Audience::Anyone => &[None, Some(&user)],
        };
        let name = page.template.name;
        let mut samples = Vec::new();
        for user in users {
            let common = sample_common(*user);
            for problem in [Value::UNDEFINED, sample_problem()] {
                let layers = [(page.sample)(), problem, common.clone()];
                samples.push(self.render_layers(name, layers)?);
            }
        }
        // Without variables, other branches are rendered. An override may require a variable, but
        // not use a filter that does not exist.
        let rendered = self.environment.get_template(name).and_then(|page| page.render(()));
        match rendered {
            Err(error) if is_unknown_name(&error) => Err(self.locate(name, &error)),
            Ok(_) | Err(_) => Ok(samples),
        }
    }

    /// Variables of overrides that do not exist. The template of a page is compared with the
    /// variables of the page, any other template with those of all pages.
    fn unknown_variables(&self, pages: &[PageEntry]) -> Vec<Warning> {
        let user = sample_user();
        let common = names(&sample_common(Some(&user)));
        let common: BTreeSet<_> = common.into_iter().chain(names(&sample_problem())).collect();
        let own: BTreeMap<_, _> =
            pages.iter().map(|page| (page.template.name, names(&(page.sample)()))).collect();
        let all = own.values().flatten().cloned().collect();
        let globals: BTreeSet<_> = self.environment.globals().map(|(name, _)| name).collect();
        let mut warnings = Vec::new();
        for (name, template) in self.environment.templates() {
            if !self.source.is_override(name) {
                continue;
            }
            let known = own.get(name).unwrap_or(&all);
            let unknown = template
                .undeclared_variables(false)
                .into_iter()
                .filter(|name| !known.contains(name) && !common.contains(name))
                .filter(|name| !globals.contains(name.as_str()) && name != "super");
            warnings.extend(unknown.map(|variable| Warning {
                file: self.source.file(name),
                kind: WarningKind::UnknownVariable(variable),
            }));
        }
        warnings
    }
}

fn sample_common(user: Option<&User>) -> Value {
    let links = [FooterLink { label: "Privacy", href: "https://example.com/privacy".into() }];
    Value::from(Serde(Common::sample(user, &links)))
}

fn sample_problem() -> Value {
    Value::from(Serde(Problem::sample()))
}

/// The names of the variables in a map.
fn names(variables: &Value) -> BTreeSet<String> {
    variables
        .try_iter()
        .into_iter()
        .flatten()
        .filter_map(|name| Some(name.as_str()?.into()))
        .collect()
}

/// Whether a template uses a filter, function or template that does not exist.
fn is_unknown_name(error: &minijinja::Error) -> bool {
    matches!(
        innermost(error).kind(),
        ErrorKind::TemplateNotFound
            | ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::UnknownBlock
    )
}
