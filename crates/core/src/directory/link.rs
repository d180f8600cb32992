//! The link from an account to its entry.

/// What an account of the directory has in the place of a password hash.
///
/// No password is ever verified against it. It is guarded and counted like a hash, so that a change
/// of the link ends what a change of the password ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryLink {
    /// Linked to the entry with this id.
    Entry {
        /// The id of the entry.
        id: String,
        /// Whether the account is disabled because the entry is, and is enabled with it.
        is_suspended: bool,
    },
    /// Linked to whatever entry has the username: an account that upstream created, or of a database
    /// that is shared with it.
    Name,
}

const ACTIVE: &str = "ldap:";
const SUSPENDED: &str = "ldap-suspended:";
/// What upstream stores as the hash of its LDAP users.
const UPSTREAM: &str = "pbkdf2:sha256:32:600000:0:DISABLED:DISABLED";

impl DirectoryLink {
    /// Reads what an account of the directory has in the place of a hash; `None` if that is no link
    /// but the hash of a password.
    pub fn parse(stored: Option<&str>) -> Option<Self> {
        let stored = stored.unwrap_or_default();
        if stored.is_empty() || stored.ends_with(":DISABLED:DISABLED") {
            return Some(Self::Name);
        }
        let entry = |id: &str, is_suspended| Self::Entry { id: id.to_owned(), is_suspended };
        let active = stored.strip_prefix(ACTIVE).map(|id| entry(id, false));
        active.or_else(|| stored.strip_prefix(SUSPENDED).map(|id| entry(id, true)))
    }

    /// A link to an entry.
    pub fn to_entry(id: impl Into<String>) -> Self {
        Self::Entry { id: id.into(), is_suspended: false }
    }

    /// The id of the entry.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Entry { id, .. } => Some(id),
            Self::Name => None,
        }
    }

    /// As stored.
    pub fn stored(&self) -> String {
        match self {
            Self::Entry { id, is_suspended: false } => format!("{ACTIVE}{id}"),
            Self::Entry { id, is_suspended: true } => format!("{SUSPENDED}{id}"),
            Self::Name => UPSTREAM.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_is_read_as_it_was_stored_and_a_hash_is_none() {
        let suspended = DirectoryLink::Entry { id: "a:b".into(), is_suspended: true };
        for link in [DirectoryLink::to_entry("a:b"), suspended, DirectoryLink::Name] {
            assert_eq!(DirectoryLink::parse(Some(&link.stored())), Some(link));
        }
        assert_eq!(DirectoryLink::parse(None), Some(DirectoryLink::Name));
        for hash in ["********", "pbkdf2:sha256:32:600000:0:c2FsdA:aGFzaA", "$argon2id$v=19$"] {
            assert_eq!(DirectoryLink::parse(Some(hash)), None, "{hash}");
        }
    }
}
