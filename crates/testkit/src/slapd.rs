//! OpenLDAP's server for tests: a separate process in a temporary directory, on free ports of the
//! loopback interface, with StartTLS and with TLS from the beginning, with the overlays for password
//! policies and for the groups of an entry. What it contains is in [`directory`].
//!
//! [`server`] starts one for all tests of a process, which keep apart by the entries they use.
//! [`Server::start`] starts another one, to be stopped. Servers end and their directories are deleted
//! when the process ends, even if it is killed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::missing_panics_doc, reason = "a server that does not start panics")]

pub mod directory;

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use parking_lot::Mutex;

use crate::authority::Authority;
use crate::owner::{as_owner, owner};
use crate::port::free_port;

/// How often other ports are tried, because another process took the free ones.
const ATTEMPTS: usize = 5;

/// Starts the server (`$0` is its directory, `$1` its port, `$2` that for TLS, `$3` its socket),
/// obeys commands, and ends it when the standard input is closed.
const SCRIPT: &str = "
    PATH=$PATH:/usr/sbin
    # The system sends it if this process ends while the server is frozen.
    trap '' HUP
    start() {
        slapd -d stats -f \"$0/slapd.conf\" -h \"ldap://127.0.0.1:$1 ldap://127.0.0.2:$1 \
            ldaps://127.0.0.1:$2 ldaps://127.0.0.2:$2 $3\" >>\"$0/log\" 2>&1 </dev/null & server=$!
        for _ in $(seq 600); do
            ldapwhoami -x -H \"$3\" >/dev/null 2>&1 && echo ready && return
            kill -0 $server || break
            sleep 0.1
        done
        echo failed
    }
    start \"$@\"
    while read -r command; do
        case $command in
            resume) if kill -CONT $server; then echo ready; else start \"$@\"; fi ;;
            KILL) kill -KILL $server; wait $server; echo done ;;
            # Its threads stop one after the other.
            STOP) kill -STOP $server
                while cat /proc/$server/task/*/status | grep ^State: | grep -q -v stopped; do
                    sleep 0.01
                done
                echo done ;;
        esac
    done
    kill -KILL $server; wait $server; rm -rf \"$0\"";

/// A running server.
#[derive(Debug)]
pub struct Server {
    directory: PathBuf,
    ports: (u16, u16),
    authority: Authority,
    shell: Mutex<Shell>,
}

/// The shell that watches the server. It ends when its standard input is closed, which happens when
/// this process ends.
#[derive(Debug)]
struct Shell {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// The server of this process, started on first use.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

impl Server {
    /// Starts a server of its own.
    pub fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("crossauth-slapd-").tempdir().unwrap();
        // Removed by the shell that watches the server.
        let directory = directory.keep();
        let authority = Authority::new();
        let owner = owner("openldap");
        prepare(&directory, &authority, owner);
        for _ in 0..ATTEMPTS {
            let ports = (free_port(), free_port());
            let mut shell = Shell::start(&directory, ports, owner);
            if shell.read() == "ready" {
                let shell = Mutex::new(shell);
                let server = Self { directory, ports, authority, shell };
                server.add(&directory::groups());
                return server;
            }
            shell.execute("KILL");
            // Keeps the directory.
            shell.process.kill().unwrap();
            shell.process.wait().unwrap();
        }
        let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
        panic!("slapd does not start: {log}");
    }

    /// The URL without TLS from the beginning; the certificate is that of this address.
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.ports.0)
    }

    /// The URL with TLS from the beginning.
    pub fn tls_url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.ports.1)
    }

    /// The same URLs, at an address that is not in the certificate.
    pub fn other_urls(&self) -> [String; 2] {
        [self.url(), self.tls_url()].map(|url| url.replace("127.0.0.1", "127.0.0.2"))
    }

    /// The authority that has issued its certificate.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Adds entries, given as LDIF, as the administrator.
    pub fn add(&self, ldif: &str) {
        self.run("ldapadd", &[], ldif);
    }

    /// Changes entries, given as LDIF, as the administrator.
    pub fn modify(&self, ldif: &str) {
        self.run("ldapmodify", &[], ldif);
    }

    /// Deletes an entry.
    pub fn delete(&self, dn: &str) {
        self.run("ldapdelete", &[dn], "");
    }

    /// The values of an attribute of an entry, as the administrator sees them.
    pub fn values(&self, dn: &str, attribute: &str) -> Vec<String> {
        let found = self.run(
            "ldapsearch",
            &["-LLL", "-o", "ldif-wrap=no", "-s", "base", "-b", dn, attribute],
            "",
        );
        let prefix = format!("{attribute}: ");
        found.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
    }

    /// How many binds with this name it has received, however they ended.
    pub fn count_binds(&self, dn: &str) -> usize {
        let log = fs::read_to_string(self.directory.join("log")).unwrap();
        log.matches(&format!("BIND dn=\"{dn}\" method=")).count()
    }

    /// Stops its process, which neither answers nor closes connections, until [`resume`](Self::resume).
    pub fn freeze(&self) {
        self.shell.lock().execute("STOP");
    }

    /// Ends it as `kill -9` does, until [`resume`](Self::resume).
    pub fn kill(&self) {
        self.shell.lock().execute("KILL");
    }

    /// Lets it continue, or starts it again with the same entries.
    pub fn resume(&self) {
        assert_eq!(self.shell.lock().execute("resume"), "ready", "slapd does not start again");
    }

    fn run(&self, program: &str, arguments: &[&str], input: &str) -> String {
        let mut command = Command::new(program);
        command.args(["-x", "-D", directory::ROOT, "-w", directory::ROOT_PASSWORD]);
        command.args(["-H", &socket_url(&self.directory)]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = process.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {error}\n{input}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let shell = self.shell.get_mut();
        drop(shell.input.take());
        // It ends the server and deletes the directory.
        let _ = shell.process.wait();
    }
}

impl Shell {
    fn start(directory: &Path, ports: (u16, u16), owner: Option<(u32, u32)>) -> Self {
        let mut command = Command::new("sh");
        command.arg("-c").arg(SCRIPT).arg(directory).arg(ports.0.to_string());
        command.arg(ports.1.to_string()).arg(socket_url(directory));
        // A separate process group, so that Ctrl-C ends the tests first.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = as_owner(&mut command, owner).current_dir(directory).spawn().unwrap();
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, input, output }
    }

    fn execute(&mut self, command: &str) -> String {
        writeln!(self.input.as_ref().unwrap(), "{command}").unwrap();
        self.read()
    }

    fn read(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

fn socket_url(directory: &Path) -> String {
    format!("ldapi://{}", directory.join("socket").display().to_string().replace('/', "%2F"))
}

/// Writes everything that the server reads.
fn prepare(directory: &Path, authority: &Authority, owner: Option<(u32, u32)>) {
    for file in [authority.server_certificate(), authority.server_key()] {
        fs::copy(&file, directory.join(file.file_name().unwrap())).unwrap();
    }
    let place = directory.display().to_string();
    fs::write(directory.join("slapd.conf"), directory::CONFIG.replace("DIRECTORY", &place))
        .unwrap();
    fs::write(directory.join("entries.ldif"), directory::entries()).unwrap();
    fs::create_dir(directory.join("data")).unwrap();
    if let Some((user, group)) = owner {
        let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        for path in files.chain([directory.to_owned()]) {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }
    let mut command = Command::new("/usr/sbin/slapadd");
    command.arg("-q").arg("-f").arg(directory.join("slapd.conf"));
    command.arg("-l").arg(directory.join("entries.ldif"));
    let output = as_owner(&mut command, owner).current_dir(directory).output();
    let output = output.unwrap_or_else(|error| {
        panic!("install the packages `slapd` and `ldap-utils` (scripts/test does): {error}")
    });
    assert!(output.status.success(), "slapadd: {}", String::from_utf8_lossy(&output.stderr));
}
