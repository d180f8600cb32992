//! Sign-up with an address that another account has, where addresses must be verified.
//!
//! No answer may reveal it, neither of this request nor of later ones. So an account is created as
//! for any other address. It has no address of its own, and its owner cannot verify one; a key
//! records what the form said, so that a repeated sign-up finds the account. A username that is the
//! address itself belongs to the other account: the new one gets another.

use serde_json::Value;

use super::{Signup, SignupOutcome, SignupRequest, is_taken, taken_name};
use crate::account::AccountError;
use crate::audit::Act;
use crate::challenge::TakenAddress;
use crate::crypto::{random_token, stored_value};
use crate::directory::DirectoryError;
use crate::email_verification::EmailVerification;
use crate::form::{Field, FieldError, Rule};
use crate::key::{Key, KeyData, KeyPrefix};
use crate::storage::{Effects, Guard, StorageError};
use crate::user::{EmailAddress, NewUser, User, UserSecrets};

impl Signup {
    /// The account of an earlier sign-up with this name and address, which another account had.
    pub(super) async fn with_taken_address(
        &self,
        user: &NewUser,
    ) -> Result<Option<(User, TakenAddress)>, StorageError> {
        let Some(taken) = TakenAddress::given_by(user).filter(|_| self.verification.is_enabled())
        else {
            return Ok(None);
        };
        let Some(key) = self.keys.find(&taken.stored_value()).await? else { return Ok(None) };
        let Some(owner) = &key.userid else { return Ok(None) };
        let account = self.accounts.find(owner).await?;
        let recorded = key.data.object().map(Value::Object).map_err(StorageError::corrupt)?;
        let recorded = serde_json::from_value(recorded).map_err(StorageError::corrupt)?;
        Ok(account.map(|account| (account, recorded)))
    }

    /// What an entry of the directory has: the username or the address. Where addresses are verified,
    /// the user who receives the link has a right to the address, and any other user gives it up when
    /// the entry logs in.
    pub(super) async fn taken_by_entry(
        &self,
        user: &NewUser,
    ) -> Result<Option<Field>, DirectoryError> {
        if self.entry_names.have(&user.username).await? {
            return Ok(Some(Field::Username));
        }
        match user.email.as_deref().filter(|_| !self.verification.is_enabled()) {
            Some(email) => Ok(self.entry_names.have(email).await?.then_some(Field::Email)),
            None => Ok(None),
        }
    }

    /// The outcome for a username that another account has, as its name or as its address. Where
    /// addresses are verified, it does not reveal which addresses have accounts.
    pub(super) fn username_taken(&self, user: &NewUser) -> Result<SignupOutcome, AccountError> {
        match EmailAddress::parse(&user.username) {
            Ok(address) if self.verification.is_enabled() => {
                self.verification.report_use(address.into_string());
                Ok(SignupOutcome::VerifyEmail)
            }
            Ok(_) | Err(_) => Err(taken_name()),
        }
    }

    /// Forgets an earlier sign-up whose address no account has any more: otherwise it would take the
    /// address from its owner for ever.
    pub(super) async fn release(
        &self,
        earlier: Option<(User, TakenAddress)>,
    ) -> Result<Option<(User, TakenAddress)>, StorageError> {
        if let Some((_, taken)) = &earlier {
            self.keys.delete(&taken.stored_value()).await?;
        }
        Ok(None)
    }

    /// Whether the name of a new account is the address of an account that has been completed.
    pub(super) fn must_conceal(&self, user: &NewUser, existing: &User) -> bool {
        self.verification.is_enabled()
            && EmailAddress::parse(&user.username).is_ok()
            && !existing.state.has_unproved_address()
    }

    /// Creates an account without its address, and notifies the owner of the address.
    pub(super) async fn sign_up_without_address(
        &self,
        request: SignupRequest<'_>,
        user: NewUser,
        secrets: &UserSecrets,
    ) -> Result<SignupOutcome, AccountError> {
        let Some(taken) = TakenAddress::given_by(&user) else {
            return Err(AccountError::Form(vec![FieldError::new(Field::Email, Rule::Missing)]));
        };
        let mut created = NewUser { email: None, ..user.clone() };
        if EmailAddress::parse(&user.username).is_ok() {
            created.username = format!("unverified-{}", random_token(&*self.random));
        }
        let mut key = Key::permanent(taken.stored_value(), self.clock.now());
        key.data = taken.to_data()?;
        let audit = [self.accounts.created(Act::AccountCreated, &created)];
        let effects = Effects { issue: &[key], audit: &audit, ..Effects::default() };
        match self.accounts.insert(&created, secrets, Guard::None, effects).await {
            Ok(stored) => {
                tracing::info!(user = %stored.id(), "signed up with the address of another account");
                self.verification.report_use(taken.email.clone());
                self.proceed(stored, Some(taken), request.door()).await
            }
            Err(error) if is_taken(&error, &Field::Username) || is_conflict(&error) => {
                self.look_again(error, request, user).await
            }
            Err(error) => Err(error),
        }
    }
}

impl TakenAddress {
    fn given_by(user: &NewUser) -> Option<Self> {
        let email = EmailVerification::address_of(user)?;
        Some(Self { username: user.username.clone(), email })
    }

    /// Whether a form gives exactly this name and address.
    pub(super) fn is_of(&self, user: &NewUser) -> bool {
        Self::given_by(user).as_ref() == Some(self)
    }

    /// Found in any case, as the accounts of other sign-ups are.
    fn stored_value(&self) -> String {
        let text = format!("{} {}", self.username, self.email).to_lowercase();
        stored_value(KeyPrefix::TakenAddress, &text).into()
    }

    fn to_data(&self) -> Result<KeyData, StorageError> {
        let data = serde_json::to_value(self).map_err(StorageError::bug)?;
        Ok(data.as_object().map(KeyData::from_object).unwrap_or_default())
    }
}

/// Checks that a new account has an address that can be verified. A username that is an address must
/// be the same one: otherwise the link would go elsewhere, and whether it arrives would tell whether
/// the name is taken.
pub(super) fn check_address(user: &NewUser) -> Result<(), AccountError> {
    let error = match EmailVerification::address_of(user) {
        None => FieldError::new(Field::Email, Rule::Missing),
        Some(address) => match EmailAddress::parse(&user.username) {
            Ok(name) if name.as_str().to_lowercase() != address.to_lowercase() => {
                let rule = "must be the email address of the account if it is an email address";
                FieldError::new(Field::Username, Rule::Custom(rule.to_owned()))
            }
            Ok(_) | Err(_) => return Ok(()),
        },
    };
    Err(AccountError::Form(vec![error]))
}

fn is_conflict(error: &AccountError) -> bool {
    matches!(error, AccountError::Storage(error) if error.is_conflict())
}
