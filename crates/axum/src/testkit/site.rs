//! A whole site in memory.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use crossauth_core::account::Role;
use crossauth_core::clock::FixedClock;
use serde_json::Map;

use super::{Browser, LoggedIn, Message, builder, session, user};
use crate::crossauth::{Builder, Crossauth};

/// An application with its own Crossauth, storage, clock and mailbox, all in memory.
pub struct Site {
    /// The Crossauth of the application.
    pub crossauth: Crossauth,
    /// The clock, which stands at 2026-01-01T00:00:00Z until the test sets it.
    pub clock: FixedClock,
    router: Router,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Site")
    }
}

impl Site {
    /// A site with the default options.
    ///
    /// Mail and text messages can be "sent", so addresses are verified at sign-up.
    ///
    /// # Panics
    ///
    /// If a thread cannot be started.
    pub fn new(application: impl FnOnce(&Crossauth) -> Router) -> Self {
        Self::with(builder(), application)
    }

    /// A site with other options, such as those of the application: pass them
    /// [`testkit::builder`](super::builder).
    ///
    /// # Panics
    ///
    /// If the options are invalid, or a thread cannot be started.
    #[expect(clippy::expect_used, reason = "a test fails by panicking")]
    pub fn with(builder: Builder, application: impl FnOnce(&Crossauth) -> Router) -> Self {
        let clock = FixedClock::default();
        let builder = builder.clock(Arc::new(clock.clone())).preview_messages();
        let crossauth = builder.build().expect("the options are valid");
        let router = application(&crossauth);
        Self { crossauth, clock, router }
    }

    /// A visitor without cookies.
    pub fn browser(&self) -> Browser {
        Browser::new(self.crossauth.clone(), self.router.clone())
    }

    /// A user who is logged in; the account is created if it does not exist.
    ///
    /// # Panics
    ///
    /// If the name is not allowed, or the user may not log in.
    pub async fn logged_in(&self, username: &str) -> Browser {
        self.logged_in_as(username, Role::User).await
    }

    /// An administrator who is logged in; the account is created if it does not exist.
    ///
    /// # Panics
    ///
    /// Same as [`logged_in`](Self::logged_in).
    pub async fn admin(&self, username: &str) -> Browser {
        self.logged_in_as(username, Role::Administrator).await
    }

    /// The browser of a user that [`testkit::user`](super::user) has logged in.
    pub fn browser_of(&self, user: &LoggedIn) -> Browser {
        let mut browser = self.browser();
        browser.adopt(user);
        browser
    }

    #[expect(clippy::expect_used, reason = "a test fails by panicking")]
    async fn logged_in_as(&self, username: &str, role: Role) -> Browser {
        let found = self.crossauth.auth().accounts.find(username).await;
        let user = match found.expect("the store works") {
            Some(found) => session(&self.crossauth, found).await,
            None => user(&self.crossauth, username, role, Map::new()).await,
        };
        self.browser_of(&user)
    }

    /// The mailbox: the messages that users got since the last call, the latest last.
    ///
    /// # Panics
    ///
    /// If a message cannot be rendered.
    #[expect(clippy::expect_used, reason = "a test fails by panicking")]
    pub async fn messages(&self) -> Vec<Message> {
        let auth = self.crossauth.auth();
        auth.handle_mail_requests().await;
        auth.outbox.send_now().await.expect("the store works");
        let preview = auth.outbox.preview().expect("messages are kept");
        preview.take().into_iter().map(Message::from).collect()
    }
}
