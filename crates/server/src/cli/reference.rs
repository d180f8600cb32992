//! The reference page of the command line is that of the parser.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, iter};

use clap::{Arg, Command, CommandFactory};

use super::Cli;

const HEAD: &str = "\
# Commands

The commands of `crossauth`, with the options of each; `crossauth COMMAND --help` prints the same. This
page is generated from the parser, and a test checks that it is up to date. Commands that read or change
accounts work whether or not the server runs, and [exit codes](../how-to/run-the-server.md#exit-codes) are
the same for all. [Manage accounts](../how-to/run-the-server.md#manage-accounts) has examples.
";

#[test]
fn committed_page_is_up_to_date() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cli.md");
    let expected = page();
    if fs::read_to_string(committed).ok().as_ref() != Some(&expected) {
        let fresh = env::temp_dir().join("crossauth-cli.md");
        fs::write(&fresh, &expected).unwrap();
        panic!("docs/reference/cli.md is stale: replace it with {}", fresh.display());
    }
}

#[test]
fn every_command_says_what_it_does() {
    let page = page();
    for name in ["serve", "doctor", "user add", "user reset-factor", "audit verify", "outbox retry"]
    {
        assert!(page.contains(&format!("\n## `crossauth {name}")), "{name}");
    }
    assert!(!page.contains("config reference"), "a hidden command is listed");
}

fn page() -> String {
    let mut root = Cli::command();
    root.build();
    let mut page = HEAD.to_owned();
    writeln!(page, "\n## Options of every command\n").unwrap();
    write_arguments(&mut page, root.get_arguments().filter(|arg| arg.is_global_set()));
    write_commands(&mut page, "crossauth", &root);
    page
}

/// Every command that runs by itself, with its parents in the name.
fn write_commands(page: &mut String, parents: &str, command: &Command) {
    let visible = |it: &&Command| !it.is_hide_set() && it.get_name() != "help";
    for command in command.get_subcommands().filter(visible) {
        let name = format!("{parents} {}", command.get_name());
        if command.has_subcommands() {
            write_commands(page, &name, command);
        } else {
            write_command(page, &name, command);
        }
    }
}

fn write_command(page: &mut String, name: &str, command: &Command) {
    let (positional, options): (Vec<_>, Vec<_>) = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !arg.is_global_set() && arg.get_id() != "help")
        .partition(|arg| arg.is_positional());
    let operands = positional.iter().map(ToString::to_string);
    let usage = iter::once(name.to_owned()).chain(operands).collect::<Vec<_>>().join(" ");
    let about = command.get_long_about().or(command.get_about());
    let about = about.unwrap_or_else(|| panic!("`{name}` has no description")).to_string();
    let stop = if about.ends_with('.') { "" } else { "." };
    writeln!(page, "\n## `{usage}`\n\n{about}{stop}").unwrap();
    if !positional.is_empty() || !options.is_empty() {
        page.push('\n');
        write_arguments(page, positional.into_iter().chain(options));
    }
}

fn write_arguments<'a>(page: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    writeln!(page, "| option | meaning |\n|---|---|").unwrap();
    for arg in arguments {
        let help = arg.get_long_help().or(arg.get_help());
        let help = help.unwrap_or_else(|| panic!("`{arg}` has no description")).to_string();
        let values: Vec<_> = arg.get_possible_values();
        let takes_values = arg.get_action().takes_values();
        let values =
            values.iter().filter(|_| takes_values).map(|it| format!("`{}`", it.get_name()));
        let values = values.collect::<Vec<_>>().join(", ");
        let default = arg.get_default_values().iter().filter(|_| takes_values);
        let default =
            default.map(|it| format!("`{}`", it.display())).collect::<Vec<_>>().join(", ");
        let mut meaning = help.replace('\n', " ").replace('|', "\\|");
        if !values.is_empty() {
            write!(meaning, "; one of {values}").unwrap();
        }
        if !default.is_empty() {
            write!(meaning, "; {default} by default").unwrap();
        }
        writeln!(page, "| `{}` | {meaning} |", arg.to_string().replace('|', "\\|")).unwrap();
    }
}
