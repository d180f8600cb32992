//! Recovery codes: each stands in for the second factor once, for users who lost it.

use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::audit::Act;
use crate::challenge::Challenges;
use crate::clock::Clock;
use crate::crypto::{random_base32, stored_value};
use crate::deps::Deps;
use crate::factor::FactorError;
use crate::key::{Key, KeyPrefix};
use crate::message::MessageKind;
use crate::protected::FactorProof;
use crate::random::Random;
use crate::session::Session;
use crate::storage::{Change, Changed, Effects, Guard, StorageError, UserStore};
use crate::user::UserId;

/// How many codes a user gets.
pub const CODES: usize = 10;

/// Length of a code: 16 characters of 5 bits.
const LEN: usize = 16;

/// Characters between two dashes.
const GROUP: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// New codes, to be shown once, with the keys to store. Each code is 80 bits, so its hash needs no
/// salt.
pub(crate) fn make(random: &dyn Random, clock: &dyn Clock) -> (Vec<String>, Vec<Key>) {
    let codes = (0..CODES).map(|_| random_base32(random, LEN, Some(GROUP)));
    codes
        .map(|code| {
            let bare: String = code.chars().filter(|c| *c != '-').collect();
            let value = stored_value(KeyPrefix::RecoveryCode, &bare);
            (code, Key::permanent(&*value, clock.now()))
        })
        .unzip()
}

/// A code as typed, without dashes and white space and in upper case; `None` if it cannot be one.
pub(crate) fn normalized(typed: &str) -> Option<String> {
    if typed.len() > 4 * LEN {
        return None;
    }
    let bare = typed.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '–' | '‑'));
    let code: String = bare.map(|c| c.to_ascii_uppercase()).collect();
    let is_code = code.len() == LEN && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_code.then_some(code)
}

/// The outcome of making new codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewCodes {
    /// The codes, which are never shown again. Older ones are invalid.
    Made(Vec<String>),
    /// The present factor was not confirmed for this account, or the account has changed since.
    NeedsFactor,
}

/// Counts and replaces recovery codes.
pub struct RecoveryCodes {
    challenges: Arc<Challenges>,
    users: Arc<dyn UserStore>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl RecoveryCodes {
    pub(crate) fn new(deps: &Deps, challenges: Arc<Challenges>) -> Self {
        Self {
            challenges,
            users: deps.storage.users.clone(),
            clock: deps.clock.clone(),
            random: deps.random.clone(),
        }
    }

    /// How many codes a user has left.
    pub async fn count(&self, user: &UserId) -> Result<usize, StorageError> {
        self.challenges.recovery_codes(user).await
    }

    /// Replaces all codes of the user of a session, who has just confirmed the second factor.
    pub async fn regenerate(
        &self,
        session: &Session,
        proof: &FactorProof,
    ) -> Result<NewCodes, FactorError> {
        let Some(user) = &session.user else { return Ok(NewCodes::NeedsFactor) };
        let Some(account) = self.challenges.account(&user.id).await? else {
            return Ok(NewCodes::NeedsFactor);
        };
        if !proof.is_of(&account) {
            return Ok(NewCodes::NeedsFactor);
        }
        let (codes, keys) = make(&*self.random, &*self.clock);
        let what = [("action", "changed".into()), ("factor", "recovery codes".into())];
        let kind = MessageKind::SecondFactorChanged;
        let notice = self.challenges.notices.compose(kind, &account.user, &what)?;
        let log = &self.challenges.audit;
        let audit = [log.event(Act::RecoveryCodesReplaced).about(&account.user)];
        let change = Change {
            guard: Guard::CredentialsAre(&account.credentials),
            effects: Effects {
                revoke: &[KeyPrefix::RecoveryCode],
                issue: &keys,
                send: notice.as_slice(),
                audit: &audit,
                ..Effects::default()
            },
            ..Change::default()
        };
        match self.users.change(&account.user.id, &change).await? {
            Changed::Done(_) => {
                tracing::info!(user = %account.user.id, "new recovery codes");
                Ok(NewCodes::Made(codes))
            }
            Changed::NoSuchUser
            | Changed::NotAllowed
            | Changed::GuardFailed
            | Changed::LastAdmin
            | Changed::TokenGone
            | Changed::AlreadyUsed
            | Changed::SessionGone
            | Changed::DoneUnreadable
            | Changed::UsernameTaken
            | Changed::EmailTaken => Ok(NewCodes::NeedsFactor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::random::SystemRandom;

    #[test]
    fn m14_codes_are_stored_as_hashes_and_found_however_they_are_typed() {
        let (codes, keys) = make(&SystemRandom, &SystemClock);
        assert_eq!((codes.len(), keys.len()), (10, 10));
        for (code, key) in codes.iter().zip(&keys) {
            assert_eq!(code.len(), 19);
            assert!(code.split('-').all(|group| group.len() == 4), "{code}");
            for typed in [
                code.clone(),
                code.to_lowercase(),
                code.replace('-', ""),
                code.replace('-', " "),
                format!(" {code}\n"),
            ] {
                let value = stored_value(KeyPrefix::RecoveryCode, &normalized(&typed).unwrap());
                assert_eq!(key.value, value.as_str(), "{typed}");
            }
            assert!(!key.value.contains(code.as_str()));
            // Upstream's Prisma schema has no null there.
            assert!(key.expires.is_some());
        }
    }

    #[test]
    fn text_that_cannot_be_a_code_is_refused_at_once() {
        for typed in ["", "-", "ABCD-EFGH-JKLM", "ABCD-EFGH-JKLM-NPQÄ", &"A".repeat(1_000_000)] {
            assert_eq!(normalized(typed), None);
        }
    }
}
