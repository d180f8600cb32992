//! Mail: what waits, and a message that arrives.

use std::time::Duration;

use crossauth_axum::Crossauth;
use crossauth_core::clock::{Clock as _, SystemClock};
use crossauth_core::crypto::random_value;
use crossauth_core::outbox::Mail;
use crossauth_core::random::SystemRandom;
use crossauth_core::storage::MessageState;
use crossauth_settings::Settings;
use tokio::time::timeout;

use super::finding::Findings;

/// Maximum time to send the test message.
const TIME_LIMIT: Duration = Duration::from_mins(1);

pub(super) async fn check(
    settings: &Settings,
    site: &Crossauth,
    to: Option<&str>,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let outbox = &site.auth().outbox;
    let (dead, waiting) =
        (outbox.count(MessageState::Dead).await?, outbox.count(MessageState::Waiting).await?);
    if dead > 0 {
        let list = "see crossauth outbox list --dead";
        findings.warning(&format!("{dead} messages to users were given up: {list}"))?;
    }
    let newest = outbox.list(MessageState::Waiting, None, 1).await?;
    if let Some(error) = newest.first().and_then(|message| message.error.as_deref()) {
        findings.warning(&format!("{waiting} messages wait; the newest failed: {error}"))?;
    }
    let delivery = settings.delivery().map_err(anyhow::Error::from_boxed)?;
    match (delivery.mail, to) {
        (None, Some(_)) => {
            findings
                .problem("no test message was sent: there is no mail server (mail.smtp_host)")?;
        }
        (None, None) => findings.warning(
            "no mail is sent (mail.smtp_host): passwords cannot be reset, addresses not verified",
        )?,
        (Some(_), None) => findings
            .warning("no test message was sent: name an address that you read with --mail")?,
        (Some(mail), Some(to)) => {
            let message = test_message(to, site.config().base_url.as_str());
            match timeout(TIME_LIMIT, mail.send(&message)).await {
                Ok(Ok(())) => findings.fine(&format!(
                    "the mail server has accepted a message to {to}: see whether it arrives, and not \
                     among spam; its id is {}",
                    message.message_id
                ))?,
                Ok(Err(error)) => findings.problem(&format!("no message can be sent: {error}"))?,
                Err(_) => findings.problem("the mail server did not answer within a minute")?,
            }
        }
    }
    Ok(())
}

fn test_message(to: &str, url: &str) -> Mail {
    let id = random_value(&SystemRandom, 16);
    let text = format!(
        "This is a test of crossauth doctor for {url}.\n\nMail of this server arrives. There is \
         nothing to do.\n"
    );
    let subject = "Test message".to_owned();
    Mail { subject, text, ..Mail::new(id, SystemClock.now(), to) }
}
