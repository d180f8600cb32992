//! What an entry becomes as an account.

use std::sync::Arc;

use crossauth_core::clock::{Clock, Timestamp};
use crossauth_core::directory::{Entry, EntryRefusal, Standing};
use serde_json::{Map as Fields, Value};

use crate::dn::is_attribute;
use crate::group::{Memberships, Rules};
use crate::identity::Identity;
use crate::{AttributeMap, Map, OpenError, Options, RawEntry, standing};

/// What entries become.
pub(crate) struct Mapping {
    attributes: AttributeMap,
    pub(crate) identity: Identity,
    pub(crate) groups: Rules,
    map: Option<Map>,
    map_fields: Vec<String>,
    clock: Arc<dyn Clock>,
}

/// An account, and why its entry may not log in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mapped {
    pub(crate) entry: Entry,
    pub(crate) refusal: Option<EntryRefusal>,
}

/// Why an entry becomes no account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAccount {
    /// This attribute has no value, or may not be read.
    #[error("{0} is missing")]
    Missing(String),
    /// The closure of the options refuses it.
    #[error("{0}")]
    Refused(String),
}

impl Mapping {
    pub(crate) fn new(options: &Options) -> Result<Self, OpenError> {
        let map = &options.attributes;
        let names = [Some(&map.username), map.email.as_ref(), options.id_attribute.as_ref()];
        let names = names.into_iter().flatten().chain(map.fields.iter().map(|(_, name)| name));
        for name in names {
            if !is_attribute(name) {
                return Err(OpenError::InvalidAttribute(name.clone()));
            }
        }
        Ok(Self {
            attributes: map.clone(),
            identity: Identity(options.id_attribute.clone()),
            groups: Rules::new(&options.groups, options.operation_timeout)?,
            map: options.map.clone(),
            map_fields: options.map_fields.clone(),
            clock: options.clock.clone(),
        })
    }

    /// The attributes to read. Those of the protocol are returned only if they are named.
    pub(crate) fn requested(&self) -> Vec<String> {
        let AttributeMap { username, email, fields } = &self.attributes;
        let all = self.map.is_some().then_some("*");
        let mapped = fields.iter().map(|(_, attribute)| attribute.as_str());
        let names =
            all.into_iter().chain([username.as_str()]).chain(email.as_deref()).chain(mapped);
        let names = names.chain(self.identity.attributes()).chain(standing::attributes());
        // Tells Active Directory from others.
        let names = names.chain(["objectGUID"]).chain(self.groups.attributes().iter().copied());
        let mut requested: Vec<String> = Vec::new();
        for name in names {
            if !requested.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                requested.push(name.to_owned());
            }
        }
        requested
    }

    /// Whether a field of accounts comes from entries.
    pub(crate) fn provides(&self, field: &str) -> bool {
        let names = |name: &String| name == field;
        match field {
            "username" => true,
            "email" if self.attributes.email.is_some() => true,
            "admin" if self.groups.decide_admin() => true,
            field => {
                self.attributes.fields.iter().any(|(name, _)| name == field)
                    || self.groups.roles_field().is_some_and(|name| name == field)
                    || self.map_fields.iter().any(names)
            }
        }
    }

    /// The attributes that become the username and the e-mail address.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let AttributeMap { username, email, .. } = &self.attributes;
        std::iter::once(username.as_str()).chain(email.as_deref())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Makes an account of an entry.
    pub(crate) fn apply(
        &self,
        raw: &RawEntry,
        memberships: &Memberships,
    ) -> Result<Mapped, NoAccount> {
        let missing = |attribute: &str| NoAccount::Missing(attribute.to_owned());
        let id = self.identity.of(raw).ok_or_else(|| {
            missing(self.identity.0.as_deref().unwrap_or("what identifies the entry"))
        })?;
        let username = self.username(raw).ok_or_else(|| missing(&self.attributes.username))?;
        let refusal = if standing::disabled(raw, self.now()).is_some() {
            Some(EntryRefusal::Disabled)
        } else if !self.groups.allow(memberships) {
            Some(EntryRefusal::NotInGroup)
        } else {
            None
        };
        let email = self.attributes.email.as_deref();
        let standing = if refusal.is_none() { Standing::Active } else { Standing::Disabled };
        let entry = Entry {
            id: id.clone(),
            dn: raw.dn().to_owned(),
            username,
            email: email.and_then(|name| raw.text(name)).map(|text| text.trim().to_owned()),
            fields: self.fields(raw, memberships),
            admin: self.groups.admin(memberships),
            standing,
        };
        let Some(map) = &self.map else { return Ok(Mapped { entry, refusal }) };
        let mapped = map(raw, entry).map_err(NoAccount::Refused)?;
        let refusal = match mapped.standing {
            Standing::Active => refusal,
            Standing::Disabled => refusal.or(Some(EntryRefusal::Disabled)),
        };
        let standing = if refusal.is_none() { Standing::Active } else { Standing::Disabled };
        let entry = Entry { id, dn: raw.dn().to_owned(), standing, ..mapped };
        Ok(Mapped { entry, refusal })
    }

    fn username(&self, raw: &RawEntry) -> Option<String> {
        let username = raw.main_text(&self.attributes.username)?.trim();
        (!username.is_empty()).then(|| username.to_owned())
    }

    fn fields(&self, raw: &RawEntry, memberships: &Memberships) -> Fields<String, Value> {
        let value = |attribute: &str| {
            let mut values: Vec<_> = raw.texts(attribute).map(str::to_owned).collect();
            match values.len() {
                0 => Value::Null,
                1 => values.remove(0).into(),
                _ => values.into(),
            }
        };
        let fields = self.attributes.fields.iter();
        let mapped = fields.map(|(field, attribute)| (field.clone(), value(attribute)));
        mapped.chain(self.groups.roles(memberships)).collect()
    }
}

