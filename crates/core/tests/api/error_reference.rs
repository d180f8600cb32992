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
         The status of a response is another one where the cause is not that of OAuth: `SlowDown` is \
         429 with `Retry-After`\nfor a [limit](http.md#limits), `Connection` is 503 with `Retry-After` if a \
         store does not respond, `UserNotExist` is 404 in\nadministration, and `BadRequest` is 404, 405, \
         408, 413 or 415, too.\n\n\
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
