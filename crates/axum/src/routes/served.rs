//! The option `endpoints`: which of our endpoints are served.

use super::table::{Area, Endpoint, Feature, Route};
use super::{ADMIN_ROUTES, ROUTES};
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
    ("SessionAdminPageEndpoints", &[Feature::Admin, Feature::AdminApiKeys], Surface::Page),
    ("SessionAdminApiEndpoints", &[Feature::Admin, Feature::AdminApiKeys], Surface::Api),
    ("Factor2PageEndpoints", &[Feature::Factor2], Surface::Page),
    ("Factor2ApiEndpoints", &[Feature::Factor2], Surface::Api),
];

const VERIFICATION: &[Feature] = &[Feature::EmailVerification, Feature::AddressRestore];

/// Names that upstream accepts and never serves.
const NEVER_SERVED: &[&str] = &["emailverified", "api/factor2"];

/// Endpoints that are served whatever is listed: the page on which the first administrator is made,
/// which works only with a one-time link, and those that renew a login.
const ALWAYS: &[&str] = &["setup", "reauthenticate", "api/reauthenticate"];

/// How the option names the prefix of administration, whatever it is.
const ADMIN: &str = "admin/";

/// The name of an endpoint after the prefix of its area.
type Name = (Area, &'static str);

/// The endpoints that the option lists.
#[derive(Debug, Clone, Default)]
pub(crate) struct Served {
    /// Their names; `None` for all that are enabled.
    names: Option<Vec<Name>>,
    /// Those that are named themselves, not as members of a list.
    explicit: Vec<Name>,
}

impl Served {
    /// Parses the option; names an unknown entry.
    pub(crate) fn parse(listed: Option<&[String]>, prefix: &str) -> Result<Self, BuildError> {
        let Some(listed) = listed else { return Ok(Self::default()) };
        let (mut names, mut explicit) = (Vec::new(), Vec::new());
        for entry in listed {
            let name = ProtectedEndpoints::name(entry, prefix);
            if ALL.contains(&name) {
                names.extend(all_routes().map(full_name));
            } else if let Some((_, features, surface)) = LISTS.iter().find(|list| list.0 == name) {
                let members = all_routes().filter(|route| {
                    features.contains(&route.feature) && route.surface() == *surface
                });
                names.extend(members.map(full_name));
            } else if let Some(route) = all_routes().find(|route| is_called(route, name)) {
                explicit.push(full_name(route));
            } else if !NEVER_SERVED.contains(&name) {
                return Err(BuildError::UnknownEndpoint(entry.clone()));
            }
        }
        names.extend(&explicit);
        Ok(Self { names: Some(names), explicit })
    }

    /// Whether a route is listed, or is served whatever is listed: those of second factors, as
    /// upstream, the home page of a site, the page of messages in development, and [`ALWAYS`].
    pub(super) fn includes(&self, route: &Route) -> bool {
        let Some(names) = &self.names else { return true };
        matches!(route.feature, Feature::Factor2 | Feature::Home | Feature::Preview)
            || route.area == Area::Site && ALWAYS.contains(&route.path)
            || names.contains(&full_name(route))
    }
}

fn all_routes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().chain(ADMIN_ROUTES)
}

fn full_name(route: &Route) -> Name {
    (route.area, route.name())
}

/// Whether the option calls a route by this name.
fn is_called(route: &Route, name: &str) -> bool {
    match route.area {
        Area::Site => route.name() == name,
        Area::Admin => name.strip_prefix(ADMIN) == Some(route.name()),
    }
}

impl Endpoint {
    /// The names that the option [`SiteConfig::endpoints`](crate::SiteConfig::endpoints) accepts.
    pub fn names() -> impl Iterator<Item = String> {
        let lists = LISTS.iter().map(|(name, ..)| *name);
        let routes = all_routes().map(|route| match route.area {
            Area::Site => route.name().to_owned(),
            Area::Admin => format!("{ADMIN}{}", route.name()),
        });
        let others = ALL.iter().chain(NEVER_SERVED).copied().chain(lists).map(str::to_owned);
        others.chain(routes.filter(|name| !name.is_empty() && name != ADMIN))
    }
}

impl Crossauth {
    /// Whether an endpoint of this name is served, so that pages may lead to it.
    pub(crate) fn serves(&self, name: &str) -> bool {
        self.serves_in(Area::Site, name)
    }

    fn serves_in(&self, area: Area, name: &str) -> bool {
        self.routes_in(Scope::Site).any(|route| route.area == area && route.name() == name)
    }

    /// Refuses an endpoint that is named but not enabled, which would be missing silently.
    pub(crate) fn check_endpoints(self) -> Result<Self, BuildError> {
        let explicit = &self.config().served.explicit;
        match explicit.iter().find(|(area, name)| !self.serves_in(*area, name)) {
            Some((Area::Site, name)) => Err(BuildError::DisabledEndpoint((*name).to_owned())),
            Some((Area::Admin, name)) => {
                Err(BuildError::DisabledEndpoint(format!("{ADMIN}{name}")))
            }
            None => Ok(self),
        }
    }
}
