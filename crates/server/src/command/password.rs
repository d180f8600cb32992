//! Reads a password from a terminal or a pipe, never from the command line.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use anyhow::Context as _;
use crossauth_core::secret::Password;
use rustix::process::{getpid, kill_process};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

/// Maximum length of a line that is read as a password, in bytes.
const MAX_LINE: u64 = 4096;

/// The source of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The terminal, with a prompt and a repetition; without a terminal, as `StandardInput`.
    Prompt,
    /// As `Prompt`, without a repetition, for a password that exists.
    PromptOnce,
    /// The first line of standard input.
    StandardInput,
}

/// Reads a password.
pub(super) async fn read(origin: Origin) -> anyhow::Result<Password> {
    if origin == Origin::StandardInput || !io::stdin().is_terminal() {
        return read_line();
    }
    let first = ask("Password: ").await?;
    let is_repeated = origin == Origin::PromptOnce || first == ask("Repeat password: ").await?;
    anyhow::ensure!(is_repeated, "the passwords differ");
    Ok(first)
}

#[expect(clippy::disallowed_methods, reason = "reading a line blocks the thread")]
async fn ask(question: &str) -> anyhow::Result<Password> {
    let mut signals = Signals::catch()?;
    let mut input = spawn_blocking(read_line);
    loop {
        let echo_off = EchoOff::begin();
        let echo_off = echo_off.context("cannot turn off the echo of the terminal")?;
        write!(io::stderr(), "{question}")?;
        let event = tokio::select! {
            input = &mut input => Err(input?),
            event = signals.next() => Ok(event),
        };
        drop(echo_off);
        // Fails if standard error is closed; there is no line to end then.
        let _ = writeln!(io::stderr());
        match event {
            Err(input) => return input,
            Ok(Event::End(code)) => std::process::exit(code),
            Ok(Event::Suspend) => signals.suspend().await?,
        }
    }
}

/// The action of a signal.
enum Event {
    /// The end of the program, with this exit code.
    End(i32),
    /// A pause, by Ctrl-Z.
    Suspend,
}

/// Signals that end or suspend the program. They are caught while the echo is off, to restore it.
struct Signals {
    ends: [(Signal, i32); 4],
    suspend: Signal,
    resume: Signal,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
            SignalKind::quit(),
        ];
        let [a, b, c, d] = kinds.map(|kind| signal(kind).map(|s| (s, 128 + kind.as_raw_value())));
        let of = |signal: rustix::process::Signal| SignalKind::from_raw(signal.as_raw());
        let suspend = signal(of(rustix::process::Signal::TSTP))?;
        let resume = signal(of(rustix::process::Signal::CONT))?;
        Ok(Self { ends: [a?, b?, c?, d?], suspend, resume })
    }

    /// Waits for a signal; one that ends the program has the exit code that shells use.
    async fn next(&mut self) -> Event {
        let [(a, a_code), (b, b_code), (c, c_code), (d, d_code)] = &mut self.ends;
        tokio::select! {
            _ = a.recv() => Event::End(*a_code),
            _ = b.recv() => Event::End(*b_code),
            _ = c.recv() => Event::End(*c_code),
            _ = d.recv() => Event::End(*d_code),
            _ = self.suspend.recv() => Event::Suspend,
        }
    }

    /// Stops the process, as the signal would have, and waits until it is resumed.
    async fn suspend(&mut self) -> io::Result<()> {
        kill_process(getpid(), rustix::process::Signal::STOP)?;
        self.resume.recv().await;
        Ok(())
    }
}

fn read_line() -> anyhow::Result<Password> {
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().take(MAX_LINE).read_line(&mut line).context("cannot read the password")?;
    Ok(Password::new(line.trim_end_matches(['\r', '\n'])))
}

/// Turns off the echo of the terminal until dropped.
struct EchoOff(Termios);

impl EchoOff {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        // Fails if the terminal is closed, which needs no report.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}
