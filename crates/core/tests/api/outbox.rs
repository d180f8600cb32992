//! The outbox: messages are sent once, retried, and given up.

mod worker;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crossauth_core::clock::Clock as _;
use crossauth_core::message::{Channel, MessageKind, Messages, Recipient};
use crossauth_core::outbox::{
    Delivery, Mail, MailTransport, Preview, RenderError, Rendered, Renderer, SendError,
    SmsTransport,
};
use crossauth_core::random::SystemRandom;
use crossauth_core::secret::ServerSecret;
use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::storage::{ListedMessage, MessageState};
use crossauth_core::user::Normalization;
use crossauth_core::{Auth, AuthConfig, Sources};
use crossauth_testkit::clock::FixedClock;
use crossauth_testkit::storage::TestStorage;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

const SECRET: &str = "0123456789abcdef";

/// Answers in turn what it is told, then accepts.
#[derive(Default)]
struct Transport {
    answers: Mutex<VecDeque<Result<(), SendError>>>,
    sent: Mutex<Vec<(String, String, String)>>,
}

impl Transport {
    fn attempt(&self, id: &str, to: &str, text: &str) -> Result<(), SendError> {
        let answer = self.answers.lock().pop_front().unwrap_or(Ok(()));
        self.sent.lock().push((id.to_owned(), to.to_owned(), text.to_owned()));
        answer
    }

    fn answer(&self, answer: Result<(), SendError>) {
        self.answers.lock().push_back(answer);
    }

    fn count(&self) -> usize {
        self.sent.lock().len()
    }
}

#[async_trait]
impl MailTransport for Transport {
    async fn send(&self, mail: &Mail) -> Result<(), SendError> {
        self.attempt(&mail.message_id, &mail.to, &mail.text)
    }
}

#[async_trait]
impl SmsTransport for Transport {
    async fn send(&self, to: &str, text: &str) -> Result<(), SendError> {
        self.attempt("", to, text)
    }
}

struct Site {
    auth: Auth,
    clock: FixedClock,
    storage: TestStorage,
    transport: Arc<Transport>,
}

impl Site {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(configure: impl FnOnce(&mut Delivery)) -> Self {
        let storage = TestStorage::new(MemoryStorage::new(Normalization::default()).storage());
        Self::over(storage, SECRET, configure)
    }

    fn over(storage: TestStorage, secret: &str, configure: impl FnOnce(&mut Delivery)) -> Self {
        let (clock, transport) = (FixedClock::default(), Arc::<Transport>::default());
        let mut config = AuthConfig::new(ServerSecret::new(secret).unwrap());
        config.delivery.mail = Some(transport.clone());
        config.delivery.sms = Some(transport.clone());
        configure(&mut config.delivery);
        let sources = Sources { clock: Arc::new(clock.clone()), random: Arc::new(SystemRandom) };
        let auth = Auth::new(config, &storage.storage(), &sources).unwrap();
        Self { auth, clock, storage, transport }
    }

    async fn enqueue(&self, kind: MessageKind) -> String {
        self.enqueue_to(kind, Recipient::Email("ada@example.com".into())).await
    }

    async fn enqueue_to(&self, kind: MessageKind, to: Recipient) -> String {
        let variables = Map::from_iter([("token".to_owned(), json!("t0ken-of-ada"))]);
        let message = self.auth.messages.compose(kind, to, None, variables).unwrap();
        self.auth.outbox.enqueue(std::slice::from_ref(&message)).await.unwrap();
        message.id
    }

    async fn send(&self) -> usize {
        self.auth.outbox.send_now().await.unwrap()
    }

    async fn listed(&self, state: MessageState) -> Vec<ListedMessage> {
        self.auth.outbox.list(state, None, 100).await.unwrap()
    }
}

fn temporary() -> Result<(), SendError> {
    Err(SendError::Temporary("451 busy".into()))
}

