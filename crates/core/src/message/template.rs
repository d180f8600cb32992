//! The names of the files that replace the default templates of messages.

/// The folder of the templates of messages, in the directory of templates.
pub const TEMPLATE_FOLDER: &str = "mail/";

/// Upstream's templates of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamTemplates {
    /// The message's kind.
    pub kind: &'static str,
    /// The text of the e-mail.
    pub text: &'static str,
    /// Its HTML.
    pub html: &'static str,
    /// The text message.
    pub sms: Option<&'static str>,
}

/// Upstream's templates, by their names without [extension](UPSTREAM_EXTENSIONS).
pub const UPSTREAM_TEMPLATES: [UpstreamTemplates; 3] = [
    UpstreamTemplates {
        kind: "email_verification",
        text: "emailverificationtextbody",
        html: "emailverificationhtmlbody",
        sms: None,
    },
    UpstreamTemplates {
        kind: "password_reset",
        text: "passwordresettextbody",
        html: "passwordresethtmlbody",
        sms: None,
    },
    UpstreamTemplates {
        kind: "login_code",
        text: "emailauthenticationtextbody",
        html: "emailauthenticationhtmlbody",
        sms: Some("smsauthenticationbody"),
    },
];

/// The extensions of upstream's templates, for TypeScript and for Python.
pub const UPSTREAM_EXTENSIONS: [&str; 2] = ["njk", "jinja2"];

/// Whether a file in the directory of templates, by its path in it, is the template of a message
/// rather than of a page.
pub fn is_message_template(name: &str) -> bool {
    let is_upstreams = |(stem, extension): (&str, &str)| {
        let is_of = |known: &UpstreamTemplates| {
            known.text == stem || known.html == stem || known.sms == Some(stem)
        };
        UPSTREAM_EXTENSIONS.contains(&extension) && UPSTREAM_TEMPLATES.iter().any(is_of)
    };
    name.starts_with(TEMPLATE_FOLDER) || name.rsplit_once('.').is_some_and(is_upstreams)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_of_messages_are_told_from_those_of_pages() {
        for name in
            ["mail/login_code.html", "passwordresettextbody.njk", "smsauthenticationbody.jinja2"]
        {
            assert!(is_message_template(name), "{name}");
        }
        for name in [
            "login.html",
            "login.njk",
            "resetpassword.njk",
            "email/x.html",
            "passwordresettextbody.html",
        ] {
            assert!(!is_message_template(name), "{name}");
        }
    }
}
