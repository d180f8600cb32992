//! The LDAP directory.

#[cfg(feature = "ldap")]
mod options;
mod rule;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossauth_core::directory::{Directory, FirstLogin};
use crossauth_core::secret::Password;

use super::section;
use crate::kind::{
    Attribute, AttributeFields, Attributes, Choice, Count, FilePath, Flag, GroupRoles, Groups,
    LdapUrls, Optional, OptionalAttribute, OptionalSpan, Restriction, SecretLine, Span, Text, flag,
    words,
};

/// The directory whose users log in with their password there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Ldap {
    /// The servers, in the order in which they are tried; empty for no directory.
    pub urls: Vec<String>,
    /// Whether connections to `ldap://` URLs are encrypted by StartTLS.
    pub start_tls: bool,
    /// A file of certificates of authorities that are trusted instead of those of the system.
    pub ca_file: Option<PathBuf>,
    /// How the entry of a user is found.
    pub lookup: LdapLookup,
    /// The entry below which users are.
    pub base: Option<String>,
    /// How far below.
    pub scope: LdapScope,
    /// The attributes that are login names; the default of `lookup` if empty.
    pub username_attributes: Vec<String>,
    /// What entries of users have beside that.
    pub filter: Option<String>,
    /// The account of this server in the directory.
    pub bind_dn: Option<String>,
    /// Its password.
    pub bind_password: Option<Password>,
    /// The attribute that identifies an entry.
    pub id_attribute: Option<String>,
    /// The attribute that becomes the username.
    pub username_from: Option<String>,
    /// The attribute that becomes the e-mail address.
    pub email_from: Option<String>,
    /// Application fields with the attributes that fill them.
    pub fields: Vec<(String, String)>,
    /// The entry below which groups are.
    pub group_base: Option<String>,
    /// Whether members of a group of a group are its members.
    pub nested_groups: bool,
    /// The groups whose members may log in; all users of the directory if empty.
    pub allowed_groups: Vec<String>,
    /// The groups whose members are administrators; groups do not decide that if empty.
    pub admin_groups: Vec<String>,
    /// Roles with the group that gives them.
    pub group_roles: Vec<(String, String)>,
    /// The application field that contains the roles.
    pub roles_field: String,
    /// How users change their password.
    pub password_change: LdapPasswordChange,
    /// What the first login of an entry does.
    pub first_login: FirstLogin,
    /// The first factor of such accounts.
    pub auto_create_factor1: String,
    /// How often accounts are compared with their entries.
    pub check_interval: Option<Duration>,
    /// Maximum number of connections.
    pub connections: usize,
    /// How long a login waits for one of them.
    pub acquire_timeout: Duration,
    /// How long a server may take to accept a connection.
    pub connect_timeout: Duration,
    /// How long it may take to answer.
    pub operation_timeout: Duration,
}

/// How the entry of a user is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LdapLookup {
    /// Its distinguished name consists of the username and the base, as in upstream.
    #[default]
    Dn,
    /// By a search.
    Search,
}

/// How far below the base entries are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LdapScope {
    /// At any depth.
    #[default]
    Subtree,
    /// Directly below.
    OneLevel,
}

/// How users change their password in the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LdapPasswordChange {
    /// Not through this server.
    #[default]
    Never,
    /// By the operation for that (RFC 3062).
    Rfc3062,
    /// By a change of `unicodePwd`.
    ActiveDirectory,
}

words! { LdapLookup, "`dn` or `search`" {
    "dn" = LdapLookup::Dn;
    "search" = LdapLookup::Search;
} }

words! { LdapScope, "`subtree` or `one_level`" {
    "subtree" = LdapScope::Subtree;
    "one_level" = LdapScope::OneLevel;
} }

words! { LdapPasswordChange, "`never`, `rfc3062` or `active_directory`" {
    "never" = LdapPasswordChange::Never;
    "rfc3062" = LdapPasswordChange::Rfc3062;
    "active_directory" = LdapPasswordChange::ActiveDirectory;
} }

flag! { FirstLogin, FirstLogin::CreatesAccount, FirstLogin::NeedsAccount }

impl Default for Ldap {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            start_tls: true,
            ca_file: None,
            lookup: LdapLookup::default(),
            base: None,
            scope: LdapScope::default(),
            username_attributes: Vec::new(),
            filter: None,
            bind_dn: None,
            bind_password: None,
            id_attribute: None,
            username_from: None,
            email_from: Some("mail".into()),
            fields: Vec::new(),
            group_base: None,
            nested_groups: false,
            allowed_groups: Vec::new(),
            admin_groups: Vec::new(),
            group_roles: Vec::new(),
            roles_field: "roles".into(),
            password_change: LdapPasswordChange::default(),
            first_login: FirstLogin::default(),
            auto_create_factor1: "ldap".into(),
            check_interval: Some(Duration::from_hours(1)),
            connections: 8,
            acquire_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            operation_timeout: Duration::from_secs(10),
        }
    }
}

