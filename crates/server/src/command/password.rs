//! Reading a password from a person or a pipe, never from the command line.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use anyhow::Context as _;
use crossauth_core::secret::Password;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// The longest line taken for a password, in bytes.
const LONGEST: u64 = 4096;

/// Where a password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A person, asked twice, if there is a terminal; otherwise the first line of what is piped in.
    Ask,
    /// The first line of standard input.
    StandardInput,
}

/// Reads a password.
pub(super) fn read(origin: Origin) -> anyhow::Result<Password> {
    if origin == Origin::StandardInput || !io::stdin().is_terminal() {
        return line();
    }
    let first = ask("Password: ")?;
    anyhow::ensure!(first == ask("Once more: ")?, "the passwords differ");
    Ok(first)
}

fn ask(question: &str) -> anyhow::Result<Password> {
    let _silence =
        Silence::begin().context("cannot keep the terminal from showing the password")?;
    write!(io::stderr(), "{question}")?;
    let password = line();
    writeln!(io::stderr())?;
    password
}

fn line() -> anyhow::Result<Password> {
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().take(LONGEST).read_line(&mut line).context("cannot read the password")?;
    Ok(Password::new(line.trim_end_matches(['\r', '\n'])))
}

/// While this lives, the terminal does not show what is typed.
struct Silence(Termios);

impl Silence {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // The terminal may be gone; there is no one to tell then.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}
