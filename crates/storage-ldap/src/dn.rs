//! Distinguished names (RFC 4514).

use std::fmt::Write as _;

/// A distinguished name that was checked or made here, and is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dn(String);

impl Dn {
    /// Parses a name; `None` if it is invalid or empty.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        components(text)?;
        Some(Self(text.trim().to_owned()))
    }

    /// The name of the entry below `base` that has `value` as its naming attribute; `None` for a
    /// value that no name can have.
    pub(crate) fn child(attribute: &str, value: &str, base: &Self) -> Option<Self> {
        (!value.is_empty() && !value.contains('\0'))
            .then(|| Self(format!("{attribute}={},{}", escape(value), base.0)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `base`, or below it.
    pub(crate) fn is_within(&self, base: &Self) -> bool {
        let (name, base) = (Key::of(&self.0).0, Key::of(&base.0).0);
        // A comma of a value is never unescaped.
        name == base || name.ends_with(&format!(",{base}"))
    }
}

/// Escapes a value for a name.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len() + 8);
    let last = value.chars().count().saturating_sub(1);
    for (index, c) in value.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '=' | '\\' => escaped.extend(['\\', c]),
            '#' if index == 0 => escaped.extend(['\\', c]),
            ' ' if index == 0 || index == last => escaped.extend(['\\', c]),
            c if c.is_ascii_control() => hex(&mut escaped, u32::from(c)),
            c => escaped.push(c),
        }
    }
    escaped
}

fn hex(text: &mut String, byte: u32) {
    // Writing to a string does not fail.
    let _ = write!(text, "\\{byte:02x}");
}

/// A name for comparison: equal for names that differ in case, in the order of parts joined by `+`,
/// in spaces, or in how characters are escaped. One that cannot be parsed is compared as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(String);

impl Key {
    pub(crate) fn of(name: &str) -> Self {
        Self(canonical(name).to_lowercase())
    }
}

/// A name in one of its spellings: the same for names that differ in the case of ASCII letters, in the
/// order of parts joined by `+`, in spaces, or in how characters are escaped. One that cannot be
/// parsed stays as it is.
pub(crate) fn canonical(name: &str) -> String {
    let Some(components) = components(name) else { return name.trim().to_owned() };
    let joined = components.into_iter().map(|mut pairs| {
        pairs.sort();
        let pairs = pairs.iter().map(|(attribute, value)| format!("{attribute}={value}"));
        pairs.collect::<Vec<_>>().join("+")
    });
    joined.collect::<Vec<_>>().join(",")
}

/// The value of an attribute in the first component of a name, as it is written for comparison.
pub(crate) fn naming_value(name: &str, attribute: &str) -> Option<String> {
    let first = components(name)?.into_iter().next()?;
    let attribute = attribute.to_ascii_lowercase();
    first.into_iter().find(|(found, _)| *found == attribute).map(|(_, value)| value.to_lowercase())
}

/// The values in the first component of a name, as they are written for comparison.
pub(crate) fn naming_values(name: &str) -> Vec<String> {
    let first = components(name).and_then(|components| components.into_iter().next());
    first.unwrap_or_default().into_iter().map(|(_, value)| value).collect()
}

/// A value as [`naming_value`] returns it.
pub(crate) fn value_key(value: &str) -> String {
    fold(value.as_bytes()).to_lowercase()
}

/// Attributes and values of each component, for comparison.
type Components = Vec<Vec<(String, String)>>;

fn components(name: &str) -> Option<Components> {
    let mut rest = name.trim();
    let mut found = vec![Vec::new()];
    loop {
        let (attribute, after) = rest.split_once('=')?;
        let attribute = attribute.trim();
        if !is_attribute(attribute) {
            return None;
        }
        let (value, after) = read_value(after)?;
        found.last_mut()?.push((attribute.to_ascii_lowercase(), value));
        let mut following = after.chars();
        match following.next() {
            None => return Some(found),
            Some('+') => {}
            Some(_) => found.push(Vec::new()),
        }
        rest = following.as_str().trim_start();
    }
}

/// A descriptor or an object identifier, and options (RFC 4512 section 2.5).
pub(crate) fn is_attribute(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.;".contains(&byte))
}

/// Reads a value, and returns it for comparison with what follows it.
fn read_value(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start_matches(' ');
    let mut bytes = Vec::new();
    // Unescaped spaces at the end are none of the value.
    let mut kept = 0;
    let mut chars = text.chars();
    loop {
        let before = chars.as_str();
        match chars.next() {
            None | Some(',' | ';' | '+') => {
                bytes.truncate(kept);
                return (!bytes.is_empty()).then(|| (fold(&bytes), before));
            }
            Some('\\') => {
                bytes.push(escaped(&mut chars)?);
                // What follows the first byte of a character is pushed as it is.
                kept = bytes.len();
            }
            Some('"' | '<' | '>' | '\0') => return None,
            // A value in BER (RFC 4514 section 2.4).
            Some('#') if bytes.is_empty() => return None,
            Some(' ') => bytes.push(b' '),
            Some(c) => {
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                kept = bytes.len();
            }
        }
    }
}