#[tokio::test]
async fn a_message_is_sent_once() {
    let site = Site::new();
    let id = site.enqueue(MessageKind::PasswordReset).await;
    assert_eq!((site.send().await, site.send().await), (1, 0));
    site.clock.advance(Duration::from_hours(1));
    assert_eq!(site.send().await, 0);
    let sent = site.transport.sent.lock().clone();
    assert_eq!(sent, [(id, "ada@example.com".into(), "token: t0ken-of-ada\n".into())]);
    assert!(site.listed(MessageState::Waiting).await.is_empty());
    assert!(site.listed(MessageState::Dead).await.is_empty());
}

#[tokio::test]
async fn a_text_message_goes_to_the_gateway() {
    let site = Site::new();
    let to = Recipient::Phone("+43123456789".into());
    site.enqueue_to(MessageKind::LoginCode, to).await;
    assert_eq!(site.send().await, 1);
    assert_eq!(site.transport.sent.lock()[0].1, "+43123456789");
}

#[tokio::test]
async fn a_temporary_failure_is_retried_later_and_later_with_the_same_id() {
    let site = Site::new();
    let id = site.enqueue(MessageKind::PasswordReset).await;
    for seconds in [30, 60, 120] {
        site.transport.answer(temporary());
        assert_eq!(site.send().await, 1);
        site.clock.advance(Duration::from_millis(seconds * 1000 - 1));
        assert_eq!(site.send().await, 0, "{seconds}");
        site.clock.advance(Duration::from_millis(1));
    }
    assert_eq!(site.listed(MessageState::Waiting).await[0].error.as_deref(), Some("451 busy"));
    assert_eq!(site.send().await, 1);
    let sent = site.transport.sent.lock().clone();
    assert_eq!(sent.len(), 4);
    assert!(sent.iter().all(|(sent, ..)| *sent == id));
    assert!(site.listed(MessageState::Waiting).await.is_empty());
}

#[tokio::test]
async fn a_message_is_given_up_after_a_day_and_a_code_after_ten_minutes() {
    for (kind, most, least) in
        [(MessageKind::PasswordReset, 24 * 60, 22 * 60), (MessageKind::LoginCode, 10, 5)]
    {
        let site = Site::new();
        site.enqueue(kind).await;
        let begin = site.clock.now();
        while site.listed(MessageState::Dead).await.is_empty() {
            site.transport.answer(temporary());
            site.send().await;
            site.clock.advance(Duration::from_secs(30));
            assert!(site.clock.now().since(begin) < Duration::from_hours(30));
        }
        let [dead] = &site.listed(MessageState::Dead).await[..] else { panic!() };
        let minutes = dead.died.unwrap().since(begin).as_secs() / 60;
        assert!((least..=most).contains(&minutes), "{minutes}");
        assert_eq!(dead.error.as_deref(), Some("451 busy"));
    }
}

#[tokio::test]
async fn a_permanent_failure_is_given_up_at_once() {
    let site = Site::new();
    let id = site.enqueue(MessageKind::PasswordReset).await;
    let said = "550 <ada@example.com> no such user: t0ken-of-ada".to_owned();
    site.transport.answer(Err(SendError::Permanent(said)));
    assert_eq!(site.send().await, 1);
    site.clock.advance(Duration::from_hours(2));
    assert_eq!(site.send().await, 0);
    let [dead] = &site.listed(MessageState::Dead).await[..] else { panic!() };
    assert_eq!((&dead.id, dead.attempts), (&id, 1));
    assert_eq!(dead.error.as_deref(), Some("550 <…> no such user: …"));
}

#[tokio::test]
async fn a_message_that_was_given_up_can_be_sent_again() {
    let site = Site::new();
    let id = site.enqueue(MessageKind::PasswordReset).await;
    site.transport.answer(Err(SendError::Permanent("550 sender not allowed".into())));
    site.send().await;
    site.clock.advance(Duration::from_hours(50));
    assert!(site.auth.outbox.retry(&id).await.unwrap());
    assert_eq!(site.send().await, 1);
    assert_eq!(site.transport.count(), 2);
    assert!(!site.auth.outbox.retry(&id).await.unwrap(), "it was sent");
}

