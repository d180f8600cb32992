//! E-mail by SMTP.

use std::error::Error as _;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use crossauth_core::clock::Timestamp;
use crossauth_core::outbox::{Mail, MailTransport, SendError};
use crossauth_core::secret::Password;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParametersBuilder};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use crate::tls;

/// The port of implicit TLS (RFC 8314 section 3.3).
const IMPLICIT_TLS: u16 = 465;

/// The port of message submission (RFC 6409).
const SUBMISSION: u16 = 587;

/// Maximum time of one command.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// Where and how to send e-mail.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: SmtpTls,
    /// The account on the server, if it asks for one.
    pub credentials: Option<Credentials>,
    /// The sender of every e-mail.
    pub from: Sender,
    /// Certificates of authorities, as PEM, that are trusted instead of those of the operating
    /// system.
    pub authorities: Option<Vec<u8>>,
}

impl SmtpConfig {
    /// A server at the port of submission, with STARTTLS, that asks for no account.
    pub fn new(host: impl Into<String>, from: Sender) -> Self {
        Self {
            host: host.into(),
            port: SUBMISSION,
            tls: SmtpTls::default(),
            credentials: None,
            from,
            authorities: None,
        }
    }
}

/// How the connection to a server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SmtpTls {
    /// From the beginning at port 465, by `STARTTLS` at any other.
    #[default]
    ByPort,
    /// By `STARTTLS`, which the server must offer (RFC 3207).
    StartTls,
    /// From the beginning (RFC 8314).
    Implicit,
    /// None. Messages, with their links and codes, can be read on the network.
    None,
}

/// An account on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Its name.
    pub username: String,
    /// Its password.
    pub password: Password,
}

impl Credentials {
    /// An account with its password.
    pub fn new(username: impl Into<String>, password: Password) -> Self {
        Self { username: username.into(), password }
    }
}

/// A sender: `noreply@example.com` or `Example <noreply@example.com>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender(Mailbox);

impl FromStr for Sender {
    type Err = SetupError;

    fn from_str(text: &str) -> Result<Self, SetupError> {
        let is_plain = !text.chars().any(char::is_control);
        let mailbox = text.parse().ok().filter(|_| is_plain);
        mailbox.map(Self).ok_or(SetupError::Sender)
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A way to send messages cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The sender is not an address.
    #[error("expected an address such as `noreply@example.com` or `Name <noreply@example.com>`")]
    Sender,
    /// The certificates of authorities are not PEM, or there are none.
    #[error("there is no certificate in the file of certificate authorities")]
    Authorities,
    /// The operating system trusts no certificate authority.
    #[error(
        "this system has no certificate authorities, so no TLS connection can be verified: install \
         the package `ca-certificates`, or set the environment variable `SSL_CERT_FILE` to a file \
         with certificates (PEM)"
    )]
    NoAuthorities,
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
    /// The address of the gateway cannot be used.
    #[error("expected a URL that begins with `https://`")]
    Gateway,
}

/// Sends e-mail by SMTP (RFC 5321). Each e-mail has a connection of its own.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Smtp {
    /// Connects to nothing yet.
    pub fn new(config: SmtpConfig) -> Result<Self, SetupError> {
        let from = config.from.0.clone();
        let encryption = encryption(&config)?;
        let domain = ClientId::Domain(from.email.domain().to_owned());
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(config.host)
            .port(config.port)
            .tls(encryption)
            .hello_name(domain)
            .timeout(Some(COMMAND_TIMEOUT));
        if let Some(Credentials { username, password }) = config.credentials {
            builder = builder.credentials((username, password.expose().to_owned()).into());
        }
        Ok(Self { transport: builder.build(), from })
    }

    /// Connects to the server and logs in, without sending an e-mail.
    pub async fn check(&self) -> Result<(), SendError> {
        match self.transport.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(SendError::Temporary("the server is not ready".to_owned())),
            Err(error) => Err(classify(&error)),
        }
    }

    /// The e-mail as it is sent. Its `Message-ID` and `Date` are the same at each attempt.
    fn message(&self, mail: &Mail) -> Result<Message, SendError> {
        let wrong = |what: &str| SendError::Permanent(what.to_owned());
        let to: Address = mail.to.parse().map_err(|_| wrong("not an e-mail address"))?;
        let id = format!("<{}@{}>", mail.message_id, self.from.email.domain());
        // RFC 3834 section 5: no replies by machines.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let automatic = HeaderValue::new(automatic, "auto-generated".to_owned());
        let builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject.clone())
            .date(system_time(mail.date))
            .message_id(Some(id))
            .raw_header(automatic);
        let text = mail.text.clone();
        let message = match &mail.html {
            Some(html) => builder.multipart(MultiPart::alternative_plain_html(text, html.clone())),
            None => builder.singlepart(SinglePart::plain(text)),
        };
        message.map_err(|_| wrong("the e-mail cannot be encoded"))
    }
}

#[async_trait]
impl MailTransport for Smtp {
    async fn send(&self, mail: &Mail) -> Result<(), SendError> {
        let message = self.message(mail)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) => Err(classify(&error)),
        }
    }
}

/// Whether another attempt may succeed, and what the server said. Refused credentials (RFC 4954
/// section 6) are a mistake in the configuration, not in the message; what a server says about them
/// may contain them.
fn classify(error: &lettre::transport::smtp::Error) -> SendError {
    let Some(code) = error.status() else {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        return SendError::Temporary(text);
    };
    let code = code.to_string();
    if matches!(&*code, "530" | "534" | "535" | "538") {
        return SendError::Temporary(format!("{code} the server refuses the account"));
    }
    let said = error.source().map(ToString::to_string).unwrap_or_default();
    let said = format!("{code} {said}");
    if error.is_permanent() { SendError::Permanent(said) } else { SendError::Temporary(said) }
}

fn encryption(config: &SmtpConfig) -> Result<Tls, SetupError> {
    let wrap = match (config.tls, config.port) {
        (SmtpTls::None, _) => return Ok(Tls::None),
        (SmtpTls::Implicit, _) | (SmtpTls::ByPort, IMPLICIT_TLS) => Tls::Wrapper,
        (SmtpTls::StartTls | SmtpTls::ByPort, _) => Tls::Required,
    };
    let mut parameters = TlsParametersBuilder::new(config.host.clone());
    if config.authorities.is_none() {
        tls::authorities()?;
    }
    if let Some(pem) = &config.authorities {
        let has_any = pem.windows(BEGIN.len()).any(|window| window == BEGIN.as_bytes());
        let certificates = Certificate::from_pem(pem).ok().filter(|_| has_any);
        parameters = parameters
            .certificate_store(CertificateStore::None)
            .add_root_certificate(certificates.ok_or(SetupError::Authorities)?);
    }
    parameters.build().map(wrap).map_err(|error| SetupError::Tls(error.to_string()))
}

/// What a certificate begins with.
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0))
}
