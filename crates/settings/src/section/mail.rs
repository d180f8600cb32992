//! E-mail.

use std::path::PathBuf;

use crossauth_core::secret::Password;
use crossauth_mail::{Credentials, MessageFiles, Sender, SetupError, Smtp, SmtpConfig, SmtpTls};

use super::section;
use crate::kind::{Choice, FilePath, Optional, Port, SecretLine, SenderText, Text, words};
use crate::rule::Rules;

/// The mail server, and what e-mails are made of.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Mail {
    /// The sender of every e-mail.
    pub from: Option<Sender>,
    /// The mail server; without it, no e-mail is sent.
    pub host: Option<String>,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: SmtpTls,
    /// The account on the mail server.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Password>,
    /// A file of certificates of authorities that are trusted instead of those of the system.
    pub authorities: Option<PathBuf>,
    /// The e-mail that verifies an address.
    pub verification: MessageFiles,
    /// The e-mail that resets a password.
    pub reset: MessageFiles,
    /// The e-mail with a login code.
    pub code: MessageFiles,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            from: None,
            host: None,
            port: 587,
            tls: SmtpTls::default(),
            username: None,
            password: None,
            authorities: None,
            verification: MessageFiles::default(),
            reset: MessageFiles::default(),
            code: MessageFiles::default(),
        }
    }
}

words! { SmtpTls, "`auto`, `starttls`, `implicit` or `none`" {
    "auto" = SmtpTls::ByPort;
    "starttls" = SmtpTls::StartTls;
    "implicit" = SmtpTls::Implicit;
    "none" = SmtpTls::None;
    "true" = SmtpTls::ByPort;
    "false" = SmtpTls::None;
    "1" = SmtpTls::ByPort;
    "0" = SmtpTls::None;
} }

section! { Mail {
    /// The sender of every e-mail: an address, or `Name <address>`.
    "mail.from": Optional<SenderText> => from, upstream "EMAIL_FROM";
    /// The mail server (SMTP). If not set, no e-mail is sent.
    "mail.smtp_host": Optional<Text> => host, upstream "SMTP_HOST";
    /// The port of the mail server.
    "mail.smtp_port": Port => port, upstream "SMTP_PORT";
    /// How the connection to the mail server is encrypted: `starttls`, `implicit` (from the
    /// beginning), `auto` (`implicit` at port 465, otherwise `starttls`) or `none`. `true` means
    /// `auto`, `false` means `none`.
    "mail.smtp_tls": Choice<SmtpTls> => tls, upstream "SMTP_USE_TLS";
    /// The account on the mail server, if it asks for one.
    "mail.smtp_username": Optional<Text> => username, upstream "SMTP_USERNAME";
    /// The password of that account.
    "mail.smtp_password": Optional<SecretLine> => password, upstream "SMTP_PASSWORD";
    /// A file with certificates of authorities (PEM) for the connection to the mail server, trusted
    /// instead of those of the operating system.
    "mail.smtp_ca": Optional<FilePath> => authorities;
    /// The subject of the e-mail that verifies an address.
    "mail.email_verification_subject": Optional<Text> => verification.subject,
        upstream "EMAIL_VERIFICATION_SUBJECT";
    /// The file of its text in the directory `templates`, instead of
    /// `mail/email_verification.txt`.
    "mail.email_verification_text_body": Optional<Text> => verification.text,
        upstream "EMAIL_VERIFICATION_TEXT_BODY";
    /// The file of its HTML in the directory `templates`, instead of
    /// `mail/email_verification.html`.
    "mail.email_verification_html_body": Optional<Text> => verification.html,
        upstream "EMAIL_VERIFICATION_HTML_BODY";
    /// The subject of the e-mail that resets a password.
    "mail.password_reset_subject": Optional<Text> => reset.subject,
        upstream "PASSWORD_RESET_SUBJECT";
    /// The file of its text in the directory `templates`, instead of `mail/password_reset.txt`.
    "mail.password_reset_text_body": Optional<Text> => reset.text,
        upstream "PASSWORD_RESET_TEXT_BODY";
    /// The file of its HTML in the directory `templates`, instead of `mail/password_reset.html`.
    "mail.password_reset_html_body": Optional<Text> => reset.html,
        upstream "PASSWORD_RESET_HTML_BODY";
    /// The subject of the e-mail with a login code.
    "mail.login_code_subject": Optional<Text> => code.subject,
        upstream "EMAIL_AUTHENTICATOR_SUBJECT";
    /// The file of its text in the directory `templates`, instead of `mail/login_code.txt`.
    "mail.login_code_text_body": Optional<Text> => code.text,
        upstream "EMAIL_AUTHENTICATOR_TEXT_BODY";
    /// The file of its HTML in the directory `templates`, instead of `mail/login_code.html`.
    "mail.login_code_html_body": Optional<Text> => code.html,
        upstream "EMAIL_AUTHENTICATOR_HTML_BODY";
} }

