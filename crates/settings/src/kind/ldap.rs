//! Names in an LDAP directory.

use crossauth_core::user::is_reserved_field;

use super::{Kind, List, Raw, Reason};

/// URLs of servers.
pub(crate) struct LdapUrls;

impl Kind for LdapUrls {
    type Value = Vec<String>;
    const EXPECTS: &'static str = "a list of URLs such as `ldaps://ldap.example.com` or \
        `ldap://ldap.example.com:389`, without path, user or password";

    fn parse(raw: &Raw) -> Result<Self::Value, Reason> {
        let urls = List::parse(raw)?;
        let urls = urls.iter().map(|url| {
            let url = url.trim().trim_end_matches('/');
            has_host(url).then(|| url.to_owned())
        });
        urls.collect::<Option<_>>().ok_or_else(|| Reason::expected(Self::EXPECTS))
    }

    fn show(value: &Self::Value) -> Option<String> {
        List::show(value)
    }
}

fn has_host(url: &str) -> bool {
    let rest = url.strip_prefix("ldaps://").or_else(|| url.strip_prefix("ldap://"));
    rest.is_some_and(|host| {
        !host.is_empty()
            && !host.starts_with(':')
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte))
    })
}

/// The name of an attribute (RFC 4512 section 2.5).
pub(crate) struct Attribute;

impl Kind for Attribute {
    type Value = String;
    const EXPECTS: &'static str = "the name of an attribute such as `uid`";

    fn parse(raw: &Raw) -> Result<String, Reason> {
        let name = raw.text()?.trim();
        if is_attribute(name) { Ok(name.to_owned()) } else { Err(Reason::expected(Self::EXPECTS)) }
    }

    fn show(value: &String) -> Option<String> {
        Some(value.clone())
    }
}

/// The name of an attribute, or `none`.
pub(crate) struct OptionalAttribute;

impl Kind for OptionalAttribute {
    type Value = Option<String>;
    const EXPECTS: &'static str = "the name of an attribute such as `mail`; `none` for none";

    fn parse(raw: &Raw) -> Result<Self::Value, Reason> {
        let name = Attribute::parse(raw).map_err(|_| Reason::expected(Self::EXPECTS))?;
        Ok(Some(name).filter(|name| name != "none"))
    }

    fn show(value: &Self::Value) -> Option<String> {
        Some(value.clone().unwrap_or_else(|| "none".to_owned()))
    }
}

/// Names of attributes.
pub(crate) struct Attributes;

impl Kind for Attributes {
    type Value = Vec<String>;
    const EXPECTS: &'static str = "a list of names of attributes such as `uid`";

    fn parse(raw: &Raw) -> Result<Self::Value, Reason> {
        let names = List::parse(raw)?;
        let names = names.into_iter().map(|name| is_attribute(&name).then_some(name));
        names.collect::<Option<_>>().ok_or_else(|| Reason::expected(Self::EXPECTS))
    }

    fn show(value: &Self::Value) -> Option<String> {
        List::show(value)
    }
}

fn is_attribute(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.;".contains(&byte))
}

/// Application fields with the attributes that fill them.
pub(crate) struct AttributeFields;

impl Kind for AttributeFields {
    type Value = Vec<(String, String)>;
    const EXPECTS: &'static str = "a list of `field=attribute` such as `phone=telephoneNumber`, \
        where the field is one of the application";

    fn parse(raw: &Raw) -> Result<Self::Value, Reason> {
        let refused = || Reason::expected(Self::EXPECTS);
        let pairs = pairs(List::parse(raw)?).ok_or_else(refused)?;
        let is_valid = |(field, attribute): &(String, String)| {
            !is_reserved_field(field) && is_attribute(attribute)
        };
        if pairs.iter().all(is_valid) { Ok(pairs) } else { Err(refused()) }
    }

    fn show(value: &Self::Value) -> Option<String> {
        show_pairs(value)
    }
}

/// Distinguished names (RFC 4514), which contain commas.
pub(crate) struct Groups;

impl Kind for Groups {
    type Value = Vec<String>;
    const EXPECTS: &'static str = "one distinguished name such as \
        `cn=staff,ou=groups,dc=example,dc=com`, or a list of them (in the environment, a JSON array)";

    fn parse(raw: &Raw) -> Result<Self::Value, Reason> {
        let names = items(raw, Self::EXPECTS)?;
        if names.iter().all(|name| is_distinguished_name(name)) {
            Ok(names)
        } else {
            Err(Reason::expected(Self::EXPECTS))
        }
    }

    fn show(value: &Self::Value) -> Option<String> {
        (!value.is_empty()).then(|| format!("{value:?}"))
    }
}

/// Roles with the groups that give them.
pub(crate) struct GroupRoles;

