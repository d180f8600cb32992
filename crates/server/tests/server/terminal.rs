//! Output that nobody reads, and passwords asked for at a terminal.

use std::fs::{File, OpenOptions};
use std::process::Stdio;

use crossauth_testkit::server::wait_until;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::process::crossauth;

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [&["config", "show"][..], &["config", "reference"], &["config", "check"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = crossauth().arguments(arguments).command(directory.path());
        let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{arguments:?}");
    }
}

/// Both ends of a new terminal.
fn terminal() -> (File, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let slave = OpenOptions::new().read(true).write(true).open(name).unwrap();
    (master.into(), slave)
}

#[test]
fn a_signal_at_the_password_prompt_leaves_the_terminal_as_it_was() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let directory = tempfile::tempdir().unwrap();
        let (_master, slave) = terminal();
        let echoes = || tcgetattr(&slave).unwrap().local_modes.contains(LocalModes::ECHO);
        assert!(echoes());
        let mut command = crossauth().arguments(&["user", "add", "zed"]).command(directory.path());
        let stdin = Stdio::from(slave.try_clone().unwrap());
        let mut child = command.stdin(stdin).stderr(Stdio::piped()).spawn().unwrap();
        wait_until("the terminal is silent", || !echoes());
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert!(echoes(), "{signal:?}");
    }
}
