//! What an application decides: closures that the use cases call.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::key::{Key, Owner};

/// Decides from its key whether a session may go on.
pub type SessionFilter = Arc<dyn Fn(&Key) -> bool + Send + Sync>;

/// Gives the application's own key columns for a session that is about to begin.
pub type AddToSession = Arc<dyn Fn(Owner<'_>) -> Map<String, Value> + Send + Sync>;

/// Chooses what a login keeps of the data of the anonymous session that it replaces. Fields that
/// belong to Crossauth are neither shown nor kept.
pub type CarryOver = Arc<dyn Fn(Map<String, Value>) -> Map<String, Value> + Send + Sync>;

/// Closures of the application. None is needed.
#[derive(Clone, Default)]
pub struct Hooks {
    /// Refuses sessions that the application has ended in its own way.
    pub session_filter: Option<SessionFilter>,
    /// Fills the application's own columns of new sessions.
    pub add_to_session: Option<AddToSession>,
    /// Keeps data of an anonymous session, such as a shopping cart, when its user logs in.
    /// Without this hook a login begins with empty data.
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