#[tokio::test]
async fn a_message_that_is_too_late_is_not_sent() {
    let site = Site::new();
    site.enqueue(MessageKind::LoginCode).await;
    site.clock.advance(Duration::from_mins(10));
    assert_eq!(site.send().await, 1);
    assert_eq!(site.transport.count(), 0);
    assert_eq!(site.listed(MessageState::Dead).await.len(), 1);
}

#[tokio::test]
async fn a_message_of_another_secret_is_given_up() {
    let site = Site::new();
    site.enqueue(MessageKind::PasswordReset).await;
    let other = Site::over(site.storage.clone(), "fedcba9876543210", |_| {});
    assert_eq!(other.send().await, 1);
    assert_eq!(other.transport.count(), 0);
    let [dead] = &other.listed(MessageState::Dead).await[..] else { panic!() };
    assert!(dead.error.as_ref().unwrap().contains("another secret"));
}

#[tokio::test]
async fn a_message_whose_template_is_wrong_waits_for_the_template() {
    struct Wrong;
    impl Renderer for Wrong {
        fn render(
            &self,
            _: &MessageKind,
            _: Channel,
            _: &Map<String, Value>,
        ) -> Result<Rendered, RenderError> {
            Err(RenderError("there is no such template".into()))
        }
    }
    let site = Site::with(|delivery| delivery.renderer = Arc::new(Wrong));
    site.enqueue(MessageKind::PasswordReset).await;
    site.send().await;
    assert_eq!(site.transport.count(), 0);
    let [waiting] = &site.listed(MessageState::Waiting).await[..] else { panic!() };
    assert!(waiting.error.as_ref().unwrap().contains("no such template"));
}

#[tokio::test]
async fn r1_variables_of_the_site_take_precedence_over_those_of_a_message() {
    let site = Site::with(|delivery| {
        delivery.site = Map::from_iter([("token".to_owned(), json!("of the site"))]);
    });
    site.enqueue(MessageKind::PasswordReset).await;
    site.send().await;
    assert_eq!(site.transport.sent.lock()[0].2, "token: of the site\n");
}

#[tokio::test]
async fn in_development_messages_are_shown_instead_of_sent() {
    let preview = Preview::new();
    let site = Site::with(|delivery| delivery.preview = Some(preview.clone()));
    assert!(site.auth.outbox.can_send(Channel::Email));
    site.enqueue(MessageKind::PasswordReset).await;
    site.send().await;
    assert_eq!(site.transport.count(), 0);
    let [shown] = &preview.messages()[..] else { panic!() };
    assert_eq!(shown.to, Recipient::Email("ada@example.com".into()));
    assert_eq!(shown.rendered.text, "token: t0ken-of-ada\n");
    assert!(site.listed(MessageState::Waiting).await.is_empty());
}

#[tokio::test]
async fn without_a_transport_messages_are_dropped() {
    let site = Site::with(|delivery| (delivery.mail, delivery.sms) = (None, None));
    assert!(!site.auth.outbox.can_send(Channel::Email));
    site.enqueue(MessageKind::PasswordReset).await;
    assert_eq!(site.send().await, 1);
    assert!(site.listed(MessageState::Waiting).await.is_empty());
    assert!(site.listed(MessageState::Dead).await.is_empty());
}

#[tokio::test]
async fn messages_are_composed_the_same_by_every_process_of_a_secret() {
    let site = Site::new();
    let secret = ServerSecret::new(SECRET).unwrap();
    let clock = Arc::new(site.clock.clone());
    let other = Messages::new(&secret, clock, Arc::new(SystemRandom)).unwrap();
    let to = Recipient::Email("ada@example.com".into());
    let message = other.compose(MessageKind::PasswordReset, to, None, Map::new()).unwrap();
    site.auth.outbox.enqueue(&[message]).await.unwrap();
    site.send().await;
    assert_eq!(site.transport.count(), 1);
}