impl Mail {
    /// Whether there is a mail server.
    pub(crate) fn can_send(&self) -> bool {
        self.host.is_some() && self.from.is_some()
    }

    /// The transport; `None` if no mail server is set.
    pub(crate) fn transport(&self) -> Result<Option<Smtp>, MailError> {
        let (Some(host), Some(from)) = (&self.host, &self.from) else { return Ok(None) };
        let authorities = match &self.authorities {
            Some(path) => Some(
                std::fs::read(path)
                    .map_err(|source| MailError::Unreadable { path: path.clone(), source })?,
            ),
            None => None,
        };
        let credentials = match (&self.username, &self.password) {
            (Some(username), Some(password)) => {
                Some(Credentials { username: username.clone(), password: password.clone() })
            }
            (None, _) | (_, None) => None,
        };
        let config = SmtpConfig {
            port: self.port,
            tls: self.tls,
            credentials,
            authorities,
            ..SmtpConfig::new(host, from.clone())
        };
        Ok(Some(Smtp::new(config)?))
    }

    pub(crate) fn check(&self, rules: &mut Rules<'_>) {
        let has_server = self.host.is_some();
        rules.require(
            !has_server || self.from.is_some(),
            &["mail.from", "mail.smtp_host"],
            "e-mails need a sender: set the address that they come from",
        );
        let rest: [(&'static str, bool); 4] = [
            ("mail.from", self.from.is_some()),
            ("mail.smtp_username", self.username.is_some()),
            ("mail.smtp_password", self.password.is_some()),
            ("mail.smtp_ca", self.authorities.is_some()),
        ];
        for (key, is_set) in rest {
            let reason = "is of no use without a mail server: set `mail.smtp_host`";
            rules.require(has_server || !is_set, &[key, "mail.smtp_host"], reason);
        }
        rules.require(
            self.username.is_some() || self.password.is_none(),
            &["mail.smtp_username", "mail.smtp_password"],
            "is missing: there is a password for the mail server",
        );
        rules.require(
            self.password.is_some() || self.username.is_none(),
            &["mail.smtp_password", "mail.smtp_username"],
            "is missing: there is an account on the mail server",
        );
        let is_readable = self.tls == SmtpTls::None && !self.is_local();
        rules.require_unless_in(
            &["CROSSAUTH_SMTP_USE_TLS"],
            self.password.is_none() || !is_readable,
            &["mail.smtp_tls", "mail.smtp_password"],
            "the password for the mail server would be sent unencrypted",
        );
        if let Err(error) = self.transport() {
            let key = match error {
                MailError::Unreadable { .. }
                | MailError::Setup(SetupError::Authorities | SetupError::NoAuthorities) => {
                    "mail.smtp_ca"
                }
                MailError::Setup(_) => "mail.smtp_tls",
            };
            rules.require(false, &[key, "mail.smtp_host"], &error.to_string());
        }
    }

    fn is_local(&self) -> bool {
        let host = self.host.as_deref().unwrap_or_default();
        let address = host.parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

/// E-mail cannot be sent as configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MailError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Setup(#[from] SetupError),
}
