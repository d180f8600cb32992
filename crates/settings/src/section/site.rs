//! Address, name, secret and pages of the site.

use std::path::PathBuf;

use crossauth_axum::{BaseUrl, SiteConfig, Transport};
use crossauth_core::error::Numbering;
use crossauth_core::secret::ServerSecret;

use super::section;
use crate::kind::{
    Choice, FilePath, Flag, List, LocalPath, Optional, Prefix, SecretText, Text, Url, words,
};
use crate::rule::Rules;

/// Address, name, secret and pages of the site.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// Address, name and pages.
    pub config: SiteConfig,
    /// What cookies and tokens are signed with.
    pub secret: Option<ServerSecret>,
    /// Development: nothing waits at shutdown, changed templates are read again.
    pub dev: bool,
    /// How error codes are numbered, if that was said.
    pub error_codes: Option<Numbering>,
}

words! { Numbering, "`python` or `typescript`" {
    "python" = Numbering::Python;
    "typescript" = Numbering::TypeScript;
} }

section! { Site {
    /// The address under which browsers reach the server. Without it, the address listened on,
    /// which must then be a loopback address.
    "base_url": Optional<Url> => config.base_url, upstream "SITE_URL";
    /// Danger: accepts a `base_url` with plain http on a host other than this machine. Passwords
    /// and sessions can then be read by anyone on the way.
    "danger_insecure_http": Flag => config.danger_insecure_http, alias "insecure_http";
    /// The secret that signs cookies and tokens, at least 16 bytes. Without it, the server
    /// generates one into the data directory at the first start.
    "secret": Optional<SecretText> => secret;
    /// Development: changed templates are read again, and nothing waits at shutdown.
    "dev": Flag => dev;
    /// The name of the site on its pages.
    "site_name": Text => config.name;
    /// The path below which all pages and endpoints are.
    "prefix": Prefix => config.prefix;
    /// Where a login without a destination leads. Without it, to `prefix` on the server and to `/`
    /// in an application.
    "login_redirect": Optional<LocalPath> => config.login_redirect;
    /// Where a logout without a destination leads. Without it, to `prefix` on the server and to
    /// `/` in an application.
    "logout_redirect": Optional<LocalPath> => config.logout_redirect;
    /// Address of the privacy policy, for a link at the end of every page: a path, or an address
    /// that begins with `https://`, `http://` or `mailto:`.
    "privacy_url": Optional<Text> => config.privacy_url;
    /// Address of the terms of use, likewise.
    "terms_url": Optional<Text> => config.terms_url;
    /// Address where users get help, likewise.
    "help_url": Optional<Text> => config.help_url;
    /// The fields of users, beside our own, that pages and JSON show to browsers. Without it, those
    /// of `signup.editable_fields`.
    "visible_fields": Optional<List> => config.visible_fields;
    /// A directory whose templates replace the built-in ones of the same name.
    "templates": Optional<FilePath> => config.templates, upstream "TEMPLATE_DIR" "VIEWS";
    /// How the `errorCode` of JSON answers is numbered: as Crossauth for Python does, or for
    /// TypeScript, whose browser library decodes no other. Without it, `typescript` where
    /// `database.tables` is `crossauthjs`, else `python`.
    "error_codes": Optional<Choice<Numbering>> => error_codes;
} }

impl Site {
    /// Whether browsers reach the site by https.
    pub fn is_https(&self) -> bool {
        self.transport() == Some(Transport::Encrypted)
    }

    fn transport(&self) -> Option<Transport> {
        self.config.base_url.as_ref().map(BaseUrl::transport)
    }

    pub(crate) fn check(&self, rules: &mut Rules<'_>) {
        rules.require(
            self.transport() != Some(Transport::Plain) || self.config.danger_insecure_http,
            &["base_url", "danger_insecure_http"],
            "must be https, or passwords and sessions can be read on the way; \
             `danger_insecure_http = true` accepts that danger",
        );
        let missing = |directory: &PathBuf| !directory.is_dir();
        rules.require(
            !self.config.templates.as_ref().is_some_and(missing),
            &["templates"],
            "there is no such directory",
        );
    }
}
