//! The reference page of all settings, generated from their declarations.

use std::fmt::Write as _;

use crate::kind::Secrecy;
use crate::section::Setting;
use crate::settings::Program;

const HEAD: &str = "\
# Settings

Made from the declarations of the settings by `crossauth config reference`; a test fails when it is
stale.

Each setting can be given in a TOML file (`--config FILE` or `CROSSAUTH_CONFIG`), in the
environment, or on the command line (`--set KEY=VALUE`, and `--listen`, `--base-url`, `--data`,
`--dev`). The command line takes precedence over the environment, the environment over the file, the
file over the default. An empty value counts as absent.

A secret can be in a file of its own: `…_file` in the TOML file and `…_FILE` in the environment
name it. Secrets cannot be given on the command line, where other users of the machine see them. An
empty secret is an error.

Lists are TOML arrays in the file; in the environment, JSON arrays or names between commas.

An unknown key in the file, and an unknown variable that begins with `CROSSAUTH_`, is an error, but
for the variables that orchestrators and images set, such as `CROSSAUTH_SERVICE_HOST`,
`CROSSAUTH_PORT=tcp://…` and `CROSSAUTH_VERSION`. `crossauth config check` reports everything that
is wrong, `crossauth config show` tells which values are in effect and where they come from.

An application that embeds Crossauth reads the same settings with
[`crossauth_settings::builder`](../../crates/settings), but for those marked as the server's.
";

/// The page as Markdown.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for section in sections() {
        let title = if section.is_empty() { "The site" } else { section };
        // Writing to a `String` cannot fail.
        let _ = write!(page, "\n## {title}\n");
        let settings = Program::Server.settings().filter(|setting| section_of(setting) == section);
        settings.for_each(|setting| describe(&mut page, setting));
    }
    page
}

/// The sections in the order of their first settings.
fn sections() -> Vec<&'static str> {
    let mut sections = Vec::new();
    for section in Program::Server.settings().map(section_of) {
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    sections
}

fn section_of(setting: &Setting) -> &'static str {
    setting.key.split_once('.').map_or("", |(section, _)| section)
}

fn describe(page: &mut String, setting: &Setting) {
    let variables: Vec<String> = setting.variables().map(|name| format!("`{name}`")).collect();
    let default = match (setting.secrecy, setting.default()) {
        (_, None) => "none".to_owned(),
        (Secrecy::Secret, Some(_)) => "hidden".to_owned(),
        (Secrecy::Public, Some(default)) => format!("`{default}`"),
    };
    let _ = write!(
        page,
        "\n### `{}`\n\n{}\n\n- Value: {}\n- Default: {default}\n- Environment: {}\n",
        setting.key,
        setting.doc.trim(),
        setting.expects,
        variables.join(", "),
    );
    if let Some(alias) = setting.alias {
        let _ = writeln!(page, "- Also: `{alias}`");
    }
    if Program::Application.find(setting.key).is_none() {
        page.push_str("- Of the server only\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/settings.md");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == page(),
            "stale: run `cargo run -- config reference > docs/reference/settings.md`"
        );
    }
}
