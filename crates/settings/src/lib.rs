//! Settings of Crossauth from a TOML file, the environment and a command line.
//!
//! The server `crossauth` reads all of its settings here, and so can an application that embeds
//! Crossauth: one call reads the environment, and the file that `CROSSAUTH_CONFIG` names, into a
//! builder.
//!
//! ```
//! # use crossauth_core::{storage::memory::MemoryStorage, user::Normalization};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let storage = MemoryStorage::new(Normalization::default()).storage();
//! // CROSSAUTH_SECRET, CROSSAUTH_BASE_URL, CROSSAUTH_SESSION_IDLE_TIMEOUT …
//! let builder = crossauth_settings::builder()?;
//! let crossauth = builder
//! #     .secret("an example, not a real secret")
//!     .storage(storage)
//!     .build()?;
//! # let _ = crossauth;
//! # Ok(())
//! # }
//! ```
//!
//! [`Inputs`] reads other sources, and [`Configuration`] reports the source of each setting:
//!
//! ```
//! use crossauth_settings::{Inputs, Program};
//!
//! let configuration = Inputs::new(Program::Application)
//!     .environment([("CROSSAUTH_SESSION_IDLE_TIMEOUT", "12h")])
//!     .load()?;
//! let idle = configuration.settings.session.idle_timeout;
//! assert_eq!(idle, Some(std::time::Duration::from_secs(12 * 3600)));
//!
//! let problems = Inputs::new(Program::Application)
//!     .environment([("CROSSAUTH_SESION_IDLE_TIMEOUT", "12h")])
//!     .load()
//!     .unwrap_err();
//! assert_eq!(
//!     problems.to_string(),
//!     "CROSSAUTH_SESION_IDLE_TIMEOUT: no such setting; \
//!      did you mean CROSSAUTH_SESSION_IDLE_TIMEOUT? (environment)",
//! );
//! # Ok::<(), crossauth_settings::Problems>(())
//! ```
//!
//! All problems are reported at once; no message contains a secret. An empty variable counts as
//! absent, except for a secret or a restriction such as `ldap.allowed_groups`, where it is an error.
//!
//! # Adding a setting
//!
//! Add a field with its default to the config struct of the library that uses it, and one
//! declaration to the section of that struct (`section/<noun>.rs`): key, kind, field,
//! documentation. The environment variable, `config show`, the reference page and the check are
//! derived from it. Constraints between settings are rules in `check` of the section.

mod entry;
mod kind;
mod load;
mod nearest;
mod problem;
mod program;
mod reference;
mod rule;
pub mod section;
mod settings;
mod source;

pub use kind::Secrecy;
pub use load::{Configuration, Inputs, builder, load};
pub use problem::{Problem, Problems, Source};
pub use program::Program;
pub use reference::page as reference_page;
pub use settings::Settings;
pub use source::environment::CONFIG_FILE;

#[cfg(test)]
mod tests;
