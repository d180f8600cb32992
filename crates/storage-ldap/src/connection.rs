//! One connection to a server, with one request at a time.

mod open;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crossauth_core::directory::{DirectoryError, DirectoryErrorKind};
use crossauth_core::secret::Password;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::ber::header;
use crate::dn::Dn;
use crate::error::{of_result, protocol, too_large};
use crate::message::{Outcome, Request, Response, Search};
use crate::{RawEntry, ber};

pub(crate) use open::{Limits, connect};

/// Of the entries that one search may return, times the maximum size of one.
const MAX_ENTRY_SIZES: usize = 16;
/// Of messages that answer one request, beside the entries.
const MAX_IGNORED: usize = 1000;
/// How long the end of a connection is announced.
const UNBIND_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection.
pub(crate) struct Connection {
    stream: Stream,
    /// What was received, but not used.
    received: Vec<u8>,
    last_id: u32,
    /// The URL, for messages.
    url: String,
    address: SocketAddr,
    limits: Limits,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The result of a search.
#[derive(Debug, PartialEq)]
pub(crate) struct Results {
    pub(crate) entries: Vec<RawEntry>,
    pub(crate) outcome: Outcome,
    /// Whether the whole base of the search is on another server, which is not asked.
    pub(crate) is_partial: bool,
}

impl Results {
    /// All entries. An error if the search did not end with success.
    pub(crate) fn complete(self, what: &str) -> Result<Vec<RawEntry>, DirectoryError> {
        match self.outcome.code {
            0 => Ok(self.entries),
            code => Err(of_result(what, code, &self.outcome.text)),
        }
    }

    /// All entries, none if the base of the search does not exist.
    pub(crate) fn complete_or_none(self, what: &str) -> Result<Vec<RawEntry>, DirectoryError> {
        const NO_SUCH_OBJECT: u32 = 32;
        if self.outcome.code == NO_SUCH_OBJECT { Ok(Vec::new()) } else { self.complete(what) }
    }
}

impl Connection {
    /// Simple authentication. The name and the password must not be empty, or it would not be one.
    pub(crate) async fn bind(
        &mut self,
        dn: &str,
        password: &Password,
    ) -> Result<Outcome, DirectoryError> {
        if dn.is_empty() || password.expose().is_empty() {
            return Err(protocol(format!("{}: authentication without a name", self.url)));
        }
        let request = Request::Bind { dn, password: password.expose() };
        let response = self.call(&request).await?;
        let Response::Bind(mut outcome) = response else {
            return Err(self.unexpected(&response));
        };
        outcome.redact(password.expose());
        outcome.redact_name(dn);
        Ok(outcome)
    }

    /// Searches. More entries than the limit of the search are an error.
    pub(crate) async fn search(&mut self, search: &Search) -> Result<Results, DirectoryError> {
        let seconds = self.limits.operation_timeout.as_secs().max(1);
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX >> 1);
        let limit = self.limits.operation_timeout;
        match timeout(limit, self.search_now(search, seconds)).await {
            Ok(found) => found,
            Err(_) => Err(self.timed_out()),
        }
    }

    async fn search_now(
        &mut self,
        search: &Search,
        seconds: u32,
    ) -> Result<Results, DirectoryError> {
        let id = self.send(&Request::Search { search, seconds }).await?;
        let (mut entries, mut size, mut ignored) = (Vec::new(), 0_usize, 0);
        let mut is_partial = false;
        loop {
            let (response, length) = self.response(id).await?;
            size = size.saturating_add(length);
            match response {
                Response::SearchDone(outcome) => {
                    return Ok(Results { entries, outcome, is_partial });
                }
                Response::Entry(entry) if entries.len() < search.limit => entries.push(entry),
                Response::Entry(_) => {
                    let message = format!("{}: more than {} entries", self.url, search.limit);
                    return Err(too_large(message));
                }
                Response::Oversized => {
                    let message = format!("{}: an entry with too many attributes", self.url);
                    return Err(too_large(message));
                }
                Response::Reference(names) if ignored < MAX_IGNORED => {
                    ignored += 1;
                    is_partial |= names.iter().any(|name| leads_away(name, &search.base));
                }
                Response::Ignored if ignored < MAX_IGNORED => ignored += 1,
                Response::Ignored
                | Response::Reference(_)
                | Response::Bind(_)
                | Response::Modify(_)
                | Response::Extended(_) => return Err(self.unexpected(&response)),
            }
            if size > self.limits.max_entry_size.saturating_mul(MAX_ENTRY_SIZES) {
                return Err(too_large(format!("{}: too large a result of a search", self.url)));
            }
        }
    }

    /// Replaces one value of an attribute, which must be there, by another one.
    pub(crate) async fn replace(
        &mut self,
        dn: &str,
        attribute: &str,
        (old, new): (&[u8], &[u8]),
    ) -> Result<Outcome, DirectoryError> {
        let response = self.call(&Request::Replace { dn, attribute, old, new }).await?;
        let Response::Modify(outcome) = response else {
            return Err(self.unexpected(&response));
        };
        Ok(outcome)
    }

    /// Changes a password (RFC 3062). Neither may be empty: the server would invent one.
    pub(crate) async fn change_password(
        &mut self,
        dn: &str,
        old: &Password,
        new: &Password,
    ) -> Result<Outcome, DirectoryError> {
        let (old, new) = (old.expose(), new.expose());
        let response = self.call(&Request::ChangePassword { dn, old, new }).await?;
        let Response::Extended(mut outcome) = response else {
            return Err(self.unexpected(&response));
        };
        outcome.redact(old);
        outcome.redact(new);
        Ok(outcome)
    }

