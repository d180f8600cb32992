//! The reference page of the audit log matches the code.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crossauth_core::audit::Act;

#[test]
fn reference_page_lists_every_act() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/audit.md");
    let expected = reference();
    if fs::read_to_string(&page).ok().as_ref() != Some(&expected) {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("audit.md");
        fs::write(&fresh, &expected).unwrap();
        panic!("docs/reference/audit.md is stale: replace it with {}", fresh.display());
    }
}

fn reference() -> String {
    let source = include_str!("../../src/audit/act.rs");
    let mut page = String::from(
        "# Acts of the audit log\n\nWhat [the audit log](../explanation/audit.md) records. Acts \
         whose names begin with `user.` or `audit.`\nare those of administrators. This page is \
         generated from `crates/core/src/audit/act.rs`.\n\n| act | meaning |\n|---|---|\n",
    );
    for act in Act::ALL {
        let (before, _) = source.split_once(&format!("= \"{act}\",")).unwrap();
        let meaning = before.rsplit("/// ").next().unwrap().lines().next().unwrap();
        writeln!(page, "| `{act}` | {meaning} |").unwrap();
    }
    page
}
