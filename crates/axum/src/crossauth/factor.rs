//! Options of second factors.

use crossauth_core::factor::{Configured, FactorConfig};

use super::builder::Builder;
use super::config::ProtectedEndpoints;
use crate::routes::ROUTES;

impl Builder {
    /// The second factors. If not set, authenticator applications, in which the account has the
    /// name of the site.
    pub fn factors(mut self, config: FactorConfig) -> Self {
        self.factors = Some(config);
        self
    }

    /// The endpoints that demand the second factor of users who have one.
    pub fn protected_endpoints(mut self, endpoints: ProtectedEndpoints) -> Self {
        self.protected = endpoints;
        self
    }
}

/// Authenticator applications, in which the account has the name of the site.
pub(super) fn default_factors(site_name: String) -> FactorConfig {
    let second = vec![Configured::Totp { issuer: site_name }];
    FactorConfig { second, ..FactorConfig::default() }
}

/// The names of the listed endpoints after the prefix. Unknown ones are reported.
pub(super) fn protected(endpoints: &ProtectedEndpoints, prefix: &str) -> Vec<String> {
    let defaults = ProtectedEndpoints::default();
    let lists = [
        (&endpoints.pages, &defaults.pages, "factor2_protected_page_endpoints"),
        (&endpoints.apis, &defaults.apis, "factor2_protected_api_endpoints"),
    ];
    let mut names = Vec::new();
    for (list, default, option) in lists {
        for given in list {
            let name = given.strip_prefix(prefix).unwrap_or(given).trim_matches('/');
            if !default.contains(given) && !ROUTES.iter().any(|route| route.path == name) {
                tracing::warn!(endpoint = %given, option, "there is no endpoint of this name");
            }
            names.push(name.to_owned());
        }
    }
    names
}
