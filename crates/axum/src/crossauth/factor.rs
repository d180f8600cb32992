//! Options of second factors.

use crossauth_core::factor::{Configured, FactorConfig};
use http::Method;

use super::builder::Builder;
use super::check::BuildError;
use super::config::ProtectedEndpoints;
use crate::routes::ROUTES;

impl Builder {
    /// The second factors. If not set, authenticator applications, in which the account has the
    /// name of the site.
    pub fn factors(mut self, config: FactorConfig) -> Self {
        self.factors = Some(config);
        self
    }

    /// The endpoints that are served; see [`SiteConfig::endpoints`](super::SiteConfig::endpoints).
    pub fn endpoints<E: Into<String>>(mut self, names: impl IntoIterator<Item = E>) -> Self {
        self.site.endpoints = Some(names.into_iter().map(Into::into).collect());
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

impl ProtectedEndpoints {
    /// The names that can be listed, after the prefix: of each endpoint to which requests are
    /// posted.
    pub fn known() -> impl Iterator<Item = &'static str> {
        ROUTES.iter().filter(|route| route.method == Method::POST).map(|route| route.path)
    }

    /// The name after the prefix of a listed endpoint.
    pub fn name<'a>(listed: &'a str, prefix: &str) -> &'a str {
        listed.strip_prefix(prefix).unwrap_or(listed).trim_matches('/')
    }
}

/// The names of the listed endpoints after the prefix. A misspelt one would protect nothing.
pub(super) fn protected(
    endpoints: &ProtectedEndpoints,
    prefix: &str,
) -> Result<Vec<String>, BuildError> {
    let listed = endpoints.pages.iter().chain(&endpoints.apis);
    let name = |listed: &String| {
        let name = ProtectedEndpoints::name(listed, prefix);
        let is_known = ProtectedEndpoints::known().any(|known| known == name);
        let unknown = || BuildError::ProtectedEndpoint(listed.clone());
        is_known.then(|| name.to_owned()).ok_or_else(unknown)
    };
    listed.map(name).collect()
}
