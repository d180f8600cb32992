//! Templates of messages: the defaults in the binary, and the operator's files.

mod default;
mod escape;
mod files;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crossauth_core::message::{Channel, MessageKind};
use crossauth_core::outbox::{RenderError, Rendered, Renderer};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::{Map, Value};

use files::{Sources, SourcesOf};

/// Maximum length of a subject, in characters.
const MAX_SUBJECT: usize = 200;

/// Which templates to use.
#[derive(Debug, Clone, Default)]
pub struct TemplateConfig {
    /// The operator's directory, whose files replace the defaults of the same name: `mail/<kind>.txt`
    /// and `mail/<kind>.html` below it, or upstream's files in it.
    pub directory: Option<PathBuf>,
    /// Reads changed files again without a restart, for development.
    pub reload: bool,
    /// Names and subjects that are not the default, by message.
    pub files: BTreeMap<&'static str, MessageFiles>,
}

/// Names of the files of a message, in the directory, and its subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageFiles {
    /// The text of the e-mail.
    pub text: Option<String>,
    /// Its HTML.
    pub html: Option<String>,
    /// The text message.
    pub sms: Option<String>,
    /// The subject, itself a template.
    pub subject: Option<String>,
}

/// A template of a message is missing or wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The file or directory cannot be read.
    #[error("cannot read the template {}: {source}", path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The template has an error.
    #[error("the template {name:?} is wrong: {problem}")]
    Wrong {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// The templates of messages.
pub struct Templates {
    config: TemplateConfig,
    loaded: Loaded,
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Templates").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Templates {
    /// Loads the templates and renders each message with samples, to find errors at the start.
    pub fn new(config: TemplateConfig) -> Result<Self, TemplateError> {
        let loaded = Loaded::read(&config)?;
        loaded.check()?;
        Ok(Self { config, loaded })
    }
}

impl Renderer for Templates {
    fn render(
        &self,
        kind: &MessageKind,
        channel: Channel,
        variables: &Map<String, Value>,
    ) -> Result<Rendered, RenderError> {
        let rendered = if self.config.reload {
            Loaded::read(&self.config).and_then(|loaded| loaded.render(kind, channel, variables))
        } else {
            self.loaded.render(kind, channel, variables)
        };
        rendered.map_err(|error| RenderError(error.to_string()))
    }
}

/// Parsed templates.
struct Loaded {
    environment: Environment<'static>,
    sources: Sources,
}

impl Loaded {
    fn read(config: &TemplateConfig) -> Result<Self, TemplateError> {
        let sources = Sources::read(config)?;
        let mut environment = Environment::new();
        // Debug reports would write variables, including tokens, to the log.
        environment.set_debug(false);
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_auto_escape_callback(|name| {
            if name.ends_with(files::HTML_ROLE) { AutoEscape::Html } else { AutoEscape::None }
        });
        for (name, text) in sources.texts() {
            environment
                .add_template_owned(name.clone(), text.clone())
                .map_err(|error| wrong(name, &error))?;
        }
        Ok(Self { environment, sources })
    }

    /// Renders each message of Crossauth.
    fn check(&self) -> Result<(), TemplateError> {
        for kind in MessageKind::ALL {
            let variables = default::sample(kind);
            self.render(kind, Channel::Email, &variables)?;
            self.render(kind, Channel::Sms, &variables)?;
        }
        Ok(())
    }

    fn render(
        &self,
        kind: &MessageKind,
        channel: Channel,
        variables: &Map<String, Value>,
    ) -> Result<Rendered, TemplateError> {
        let SourcesOf { subject, text, html, sms } = self.sources.of(kind.as_str())?;
        let variables = escape::without_controls(variables);
        let render = |name: &str| {
            let template = self.environment.get_template(name).map_err(|e| wrong(name, &e))?;
            template.render(Serde(&variables)).map_err(|error| wrong(name, &error))
        };
        if channel == Channel::Sms {
            let text = render(sms.as_deref().unwrap_or(&text))?.trim().to_owned();
            return Ok(Rendered { subject: String::new(), text, html: None });
        }
        Ok(Rendered {
            subject: escape::one_line(&render(&subject)?, MAX_SUBJECT),
            text: render(&text)?,
            html: html.as_deref().map(render).transpose()?,
        })
    }
}

/// The innermost cause, with its line, but without variables.
fn wrong(name: &str, error: &minijinja::Error) -> TemplateError {
    let place = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    let problem = format!("{place}{error}");
    TemplateError::Wrong { name: name.to_owned(), problem }
}
