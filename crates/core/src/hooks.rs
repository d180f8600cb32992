//! Callbacks of the application, which the use cases call.
//!
//! ```
//! use std::sync::Arc;
//!
//! use crossauth_core::hooks::Hooks;
//!
//! let hooks = Hooks {
//!     // Refuses sessions that the application has marked in a column of its own.
//!     session_filter: Some(Arc::new(|key| key.extra.get("suspended").is_none())),
//!     // A shopping cart survives the login of its owner.
//!     carry_over: Some(Arc::new(|mut data| {
//!         data.retain(|name, _| name == "cart");
//!         data
//!     })),
//!     ..Hooks::default()
//! };
//! # let _ = hooks;
//! ```

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::key::{Key, Owner};

/// Decides from its key whether a session is accepted.
pub type SessionFilter = Arc<dyn Fn(&Key) -> bool + Send + Sync>;

/// Returns the application's key columns for a session that is about to begin.
pub type AddToSession = Arc<dyn Fn(Owner<'_>) -> Map<String, Value> + Send + Sync>;

/// Selects the data of the replaced anonymous session that a login keeps. Fields that belong to
/// Crossauth are neither passed nor kept.
pub type CarryOver = Arc<dyn Fn(Map<String, Value>) -> Map<String, Value> + Send + Sync>;

/// Callbacks of the application. All are optional.
#[derive(Clone, Default)]
pub struct Hooks {
    /// Refuses sessions by a rule of the application.
    pub session_filter: Option<SessionFilter>,
    /// Fills the application's columns of new sessions.
    pub add_to_session: Option<AddToSession>,
    /// Keeps data of an anonymous session, such as a shopping cart, when its user logs in. Without
    /// this hook, sessions of users begin with empty data.
    pub carry_over: Option<CarryOver>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("session_filter", &self.session_filter.is_some())
            .field("add_to_session", &self.add_to_session.is_some())
            .field("carry_over", &self.carry_over.is_some())
            .finish()
    }
}
