//! Callbacks of the application, which the use cases call.
//!
//! A callback runs before anything is stored, at every interface: page, API, command line and
//! [`Accounts`](crate::account::Accounts). It can refuse what Crossauth accepts, but not accept what
//! Crossauth refuses: its results are checked like input. One that panics fails the request, and
//! nothing is stored. Callbacks must be quick, and may be called more than once for one request.
//!
//! ```
//! use std::sync::Arc;
//!
//! use crossauth_core::form::{Field, FieldError, Rule};
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
//!     // Accounts need an address of the company.
//!     validate_user: Some(Arc::new(|user| {
//!         let email = user.email.as_deref().unwrap_or_default();
//!         let rule = Rule::Custom("must be an address of the company".into());
//!         let is_ours = email.ends_with("@example.com");
//!         if is_ours { Vec::new() } else { vec![FieldError::new(Field::Email, rule)] }
//!     })),
//!     ..Hooks::default()
//! };
//! # let _ = hooks;
//! ```

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::account::AccountUpdate;
use crate::form::FieldError;
use crate::key::{Key, Owner};
use crate::secret::Password;
use crate::storage::{StorageError, UserStore};
use crate::user::{NewUser, User};
use crate::visitor::Visitor;

/// Decides from its key whether a session is accepted.
pub type SessionFilter = Arc<dyn Fn(&Key) -> bool + Send + Sync>;

/// Returns the application's key columns for a session that is about to begin.
pub type AddToSession = Arc<dyn Fn(Owner<'_>, Visitor<'_>) -> Map<String, Value> + Send + Sync>;

/// Decides whether a valid session is accepted in a request. Its user is `None` in an anonymous
/// session.
pub type ValidateSession =
    Arc<dyn Fn(&Key, Option<&User>, Visitor<'_>) -> SessionVerdict + Send + Sync>;

/// Selects the data of the replaced anonymous session that a login keeps. Fields that belong to
/// Crossauth are neither passed nor kept.
pub type CarryOver = Arc<dyn Fn(Map<String, Value>) -> Map<String, Value> + Send + Sync>;

/// Returns the rules of the application that an account violates, before it is created or changed.
pub type ValidateUser = Arc<dyn Fn(&NewUser) -> Vec<FieldError> + Send + Sync>;

/// Changes an account that is about to be created. Of the result, username, e-mail address and
/// application fields count; role, state and factors are those that Crossauth has chosen.
pub type CreateUser =
    Arc<dyn Fn(NewUser, &Submission) -> Result<NewUser, Vec<FieldError>> + Send + Sync>;

/// Changes an update of an account that is about to be written. Where its owner makes the change,
/// only application fields of the result count: no role, username or e-mail address.
pub type UpdateUser = Arc<
    dyn Fn(&User, AccountUpdate, &Submission) -> Result<AccountUpdate, Vec<FieldError>>
        + Send
        + Sync,
>;

/// Returns messages about a new password, such as `must not be one of your last five`; each follows
/// the label of the field. Empty if the password is accepted.
pub type ValidatePassword = Arc<dyn Fn(&Password, PasswordOwner<'_>) -> Vec<String> + Send + Sync>;

/// Decides whether an active user is an administrator.
pub type IsAdmin = Arc<dyn Fn(&User) -> bool + Send + Sync>;
/// Returns the scopes that a user can give to API keys.
pub type KeyScopes = Arc<dyn Fn(&User) -> Vec<String> + Send + Sync>;

/// Finds the users for a text that an administrator searches, in the order in which they are listed.
/// The store looks users up.
pub type UserSearch = Arc<dyn Fn(String, Arc<dyn UserStore>) -> FoundUsers + Send + Sync>;

/// The users that a [`UserSearch`] finds.
pub type FoundUsers = Pin<Box<dyn Future<Output = Result<Vec<User>, StorageError>> + Send>>;

/// Whether a session is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionVerdict {
    /// The session is accepted.
    Accepted,
    /// The request is anonymous, and the browser forgets the session.
    Refused,
}

/// The account for which a password is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordOwner<'a> {
    /// The username as entered.
    pub username: &'a str,
    /// The e-mail address.
    pub email: Option<&'a str>,
}

/// The request in which an account is created or changed. Empty for a change that does not come
/// from a form.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Submission {
    /// All fields of the body but the secret ones, also those that users cannot set.
    pub fields: Map<String, Value>,
    /// The network address of the client.
    pub address: Option<IpAddr>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
}

/// Callbacks of the application. All are optional.
#[derive(Clone, Default)]
pub struct Hooks {
    /// Refuses sessions by a rule of the application.
    pub session_filter: Option<SessionFilter>,
    /// Refuses valid sessions by their user or the visitor.
    pub validate_session: Option<ValidateSession>,
    /// Fills the application's columns of new sessions.
    pub add_to_session: Option<AddToSession>,
    /// Keeps data of an anonymous session, such as a shopping cart, when its user logs in. Without
    /// this hook, sessions of users begin with empty data.
    pub carry_over: Option<CarryOver>,
    /// Refuses accounts by rules of the application.
    pub validate_user: Option<ValidateUser>,
    /// Completes new accounts.
    pub create_user: Option<CreateUser>,
    /// Completes updates of accounts.
    pub update_user: Option<UpdateUser>,
    /// Refuses new passwords by rules of the application.
    pub validate_password: Option<ValidatePassword>,
    /// Decides who may use what is for administrators. Without this hook, users whose
    /// [`admin`](User::admin) is set; with it, that field alone gives no access.
    ///
    /// That the last administrator cannot be removed is a rule about the field.
    pub is_admin: Option<IsAdmin>,
    /// Replaces the search for users by the beginning of their name or address.
    pub user_search: Option<UserSearch>,
    /// Decides which scopes the API keys of a user can have, in place of
    /// [`ApiKeyConfig::scopes`](crate::api_key::ApiKeyConfig::scopes). Called also when a key is
    /// used: a scope that its owner has lost does not count any more.
    pub key_scopes: Option<KeyScopes>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("session_filter", &self.session_filter.is_some())
            .field("validate_session", &self.validate_session.is_some())
            .field("add_to_session", &self.add_to_session.is_some())
            .field("carry_over", &self.carry_over.is_some())
            .field("validate_user", &self.validate_user.is_some())
            .field("create_user", &self.create_user.is_some())
            .field("update_user", &self.update_user.is_some())
            .field("validate_password", &self.validate_password.is_some())
            .field("is_admin", &self.is_admin.is_some())
            .field("user_search", &self.user_search.is_some())
            .field("key_scopes", &self.key_scopes.is_some())
            .finish()
    }
}
