//! The option `endpoints`: which of our endpoints are served.

use super::ROUTES;
use super::table::{Endpoint, Feature, Route};
use crate::crossauth::{BuildError, Crossauth, ProtectedEndpoints};
use crate::request::Surface;
use crate::routes::Scope;

/// Names that stand for all endpoints. None of them belongs to OAuth.
const ALL: &[&str] = &["all", "allMinusOAuth", "AllEndpointsMinusOAuth"];

/// Upstream's lists of endpoints, and the features and surface of their members here.
const LISTS: &[(&str, &[Feature], Surface)] = &[
    ("SignupPageEndpoints", &[Feature::Signup], Surface::Page),
    ("SignupApiEndpoints", &[Feature::Signup], Surface::Api),
    ("SessionPageEndpoints", &[Feature::Always], Surface::Page),
    ("SessionApiEndpoints", &[Feature::Always], Surface::Api),
    ("EmailVerificationPageEndpoints", VERIFICATION, Surface::Page),
    ("EmailVerificationApiEndpoints", VERIFICATION, Surface::Api),
    ("PasswordResetPageEndpoints", &[Feature::PasswordReset], Surface::Page),
    ("PasswordResetApiEndpoints", &[Feature::PasswordReset], Surface::Api),
    ("Factor2PageEndpoints", &[Feature::Factor2], Surface::Page),
    ("Factor2ApiEndpoints", &[Feature::Factor2], Surface::Api),
];

const VERIFICATION: &[Feature] = &[Feature::EmailVerification, Feature::AddressRestore];

/// Names that upstream accepts and never serves.
const NEVER_SERVED: &[&str] = &["emailverified", "api/factor2"];

/// The page on which the first administrator is made, which works only with a one-time link.
const SETUP: &str = "setup";

/// The endpoints that the option lists.
#[derive(Debug, Clone, Default)]
pub(crate) struct Served {
    /// Their names; `None` for all that are enabled.
    names: Option<Vec<&'static str>>,
    /// Those that are named themselves, not as members of a list.
    explicit: Vec<&'static str>,
}

impl Served {
    /// Parses the option; names an unknown entry.
    pub(crate) fn parse(listed: Option<&[String]>, prefix: &str) -> Result<Self, BuildError> {
        let Some(listed) = listed else { return Ok(Self::default()) };
        let (mut names, mut explicit) = (Vec::new(), Vec::new());
        for entry in listed {
            let name = ProtectedEndpoints::name(entry, prefix);
            if ALL.contains(&name) {
                names.extend(ROUTES.iter().map(Route::name));
            } else if let Some((_, features, surface)) = LISTS.iter().find(|list| list.0 == name) {
                let members = ROUTES.iter().filter(|route| {
                    features.contains(&route.feature) && route.surface() == *surface
                });
                names.extend(members.map(Route::name));
            } else if let Some(route) = ROUTES.iter().find(|route| route.name() == name) {
                explicit.push(route.name());
            } else if !NEVER_SERVED.contains(&name) {
                return Err(BuildError::UnknownEndpoint(entry.clone()));
            }
        }
        names.extend(&explicit);
        Ok(Self { names: Some(names), explicit })
    }

    /// Whether a route is listed, or is served whatever is listed: those of second factors, as
    /// upstream, the home page of a site, the link for the first administrator, and the page of
    /// messages in development.
    pub(super) fn includes(&self, route: &Route) -> bool {
        let Some(names) = &self.names else { return true };
        matches!(route.feature, Feature::Factor2 | Feature::Home | Feature::Preview)
            || route.path == SETUP
            || names.contains(&route.name())
    }
}

impl Endpoint {
    /// The names that the option [`SiteConfig::endpoints`](crate::SiteConfig::endpoints) accepts.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let lists = LISTS.iter().map(|(name, ..)| *name);
        let routes = ROUTES.iter().map(Route::name).filter(|name| !name.is_empty());
        ALL.iter().chain(NEVER_SERVED).copied().chain(lists).chain(routes)
    }
}

impl Crossauth {
    /// Whether an endpoint of this name is served, so that pages may lead to it.
    pub(crate) fn serves(&self, name: &str) -> bool {
        self.routes_in(Scope::Site).any(|route| route.name() == name)
    }

    /// Refuses an endpoint that is named but not enabled, which would be missing silently.
    pub(crate) fn check_endpoints(self) -> Result<Self, BuildError> {
        let missing = self.config().served.explicit.iter().find(|name| !self.serves(name));
        match missing {
            Some(name) => Err(BuildError::DisabledEndpoint((*name).to_owned())),
            None => Ok(self),
        }
    }
}
