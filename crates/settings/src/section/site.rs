//! URL, name, secret and pages of the site.

use std::path::PathBuf;

use crossauth_axum::{BaseUrl, Endpoint, SiteConfig, Transport};
use crossauth_core::error::Numbering;
use crossauth_core::secret::ServerSecret;

use super::{section, unknown_names};
use crate::kind::{
    AdminPrefix, Choice, FilePath, Flag, List, LocalPath, Optional, Origins, Prefix, SecretText,
    Text, Url, words,
};
use crate::rule::Rules;

/// URL, name, secret and pages of the site.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Site {
    /// URL, name and pages.
    pub config: SiteConfig,
    /// The secret that signs cookies and tokens.
    pub secret: Option<ServerSecret>,
    /// Development mode: changed templates are reloaded, and shutdown does not wait.
    pub dev: bool,
    /// How error codes are numbered, if set explicitly.
    pub error_codes: Option<Numbering>,
    /// Whether the pages and endpoints of administration exist, if set explicitly.
    pub admin_endpoints: Option<bool>,
}

words! { Numbering, "`python` or `typescript`" {
    "python" = Numbering::Python;
    "typescript" = Numbering::TypeScript;
} }

section! { Site {
    /// The URL under which browsers reach the server. If not set, the listening address, which must
    /// then be a loopback address.
    "base_url": Optional<Url> => config.base_url, upstream "SITE_URL";
    /// Danger: accepts a `base_url` with plain http on another host than this machine. Passwords
    /// and sessions can then be read on the network.
    "danger_insecure_http": Flag => config.danger_insecure_http, alias "insecure_http";
    /// The secret that signs cookies and tokens, at least 16 bytes. If not set, the server
    /// generates one in the data directory at the first start.
    "secret": Optional<SecretText> => secret;
    /// Development mode: changed templates are reloaded, and shutdown does not wait.
    "dev": Flag => dev;
    /// The name of the site, as shown on its pages.
    "site_name": Text => config.name;
    /// The path prefix of all pages and endpoints.
    "prefix": Prefix => config.prefix;
    /// Whether the pages and endpoints of administration exist. If not set, they do on the server,
    /// and not in an application. They need a login that is not older than `session.fresh_for`.
    "admin_endpoints": Optional<Flag> => admin_endpoints, upstream "ENABLE_ADMIN_ENDPOINTS";
    /// The path prefix of the pages and endpoints of administration. If not set, `admin/` below
    /// `prefix`.
    "admin_prefix": Optional<AdminPrefix> => config.admin_prefix;
    /// Where to redirect after a login without a destination. If not set, `prefix` on the server
    /// and `/` in an application.
    "login_redirect": Optional<LocalPath> => config.login_redirect;
    /// Where to redirect after a logout without a destination. If not set, `prefix` on the server
    /// and `/` in an application.
    "logout_redirect": Optional<LocalPath> => config.logout_redirect;
    /// The origins, besides the site's own, to which forms of our pages may lead after a redirect,
    /// such as `https://app.example.com`; an empty list for none. If not set, any. Browsers block
    /// the others (`form-action` of the content security policy), also where the application
    /// itself redirects from `next` to another origin.
    "form_origins": Optional<Origins> => config.form_origins;
    /// URL of the privacy policy, linked in the footer of every page: a path, or a URL that begins
    /// with `https://`, `http://` or `mailto:`.
    "privacy_url": Optional<Text> => config.privacy_url;
    /// URL of the terms of use, as above.
    "terms_url": Optional<Text> => config.terms_url;
    /// URL where users get help, as above.
    "help_url": Optional<Text> => config.help_url;
    /// The fields of users, beside our own, that pages and JSON show to browsers. Without it, those
    /// of `signup.editable_fields`.
    "visible_fields": Optional<List> => config.visible_fields;
    /// The fields of users, of the application or `email`, that administrators may set with the pages
    /// and endpoints of administration. If not set, any.
    "admin_editable_fields": Optional<List> => config.admin_editable_fields;
    /// A directory whose templates replace the built-in ones of the same name.
    "templates": Optional<FilePath> => config.templates, upstream "TEMPLATE_DIR" "VIEWS";
    /// How the `errorCode` of JSON responses is numbered: as in Crossauth for Python, or as in
    /// Crossauth for TypeScript, whose browser library decodes only its own numbers. If not set,
    /// `typescript` if `database.tables` is `crossauthjs`, otherwise `python`.
    "error_codes": Optional<Choice<Numbering>> => error_codes;
    /// The endpoints that are served, by their names after the prefix such as `login` and
    /// `api/login`, upstream's names of lists such as `SessionApiEndpoints`, `all` or
    /// `allMinusOAuth`. If not set, those whose features are enabled. Those of second factors are
    /// added if users may have one.
    "endpoints": Optional<List> => config.endpoints, upstream "SESSION_ENDPOINTS";
} }

impl Site {
    /// Whether browsers reach the site over https.
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
            "must be https, or passwords and sessions can be intercepted; \
             `danger_insecure_http = true` accepts this risk",
        );
        let missing = |directory: &PathBuf| !directory.is_dir();
        rules.require(
            !self.config.templates.as_ref().is_some_and(missing),
            &["templates"],
            "the directory does not exist",
        );
        let listed = self.config.endpoints.iter().flatten();
        let unknown = unknown_names(listed, &self.config.prefix, Endpoint::names);
        rules.require(unknown.is_empty(), &["endpoints", "prefix"], &unknown);
    }
}
