//! Who makes a request, and from where. The audit log records it.
//!
//! The caller is ambient, like a span of `tracing`: the HTTP layer sets it for each request, the
//! command line for each command, and background tasks for themselves. A use case that an
//! application calls in its own handler is therefore recorded with the right caller, without a
//! parameter.
//!
//! ```
//! use crossauth_core::caller::{Actor, Caller};
//!
//! # async fn example() {
//! let operator = Caller::new(Actor::Operator { name: "alice".into() });
//! let actor = operator.run(async { Caller::current().actor }).await;
//! assert_eq!(actor, Actor::Operator { name: "alice".into() });
//! assert_eq!(Caller::current().actor, Actor::Application);
//! # }
//! ```
//!
//! A task that a handler spawns has no caller of its own; pass it with
//! `tokio::spawn(Caller::current().run(future))`.

use std::net::IpAddr;
use std::sync::Arc;

use crate::user::UserId;

tokio::task_local! {
    static CURRENT: Arc<dyn CallerSource>;
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Actor {
    /// The application that embeds Crossauth, outside of a request.
    #[default]
    Application,
    /// A background task of Crossauth.
    System,
    /// An unauthenticated client.
    Anonymous,
    /// A user, authenticated by their session.
    User {
        /// Their id.
        id: UserId,
    },
    /// A program with an API key.
    ApiKey {
        /// The public id of the key.
        key: String,
        /// The user who owns the key; `None` for a key without owner.
        owner: Option<UserId>,
    },
    /// A person at the command line.
    Operator {
        /// Their name in the operating system.
        name: String,
    },
}

impl Actor {
    /// The name of the kind: `application`, `system`, `anonymous`, `user`, `apikey`, `operator`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::System => "system",
            Self::Anonymous => "anonymous",
            Self::User { .. } => "user",
            Self::ApiKey { .. } => "apikey",
            Self::Operator { .. } => "operator",
        }
    }

    /// The user, or the owner of the API key.
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::User { id } => Some(id),
            Self::ApiKey { owner, .. } => owner.as_ref(),
            Self::Application | Self::System | Self::Anonymous | Self::Operator { .. } => None,
        }
    }

    /// The id of the API key, or the name of the operator.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::ApiKey { key: name, .. } | Self::Operator { name } => Some(name),
            Self::Application | Self::System | Self::Anonymous | Self::User { .. } => None,
        }
    }

    /// For stores: the actor of [`kind`](Self::kind), [`user`](Self::user) and
    /// [`name`](Self::name); `None` if there is none.
    pub fn from_parts(kind: &str, user: Option<UserId>, name: Option<String>) -> Option<Self> {
        Some(match kind {
            "application" => Self::Application,
            "system" => Self::System,
            "anonymous" => Self::Anonymous,
            "user" => Self::User { id: user? },
            "apikey" => Self::ApiKey { key: name?, owner: user },
            "operator" => Self::Operator { name: name? },
            _ => return None,
        })
    }
}

/// Who makes a request, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caller {
    /// Who acts.
    pub actor: Actor,
    /// The username of the user, if known.
    pub username: Option<String>,
    /// The network address, as reported by trusted proxies.
    pub address: Option<IpAddr>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The id of the request, as in the log and the response header.
    pub request_id: Option<String>,
}

impl Caller {
    /// A caller about whom nothing else is known.
    pub fn new(actor: Actor) -> Self {
        Self { actor, ..Self::default() }
    }

    /// The caller of the current task; the application where none was set.
    pub fn current() -> Self {
        CURRENT.try_with(|source| source.caller()).unwrap_or_default()
    }

    /// Runs `future` on behalf of this caller.
    pub fn run<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        run(Arc::new(self), future)
    }
}

/// Describes a caller when it is asked for. For middleware, which knows the request, but not yet
/// who makes it: nothing is copied unless an event is recorded.
pub trait CallerSource: Send + Sync {
    /// The caller, as far as it is known by now.
    fn caller(&self) -> Caller;
}

impl CallerSource for Caller {
    fn caller(&self) -> Caller {
        self.clone()
    }
}

/// Runs `future` on behalf of a caller.
pub fn run<F: Future>(source: Arc<dyn CallerSource>, future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(source, future)
}

/// Runs `poll` on behalf of a caller.
pub fn enter<T>(source: Arc<dyn CallerSource>, poll: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(source, poll)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_are_read_back_from_their_parts() {
        let id = UserId::Integer(7);
        for actor in [
            Actor::Application,
            Actor::System,
            Actor::Anonymous,
            Actor::User { id: id.clone() },
            Actor::ApiKey { key: "k1".into(), owner: Some(id) },
            Actor::ApiKey { key: "k2".into(), owner: None },
            Actor::Operator { name: "root".into() },
        ] {
            let (user, name) = (actor.user().cloned(), actor.name().map(str::to_owned));
            assert_eq!(Actor::from_parts(actor.kind(), user, name), Some(actor));
        }
        assert_eq!(Actor::from_parts("user", None, None), None);
        assert_eq!(Actor::from_parts("ghost", None, None), None);
    }

    #[tokio::test]
    async fn caller_is_that_of_the_innermost_scope() {
        let inner = Caller::new(Actor::System);
        let outer = Caller::new(Actor::Anonymous);
        let seen = outer
            .clone()
            .run(async { (inner.run(async { Caller::current() }).await, Caller::current()) })
            .await;
        assert_eq!(seen, (Caller::new(Actor::System), outer));
        assert_eq!(Caller::current(), Caller::default());
        assert_eq!(
            enter(Arc::new(Caller::new(Actor::System)), Caller::current).actor,
            Actor::System
        );
    }
}