    /// Announces the end, and closes the connection.
    pub(crate) async fn close(mut self) {
        let _ = timeout(UNBIND_TIMEOUT, self.send(&Request::Unbind)).await;
    }

    pub(crate) const fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The state of TLS; `None` without TLS.
    pub(crate) fn tls(&self) -> Option<&rustls::ClientConnection> {
        match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => Some(stream.get_ref().1),
        }
    }

    /// A request with one response.
    async fn call(&mut self, request: &Request<'_>) -> Result<Response, DirectoryError> {
        let limit = self.limits.operation_timeout;
        let answer = async {
            let id = self.send(request).await?;
            for _ in 0..MAX_IGNORED {
                let (response, _) = self.response(id).await.map_err(about_no_entry)?;
                if response != Response::Ignored {
                    return Ok(response);
                }
            }
            Err(protocol(format!("{}: endless intermediate responses", self.url)))
        };
        match timeout(limit, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(self.timed_out()),
        }
    }

    async fn send(&mut self, request: &Request<'_>) -> Result<u32, DirectoryError> {
        self.last_id = if self.last_id >= 0x7fff_ffff { 1 } else { self.last_id + 1 };
        let message = request.encode(self.last_id);
        let sent = self.stream.write(&message).await;
        sent.map_err(|error| self.lost(&error))?;
        Ok(self.last_id)
    }

    /// The next response to a request, and its size.
    async fn response(&mut self, id: u32) -> Result<(Response, usize), DirectoryError> {
        let message = self.receive().await?;
        let parsed = Response::parse(&message);
        match parsed {
            Ok((found, response)) if u32::try_from(found) == Ok(id) => {
                Ok((response, message.len()))
            }
            Ok((0, Response::Extended(outcome))) => {
                let reason = io::Error::other(format!("the server ends it: {}", outcome.text));
                Err(self.lost(&reason))
            }
            Ok(_) => Err(protocol(format!("{}: a response to no request", self.url))),
            Err(ber::Malformed) => Err(self.malformed()),
        }
    }

    /// The next message. It may not be larger than an entry.
    async fn receive(&mut self) -> Result<Vec<u8>, DirectoryError> {
        const CHUNK: usize = 16 << 10;
        loop {
            if let Some(length) = self.message_length()?
                && self.received.len() >= length
            {
                let rest = self.received.split_off(length);
                return Ok(std::mem::replace(&mut self.received, rest));
            }
            let start = self.received.len();
            self.received.resize(start + CHUNK, 0);
            let read = self.stream.read(&mut self.received[start..]).await;
            self.received.truncate(start + read.as_ref().map_or(0, |read| *read));
            match read {
                Ok(0) => return Err(self.lost(&io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(error) => return Err(self.lost(&error)),
            }
        }
    }

    /// The length of the next message, if its header was received.
    fn message_length(&self) -> Result<Option<usize>, DirectoryError> {
        if self.received.first().is_some_and(|tag| *tag != ber::SEQUENCE) {
            return Err(self.malformed());
        }
        match header(&self.received) {
            Err(ber::Malformed) => Err(self.malformed()),
            Ok(Some((_, length))) if length > self.limits.max_entry_size => {
                let message = format!("{}: a message of {length} bytes", self.url);
                Err(too_large(message))
            }
            Ok(found) => Ok(found.map(|(start, length)| start + length)),
        }
    }

    /// A failure of the connection: another one may succeed.
    fn lost(&self, error: &io::Error) -> DirectoryError {
        let message = format!("{}: the connection was lost: {error}", self.url);
        DirectoryError::new(DirectoryErrorKind::Unreachable, message)
    }

    fn timed_out(&self) -> DirectoryError {
        let limit = self.limits.operation_timeout;
        let message = format!("{}: no answer within {limit:?}", self.url);
        DirectoryError::new(DirectoryErrorKind::TimedOut, message)
    }

    fn malformed(&self) -> DirectoryError {
        protocol(format!("{}: a malformed message", self.url))
    }

    fn unexpected(&self, response: &Response) -> DirectoryError {
        let what = match response {
            Response::Bind(_) => "of a bind",
            Response::Entry(_) | Response::Oversized => "with an entry",
            Response::Ignored | Response::Reference(_) => "with a reference",
            Response::SearchDone(_) => "of a search",
            Response::Modify(_) => "of a modification",
            // A server that does not understand a request answers like this, too.
            Response::Extended(_) => "of an extended operation",
        };
        protocol(format!("{}: an unexpected response {what}", self.url))
    }
}

/// Whether a reference to a name leads away from a whole base, and not from a part below it, in which
/// this server never finds anything.
fn leads_away(name: &str, base: &str) -> bool {
    match (Dn::parse(name), Dn::parse(base)) {
        (Some(name), Some(base)) => base.is_within(&name),
        _ => true,
    }
}

/// An answer that is too large, of a server that was not asked about an entry.
fn about_no_entry(error: DirectoryError) -> DirectoryError {
    if error.kind == DirectoryErrorKind::TooLarge { protocol(error.message) } else { error }
}

impl Stream {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer).await,
            Self::Tls(stream) => stream.read(buffer).await,
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }
}
