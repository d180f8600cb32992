//! Filters of searches (RFC 4511 section 4.5.1.7), as Active Directory evaluates them.

use super::ber::Element;

/// The rule that follows links from group to group.
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";
/// The rule for numbers that have all of some bits.
const ALL_BITS: &str = "1.2.840.113556.1.4.803";

/// What a filter is compared with.
pub(super) trait Subject {
    /// The values of an attribute, whose name is in lower case.
    fn values(&self, attribute: &str) -> Vec<Vec<u8>>;

    /// The values of an attribute with distinguished names, and in turn theirs.
    fn chain(&self, attribute: &str) -> Vec<Vec<u8>>;
}

/// Whether an entry matches; also false for what is not supported.
pub(super) fn matches(filter: &Element, subject: &impl Subject) -> bool {
    let parts = filter.parts();
    match filter.tag {
        0xa0 => parts.iter().all(|part| matches(part, subject)),
        0xa1 => parts.iter().any(|part| matches(part, subject)),
        0xa2 => parts.first().is_some_and(|part| !matches(part, subject)),
        0xa3 | 0xa8 => {
            let [attribute, value] = parts.as_slice() else { return false };
            let values = subject.values(&attribute.text().to_lowercase());
            values.iter().any(|other| is_equal(other, &value.content))
        }
        0x87 => !subject.values(&filter.text().to_lowercase()).is_empty(),
        0xa9 => matches_rule(&parts, subject),
        _ => false,
    }
}

fn matches_rule(parts: &[Element], subject: &impl Subject) -> bool {
    let find = |tag| parts.iter().find(|part| part.tag == tag);
    let (Some(rule), Some(attribute), Some(value)) = (find(0x81), find(0x82), find(0x83)) else {
        return false;
    };
    let attribute = attribute.text().to_lowercase();
    match rule.text().as_str() {
        IN_CHAIN => subject.chain(&attribute).iter().any(|dn| is_equal(dn, &value.content)),
        ALL_BITS => {
            let number = |octets: &[u8]| String::from_utf8_lossy(octets).parse::<u32>().ok();
            let bits = number(&value.content);
            let values = subject.values(&attribute);
            let mut numbers = values.iter().filter_map(|value| number(value));
            bits.is_some_and(|bits| numbers.any(|number| number & bits == bits))
        }
        _ => false,
    }
}

/// Text in any case, octets exactly.
pub(super) fn is_equal(one: &[u8], other: &[u8]) -> bool {
    match (std::str::from_utf8(one), std::str::from_utf8(other)) {
        (Ok(one), Ok(other)) => one.to_lowercase() == other.to_lowercase(),
        _ => one == other,
    }
}
