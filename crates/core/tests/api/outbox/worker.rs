//! The worker among the background tasks, and its shutdown.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use crossauth_core::account::Role;
use crossauth_core::message::{MessageKind, Recipient};
use crossauth_core::outbox::{Mail, MailTransport, SendError};
use crossauth_core::storage::MessageState;
use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::user::Normalization;
use crossauth_core::visitor::Visitor;
use crossauth_testkit::storage::TestStorage;

use super::{SECRET, Site, Transport};

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

/// Panics at the first message.
struct Panicking(AtomicBool, Arc<Transport>);

#[async_trait]
impl MailTransport for Panicking {
    async fn send(&self, mail: &Mail) -> Result<(), SendError> {
        assert!(self.0.swap(true, Ordering::SeqCst), "on purpose");
        MailTransport::send(&*self.1, mail).await
    }
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
async fn a_task_that_panics_is_started_again_and_the_others_go_on() {
    for call in ["outbox.claim", "keys.any_created"] {
        let site = Site::new();
        site.storage.interrupt_after(call, |_| async { panic!("on purpose") });
        let tasks = tokio::spawn(site.auth.tasks());
        // Nothing is claimed when it panics.
        tokio::time::sleep(Duration::from_millis(1)).await;
        site.enqueue(MessageKind::PasswordReset).await;
        tokio::time::sleep(Duration::from_mins(11)).await;
        assert_eq!(site.transport.count(), 1, "{call}");
        assert_eq!(site.auth.metrics().task_restarts, 1, "{call}");
        assert!(!tasks.is_finished(), "{call}");
        tasks.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_tried_again_if_what_sends_it_panics() {
    let transport = Arc::<Transport>::default();
    let panicking = Arc::new(Panicking(AtomicBool::new(false), transport.clone()));
    let site = Site::with(|delivery| delivery.mail = Some(panicking));
    site.enqueue(MessageKind::PasswordReset).await;
    site.send().await;
    let waiting = site.listed(MessageState::Waiting).await;
    assert_eq!(waiting[0].error.as_deref(), Some("what sends the message panicked"));
    site.clock.advance(Duration::from_mins(1));
    site.send().await;
    assert_eq!(transport.count(), 1);
    let messages = site.auth.metrics().messages;
    assert_eq!((messages.sent, messages.retried, messages.given_up), (1, 1, 0));
    assert_eq!(site.auth.outbox.count(MessageState::Waiting).await.unwrap(), 0);
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
async fn shutdown_waits_for_the_request_that_the_tasks_are_handling() {
    let site = crate::site::Site::with(|config| {
        config.delivery.preview = Some(crossauth_core::outbox::Preview::default());
        config.signup.editable_fields = vec!["email".into()];
    });
    let mut form = crate::site::form("bob", crate::site::PASSWORD);
    form.fields.insert("email".into(), "bob@example.com".into());
    site.auth.accounts.create(form, Role::User).await.unwrap();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (proceed, may_proceed) = tokio::sync::oneshot::channel();
    site.storage.interrupt_after("users.find_by_id", |_| async move {
        begun.send(()).unwrap();
        may_proceed.await.unwrap();
    });
    let tasks = tokio::spawn(site.auth.tasks());
    site.auth.password_reset.request("bob@example.com", Visitor::default()).await.unwrap();
    has_begun.await.unwrap();
    let mut finish = pin!(site.auth.finish(Duration::from_mins(1)));
    tokio::select! {
        biased;
        () = &mut finish => panic!("a request is still being handled"),
        () = tokio::task::yield_now() => {}
    }
    proceed.send(()).unwrap();
    finish.await;
    assert!(site.storage.take_calls().contains(&"users.change"), "the link is stored");
    tasks.abort();
}
