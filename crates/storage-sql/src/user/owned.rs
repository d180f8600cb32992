//! A change of an account that its transaction owns: a retry needs it again.

use crossauth_core::audit::AuditEvent;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::message::Message;
use crossauth_core::storage::{Change, CredentialVersion, Effects, EndSessions, Guard, Uses};
use crossauth_core::user::{SecretsUpdate, StateEvent, UserUpdate};

/// An owned [`Change`], for a transaction.
pub(super) struct OwnedChange {
    pub(super) user: UserUpdate,
    pub(super) secrets: SecretsUpdate,
    pub(super) event: Option<StateEvent>,
    pub(super) guard: OwnedGuard,
    pub(super) effects: OwnedEffects,
    pub(super) needs_account: bool,
}

/// An owned [`Guard`], for a transaction.
pub(super) enum OwnedGuard {
    None,
    PasswordIs(String),
    CredentialsAre(CredentialVersion),
    NotTheLastAdmin,
    CredentialsAndNotTheLastAdmin(CredentialVersion),
    NoAdmin,
}

/// Owned [`Effects`], for a transaction.
pub(super) struct OwnedEffects {
    pub(super) consume: Option<String>,
    pub(super) uses: Option<Uses>,
    pub(super) sessions: OwnedEndSessions,
    pub(super) revoke: Vec<KeyPrefix>,
    pub(super) replaces: Option<String>,
    pub(super) must_replace: bool,
    pub(super) issue: Vec<Key>,
    pub(super) send: Vec<Message>,
    pub(super) audit: Vec<AuditEvent>,
}

/// Owned [`EndSessions`], for a transaction.
pub(super) enum OwnedEndSessions {
    Keep,
    All,
    AllBut(String),
}

impl From<&Change<'_>> for OwnedChange {
    fn from(change: &Change<'_>) -> Self {
        let Change { user, secrets, event, guard, effects } = change;
        Self {
            user: user.clone(),
            secrets: secrets.clone(),
            event: *event,
            guard: (*guard).into(),
            effects: effects.into(),
            needs_account: change.needs_account(),
        }
    }
}

impl OwnedGuard {
    pub(super) fn borrowed(&self) -> Guard<'_> {
        match self {
            Self::None => Guard::None,
            Self::PasswordIs(hash) => Guard::PasswordIs(hash),
            Self::CredentialsAre(checked) => Guard::CredentialsAre(checked),
            Self::NotTheLastAdmin => Guard::NotTheLastAdmin,
            Self::CredentialsAndNotTheLastAdmin(checked) => {
                Guard::CredentialsAndNotTheLastAdmin(checked)
            }
            Self::NoAdmin => Guard::NoAdmin,
        }
    }
}

impl From<Guard<'_>> for OwnedGuard {
    fn from(guard: Guard<'_>) -> Self {
        match guard {
            Guard::None => Self::None,
            Guard::PasswordIs(hash) => Self::PasswordIs(hash.to_owned()),
            Guard::CredentialsAre(checked) => Self::CredentialsAre(checked.clone()),
            Guard::NotTheLastAdmin => Self::NotTheLastAdmin,
            Guard::CredentialsAndNotTheLastAdmin(checked) => {
                Self::CredentialsAndNotTheLastAdmin(checked.clone())
            }
            Guard::NoAdmin => Self::NoAdmin,
        }
    }
}

impl From<&Effects<'_>> for OwnedEffects {
    fn from(effects: &Effects<'_>) -> Self {
        let Effects { consume, uses, sessions, revoke, replaces, must_replace, issue, send, audit } =
            *effects;
        Self {
            consume: consume.map(str::to_owned),
            uses: uses.cloned(),
            sessions: match sessions {
                EndSessions::Keep => OwnedEndSessions::Keep,
                EndSessions::All => OwnedEndSessions::All,
                EndSessions::AllBut(kept) => OwnedEndSessions::AllBut(kept.to_owned()),
            },
            revoke: revoke.to_vec(),
            replaces: replaces.map(str::to_owned),
            must_replace,
            issue: issue.to_vec(),
            send: send.to_vec(),
            audit: audit.to_vec(),
        }
    }
}