section! { Ldap {
    /// The URLs of the servers of an LDAP directory, in the order in which they are tried:
    /// `ldaps://` or `ldap://`. If not set, there is no directory. The certificate of a server is
    /// verified for the host in its URL.
    "ldap.url": LdapUrls => urls;
    /// Whether connections to `ldap://` URLs are encrypted by StartTLS before anything is sent.
    /// `false` is possible for loopback addresses only.
    "ldap.start_tls": Flag => start_tls;
    /// A file of PEM certificates: the authorities that may issue the certificates of the servers. If
    /// not set, those that the operating system trusts.
    "ldap.ca_file": Restriction<Optional<FilePath>> => ca_file;
    /// How the entry of a user is found: by `dn`, the distinguished name
    /// `<attribute>=<username>,<base>`, as in upstream; or by a `search` below the base, where exactly
    /// one entry must have the name.
    "ldap.lookup": Choice<LdapLookup> => lookup;
    /// The base: the distinguished name of the entry below which users are, such as
    /// `ou=people,dc=example,dc=com`.
    "ldap.user_search_base": Optional<Text> => base;
    /// Whether a search finds entries at any depth below the base (`subtree`) or directly below it
    /// (`one_level`).
    "ldap.scope": Choice<LdapScope> => scope;
    /// The attribute with the login name; with `search`, there can be several. If not set, `cn` with
    /// `dn`, as in upstream, and `uid` with `search`. In Active Directory, `sAMAccountName` and
    /// `userPrincipalName`.
    "ldap.username_attribute": Attributes => username_attributes, upstream "LDAP_USENAME_ATTRIBUTE";
    /// A filter (RFC 4515) that entries must match in addition to the name, such as
    /// `(objectClass=inetOrgPerson)`. With `search` only.
    "ldap.filter": Restriction<Optional<Text>> => filter;
    /// The distinguished name of an account that may read users and groups; in Active Directory also
    /// `name@domain`. Needed to compare accounts with their entries (there is a warning without it), and
    /// for `search` unless the directory allows anonymous searches.
    "ldap.bind_dn": Optional<Text> => bind_dn;
    /// The password of the account in `ldap.bind_dn`.
    "ldap.bind_password": Optional<SecretLine> => bind_password;
    /// The attribute that identifies an entry also after it was renamed or moved. If not set,
    /// `entryUUID`, or else `objectGUID`, or else the distinguished name.
    "ldap.id_attribute": Optional<Attribute> => id_attribute;
    /// The attribute that becomes the username of the account. Of several values, the one in the
    /// distinguished name, or else the first. If not set, `uid` with `dn`, as in upstream, and the first
    /// of `ldap.username_attribute` with `search`.
    "ldap.username_from": Optional<Attribute> => username_from;
    /// The attribute that becomes the e-mail address of the account at each login.
    "ldap.email_from": OptionalAttribute => email_from;
    /// Application fields with the attributes that fill them at each login, such as
    /// `phone=telephoneNumber`.
    "ldap.fields": AttributeFields => fields;
    /// The distinguished name of the entry below which groups are. If not set, groups are those that
    /// `memberOf` of the user's entry names.
    "ldap.group_base": Optional<Text> => group_base;
    /// Whether the members of a group are also members of the groups that contain this group.
    "ldap.nested_groups": Flag => nested_groups;
    /// The groups whose members may log in. If not set, every entry that is found may.
    "ldap.allowed_groups": Restriction<Groups> => allowed_groups;
    /// The groups whose members are administrators of this site; no other user of the directory is one.
    /// If not set, groups do not decide who is an administrator.
    "ldap.admin_groups": Restriction<Groups> => admin_groups;
    /// Roles with the groups that give them. The roles of a user are a list in the application field
    /// `ldap.roles_field`, which is refreshed at each login.
    "ldap.group_roles": GroupRoles => group_roles;
    /// The application field that contains the roles, if there are `ldap.group_roles`.
    "ldap.roles_field": Text => roles_field;
    /// How users of the directory change their password here: `never`; `rfc3062`, by the Password Modify
    /// operation (RFC 3062), as in OpenLDAP; or `active_directory`, by replacing `unicodePwd`.
    "ldap.password_change": Choice<LdapPasswordChange> => password_change;
    /// Whether the first login of a user of the directory creates the account.
    "ldap.auto_create_account": Choice<FirstLogin> => first_login;
    /// The first factor of such accounts. Must be `ldap`: it tells accounts of the directory from
    /// others.
    "ldap.auto_create_factor1": Text => auto_create_factor1;
    /// How often accounts are compared with their entries: those whose entry is gone or disabled are
    /// disabled, and their sessions end. Needs `ldap.bind_dn`; 0 turns it off.
    "ldap.check_interval": OptionalSpan => check_interval;
    /// Maximum number of connections of this process to the directory.
    "ldap.connections": Count<usize> => connections;
    /// How long a login waits until a connection is free or open. Then it fails with the status 503.
    "ldap.acquire_timeout": Span => acquire_timeout;
    /// How long a server may take to accept a connection before the next one is tried.
    "ldap.connect_timeout": Span => connect_timeout;
    /// How long a server may take to answer.
    "ldap.operation_timeout": Span => operation_timeout;
} }

impl Ldap {
    /// What the use cases ask; `None` if there is no directory.
    #[cfg(feature = "ldap")]
    pub(crate) fn port(&self) -> Result<Option<Arc<dyn Directory>>, Box<dyn Error + Send + Sync>> {
        Ok(self.directory()?.map(|directory| Arc::new(directory) as Arc<dyn Directory>))
    }

    /// There is none without the feature.
    #[cfg(not(feature = "ldap"))]
    pub(crate) fn port(&self) -> Result<Option<Arc<dyn Directory>>, Box<dyn Error + Send + Sync>> {
        if self.is_configured() {
            return Err("ldap.url: this program was built without the feature `ldap`".into());
        }
        Ok(None)
    }

    /// Whether there is a directory.
    pub(crate) fn is_configured(&self) -> bool {
        !self.urls.is_empty()
    }

    /// How often accounts are compared with their entries; `None` if entries cannot be read.
    pub(crate) fn check_interval(&self) -> Option<Duration> {
        self.check_interval.filter(|_| self.bind_dn.is_some())
    }
}
