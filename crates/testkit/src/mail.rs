//! A mail server and a gateway for text messages, for tests.
//!
//! The mail server is aiosmtpd (Debian: `python3-aiosmtpd`), the gateway a few lines that play
//! Twilio's Messages API. Both listen on loopback and end with the test.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::missing_panics_doc, reason = "a server that does not start panics")]

mod gateway;

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

pub use gateway::{Gateway, Sms};

use crate::authority::Authority;
use crate::server::Process;

const TIME_LIMIT: Duration = Duration::from_secs(30);

/// How a mail server is reached and behaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct SmtpOptions<'a> {
    /// The port; a free one if not set.
    pub port: u16,
    /// How connections are encrypted, with the certificate.
    pub tls: SmtpEncryption<'a>,
    /// The account that it asks for: `name:password`.
    pub account: Option<&'a str>,
    /// What it answers.
    pub behaviour: Behaviour,
}

/// How connections to a mail server are encrypted.
#[derive(Debug, Clone, Copy, Default)]
pub enum SmtpEncryption<'a> {
    /// Not at all.
    #[default]
    None,
    /// By `STARTTLS`, which it requires.
    StartTls(&'a Authority),
    /// From the beginning.
    Implicit(&'a Authority),
}

/// What a mail server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// Accepts e-mail.
    #[default]
    Accepts,
    /// Temporarily refuses every recipient.
    Busy,
    /// Permanently refuses every recipient.
    Refuses,
    /// Accepts e-mail, and takes a second for each recipient.
    Slow,
    /// Does not answer to a recipient.
    Silent,
}

/// A running mail server.
#[derive(Debug)]
pub struct SmtpServer {
    process: Process,
    port: u16,
}

/// An e-mail that a mail server accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// Head and body.
    pub data: String,
    /// Whether the connection was encrypted.
    pub encrypted: bool,
    /// The account that was used.
    pub account: Option<String>,
}

impl SmtpServer {
    /// Starts a server.
    pub fn start(options: SmtpOptions<'_>) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/mail/smtp.py");
        // Debian's Python, which has Debian's aiosmtpd.
        let mut command = Command::new("/usr/bin/python3");
        command.arg(script).args(["--port", &options.port.to_string()]);
        let (tls, authority) = match options.tls {
            SmtpEncryption::None => ("none", None),
            SmtpEncryption::StartTls(authority) => ("starttls", Some(authority)),
            SmtpEncryption::Implicit(authority) => ("implicit", Some(authority)),
        };
        command.args(["--tls", tls]);
        if let Some(authority) = authority {
            command.arg("--certificate").arg(authority.server_certificate());
            command.arg("--key").arg(authority.server_key());
        }
        if let Some(account) = options.account {
            command.args(["--account", account]);
        }
        let behaviour = match options.behaviour {
            Behaviour::Accepts => "accept",
            Behaviour::Busy => "busy",
            Behaviour::Refuses => "refuse",
            Behaviour::Slow => "slow",
            Behaviour::Silent => "silent",
        };
        command.args(["--behaviour", behaviour]);
        let process = Process::spawn(command, TIME_LIMIT);
        let first = process.line(|| "the mail server does not start".to_owned());
        let port = first.and_then(|line| line.parse().ok());
        let port = port.unwrap_or_else(|| {
            panic!("aiosmtpd does not start: install `python3-aiosmtpd` (scripts/test does)")
        });
        Self { process, port }
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next e-mail; waits for it.
    pub fn next(&self) -> Received {
        let line = self.process.line(|| "no e-mail arrived".to_owned());
        let line = line.unwrap_or_else(|| panic!("the mail server has ended"));
        let received: Value = serde_json::from_str(&line).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Received {
            from: text(&received["from"]),
            to: received["to"].as_array().unwrap().iter().map(text).collect(),
            data: text(&received["data"]),
            encrypted: received["encrypted"].as_bool().unwrap(),
            account: received["account"].as_str().map(str::to_owned),
        }
    }

    /// Ends the server and returns the e-mails that were not read.
    pub fn stop(mut self) -> usize {
        self.process.kill();
        std::iter::from_fn(|| self.process.line(String::new)).count()
    }
}

impl Received {
    /// The values of a header, unfolded.
    pub fn header(&self, name: &str) -> Vec<String> {
        let (head, _) = self.parts();
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let named = |line: &str| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        head.split("\r\n").filter_map(named).collect()
    }

    /// The body as it was sent.
    pub fn body(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        self.data.split_once("\r\n\r\n").unwrap_or((&self.data, ""))
    }
}
