//! Which text each part of each message has.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use crossauth_core::message::{
    TEMPLATE_FOLDER, UPSTREAM_EXTENSIONS, UPSTREAM_TEMPLATES, UpstreamTemplates,
};

use super::default;
use super::{MessageFiles, TemplateConfig, TemplateError};

/// What the name of each template ends with whose variables are escaped for HTML.
pub(super) const HTML_ROLE: &str = ".html";

/// What the name of each template of plain text ends with.
const TEXT: &str = ".txt";

/// What the first line of a text begins with that has the subject.
const SUBJECT: &str = "Subject:";

/// The texts of all templates.
pub(super) struct Sources {
    texts: BTreeMap<String, String>,
    /// The names of the templates of a message that are not the usual ones.
    chosen: BTreeMap<String, Chosen>,
    /// Names of our templates that the operator has replaced.
    overridden: Vec<String>,
}

#[derive(Default)]
struct Chosen {
    subject: Option<String>,
    text: Option<String>,
    html: Option<String>,
    sms: Option<String>,
}

/// The names of the templates of one message.
pub(super) struct SourcesOf {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: Option<String>,
    pub(super) sms: Option<String>,
}

impl Sources {
    pub(super) fn read(config: &TemplateConfig) -> Result<Self, TemplateError> {
        let (texts, chosen, overridden) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let mut sources = Self { texts, chosen, overridden };
        for default in default::ALL {
            sources.add(default.name.to_owned(), default.text.to_owned());
        }
        if let Some(directory) = &config.directory {
            sources.read_folder(directory)?;
            sources.read_upstream(directory)?;
        }
        for (kind, files) in &config.files {
            sources.choose(kind, files, config.directory.as_deref())?;
        }
        Ok(sources)
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = (&String, &String)> {
        self.texts.iter()
    }

    /// The templates of a message. If the operator has replaced only its text, it has no HTML:
    /// readers would see the default instead of the operator's words.
    pub(super) fn of(&self, kind: &str) -> Result<SourcesOf, TemplateError> {
        let none = Chosen::default();
        let chosen = self.chosen.get(kind).unwrap_or(&none);
        let own = |extension: &str| format!("{TEMPLATE_FOLDER}{kind}.{extension}");
        let text = chosen.text.clone().unwrap_or_else(|| own("txt"));
        if !self.texts.contains_key(&text) {
            let problem = "there is no such template".to_owned();
            return Err(TemplateError::Wrong { name: text, problem });
        }
        let exists = |name: &String| self.texts.contains_key(name);
        let is_replaced = |name: &String| self.overridden.contains(name);
        let text_is_replaced = chosen.text.is_some() || is_replaced(&text);
        let html = chosen.html.clone().or_else(|| {
            let html = own("html");
            (exists(&html) && (!text_is_replaced || is_replaced(&html))).then_some(html)
        });
        let subjects =
            [chosen.subject.clone(), Some(subject_of(&text)), Some(subject_of(&own("txt")))];
        let subject = subjects.into_iter().flatten().find(exists);
        Ok(SourcesOf {
            subject: subject.unwrap_or_else(|| text.clone()),
            html,
            sms: chosen.sms.clone().or_else(|| Some(own("sms.txt")).filter(exists)),
            text,
        })
    }

    /// Adds a template; the first line of a text may be its subject.
    fn add(&mut self, name: String, text: String) {
        let text = match text
            .strip_prefix(SUBJECT)
            .map(|rest| rest.split_once('\n').unwrap_or((rest, "")))
        {
            Some((subject, rest)) if !name.ends_with(HTML_ROLE) => {
                self.texts.insert(subject_of(&name), subject.trim().to_owned());
                rest.trim_start_matches(['\r', '\n']).to_owned()
            }
            _ => text,
        };
        self.texts.insert(name, text);
    }

    /// Reads the operator's templates under our names.
    fn read_folder(&mut self, directory: &Path) -> Result<(), TemplateError> {
        let folder = directory.join("mail");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(TemplateError::Unreadable { path: folder, source }),
        };
        for entry in entries {
            let unreadable = |source| TemplateError::Unreadable { path: folder.clone(), source };
            let path = entry.map_err(unreadable)?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let is_template = [HTML_ROLE, TEXT].iter().any(|end| name.ends_with(end));
            if is_template && !name.starts_with('.') {
                let name = format!("{TEMPLATE_FOLDER}{name}");
                self.add(name.clone(), read(&path)?);
                self.overridden.push(name);
            }
        }
        Ok(())
    }

    /// Reads upstream's templates, for messages without the operator's own under our name.
    fn read_upstream(&mut self, directory: &Path) -> Result<(), TemplateError> {
        for UpstreamTemplates { kind, text, html, sms, .. } in UPSTREAM_TEMPLATES {
            for (stem, role) in [Some(text), Some(html), sms].into_iter().zip(Role::ALL) {
                let own = format!("{TEMPLATE_FOLDER}{kind}.{}", role.extension());
                let Some(stem) = stem.filter(|_| !self.overridden.contains(&own)) else { continue };
                let files = UPSTREAM_EXTENSIONS.map(|extension| format!("{stem}.{extension}"));
                let file = files.into_iter().find(|file| directory.join(file).is_file());
                if let Some(file) = file {
                    self.replace(kind, role, &directory.join(&file), &file)?;
                }
            }
        }
        Ok(())
    }

    /// Applies the names and the subject that the configuration gives.
    fn choose(
        &mut self,
        kind: &str,
        files: &MessageFiles,
        directory: Option<&Path>,
    ) -> Result<(), TemplateError> {
        for (file, role) in [&files.text, &files.html, &files.sms].into_iter().zip(Role::ALL) {
            if let Some(file) = file {
                let path = directory.unwrap_or_else(|| Path::new("")).join(file);
                self.replace(kind, role, &path, file)?;
            }
        }
        if let Some(subject) = &files.subject {
            let name = format!("{kind} (subject)");
            self.texts.insert(name.clone(), subject.clone());
            self.chosen.entry(kind.to_owned()).or_default().subject = Some(name);
        }
        Ok(())
    }

    /// Makes a file the template of a part of a message. HTML is recognised by the name, which
    /// upstream's does not tell.
    fn replace(
        &mut self,
        kind: &str,
        role: Role,
        path: &Path,
        file: &str,
    ) -> Result<(), TemplateError> {
        let name = match role {
            Role::Html if !file.ends_with(HTML_ROLE) => format!("{file}{HTML_ROLE}"),
            Role::Html | Role::Text | Role::Sms => file.to_owned(),
        };
        self.add(name.clone(), read(path)?);
        let chosen = self.chosen.entry(kind.to_owned()).or_default();
        *match role {
            Role::Text => &mut chosen.text,
            Role::Html => &mut chosen.html,
            Role::Sms => &mut chosen.sms,
        } = Some(name);
        Ok(())
    }
}

/// A part of a message.
#[derive(Clone, Copy)]
enum Role {
    Text,
    Html,
    Sms,
}

impl Role {
    const ALL: [Self; 3] = [Self::Text, Self::Html, Self::Sms];

    fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Html => "html",
            Self::Sms => "sms.txt",
        }
    }
}

/// The name of the template of the subject that a text has.
fn subject_of(text: &str) -> String {
    format!("{text} (subject)")
}

fn read(path: &Path) -> Result<String, TemplateError> {
    fs::read_to_string(path)
        .map_err(|source| TemplateError::Unreadable { path: path.to_owned(), source })
}
