//! The outbox: messages are sent once, retried, and given up.

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

/// Accepts nothing, ever.
struct Silent;

#[async_trait]
impl MailTransport for Silent {
    async fn send(&self, _: &Mail) -> Result<(), SendError> {
        std::future::pending().await
    }
}

/// Accepts after this time.
struct Slow(Duration, Arc<Transport>);

#[async_trait]
impl MailTransport for Slow {
    async fn send(&self, mail: &Mail) -> Result<(), SendError> {
        tokio::time::sleep(self.0).await;
        MailTransport::send(&*self.1, mail).await
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

#[tokio::test(start_paused = true)]
async fn the_background_tasks_send_a_message_as_soon_as_it_is_stored() {
    let site = Site::new();
    let tasks = tokio::spawn(site.auth.tasks());
    tokio::time::sleep(Duration::from_millis(1)).await;
    for count in 1..=20 {
        site.enqueue(MessageKind::PasswordReset).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(site.transport.count(), count);
    }
    assert!(site.listed(MessageState::Waiting).await.is_empty());
    tasks.abort();
}

#[tokio::test(start_paused = true)]
async fn the_background_tasks_find_what_another_process_has_stored() {
    let storage = TestStorage::new(MemoryStorage::new(Normalization::default()).storage());
    let site = Site::over(storage.clone(), SECRET, |_| {});
    let tasks = tokio::spawn(site.auth.tasks());
    tokio::time::sleep(Duration::from_millis(1)).await;
    // Takes the notice that the worker would get.
    let woken = site.storage.inner().outbox.clone();
    let taken = tokio::spawn(async move { woken.enqueued().await });
    site.enqueue(MessageKind::PasswordReset).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(site.transport.count(), 1);
    taken.abort();
    tasks.abort();
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_storage_ends_without_a_restart() {
    let site = Site::new();
    let tasks = tokio::spawn(site.auth.tasks());
    site.enqueue(MessageKind::PasswordReset).await;
    site.storage.fail();
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(site.transport.count(), 0);
    site.storage.recover();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(site.transport.count(), 1);
    tasks.abort();
}

#[tokio::test(start_paused = true)]
async fn a_message_is_not_sent_again_because_its_outcome_cannot_be_stored_at_once() {
    let site = Site::new();
    let tasks = tokio::spawn(site.auth.tasks());
    site.storage.fail_call("outbox.settle");
    site.enqueue(MessageKind::PasswordReset).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(site.transport.count(), 1);
    site.storage.recover();
    tokio::time::sleep(Duration::from_mins(1)).await;
    site.clock.advance(Duration::from_hours(1));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(site.transport.count(), 1);
    assert!(site.listed(MessageState::Waiting).await.is_empty());
    tasks.abort();
}

#[tokio::test(start_paused = true)]
async fn a_silent_mail_server_delays_text_messages_by_no_more_than_its_share() {
    let site = Site::with(|delivery| delivery.mail = Some(Arc::new(Silent)));
    let tasks = tokio::spawn(site.auth.tasks());
    for _ in 0..7 {
        site.enqueue(MessageKind::PasswordReset).await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let to = Recipient::Phone("+43123456789".into());
    site.enqueue_to(MessageKind::LoginCode, to).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(site.transport.count(), 1);
    tokio::time::sleep(Duration::from_mins(2)).await;
    let waiting = site.listed(MessageState::Waiting).await;
    assert_eq!(waiting.len(), 7);
    let error = waiting[0].error.as_deref();
    assert_eq!(error, Some("no answer within 60 s"));
    tasks.abort();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_messages_that_are_being_sent() {
    let transport = Arc::<Transport>::default();
    let slow = Arc::new(Slow(Duration::from_secs(3), transport.clone()));
    let site = Site::with(|delivery| delivery.mail = Some(slow));
    let tasks = tokio::spawn(site.auth.tasks());
    for _ in 0..8 {
        site.enqueue(MessageKind::PasswordReset).await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    site.enqueue(MessageKind::PasswordReset).await;
    let begun = tokio::time::Instant::now();
    site.auth.finish(Duration::from_secs(5)).await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(transport.count(), 8);
    tasks.abort();
    // The ninth was not begun, and waits for the next process.
    let next = Site::over(site.storage.clone(), SECRET, |_| {});
    assert_eq!(next.send().await, 1);
    assert_eq!(next.transport.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_gives_back_what_is_not_sent_in_time() {
    let site = Site::with(|delivery| delivery.mail = Some(Arc::new(Silent)));
    let tasks = tokio::spawn(site.auth.tasks());
    for _ in 0..9 {
        site.enqueue(MessageKind::PasswordReset).await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let begun = tokio::time::Instant::now();
    site.auth.finish(Duration::from_secs(5)).await;
    assert_eq!(begun.elapsed().as_secs(), 5);
    tasks.abort();
    // Without a change of the clock: no lease has to end.
    let next = Site::over(site.storage.clone(), SECRET, |_| {});
    assert_eq!(next.send().await, 9);
    assert_eq!(next.transport.count(), 9);
    assert!(next.listed(MessageState::Waiting).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn tasks_that_are_started_again_after_a_shutdown_send_messages() {
    let site = Site::new();
    let tasks = tokio::spawn(site.auth.tasks());
    tokio::time::sleep(Duration::from_millis(1)).await;
    site.auth.finish(Duration::from_secs(5)).await;
    site.enqueue(MessageKind::PasswordReset).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(site.transport.count(), 0);
    tasks.abort();
    let tasks = tokio::spawn(site.auth.tasks());
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(site.transport.count(), 1);
    tasks.abort();
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
