//! Rules for the workers that send messages.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::message::{MessageKind, Recipient};
use crossauth_core::outbox::{Delivery, Mail, MailTransport, SendError};
use crossauth_core::storage::Storage;
use parking_lot::Mutex;
use serde_json::Map;

use super::sample::race;
use super::site::{ADDRESS, RACERS, Site};

/// Remembers which messages were sent.
#[derive(Default)]
struct Sent(Mutex<Vec<String>>);

#[async_trait]
impl MailTransport for Sent {
    async fn send(&self, mail: &Mail) -> Result<(), SendError> {
        self.0.lock().push(mail.message_id.clone());
        Ok(())
    }
}

/// Of many workers, one sends each message.
pub(super) async fn each_message_is_sent_by_one_of_many_workers(storage: &Storage) {
    let sent = Arc::new(Sent::default());
    let mail = Some(sent.clone() as Arc<dyn MailTransport>);
    let site = Site::with_delivery(storage, Delivery { mail, ..Delivery::default() });
    let compose = |_| {
        let to = Recipient::Email(ADDRESS.into());
        let kind = MessageKind::PasswordChanged;
        site.auth.messages.compose(kind, to, None, Map::new()).unwrap()
    };
    let messages: Vec<_> = (0..RACERS).map(compose).collect();
    site.auth.outbox.enqueue(&messages).await.unwrap();
    race(RACERS, |_| {
        let site = site.clone();
        async move { site.auth.outbox.send_now().await.unwrap() }
    })
    .await;
    let sent = sent.0.lock();
    assert_eq!(sent.len(), RACERS);
    assert_eq!(sent.iter().collect::<HashSet<_>>().len(), RACERS);
}
