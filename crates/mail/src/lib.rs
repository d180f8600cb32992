//! Sends the messages of Crossauth: e-mail by [SMTP](Smtp), text messages by [Twilio], both from
//! [templates](Templates).
//!
//! ```
//! use std::sync::Arc;
//!
//! use crossauth_core::outbox::Delivery;
//! use crossauth_core::secret::Password;
//! use crossauth_mail::{Credentials, Smtp, SmtpConfig, Templates, TemplateConfig};
//!
//! # fn example() -> Result<Delivery, Box<dyn std::error::Error>> {
//! let smtp = Smtp::new(SmtpConfig {
//!     credentials: Some(Credentials {
//!         username: "crossauth".into(),
//!         password: Password::new("the password of the mail account"),
//!     }),
//!     ..SmtpConfig::new("smtp.example.com", "Example <noreply@example.com>".parse()?)
//! })?;
//! let delivery = Delivery {
//!     renderer: Arc::new(Templates::new(TemplateConfig::default())?),
//!     mail: Some(Arc::new(smtp)),
//!     ..Delivery::default()
//! };
//! # Ok(delivery)
//! # }
//! ```
//!
//! `Builder::delivery` of `crossauth-axum` takes the result. Another way to send is an
//! implementation of [`MailTransport`](crossauth_core::outbox::MailTransport) or
//! [`SmsTransport`](crossauth_core::outbox::SmsTransport).
//!
//! TLS certificates are checked against the authorities that the operating system trusts, by rustls
//! with AWS-LC.
//!
//! # Adding a message
//!
//! Add a line to the table of [`MessageKind`](crossauth_core::message::MessageKind), the templates
//! `templates/<name>.txt` and `<name>.html`, a line to the table in `template/default.rs`, and a
//! row in `docs/reference/templates.md`.

mod http;
mod smtp;
mod template;
mod tls;
mod twilio;

pub use self::http::{HttpClient, Unreachable};
pub use smtp::{Credentials, Sender, SetupError, Smtp, SmtpConfig, SmtpTls};
pub use template::{MessageFiles, TemplateConfig, TemplateError, Templates};
pub use twilio::{Twilio, TwilioConfig};
