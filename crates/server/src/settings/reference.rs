//! The reference page of all settings, made from the table.

use std::fmt::Write as _;

use super::table::{Setting, TABLE};
use super::value::Secrecy;

const HEAD: &str = "\
# Settings

Made from the table of settings by `crossauth config reference`; a test fails when it is stale.

Each setting can stand in a TOML file (`--config FILE` or `CROSSAUTH_CONFIG`), in the environment,
or on the command line (`--set KEY=VALUE`, and `--listen`, `--base-url`, `--data`, `--dev`). The
command line wins over the environment, the environment over the file, the file over the default.

A secret can stand in a file of its own: `…_file` in the TOML file and `…_FILE` in the environment
name it. Secrets cannot be given on the command line, where other users of the machine see them.

Lists are TOML arrays in the file; in the environment, JSON arrays or names between commas.

An unknown key in the file, and an unknown variable that begins with `CROSSAUTH_`, is an error.
`crossauth config check` reports everything that is wrong, `crossauth config show` tells which
values are in effect and where they come from.
";

/// The page as Markdown.
pub(crate) fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut section = None;
    for setting in TABLE {
        let here = setting.key.split_once('.').map_or("", |(section, _)| section);
        if section != Some(here) {
            let title = if here.is_empty() { "The server" } else { here };
            // Settings without a section may stand before and after others; they share a heading.
            let _ = write!(page, "\n## {title}\n");
            section = Some(here);
        }
        describe(&mut page, setting);
    }
    page
}

fn describe(page: &mut String, setting: &Setting) {
    let variables: Vec<String> = setting.variables().map(|name| format!("`{name}`")).collect();
    let default = match (setting.secrecy, setting.default) {
        (_, "") => "none".to_owned(),
        (Secrecy::Secret, _) => "hidden".to_owned(),
        (Secrecy::Open, default) => format!("`{default}`"),
    };
    // Writing to a `String` cannot fail.
    let _ = write!(
        page,
        "\n### `{}`\n\n{}\n\n- Value: {}\n- Default: {default}\n- Environment: {}\n",
        setting.key,
        setting.doc.trim(),
        setting.expects,
        variables.join(", "),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_page_is_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/settings.md");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == page(),
            "stale: run `cargo run -- config reference > docs/reference/settings.md`"
        );
    }
}
