//! Accounts and passwords of an LDAP directory, such as OpenLDAP or Active Directory.
//!
//! ```
//! use crossauth_core::secret::Password;
//! use crossauth_storage_ldap::{Bind, LdapDirectory, OpenError, Options, Scope, ServiceAccount};
//!
//! fn directory(password: Password) -> Result<LdapDirectory, OpenError> {
//!     let bind = Bind::Search {
//!         base: "ou=people,dc=example,dc=com".into(),
//!         attributes: vec!["uid".into(), "mail".into()],
//!         filter: Some("(objectClass=inetOrgPerson)".into()),
//!         scope: Scope::Subtree,
//!     };
//!     let service = ServiceAccount::new("cn=crossauth,dc=example,dc=com", password);
//!     Options {
//!         service: Some(service),
//!         ..Options::new(vec!["ldaps://ldap.example.com".into()], bind)
//!     }
//!     .open()
//! }
//! ```
//!
//! # What a login does
//!
//! 1. An empty or blank password, or one with NUL, is refused before any connection: with it, a bind
//!    would be unauthenticated and succeed (RFC 4513 section 5.1.2).
//! 2. With [`Bind::Search`], the entry is searched for as the [service account](ServiceAccount). Two
//!    entries with one name are none. With [`Bind::Template`], its name is made of the username.
//! 3. A new connection authenticates as the entry, with a simple bind. It is closed after that: the
//!    pool keeps connections of the service account only.
//! 4. Attributes and groups are read, as the service account if there is one, else as the entry, and
//!    become an account.
//!
//! # Connections
//!
//! All are encrypted: from the first byte (`ldaps://`), or by StartTLS (`ldap://`). The certificate
//! must be valid for the host of the URL and issued by an authority of [`Options::ca`], or one that
//! the operating system trusts. Only a server on the loopback interface may be used without TLS.
//!
//! Servers are tried in order. One that fails is tried last, and one that was too slow with three
//! entries in a row is not tried until some time has passed; searches, binds and changes of passwords are
//! counted by themselves.
//! Referrals and references to other servers are never followed.
//!
//! # Why there is a client here
//!
//! The answers of a directory are untrusted: they have to end as an error when they are malformed,
//! nested deeply, huge or endless. The protocol that is needed is small, so this crate has a client of
//! its own: it reads messages of limited size, without recursion, on one connection at a time, and
//! starts no tasks.
//!
//! # Where to add
//!
//! - An attribute that disables an entry: `standing.rs`.
//! - What a server answers to a bind or to a new password: `policy.rs`, `password.rs`.
//! - An attribute that identifies entries: `identity.rs`. How groups are found: `group.rs`.
//! - An operation of the protocol: its message in `message.rs`, its call in `connection.rs`.
//!
//! Each is tested with the OpenLDAP server or the double of Active Directory of the testkit, and what
//! servers must not answer with its scripted server.

mod ber;
mod certificate;
mod connection;
mod directory;
mod dn;
mod entry;
mod error;
mod examination;
mod filter;
mod group;
mod identity;
mod mapping;
mod message;
mod options;
mod password;
mod policy;
mod pool;
mod server;
mod standing;

pub use directory::LdapDirectory;
pub use entry::RawEntry;
pub use error::OpenError;
pub use examination::{Examination, Finding, FoundEntry, ServerExamination};
pub use options::{
    AttributeMap, Bind, Groups, Map, Options, PasswordChange, Scope, ServiceAccount,
};
