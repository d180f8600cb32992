//! Output to a closed pipe, and password prompts on a terminal.

use std::fs::{File, OpenOptions};
use std::process::Stdio;

use crossauth_testkit::server::wait_until;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::process::{crossauth, run_with_input};

#[test]
fn broken_pipe_is_not_a_failure() {
    let directory = tempfile::tempdir().unwrap();
    let add = ["user", "add", "zed", "--password-stdin"];
    assert!(run_with_input(directory.path(), &add, "Correct-horse-7\n").status.success());
    for arguments in [
        &["config", "show"][..],
        &["config", "reference"],
        &["config", "check"],
        &["user", "list"],
        &["user", "list", "--json"],
        &["user", "show", "zed"],
        &["user", "show", "zed", "--json"],
        &["user", "enable", "zed"],
        &["migrate"],
        &["help"],
        &["--help"],
        &["help", "user", "add"],
        &["--version"],
    ] {
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
fn signal_at_the_password_prompt_restores_the_terminal() {
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

#[test]
fn suspend_at_the_password_prompt_restores_the_echo() {
    let directory = tempfile::tempdir().unwrap();
    let (_master, slave) = terminal();
    let echoes = || tcgetattr(&slave).unwrap().local_modes.contains(LocalModes::ECHO);
    let mut command = crossauth().arguments(&["user", "add", "zed"]).command(directory.path());
    let stdin = Stdio::from(slave.try_clone().unwrap());
    let mut child = command.stdin(stdin).stderr(Stdio::piped()).spawn().unwrap();
    let process = Pid::from_child(&child);
    wait_until("the terminal is silent", || !echoes());
    for _ in 0..2 {
        kill_process(process, Signal::TSTP).unwrap();
        let stopped = waitpid(Some(process), WaitOptions::UNTRACED).unwrap().unwrap().1;
        assert!(stopped.stopped(), "{stopped:?}");
        assert!(echoes());
        kill_process(process, Signal::CONT).unwrap();
        wait_until("the terminal is silent again", || !echoes());
    }
    kill_process(process, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(echoes());
}
