//! Known devices: browsers on which a user passed the second factor, and is not asked for it again
//! for a while.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Map;

use crate::audit::{Act, Audit};
use crate::clock::{Clock, Timestamp};
use crate::crypto::{Signer, hash, random_token, stored_value};
use crate::deps::Deps;
use crate::key::{Key, KeyData, KeyPrefix};
use crate::random::Random;
use crate::storage::{KeyStore, StorageError, StorageErrorKind, StoredUser, UserStore};
use crate::user::UserId;

/// Name of the cookie.
pub const DEVICE_COOKIE: &str = "KNOWNDEVICE";

/// How long a device is known unless [configured](crate::factor::FactorConfig::device_lifetime).
pub const DEVICE_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// Maximum length of the name of a device, in characters.
pub(crate) const MAX_NAME_LEN: usize = 200;

/// Maximum number of devices in a list.
const MAX_LISTED: u32 = 100;

/// A device that is known from now on, to be told to the browser. `Debug` is redacted.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewDevice {
    /// The value of the cookie.
    pub cookie: String,
    /// When the cookie expires.
    pub expires: Timestamp,
}

impl std::fmt::Debug for NewDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewDevice").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// A known device in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Device {
    /// Identifies it among the devices of its user; not a secret.
    pub id: String,
    /// Its name, usually from the browser's description of itself.
    pub name: Option<String>,
    /// Since when it is known.
    pub created: Timestamp,
    /// When it was last used to log in.
    pub last_used: Option<Timestamp>,
    /// Until when it is known.
    pub expires: Timestamp,
}

/// Remembers, recognises and forgets devices.
pub struct Devices {
    keys: Arc<dyn KeyStore>,
    users: Arc<dyn UserStore>,
    audit: Arc<Audit>,
    signer: Arc<Signer>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    lifetime: Option<Duration>,
}

impl Devices {
    pub(crate) fn new(deps: &Deps, lifetime: Option<Duration>) -> Self {
        Self {
            lifetime,
            keys: deps.storage.keys.clone(),
            users: deps.storage.users.clone(),
            audit: deps.audit.clone(),
            signer: deps.signer.clone(),
            clock: deps.clock.clone(),
            random: deps.random.clone(),
        }
    }

    /// How long a device is known; `None` if devices cannot be remembered.
    pub fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// Lists the devices of a user, the newest first: up to a hundred.
    pub async fn list(&self, user: &UserId) -> Result<Vec<Device>, StorageError> {
        let prefix = KeyPrefix::KnownDevice;
        let keys = self.keys.list_for_user(Some(user), prefix, None, MAX_LISTED).await?;
        let now = self.clock.now();
        Ok(keys.iter().filter_map(|key| self.device(key)).filter(|one| one.expires > now).collect())
    }

    /// Forgets a device of a user by its id; returns whether there was one.
    pub async fn forget(&self, user: &UserId, id: &str) -> Result<bool, StorageError> {
        let prefix = KeyPrefix::KnownDevice;
        let keys = self.keys.list_for_user(Some(user), prefix, None, MAX_LISTED).await?;
        match keys.iter().find(|key| device_id(key) == id) {
            Some(key) => {
                let event = self.audit.event(Act::DeviceForgotten);
                let event = event.about_id(user, &*self.users).await?;
                self.keys.delete_recorded(&key.value, &[event]).await
            }
            None => Ok(false),
        }
    }

    /// Whether a cookie belongs to a device that this user passed the second factor on, and that no
    /// change of credentials has made unknown since.
    pub(crate) async fn is_known(
        &self,
        cookie: &str,
        user: &StoredUser,
    ) -> Result<bool, StorageError> {
        let Some(value) = self.stored_value(cookie) else { return Ok(false) };
        let key = match self.keys.find(&value).await {
            Ok(Some(key)) => key,
            Ok(None) => return Ok(false),
            Err(error) if error.kind == StorageErrorKind::BadRow => {
                tracing::warn!(%error, "cannot decode a known device");
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let now = self.clock.now();
        let is_known = key.userid.as_ref() == Some(user.id())
            && self.expiry(&key).is_some_and(|expiry| expiry > now)
            && (user.epoch().is_none() || key.epoch == user.epoch());
        if is_known && let Err(error) = self.keys.touch(&value, now).await {
            tracing::warn!(%error, "cannot record the use of a known device");
        }
        Ok(is_known)
    }

    /// Makes a device known once its key is stored; `None` if devices cannot be remembered.
    pub(crate) fn make(&self, name: Option<&str>) -> Option<(NewDevice, Key)> {
        let lifetime = self.lifetime?;
        let (token, now) = (random_token(&*self.random), self.clock.now());
        let value = stored_value(KeyPrefix::KnownDevice, &token);
        let mut key = Key::new(&*value, None, now);
        let expires = now + lifetime;
        key.expires = Some(expires);
        key.lastactive = Some(now);
        if let Some(name) = name {
            let name: String = name.chars().take(MAX_NAME_LEN).collect();
            key.data = KeyData::from_object(&Map::from_iter([("name".into(), name.into())]));
        }
        Some((NewDevice { cookie: self.signer.sign_token(&token), expires }, key))
    }

    /// The stored value of the key that a cookie names. Upstream's cookies are read as signed or as
    /// plain tokens.
    fn stored_value(&self, cookie: &str) -> Option<String> {
        let token =
            if cookie.contains('.') { self.signer.unsign_token(cookie).ok()? } else { cookie };
        (!token.is_empty()).then(|| stored_value(KeyPrefix::KnownDevice, token).into())
    }

    /// When a device becomes unknown, by the present configuration too; `None` if none is known.
    /// Upstream's keys may lack it.
    fn expiry(&self, key: &Key) -> Option<Timestamp> {
        let latest = key.created + self.lifetime?;
        Some(key.expires.map_or(latest, |expires| expires.min(latest)))
    }

    fn device(&self, key: &Key) -> Option<Device> {
        let name = |key: &Key| key.data.object().ok()?.get("name")?.as_str().map(str::to_owned);
        Some(Device {
            id: device_id(key),
            name: name(key),
            created: key.created,
            last_used: key.lastactive,
            expires: self.expiry(key)?,
        })
    }
}

fn device_id(key: &Key) -> String {
    hash(&key.value)
}
