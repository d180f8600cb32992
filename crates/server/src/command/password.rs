//! Reading a password from a person or a pipe, never from the command line.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use anyhow::Context as _;
use crossauth_core::secret::Password;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;
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
pub(super) async fn read(origin: Origin) -> anyhow::Result<Password> {
    if origin == Origin::StandardInput || !io::stdin().is_terminal() {
        return line();
    }
    let first = ask("Password: ").await?;
    anyhow::ensure!(first == ask("Once more: ").await?, "the passwords differ");
    Ok(first)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a thread that waits for a line keeps others waiting"
)]
async fn ask(question: &str) -> anyhow::Result<Password> {
    let mut signals = Signals::catch()?;
    let silence = Silence::begin().context("cannot keep the terminal from showing the password")?;
    write!(io::stderr(), "{question}")?;
    let answer = tokio::select! {
        answer = spawn_blocking(line) => answer?,
        code = signals.next() => {
            drop(silence);
            // When standard error is closed, there is no line to end.
            let _ = writeln!(io::stderr());
            std::process::exit(code);
        }
    };
    drop(silence);
    writeln!(io::stderr())?;
    answer
}

/// Signals that end the program. They are caught while the terminal is silent, so that it does not
/// stay so.
struct Signals([(Signal, i32); 4]);

impl Signals {
    fn catch() -> io::Result<Self> {
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
            SignalKind::quit(),
        ];
        let [a, b, c, d] = kinds.map(|kind| signal(kind).map(|s| (s, 128 + kind.as_raw_value())));
        Ok(Self([a?, b?, c?, d?]))
    }

    /// Waits for a signal. Returns the exit code that shells give to a program that it ends.
    async fn next(&mut self) -> i32 {
        let [(a, a_code), (b, b_code), (c, c_code), (d, d_code)] = &mut self.0;
        tokio::select! {
            _ = a.recv() => *a_code,
            _ = b.recv() => *b_code,
            _ = c.recv() => *c_code,
            _ = d.recv() => *d_code,
        }
    }
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
