//! How to use a directory.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crossauth_core::clock::{Clock, SystemClock};
use crossauth_core::directory::Entry;
use crossauth_core::secret::Password;

use crate::{LdapDirectory, OpenError, RawEntry};

/// Changes what an entry becomes, or refuses it with a reason for the log. Its id and its
/// distinguished name stay as they were, and it cannot enable an entry that is disabled.
pub type Map = Arc<dyn Fn(&RawEntry, Entry) -> Result<Entry, String> + Send + Sync>;

/// How to use a directory.
#[derive(Clone)]
pub struct Options {
    /// The servers in the order in which they are tried, such as `ldaps://ldap.example.com` or
    /// `ldap://ldap.example.com:389`. At most ten.
    pub urls: Vec<String>,
    /// Whether connections to `ldap://` are encrypted by StartTLS. `false` is refused for a server
    /// that is not on the loopback interface.
    pub start_tls: bool,
    /// Certificates of the trusted authorities, in PEM; `None` for those of the operating system.
    pub ca: Option<Vec<u8>>,
    /// How the entry of a user is found.
    pub bind: Bind,
    /// The account of this program in the directory. Without one, [`Bind::Search`] searches without
    /// authentication, and [`find`](crossauth_core::directory::Directory::find) does not work with
    /// [`Bind::Template`].
    pub service: Option<ServiceAccount>,
    /// The attribute that identifies an entry for ever. `None` for `entryUUID` or `objectGUID`,
    /// whichever there is, else the distinguished name.
    pub id_attribute: Option<String>,
    /// What becomes of attributes.
    pub attributes: AttributeMap,
    /// What groups mean.
    pub groups: Groups,
    /// How passwords are changed.
    pub password_change: PasswordChange,
    /// Maximum time to connect to one server, with all of its addresses and TLS.
    pub connect_timeout: Duration,
    /// Maximum time of one operation, such as a bind or a search with all of its results. A login, with
    /// all servers that are tried, takes at most twice the time of a connection and an operation.
    pub operation_timeout: Duration,
    /// Maximum number of logins and other calls at once; each uses up to two connections.
    /// Those that authenticate as one entry are at most a quarter of them, and at least one.
    pub connections: usize,
    /// How long a call waits until another one has ended. Then it fails with
    /// [`Busy`](crossauth_core::directory::DirectoryErrorKind::Busy).
    pub acquire_timeout: Duration,
    /// Maximum size of an entry, in bytes.
    pub max_entry_size: usize,
    /// Changes what an entry becomes. If it is set, all attributes of users are read.
    pub map: Option<Map>,
    /// What `map` sets, beside the above: fields of the application, `email` or `admin`. Users do not
    /// change them here.
    pub map_fields: Vec<String>,
    /// Tells whether an entry has expired.
    pub clock: Arc<dyn Clock>,
}

impl Options {
    /// Options for these servers: StartTLS for `ldap://`, the authorities of the operating system, no
    /// service account, no groups, no change of passwords, eight calls at once, five seconds to
    /// connect and to wait, ten for an operation, and entries of up to a megabyte.
    pub fn new(urls: Vec<String>, bind: Bind) -> Self {
        Self {
            urls,
            start_tls: true,
            ca: None,
            bind,
            service: None,
            id_attribute: None,
            attributes: AttributeMap::default(),
            groups: Groups::default(),
            password_change: PasswordChange::Never,
            connect_timeout: Duration::from_secs(5),
            operation_timeout: Duration::from_secs(10),
            connections: 8,
            acquire_timeout: Duration::from_secs(5),
            max_entry_size: 1 << 20,
            map: None,
            map_fields: Vec::new(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Checks the options, without connecting. Reads the authorities of the operating system, if they
    /// are needed.
    pub fn open(self) -> Result<LdapDirectory, OpenError> {
        LdapDirectory::new(self)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("urls", &self.urls)
            .field("bind", &self.bind)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// How the entry of a user is found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Bind {
    /// Its distinguished name is `<attribute>=<username>,<base>`.
    Template {
        /// The attribute, such as `uid`.
        attribute: String,
        /// The distinguished name of the entry above all users.
        base: String,
    },
    /// It is searched for.
    Search {
        /// The distinguished name of an entry above all users.
        base: String,
        /// Attributes that may be the login name, such as `uid` and `mail`.
        attributes: Vec<String>,
        /// What entries of users have beside that (RFC 4515).
        filter: Option<String>,
        /// How far below the base they are.
        scope: Scope,
    },
}

/// How far below the base entries are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Scope {
    /// At any depth.
    #[default]
    Subtree,
    /// Directly below.
    OneLevel,
}

/// The account of this program in the directory.
#[derive(Debug, Clone)]
pub struct ServiceAccount {
    /// Its distinguished name, or in Active Directory `name@domain`.
    pub dn: String,
    /// Its password.
    pub password: Password,
}

impl ServiceAccount {
    /// The account with this name and password.
    pub fn new(dn: impl Into<String>, password: Password) -> Self {
        Self { dn: dn.into(), password }
    }
}

/// What becomes of attributes. Of several values, the username is the one in the distinguished name,
/// or else the first; the e-mail address is the first.
#[derive(Debug, Clone)]
pub struct AttributeMap {
    /// The attribute with the username. An entry without it cannot log in.
    pub username: String,
    /// The attribute with the e-mail address.
    pub email: Option<String>,
    /// Application fields, each with its attribute. Several values become a list.
    pub fields: Vec<(String, String)>,
}

impl Default for AttributeMap {
    /// `uid` and `mail`.
    fn default() -> Self {
        Self { username: "uid".into(), email: Some("mail".into()), fields: Vec::new() }
    }
}

/// What groups mean. All of them are distinguished names.
#[derive(Debug, Clone)]
pub struct Groups {
    /// The entry above all groups, which are searched there by `member`, `uniqueMember` and
    /// `memberUid`. Without it, the `memberOf` of the user counts alone.
    pub base: Option<String>,
    /// Whether members of a group are members of the groups that the group is in.
    pub nested: bool,
    /// The groups whose members are administrators. Groups do not decide that if there are none.
    pub admin: Vec<String>,
    /// The groups whose members may log in. All users may if there are none.
    pub allowed: Vec<String>,
    /// Groups, each with the role that its members have.
    pub roles: Vec<(String, String)>,
    /// The application field with the list of roles, if there are any.
    pub roles_field: String,
}

impl Default for Groups {
    /// None; roles would be in the field `roles`.
    fn default() -> Self {
        Self {
            base: None,
            nested: false,
            admin: Vec::new(),
            allowed: Vec::new(),
            roles: Vec::new(),
            roles_field: "roles".into(),
        }
    }
}

impl Groups {
    pub(crate) fn is_used(&self) -> bool {
        !(self.admin.is_empty() && self.allowed.is_empty() && self.roles.is_empty())
    }
}

/// How passwords are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PasswordChange {
    /// Not through this program.
    #[default]
    Never,
    /// With the extended operation of RFC 3062, as the user.
    Rfc3062,
    /// By replacing `unicodePwd`, which needs TLS: as the service account if there is one, so that an
    /// expired password can be changed, else as the user.
    ActiveDirectory,
}
