//! The reference page of errors matches the code.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crossauth_core::error::{ErrorCode, Numbering};

#[test]
fn reference_page_lists_every_code() {
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
        "# Errors\n\nEvery code of the API, with its numbers and name on the wire, the HTTP status \
         of responses that carry it, its\nname in OAuth responses, and the default text. \
         Numbers are those of Python\nunless a setting selects those of TypeScript. This page is generated from `crates/core/src/error.rs`.\n\n\
         | Python | TypeScript | name | status | OAuth | text |\n|---|---|---|---|---|---|\n",
    );
    for code in ErrorCode::all() {
        let name = code.name();
        let [python, typescript] =
            [Numbering::Python, Numbering::TypeScript].map(|numbering| code.number(numbering));
        let (status, oauth, text) = (code.http_status(), code.oauth_name(), code.message());
        writeln!(page, "| {python} | {typescript} | `{name}` | {status} | `{oauth}` | {text} |")
            .unwrap();
    }
    page
}
