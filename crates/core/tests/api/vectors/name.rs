use crossauth_core::user::{EmailAddress, Normalization};

use super::Case;

/// TypeScript also strips spacing diacritics and modifier letters; ours follows Python.
const SPACING_DIACRITICS: [&str; 2] = ["normalize-35", "normalize-42"];

pub(crate) fn normalize(case: &Case) {
    let normal = Normalization::Crossauth.apply(case.text("string"));
    assert_eq!(normal, *case.python.ok.as_ref().unwrap(), "{}", case.id);
    if !SPACING_DIACRITICS.contains(&case.id.as_str()) {
        case.writes(normal);
    }
}

/// TypeScript where they differ: Python accepts a line break at the end.
pub(crate) fn email(case: &Case) {
    case.writes(EmailAddress::parse(case.text("email")).is_ok());
}
