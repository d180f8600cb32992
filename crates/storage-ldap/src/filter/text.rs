//! The text of a filter (RFC 4515).

use super::{Comparison, Filter, Place};
use crate::dn::is_attribute;

/// How deeply a filter may be nested.
const MAX_DEPTH: usize = 32;

pub(super) fn parse(text: &str) -> Result<Filter, &'static str> {
    let text = text.trim();
    if !text.starts_with('(') {
        return comparison(text);
    }
    let (filter, rest) = filter(text, MAX_DEPTH)?;
    if rest.trim().is_empty() { Ok(filter) } else { Err("there is more after its end") }
}

/// A filter in parentheses, and what follows it.
fn filter(text: &str, depth: usize) -> Result<(Filter, &str), &'static str> {
    let depth = depth.checked_sub(1).ok_or("it is nested too deeply")?;
    let inside = text.trim_start().strip_prefix('(').ok_or("a `(` is missing")?.trim_start();
    let (found, rest) = match inside.chars().next() {
        Some('&') => {
            let (parts, rest) = list(&inside[1..], depth)?;
            (Filter::And(parts), rest)
        }
        Some('|') => {
            let (parts, rest) = list(&inside[1..], depth)?;
            (Filter::Or(parts), rest)
        }
        Some('!') => {
            let (part, rest) = filter(&inside[1..], depth)?;
            (Filter::Not(part.into()), rest)
        }
        _ => {
            let end = inside.find(['(', ')']).unwrap_or(inside.len());
            (comparison(&inside[..end])?, &inside[end..])
        }
    };
    let rest = rest.trim_start().strip_prefix(')').ok_or("a `)` is missing")?;
    Ok((found, rest))
}

fn list(mut text: &str, depth: usize) -> Result<(Vec<Filter>, &str), &'static str> {
    let mut parts = Vec::new();
    while text.trim_start().starts_with('(') {
        let (part, rest) = filter(text, depth)?;
        parts.push(part);
        text = rest;
    }
    if parts.is_empty() { Err("`&` or `|` has no parts") } else { Ok((parts, text)) }
}

fn comparison(text: &str) -> Result<Filter, &'static str> {
    let (left, value) = text.split_once('=').ok_or("a `=` is missing")?;
    for (suffix, kind) in [
        ('>', Comparison::GreaterOrEqual),
        ('<', Comparison::LessOrEqual),
        ('~', Comparison::Approximate),
    ] {
        if let Some(name) = left.strip_suffix(suffix) {
            return Ok(Filter::Compare(kind, attribute(name)?, unescape(value)?));
        }
    }
    if let Some(left) = left.strip_suffix(':') {
        return extensible(left, value);
    }
    let attribute = attribute(left)?;
    match value {
        "*" => Ok(Filter::Present(attribute)),
        value if value.contains('*') => Ok(Filter::Substrings { attribute, parts: parts(value)? }),
        value => Ok(Filter::Compare(Comparison::Equal, attribute, unescape(value)?)),
    }
}

/// `attribute:dn:rule:=value`, where attribute, `dn` and rule may be absent.
fn extensible(left: &str, value: &str) -> Result<Filter, &'static str> {
    let mut parts = left.split(':');
    let name = parts.next().unwrap_or_default();
    let mut rule = parts.next();
    let dn = rule.is_some_and(|part| part.eq_ignore_ascii_case("dn"));
    if dn {
        rule = parts.next();
    }
    if parts.next().is_some() || (name.is_empty() && rule.is_none()) {
        return Err("a comparison by a rule is `attribute:rule:=value`");
    }
    Ok(Filter::Extensible {
        rule: rule.map(attribute).transpose()?,
        attribute: if name.is_empty() { None } else { Some(attribute(name)?) },
        value: unescape(value)?,
        dn,
    })
}

fn attribute(name: &str) -> Result<String, &'static str> {
    let name = name.trim();
    if is_attribute(name) {
        Ok(name.to_owned())
    } else {
        Err("the name of an attribute is invalid")
    }
}

/// The parts of a value with asterisks.
fn parts(value: &str) -> Result<Vec<(Place, Vec<u8>)>, &'static str> {
    let pieces: Vec<_> = value.split('*').collect();
    let last = pieces.len() - 1;
    let mut found = Vec::new();
    for (index, piece) in pieces.into_iter().enumerate() {
        let place = match index {
            0 => Place::Start,
            index if index == last => Place::End,
            _ => Place::Any,
        };
        if !piece.is_empty() {
            found.push((place, unescape(piece)?));
        }
    }
    if found.is_empty() { Err("a value has asterisks only") } else { Ok(found) }
}

fn unescape(value: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if b"()".contains(&byte) {
            return Err("a parenthesis in a value is written `\\28` or `\\29`");
        }
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let pair = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        bytes.push(pair.ok_or("a `\\` is not followed by two hexadecimal digits")?);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_of_rfc_4515_are_read() {
        let equal = Filter::equal;
        let by = |rule: Option<&str>, attribute: Option<&str>, dn| Filter::Extensible {
            rule: rule.map(str::to_owned),
            attribute: attribute.map(str::to_owned),
            value: b"Betty Rubble".to_vec(),
            dn,
        };
        for (text, expected) in [
            ("(cn=Babs Jensen)", equal("cn", "Babs Jensen")),
            ("(!(cn=Tim Howes))", Filter::Not(equal("cn", "Tim Howes").into())),
            ("(seeAlso=)", equal("seeAlso", "")),
            ("(cn:1.2.3.4.5:=Betty Rubble)", by(Some("1.2.3.4.5"), Some("cn"), false)),
            ("(sn:dn:2.4.6.8.10:=Betty Rubble)", by(Some("2.4.6.8.10"), Some("sn"), true)),
            ("(o:dn:=Betty Rubble)", by(None, Some("o"), true)),
            ("(:1.2.3:=Betty Rubble)", by(Some("1.2.3"), None, false)),
            ("(o=Parens R Us \\28for all\\29)", equal("o", "Parens R Us (for all)")),
            ("(sn=Lu\\c4\\8di\\c4\\87)", equal("sn", "Lučić")),
            ("(bin=\\00\\00\\00\\04)", equal("bin", "\0\0\0\u{4}")),
            (" uid=a ", equal("uid", "a")),
            ("(uid=*)", Filter::present("uid")),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        let nested = "(&(objectClass=Person)(|(sn=Jensen)(cn>=a)(cn~=b)) (cn<=c))";
        let Ok(Filter::And(parts)) = parse(nested) else { panic!("{nested}") };
        assert_eq!(parts.len(), 3);
    }

    #[test]
    fn invalid_filters_are_refused() {
        let deep = format!("{}a=b{}", "(!".repeat(1000), ")".repeat(1000));
        for text in [
            "",
            "(",
            "()",
            "(a)",
            "(a=b",
            "(a=b))",
            "(&)",
            "(a=(b))",
            "(=b)",
            "(a b=c)",
            "(a=\\)",
            "(a=\\4)",
            "(a=**)",
            "(:=x)",
            "(a:b:c:d:=x)",
            "a=b(",
            &deep,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