#[cfg(test)]
mod tests {
    use crossauth_core::clock::FixedClock;
    use serde_json::json;

    use super::*;
    use crate::Bind;

    fn options() -> Options {
        let bind = Bind::Template { attribute: "uid".into(), base: "dc=x".into() };
        let fields = [("phone", "telephoneNumber"), ("name", "cn")];
        let fields = fields.map(|(field, attribute)| (field.into(), attribute.into())).to_vec();
        Options {
            attributes: AttributeMap { fields, ..AttributeMap::default() },
            clock: Arc::new(FixedClock::default()),
            ..Options::new(vec!["ldaps://ldap.example.com".into()], bind)
        }
    }

    fn entry(dn: &str, attributes: &[(&str, &[&str])]) -> RawEntry {
        let attributes = attributes.iter().map(|(name, values)| {
            ((*name).to_owned(), values.iter().map(|value| value.as_bytes().to_vec()).collect())
        });
        RawEntry::new(dn, attributes.collect())
    }

    fn apply(options: &Options, raw: &RawEntry) -> Result<Mapped, NoAccount> {
        Mapping::new(options).unwrap().apply(raw, &Memberships::default())
    }

    #[test]
    fn attributes_become_an_account() {
        let raw = entry(
            "uid=bob,dc=x",
            &[
                ("uid", &["robert", "Bob"]),
                ("mail", &["bob@example.com", "b@example.com"]),
                ("cn", &["Bob", "Robert"]),
                ("entryUUID", &["0B7B8D3C-0000-0000-0000-000000000000"]),
            ],
        );
        let Mapped { entry, refusal } = apply(&options(), &raw).unwrap();
        assert_eq!(entry.id, "0b7b8d3c-0000-0000-0000-000000000000");
        assert_eq!((entry.username.as_str(), entry.dn.as_str()), ("Bob", "uid=bob,dc=x"));
        assert_eq!(entry.email.as_deref(), Some("bob@example.com"));
        assert_eq!(Value::from(entry.fields), json!({"phone": null, "name": ["Bob", "Robert"]}));
        assert_eq!((entry.admin, entry.standing, refusal), (None, Standing::Active, None));
    }

    #[test]
    fn entry_without_username_or_id_becomes_no_account() {
        assert!(apply(&options(), &entry("uid=a,dc=x", &[("uid", &["a"])])).is_ok());
        for attributes in [&[][..], &[("uid", &[][..])], &[("uid", &[" "][..])]] {
            let error = apply(&options(), &entry("cn=a,dc=x", attributes)).unwrap_err();
            assert_eq!(error.to_string(), "uid is missing");
        }
        let options = Options { id_attribute: Some("employeeNumber".into()), ..options() };
        let error = apply(&options, &entry("uid=a,dc=x", &[("uid", &["a"])])).unwrap_err();
        assert_eq!(error.to_string(), "employeeNumber is missing");
    }

    #[test]
    fn closure_changes_the_account_but_neither_identifies_nor_enables_it() {
        let map: Map = Arc::new(|raw, entry| match raw.text("sn") {
            Some(name) => Ok(Entry {
                id: "other".into(),
                dn: "cn=other".into(),
                username: name.to_owned(),
                standing: Standing::Active,
                ..entry
            }),
            None => Err("no name".into()),
        });
        let options = Options { map: Some(map), ..options() };
        let locked: (&str, &[&str]) = ("nsAccountLock", &["TRUE"]);
        let raw = entry("uid=a,dc=x", &[("uid", &["a"]), ("sn", &["Smith"]), locked]);
        let Mapped { entry: found, refusal } = apply(&options, &raw).unwrap();
        assert_eq!((found.username.as_str(), found.id.as_str()), ("Smith", "uid=a,dc=x"));
        assert_eq!((found.dn.as_str(), found.standing), ("uid=a,dc=x", Standing::Disabled));
        assert_eq!(refusal, Some(EntryRefusal::Disabled));
        let error = apply(&options, &entry("uid=a,dc=x", &[("uid", &["a"])])).unwrap_err();
        assert_eq!(error.to_string(), "no name");
        assert!(Mapping::new(&options).unwrap().requested().contains(&"*".to_owned()));
    }

    #[test]
    fn only_named_attributes_are_read() {
        let requested = Mapping::new(&options()).unwrap().requested();
        for name in ["uid", "mail", "cn", "telephoneNumber", "entryUUID", "userAccountControl"] {
            assert_eq!(requested.iter().filter(|other| *other == name).count(), 1, "{name}");
        }
        assert!(!requested.contains(&"*".to_owned()));
        let wrong = Options { id_attribute: Some("a)(b".into()), ..options() };
        assert!(matches!(Mapping::new(&wrong), Err(OpenError::InvalidAttribute(_))));
    }
}
