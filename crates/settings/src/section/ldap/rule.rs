//! Constraints between the settings of the directory.

use std::net::IpAddr;

use crossauth_core::user::is_reserved_field;

use super::{Ldap, LdapLookup};
use crate::rule::Rules;
use crate::section::{Section, Signup};

impl Ldap {
    pub(crate) fn check(&self, signup: &Signup, rules: &mut Rules<'_>) {
        if !self.is_configured() {
            return Self::check_unused(rules);
        }
        self.check_lookup(rules);
        self.check_connection(rules);
        rules.require(
            self.auto_create_factor1 == "ldap",
            &["ldap.auto_create_factor1"],
            "must be `ldap`, which tells accounts of the directory from others: remove this",
        );
        rules.require(
            self.group_roles.is_empty() || !is_reserved_field(&self.roles_field),
            &["ldap.roles_field"],
            "is a field of Crossauth: name a field of the application",
        );
        let fills_twice = self.fields.iter().any(|(field, _)| *field == self.roles_field);
        rules.require(
            self.group_roles.is_empty() || !fills_twice,
            &["ldap.fields", "ldap.roles_field"],
            "has the field that contains the roles: name another one",
        );
        let is_editable = signup.fields.iter().any(|field| field.name() == self.roles_field)
            || signup.config.editable_fields.contains(&self.roles_field);
        rules.require(
            self.group_roles.is_empty() || !is_editable,
            &["ldap.roles_field", "signup.fields", "signup.editable_fields"],
            "is a field that users edit, who could give themselves any role: name another one",
        );
        #[cfg(feature = "ldap")]
        self.check_options(rules);
    }

    #[cfg(feature = "ldap")]
    fn check_options(&self, rules: &mut Rules<'_>) {
        // Else the same could be reported twice.
        if rules.has_problem("ldap.") {
            return;
        }
        if let Err(error) = self.directory() {
            rules.require(false, &[error.key(), "ldap.url"], &error.to_string());
        }
    }

    /// Settings that would be ignored silently.
    fn check_unused(rules: &mut Rules<'_>) {
        let without_default = Self::SETTINGS.iter().filter(|it| it.default().is_none());
        for setting in without_default.filter(|setting| setting.key != "ldap.url") {
            let is_given = rules.is_given(setting.key);
            let reason = "not used: `ldap.url` is not set";
            rules.require(!is_given, &[setting.key, "ldap.url"], reason);
        }
    }

    fn check_lookup(&self, rules: &mut Rules<'_>) {
        rules.require(
            self.base.is_some(),
            &["ldap.user_search_base", "ldap.url"],
            "is missing: name the entry below which users are",
        );
        let is_search = self.lookup == LdapLookup::Search;
        rules.require(
            is_search || self.username_attributes.len() < 2,
            &["ldap.username_attribute", "ldap.lookup"],
            "has several attributes, but a distinguished name is made of one: set `ldap.lookup` to \
             `search`, or remove the others",
        );
        rules.require(
            is_search || self.filter.is_none(),
            &["ldap.filter", "ldap.lookup"],
            "not used: nothing is searched for unless `ldap.lookup` is `search`",
        );
        rules.require(
            self.bind_password.is_some() || self.bind_dn.is_none(),
            &["ldap.bind_password", "ldap.bind_dn"],
            "is missing: there is an account in `ldap.bind_dn`",
        );
        rules.require(
            self.bind_dn.is_some() || self.bind_password.is_none(),
            &["ldap.bind_dn", "ldap.bind_password"],
            "is missing: there is a password in `ldap.bind_password`",
        );
        // Of the two, the missing one is a problem already.
        let is_missing = self.bind_dn.is_none() && self.bind_password.is_none();
        rules.advise(
            !is_missing || self.check_interval.is_none(),
            &["ldap.bind_dn", "ldap.url"],
            "is missing: accounts are not compared with their entries, so a user who is gone from \
             the directory stays logged in. Name an account that may read users and groups, or set \
             `ldap.check_interval` to 0 if this is intended",
        );
    }

    fn check_connection(&self, rules: &mut Rules<'_>) {
        let is_plain = |url: &&String| !self.start_tls && url.starts_with("ldap://");
        rules.require(
            self.urls.iter().filter(is_plain).all(|url| is_loopback(url)),
            &["ldap.start_tls", "ldap.url"],
            "passwords would be sent unencrypted to another machine: set it to `true`, or use an \
             `ldaps://` URL",
        );
        for (key, time) in [
            ("ldap.acquire_timeout", self.acquire_timeout),
            ("ldap.connect_timeout", self.connect_timeout),
            ("ldap.operation_timeout", self.operation_timeout),
        ] {
            rules.require(!time.is_zero(), &[key], "must be longer than 0");
        }
    }
}

fn is_loopback(url: &str) -> bool {
    let host = url.trim_start_matches("ldap://");
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