/// The byte after a backslash: a special character, or two hexadecimal digits.
fn escaped(chars: &mut std::str::Chars<'_>) -> Option<u8> {
    let first = chars.next()?;
    if let Some(high) = first.to_digit(16) {
        let low = chars.next()?.to_digit(16)?;
        return u8::try_from(high * 16 + low).ok();
    }
    " \"#+,;<=>\\".contains(first).then(|| u8::try_from(first).ok())?
}

/// A value for comparison: with ASCII letters in lower case and single spaces, and escaped so that it
/// contains none of the characters that have a meaning in names. Bytes that are not UTF-8 are hexadecimal.
fn fold(value: &[u8]) -> String {
    let mut folded = String::with_capacity(value.len());
    let Ok(text) = std::str::from_utf8(value) else {
        for byte in value {
            hex(&mut folded, u32::from(*byte));
        }
        return folded;
    };
    let words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).collect();
    for c in words.join(" ").to_ascii_lowercase().chars() {
        if c.is_ascii_control() || ",;+=\\\"<>#".contains(c) {
            hex(&mut folded, u32::from(c));
        } else {
            folded.push(c);
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_in_names() {
        let base = Dn::parse("dc=example").unwrap();
        for (value, expected) in [
            ("alice", "uid=alice,dc=example"),
            ("a,dc=evil", "uid=a\\,dc\\=evil,dc=example"),
            ("a+b;c", "uid=a\\+b\\;c,dc=example"),
            ("\"<\\>\"", "uid=\\\"\\<\\\\\\>\\\",dc=example"),
            (" a b ", "uid=\\ a b\\ ,dc=example"),
            (" ", "uid=\\ ,dc=example"),
            ("#a#", "uid=\\#a#,dc=example"),
            ("a\nb", "uid=a\\0ab,dc=example"),
            ("(é*)", "uid=(é*),dc=example"),
        ] {
            let name = Dn::child("uid", value, &base).unwrap();
            assert_eq!(name.as_str(), expected);
            assert_eq!(naming_value(expected, "UID"), Some(value_key(value)), "{expected}");
            assert!(name.is_within(&base) && name != base, "{expected}");
        }
        assert_eq!(Dn::child("uid", "", &base), None);
        assert_eq!(Dn::child("uid", "a\0b", &base), None);
    }

    #[test]
    fn names_are_compared_by_what_they_mean() {
        for (one, other) in [
            ("cn=Admins,dc=Example", "CN=admins, DC=example"),
            ("cn=a+ou=b,dc=x", "OU=B+CN=A,dc=x"),
            ("cn=a\\2cb,dc=x", "cn=a\\,b,dc=x"),
            ("cn=J\\C3\\A9r\\C3\\B4me,dc=x", "cn=jérôme,dc=x"),
            ("cn=a  b ,dc=x", "cn=a b,dc=x"),
        ] {
            assert_eq!(Key::of(one), Key::of(other), "{one}");
        }
        for (one, other) in [
            ("cn=a,dc=x", "cn=a,dc=y"),
            ("cn=#0401,dc=x", "cn=\\#0401,dc=x"),
            ("cn=a\\,dc\\=x", "cn=a,dc=x"),
            ("cn=a\\+ou\\=b,dc=x", "cn=a+ou=b,dc=x"),
            ("", "dc=x"),
        ] {
            assert_ne!(Key::of(one), Key::of(other), "{one}");
        }
    }

    #[test]
    fn name_is_below_another_only_by_its_components() {
        let within = |name, base| Dn::parse(name).unwrap().is_within(&Dn::parse(base).unwrap());
        assert!(within("uid=a,ou=People,dc=x", "ou=people,dc=x"));
        assert!(within("ou=people,dc=x", "ou=people,dc=x"));
        assert!(!within("uid=a\\,ou\\=people\\,dc\\=x", "ou=people,dc=x"));
        assert!(!within("uid=a,xou=people,dc=x", "ou=people,dc=x"));
        assert!(!within("dc=x", "ou=people,dc=x"));
    }

    #[test]
    fn invalid_names_are_refused() {
        for name in [
            "",
            " ",
            "alice",
            "uid=",
            "=a",
            "uid=a,",
            "uid=a,,dc=x",
            "uid=a\\",
            "uid=a\\zz",
            "uid=a\\4",
            "u d=a",
            "uid=\"a\"",
            "uid=a\0",
            ",uid=a",
        ] {
            assert_eq!(Dn::parse(name), None, "{name:?}");
        }
        assert_eq!(Dn::parse(" 0.9.2342=a , dc=x ").unwrap().as_str(), "0.9.2342=a , dc=x");
    }
}
