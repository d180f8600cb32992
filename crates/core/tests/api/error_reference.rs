//! The reference page of errors says what the code says.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crossauth_core::error::ErrorCode;

#[test]
fn the_reference_page_lists_every_code() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/errors.md");
    let expected = reference();
    if fs::read_to_string(&page).ok().as_ref() != Some(&expected) {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("errors.md");
        fs::write(&fresh, &expected).unwrap();
        panic!("docs/reference/errors.md is stale: replace it with {}", fresh.display());
    }
}

fn reference() -> String {
    let mut page = String::from(
        "# Errors\n\nEvery code of the API, with its number and name on the wire, the HTTP status \
         of answers that carry it, its\nname in OAuth answers, and the text where there is nothing \
         more precise to say. This page is\ngenerated from `crates/core/src/error.rs`.\n\n\
         | number | name | status | OAuth | text |\n|---|---|---|---|---|\n",
    );
    for code in ErrorCode::all() {
        let (number, name) = (code.number(), code.name());
        let (status, oauth, text) = (code.http_status(), code.oauth_name(), code.message());
        writeln!(page, "| {number} | `{name}` | {status} | `{oauth}` | {text} |").unwrap();
    }
    page
}
