//! The directory that the settings describe.

use std::path::PathBuf;

use crossauth_storage_ldap::{
    AttributeMap, Bind, Groups, LdapDirectory, OpenError, Options, PasswordChange, Scope,
    ServiceAccount,
};

use super::{Ldap, LdapLookup, LdapPasswordChange, LdapScope};

impl Ldap {
    /// The directory; `None` if there is none. Connects to nothing.
    pub(crate) fn directory(&self) -> Result<Option<LdapDirectory>, LdapError> {
        if !self.is_configured() {
            return Ok(None);
        }
        Ok(Some(self.options()?.open()?))
    }

    fn options(&self) -> Result<Options, LdapError> {
        let ca = match &self.ca_file {
            Some(path) => Some(
                std::fs::read(path)
                    .map_err(|source| LdapError::Unreadable { path: path.clone(), source })?,
            ),
            None => None,
        };
        let service = match (&self.bind_dn, &self.bind_password) {
            (Some(dn), Some(password)) => Some(ServiceAccount::new(dn, password.clone())),
            (None, _) | (_, None) => None,
        };
        Ok(Options {
            start_tls: self.start_tls,
            ca,
            service,
            id_attribute: self.id_attribute.clone(),
            attributes: self.attributes(),
            groups: self.groups(),
            password_change: match self.password_change {
                LdapPasswordChange::Never => PasswordChange::Never,
                LdapPasswordChange::Rfc3062 => PasswordChange::Rfc3062,
                LdapPasswordChange::ActiveDirectory => PasswordChange::ActiveDirectory,
            },
            connect_timeout: self.connect_timeout,
            operation_timeout: self.operation_timeout,
            connections: self.connections,
            acquire_timeout: self.acquire_timeout,
            ..Options::new(self.urls.clone(), self.bind())
        })
    }

    fn bind(&self) -> Bind {
        let base = self.base.clone().unwrap_or_default();
        let attributes = self.username_attributes();
        match self.lookup {
            LdapLookup::Dn => Bind::Template {
                attribute: attributes.into_iter().next().unwrap_or_default(),
                base,
            },
            LdapLookup::Search => Bind::Search {
                base,
                attributes,
                filter: self.filter.clone(),
                scope: match self.scope {
                    LdapScope::Subtree => Scope::Subtree,
                    LdapScope::OneLevel => Scope::OneLevel,
                },
            },
        }
    }

    /// The attributes that are login names.
    fn username_attributes(&self) -> Vec<String> {
        match (self.username_attributes.is_empty(), self.lookup) {
            (false, _) => self.username_attributes.clone(),
            (true, LdapLookup::Dn) => vec!["cn".to_owned()],
            (true, LdapLookup::Search) => vec!["uid".to_owned()],
        }
    }

    fn attributes(&self) -> AttributeMap {
        let username = self.username_from.clone().unwrap_or_else(|| match self.lookup {
            LdapLookup::Dn => "uid".to_owned(),
            LdapLookup::Search => self.username_attributes().into_iter().next().unwrap_or_default(),
        });
        AttributeMap { username, email: self.email_from.clone(), fields: self.fields.clone() }
    }

    fn groups(&self) -> Groups {
        let roles = self.group_roles.iter().map(|(role, group)| (group.clone(), role.clone()));
        Groups {
            base: self.group_base.clone(),
            nested: self.nested_groups,
            admin: self.admin_groups.clone(),
            allowed: self.allowed_groups.clone(),
            roles: roles.collect(),
            roles_field: self.roles_field.clone(),
        }
    }
}

/// The directory cannot be used as configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LdapError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl LdapError {
    /// The setting that is wrong.
    pub(crate) fn key(&self) -> &'static str {
        if let Self::Unreadable { .. } | Self::Open(OpenError::Authorities(_)) = self {
            "ldap.ca_file"
        } else if let Self::Open(OpenError::InvalidFilter { .. }) = self {
            "ldap.filter"
        } else if let Self::Open(OpenError::InvalidDn { option, .. }) = self {
            match *option {
                "the base of groups" => "ldap.group_base",
                "the allowed groups" => "ldap.allowed_groups",
                "the groups of administrators" => "ldap.admin_groups",
                "the groups of roles" => "ldap.group_roles",
                _ => "ldap.user_search_base",
            }
        } else {
            "ldap.url"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_of_the_settings_are_those_of_the_library() {
        let (ours, theirs) = (Ldap::default(), Options::new(Vec::new(), Ldap::default().bind()));
        assert_eq!(ours.start_tls, theirs.start_tls);
        assert_eq!(ours.email_from, theirs.attributes.email);
        assert_eq!(ours.roles_field, theirs.groups.roles_field);
        assert_eq!(ours.connections, theirs.connections);
        assert_eq!(
            [ours.acquire_timeout, ours.connect_timeout, ours.operation_timeout],
            [theirs.acquire_timeout, theirs.connect_timeout, theirs.operation_timeout]
        );
    }

    #[test]
    fn users_are_found_as_in_upstream_unless_a_search_is_set() {
        let base = Some("ou=people,dc=example,dc=com".to_owned());
        let upstream = Ldap { base: base.clone(), ..Ldap::default() };
        let Bind::Template { attribute, .. } = upstream.bind() else { panic!() };
        assert_eq!((attribute.as_str(), upstream.attributes().username.as_str()), ("cn", "uid"));
        let lookup = LdapLookup::Search;
        let username_attributes = vec!["mail".to_owned(), "uid".to_owned()];
        let search = Ldap { lookup, base, username_attributes, ..Ldap::default() };
        let Bind::Search { attributes, .. } = search.bind() else { panic!() };
        assert_eq!((attributes.len(), search.attributes().username.as_str()), (2, "mail"));
    }

    #[test]
    fn group_of_a_role_is_its_key() {
        let roles = vec![("editor".to_owned(), "cn=editors".to_owned())];
        let groups = Ldap { group_roles: roles, ..Ldap::default() }.groups();
        assert_eq!(groups.roles, [("cn=editors".to_owned(), "editor".to_owned())]);
    }
}
