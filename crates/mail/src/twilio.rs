//! Text messages by Twilio's Messages API, or a gateway that speaks it.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crossauth_core::outbox::{SendError, SmsTransport};
use crossauth_core::secret::Password;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Request, StatusCode};
use hyper::body::Bytes;
use serde_json::Value;
use tokio::time::timeout;
use url::Url;

use crate::http::{HttpClient, Unreachable};
use crate::smtp::SetupError;

/// Maximum time of one request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Twilio's address.
const GATEWAY: &str = "https://api.twilio.com";

/// An account at Twilio.
#[derive(Debug, Clone)]
pub struct TwilioConfig {
    /// The account's id.
    pub account_sid: String,
    /// The account's token.
    pub auth_token: Password,
    /// The number or name that the messages come from.
    pub from: String,
    /// The URL of the gateway, for a region of Twilio's or another gateway with the same interface.
    pub gateway: String,
}

impl TwilioConfig {
    /// An account at Twilio itself.
    pub fn new(account_sid: &str, auth_token: Password, from: &str) -> Self {
        let (account_sid, from) = (account_sid.to_owned(), from.to_owned());
        Self { account_sid, auth_token, from, gateway: GATEWAY.to_owned() }
    }
}

/// Sends text messages by Twilio's Messages API. Each has a connection of its own.
///
/// The interface has no way to recognise a repeated request: if the answer to one is lost, the
/// message is sent twice.
pub struct Twilio {
    client: HttpClient,
    path: String,
    authorization: HeaderValue,
    from: String,
}

impl fmt::Debug for Twilio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Twilio").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Twilio {
    /// Connects to nothing yet. The gateway must be reached by https, unless it is on this machine.
    pub fn new(config: TwilioConfig) -> Result<Self, SetupError> {
        let mut url = Url::parse(&config.gateway).map_err(|_| SetupError::Gateway)?;
        let is_plain = url.scheme() == "http" && is_loopback(&url);
        if !is_plain && url.scheme() != "https" || !url.username().is_empty() {
            return Err(SetupError::Gateway);
        }
        url.path_segments_mut().map_err(|()| SetupError::Gateway)?.pop_if_empty().extend([
            "2010-04-01",
            "Accounts",
            &config.account_sid,
            "Messages.json",
        ]);
        let account = format!("{}:{}", config.account_sid, config.auth_token.expose());
        let authorization = format!("Basic {}", BASE64_STANDARD.encode(account));
        let mut authorization =
            HeaderValue::from_str(&authorization).map_err(|_| SetupError::Gateway)?;
        authorization.set_sensitive(true);
        let client = HttpClient::of(&url)?;
        Ok(Self { client, path: url.path().to_owned(), authorization, from: config.from })
    }

    async fn post(&self, form: String) -> Result<(StatusCode, Bytes), Unreachable> {
        let request = Request::post(&self.path)
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, self.authorization.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(form))?;
        let answer = self.client.send(request).await?;
        Ok((answer.status(), answer.into_body()))
    }
}

#[async_trait]
impl SmsTransport for Twilio {
    async fn send(&self, to: &str, text: &str) -> Result<(), SendError> {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("To", to)
            .append_pair("From", &self.from)
            .append_pair("Body", text)
            .finish();
        let temporary = |text: String| Err(SendError::Temporary(text));
        match timeout(TIMEOUT, self.post(form)).await {
            Err(_) => temporary(format!("no answer within {} s", TIMEOUT.as_secs())),
            Ok(Err(error)) => temporary(format!("the gateway does not answer: {error}")),
            Ok(Ok((status, body))) => judge(status, &body),
        }
    }
}

/// What the answer of the gateway means. A refused account is a mistake in the configuration, not
/// in the message.
fn judge(status: StatusCode, body: &[u8]) -> Result<(), SendError> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    if status.is_success() {
        let is_accepted = answer["sid"].as_str().is_some_and(|sid| !sid.is_empty());
        let missing = || SendError::Temporary(format!("{status}, but no id of a message"));
        return if is_accepted { Ok(()) } else { Err(missing()) };
    }
    let said = answer["message"].as_str().unwrap_or_default();
    let said = match answer["code"].as_u64() {
        Some(code) => format!("{status}: {code} {said}"),
        None => format!("{status} {said}"),
    };
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            Err(SendError::Permanent(said))
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Err(SendError::Temporary(format!("{status}: the gateway refuses the account")))
        }
        _ => Err(SendError::Temporary(said)),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
