//! Formatting of errors and data for terminals.

use std::fmt::Write as _;
use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Formats an error and its causes on one line. Causes that repeat the message before are left out.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let mut line = String::new();
    let mut last = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.contains(&cause) || (!last.is_empty() && cause.contains(&last)) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&cause);
        // The part that the next cause may repeat.
        cause.rsplit(": ").next().unwrap_or_default().clone_into(&mut last);
    }
    printable(&line)
}

/// Escapes the characters of a line that are not printed: a terminal may take them for commands, or
/// show them in another order.
pub(crate) fn printable(line: &str) -> String {
    let mut printed = String::with_capacity(line.len());
    for c in line.chars() {
        if is_printed(c) {
            printed.push(c);
        } else {
            printed.extend(c.escape_debug());
        }
    }
    printed
}

/// JSON on one line, in which characters that are not printed are escaped.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let mut text = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut text, Printable))?;
    String::from_utf8(text).map_err(serde::ser::Error::custom)
}

/// Whether a character is visible, or a space. `escape_debug` knows which are; it escapes quotes
/// and backslashes too, but in two characters.
fn is_printed(c: char) -> bool {
    !c.is_control() && c.escape_debug().count() <= 2
}

struct Printable;

impl Formatter for Printable {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut text = String::with_capacity(fragment.len());
        for c in fragment.chars() {
            if is_printed(c) {
                text.push(c);
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(text, "\\u{unit:04x}").map_err(io::Error::other)?;
                }
            }
        }
        writer.write_all(text.as_bytes())
    }
}

/// Whether the reader of our output has closed it, as `head` does.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn causes_that_repeat_are_left_out() {
        let error = anyhow!("Error code 26: file is not a database")
            .context("file is not a database")
            .context("storage is damaged: file is not a database")
            .context("cannot open x.db");
        assert_eq!(
            describe(&error),
            "cannot open x.db: storage is damaged: file is not a database"
        );
        let error = anyhow!("No such file").context("/nope: No such file");
        assert_eq!(describe(&error), "/nope: No such file");
    }

    #[test]
    fn terminal_control_characters_are_escaped() {
        let evil = "\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{2028}\u{feff}\u{e0001}\r\nü中é\u{301}👍\"\\";
        let line = describe(&anyhow!(evil.to_owned()));
        let text = json(&[evil]).unwrap();
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), [evil]);
        for shown in [&line, &text] {
            assert!(shown.contains("ü中é") && shown.contains('👍'), "{shown}");
            let is_hidden =
                |c: char| c.is_control() || "\u{202e}\u{2028}\u{feff}\u{e0001}".contains(c);
            assert!(!shown.contains(is_hidden), "{shown:?}");
        }
    }

    #[test]
    fn broken_pipe_is_distinguished_from_other_failures() {
        let broken = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(is_broken_pipe(&broken.context("cannot list")));
        assert!(!is_broken_pipe(&anyhow!("broken pipe")));
    }
}
