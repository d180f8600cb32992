//! The routes of administration.

mod access;
mod api_key;
mod audit;
mod create_api_key;
mod create_user;
mod credential;
mod deleted;
mod events;
mod own;
mod select_user;
mod update_field;
mod update_user;
mod user;

use crossauth_core::account::Role;

use crate::browser::Browser;
use crate::site::Site;

impl Site {
    /// A site with administration, mail and all factors.
    pub(crate) fn administered() -> Self {
        Self::with(|site| {
            site.admin_endpoints().preview_messages().factors(crate::factor::factors(&[]))
        })
    }

    /// A site with every feature of the router.
    pub(crate) fn with_every_feature() -> Self {
        let keys = crossauth_core::api_key::ApiKeyConfig {
            enabled: true,
            ..crossauth_core::api_key::ApiKeyConfig::default()
        };
        Self::with(|site| {
            let site = site.admin_endpoints().preview_messages().api_keys(keys);
            site.factors(crate::factor::factors(&[]))
        })
    }

    /// A browser in which an administrator has just logged in; creates the account if it does not
    /// exist.
    pub(crate) async fn administrator(&self, username: &str) -> Browser {
        if self.found(username).await.is_none() {
            self.account(username, Role::Administrator).await;
        }
        self.logged_in(username).await
    }
}
