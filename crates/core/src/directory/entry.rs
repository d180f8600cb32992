//! Entries of a directory, as accounts see them.

use serde_json::{Map, Value};

/// Which entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryRef<'a> {
    /// The name that was typed, or the username of the account.
    pub name: &'a str,
    /// The [id](Entry::id) of the entry to which the account is linked. Where it is known, an entry
    /// with another id is not this one, whatever its name.
    pub id: Option<&'a str>,
}

impl<'a> EntryRef<'a> {
    /// The entry that has this name now.
    pub const fn named(name: &'a str) -> Self {
        Self { name, id: None }
    }
}

/// An entry, mapped to what an account has.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Identifies the entry also after it was renamed or moved, such as its `entryUUID` (RFC 4530);
    /// never that of another entry. Its distinguished name if the directory has nothing better.
    pub id: String,
    /// The distinguished name, for logs and reports (RFC 4514).
    pub dn: String,
    /// The username of its account.
    pub username: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// Application fields; `null` for one that the entry does not have (any more).
    pub fields: Map<String, Value>,
    /// Whether its groups make it an administrator; `None` if groups do not decide that.
    pub admin: Option<bool>,
    /// Whether it may log in.
    pub standing: Standing,
}

/// What a directory says about an entry that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// The entry.
    Entry(Box<Entry>),
    /// There is none, or it may not log in because of where it is.
    Gone,
    /// Nothing that can be used, for this reason: the answer is too large or incomplete, the entry has
    /// not what makes an account, or there are several. Says nothing about whether the entry is gone.
    Unusable(String),
}

impl Found {
    /// The entry, if there is one that can be used.
    pub fn entry(self) -> Option<Entry> {
        match self {
            Self::Entry(entry) => Some(*entry),
            Self::Gone | Self::Unusable(_) => None,
        }
    }
}

/// Whether an entry may log in, as far as the directory shows without its password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Active,
    /// It is disabled, expired, or in none of the groups that may log in. Its sessions end. A lock
    /// after wrong passwords is not meant: an attacker could end sessions.
    Disabled,
}
