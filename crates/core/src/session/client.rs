//! The client for which a session began, in a field of its data.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Persistence;
use crate::key::{DataChange, KeyData, Slot};
use crate::visitor::Visitor;

/// The client of a session. Recorded for its user, never compared with later requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Client {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) device: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<IpAddr>,
    /// Whether the cookie outlives the browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    persist: Option<bool>,
    /// Whether the second factor was not asked for, because the device is known.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) known_device: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Slot for Client {
    const NAME: &'static str = "crossauth";
}

impl Client {
    /// The client of a session that begins for `visitor`. If that is not given, it is the client of
    /// the replaced session, such as that of a login that waited for its second factor.
    pub(super) fn new(
        visitor: Visitor<'_>,
        replaced: Option<&KeyData>,
        persist: Option<Persistence>,
    ) -> Self {
        let persist = persist.map(|persist| persist == Persistence::Persistent);
        match replaced.filter(|_| visitor == Visitor::default()) {
            Some(data) => Self { persist, known_device: false, ..Self::of(data) },
            None => Self {
                device: visitor.device(),
                address: visitor.address,
                persist,
                known_device: false,
            },
        }
    }

    /// The client in the data of a session; empty if it was not recorded.
    pub(super) fn of(data: &KeyData) -> Self {
        data.slot().ok().flatten().unwrap_or_default()
    }

    /// Adds the client to the data of a session. Data that cannot be changed is kept as it is.
    pub(super) fn write_to(&self, data: KeyData) -> KeyData {
        let changed = DataChange::slot(self).and_then(|change| data.changed(&[change]));
        changed.unwrap_or(data)
    }

    /// Whether the cookie outlives the browser; `None` if that was not recorded.
    pub(super) fn persistence(&self) -> Option<Persistence> {
        self.persist.map(|persist| {
            if persist { Persistence::Persistent } else { Persistence::UntilBrowserCloses }
        })
    }
}
