use crossauth_core::user::{EmailAddress, Normalization};

use super::Case;

/// TypeScript also strips spacing diacritics and modifier letters; ours follows Python.
const SPACING_DIACRITICS: [&str; 2] = ["normalize-35", "normalize-42"];

pub(crate) fn normalize(case: &Case) {
    let normal = Normalization::Crossauth.apply(case.text("string"));
    assert_eq!(normal, *case.python.ok.as_ref().unwrap(), "{}", case.id);
    if !SPACING_DIACRITICS.contains(&case.id.as_str()) {
        case.assert_writes(normal);
    }
}

/// Python accepts a line break at the end and keeps it; here it is removed.
const LINE_BREAK_AT_THE_END: &str = "validate_email-16";

pub(crate) fn email(case: &Case) {
    let parsed = EmailAddress::parse(case.text("email"));
    if case.id == LINE_BREAK_AT_THE_END {
        assert_eq!(parsed.unwrap().as_str(), case.text("email").trim());
    } else {
        case.assert_writes(parsed.is_ok());
    }
}