impl Kind for GroupRoles {
    type Value = Vec<(String, String)>;
    const EXPECTS: &'static str = "one `role=group` such as \
        `editor=cn=editors,ou=groups,dc=example,dc=com`, or a list of them (in the environment, a \
        JSON array)";

    fn parse(raw: &Raw) -> Result<Self::Value, Reason> {
        let refused = || Reason::expected(Self::EXPECTS);
        let pairs = pairs(items(raw, Self::EXPECTS)?).ok_or_else(refused)?;
        let is_valid = pairs.iter().all(|(_, group)| is_distinguished_name(group));
        if is_valid { Ok(pairs) } else { Err(refused()) }
    }

    fn show(value: &Self::Value) -> Option<String> {
        show_pairs(value)
    }
}

/// The items of a list whose items contain commas.
fn items(raw: &Raw, expects: &str) -> Result<Vec<String>, Reason> {
    match raw {
        Raw::Text(text) if !text.trim_start().starts_with('[') => Ok(vec![text.trim().to_owned()]),
        Raw::Text(_) | Raw::List(_) | Raw::Tables(_) => {
            List::parse(raw).map_err(|_| Reason::expected(expects))
        }
    }
}

fn is_distinguished_name(name: &str) -> bool {
    let is_pair = name.split_once('=').is_some_and(|(attribute, _)| is_attribute(attribute.trim()));
    is_pair && !name.chars().any(char::is_control)
}

/// Splits each item at its first `=`.
fn pairs(items: Vec<String>) -> Option<Vec<(String, String)>> {
    let pair = |item: String| {
        let (name, value) = item.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        (!name.is_empty() && !value.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    };
    items.into_iter().map(pair).collect()
}

fn show_pairs(pairs: &[(String, String)]) -> Option<String> {
    let shown: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    (!shown.is_empty()).then(|| format!("{shown:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<K: Kind>(text: &str) -> Option<K::Value> {
        K::parse(&Raw::Text(text.to_owned())).ok()
    }

    fn list<K: Kind>(items: &[&str]) -> Option<K::Value> {
        K::parse(&Raw::List(items.iter().map(|&item| item.to_owned()).collect())).ok()
    }

    #[test]
    fn urls_have_a_host_and_nothing_else() {
        let both = ["ldaps://a.example", "ldap://[::1]:389"];
        assert_eq!(parse::<LdapUrls>(&both.join(", ")), Some(both.map(str::to_owned).to_vec()));
        assert_eq!(list::<LdapUrls>(&["ldaps://a.example/"]).unwrap(), ["ldaps://a.example"]);
        for wrong in [
            "a.example",
            "ldaps://",
            "ldaps://:636",
            "https://a.example",
            "ldap://user:canary@a.example",
            "ldap://a.example/dc=example",
            "ldap://a.example?uid",
        ] {
            assert!(list::<LdapUrls>(&[wrong]).is_none(), "{wrong}");
        }
    }

    #[test]
    fn one_distinguished_name_is_not_split_at_its_commas() {
        let name = "cn=staff,ou=groups,dc=example,dc=com";
        assert_eq!(parse::<Groups>(name).unwrap(), [name]);
        assert_eq!(parse::<Groups>(&format!("[\"{name}\"]")).unwrap(), [name]);
        assert_eq!(list::<Groups>(&[name, name]).unwrap(), [name, name]);
        let role = ("editor".to_owned(), name.to_owned());
        assert_eq!(parse::<GroupRoles>(&format!("editor={name}")).unwrap(), [role]);
        for wrong in ["staff", "=x", "[1]"] {
            assert!(parse::<Groups>(wrong).is_none() && parse::<GroupRoles>(wrong).is_none());
        }
        assert!(parse::<GroupRoles>("editor=staff").is_none());
    }

    #[test]
    fn fields_of_crossauth_cannot_be_filled_from_attributes() {
        let pair = ("phone".to_owned(), "telephoneNumber".to_owned());
        assert_eq!(parse::<AttributeFields>("phone=telephoneNumber").unwrap(), [pair]);
        for wrong in ["admin=x", "state=x", "username=uid", "phone", "phone=", "phone=a(b"] {
            assert!(parse::<AttributeFields>(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn attribute_can_be_none_where_it_is_optional() {
        assert_eq!(parse::<OptionalAttribute>("none"), Some(None));
        assert_eq!(parse::<OptionalAttribute>("mail"), Some(Some("mail".to_owned())));
        assert!(parse::<OptionalAttribute>("*").is_none());
        assert_eq!(parse::<Attributes>("uid, mail").unwrap(), ["uid", "mail"]);
        assert!(parse::<Attributes>("uid)(objectClass=*").is_none());
    }
}
