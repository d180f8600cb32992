//! `docs/how-to/reverse-proxy.md`: login through nginx and Caddy with its configuration.

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crossauth_testkit::server::{Server, wait_until};
use reqwest::header::{COOKIE, HOST, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{replace, snippet, snippets, succeed};
use crate::account::PASSWORD;
use crate::process::{crossauth, run_with_input};

const GUIDE: &str = "reverse-proxy.md";
const SITE: &str = "id.example.com";

/// The file with the address at which nginx speaks TLS.
const ENCRYPTED: &str = "encrypted";

/// The client's address, which differs from the proxy's.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A proxy, killed when dropped.
pub(super) struct Proxy {
    process: Child,
    pub(super) address: SocketAddr,
    directory: TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Fails if it has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A server with the settings of the guide and an account.
fn server() -> Server {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("crossauth.toml"), snippet(GUIDE, "toml")).unwrap();
    let add = ["user", "add", "alice", "--password-stdin"];
    assert!(run_with_input(directory.path(), &add, &format!("{PASSWORD}\n")).status.success());
    crossauth().arguments(&["--config", "crossauth.toml"]).start_in(directory)
}

pub(super) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Starts a proxy on a free port. Retries on another one if another process has taken it.
pub(super) fn start(command: impl Fn(&Path, SocketAddr) -> Command) -> Proxy {
    for _ in 0..5 {
        let (directory, address) = (tempfile::tempdir().unwrap(), free_address());
        let mut command = command(directory.path(), address);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let mut proxy = Proxy { process, address, directory };
        let mut ended = false;
        wait_until("the proxy accepts connections or ends", || {
            ended = proxy.process.try_wait().unwrap().is_some();
            ended || TcpStream::connect(address).is_ok()
        });
        if !ended {
            return proxy;
        }
    }
    panic!("the proxy exited immediately, five times");
}

fn nginx(server: &Server) -> Proxy {
    let server = server.address().to_string();
    start(|directory, address| {
        let [site, socket] = snippets(GUIDE, "nginx").try_into().unwrap();
        let site = replace(&site, "server 127.0.0.1:3000", &format!("server {server}"));
        let site = replace(&site, "listen 80;", &format!("listen {};", free_address()));
        let encrypted = free_address();
        fs::write(directory.join(ENCRYPTED), encrypted.to_string()).unwrap();
        let listen = format!("listen {address}; listen {encrypted} ssl;");
        let site = replace(&site, "listen 443 ssl;", &listen);
        let site = replace(&site, "/etc/letsencrypt/live/id.example.com/", "");
        let site = replace(&site, "    location / {", &format!("{socket}\n    location / {{"));
        serve(directory, &site)
    })
}

/// nginx with a site for which it has a certificate.
pub(super) fn serve(directory: &Path, site: &str) -> Command {
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths = paths.map(|path| format!("{path}_temp_path {path};\n")).concat();
    let whole = format!("pid pid;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}{site}}}\n");
    fs::write(directory.join("nginx.conf"), whole).unwrap();
    make_certificate(directory);
    let arguments = ["-c", "nginx.conf", "-e", "stderr", "-p"];
    succeed(Command::new("nginx").args(["-q", "-t"]).args(arguments).arg(directory));
    let mut command = Command::new("nginx");
    command.args(arguments).arg(directory).stderr(Stdio::null());
    command.args(["-g", "daemon off; master_process off;"]);
    command
}

fn make_certificate(directory: &Path) {
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 \
                     -subj /CN=id.example.com -keyout privkey.pem -out fullchain.pem";
    let mut openssl = Command::new("openssl");
    succeed(openssl.args(arguments.split_whitespace()).current_dir(directory));
}

fn caddy(server: &Server) -> Proxy {
    let server = server.address().to_string();
    start(|directory, address| {
        let program = |arguments: &[&str]| {
            let mut command = Command::new("caddy");
            command.args(arguments).args(["--adapter", "caddyfile", "--config", "Caddyfile"]);
            command.current_dir(directory).env("HOME", directory).stderr(Stdio::null());
            command
        };
        let site = snippet(GUIDE, "caddy");
        fs::write(directory.join("Caddyfile"), &site).unwrap();
        succeed(&mut program(&["validate"]));
        let site = replace(&site, "127.0.0.1:3000", &server);
        let plain = format!("http://{SITE}:{} {{\n\tbind 127.0.0.1\n", address.port());
        let site = replace(&site, "id.example.com {\n", &plain);
        let options = "{\n\tadmin off\n\tauto_https off\n}\n";
        fs::write(directory.join("Caddyfile"), format!("{options}{site}")).unwrap();
        program(&["run"])
    })
}

/// A browser that resolves the proxy as `https://id.example.com`.
struct Browser {
    client: Client,
    address: SocketAddr,
}

impl Browser {
    fn new(proxy: &Proxy) -> Self {
        let client = Client::builder().local_address(CLIENT).redirect(Policy::none());
        Self { client: client.build().unwrap(), address: proxy.address }
    }

    async fn log_in(&self, password: &str) -> Response {
        let url = |path| format!("http://{}/api/{path}", self.address);
        let get = self.client.get(url("getcsrftoken")).header(HOST, SITE);
        let response = get.send().await.unwrap();
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
        assert!(cookie.starts_with("__Host-CSRFTOKEN=") && cookie.contains("; Secure"), "{cookie}");
        let token =
            response.json::<Value>().await.unwrap()["csrfToken"].as_str().unwrap().to_owned();
        let post = self.client.post(url("login")).header(HOST, SITE);
        let post = post.header(COOKIE, cookie.split(';').next().unwrap());
        let post = post.header(ORIGIN, "https://id.example.com").header("X-CROSSAUTH-CSRF", token);
        // A forwarding header of the client is ignored.
        let post = post.header("X-Forwarded-For", "203.0.113.7");
        post.json(&json!({ "username": "alice", "password": password })).send().await.unwrap()
    }
}

async fn logs_in(proxy: impl Fn(&Server) -> Proxy) {
    let mut server = server();
    let proxy = proxy(&server);
    let browser = Browser::new(&proxy);
    assert_eq!(browser.log_in("Wrong-horse-7").await.status(), StatusCode::UNAUTHORIZED);
    let response = browser.log_in(PASSWORD).await;
    assert_eq!(response.status(), StatusCode::OK);
    let cookies = response.headers().get_all(SET_COOKIE).iter();
    let mut cookies = cookies.map(|cookie| cookie.to_str().unwrap());
    assert!(cookies.any(|cookie| cookie.starts_with("__Host-SESSIONID=")));
    server.stop();
    let log = server.log();
    let failed = log.lines().find(|line| line.contains("login failed")).unwrap();
    assert!(failed.ends_with("client=127.0.0.2"), "{failed}");
}

#[tokio::test]
async fn nginx_of_the_guide_forwards_a_login() {
    logs_in(nginx).await;
}

#[test]
fn nginx_as_in_the_guide_serves_pages_over_tls() {
    let server = server();
    let proxy = nginx(&server);
    let directory = proxy.directory.path();
    let address = fs::read_to_string(directory.join(ENCRYPTED)).unwrap();
    let get = |host: &str| {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-quiet", "-verify_return_error", "-CAfile", "fullchain.pem"]);
        client.args(["-connect", &address, "-servername", host, "-verify_hostname", host]);
        client.current_dir(directory).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut client = client.stderr(Stdio::null()).spawn().unwrap();
        let head = format!("GET /login HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        // It may have refused the certificate and ended.
        let _ = client.stdin.take().unwrap().write_all(head.as_bytes());
        String::from_utf8(client.wait_with_output().unwrap().stdout).unwrap()
    };
    let page = get(SITE);
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    let head = page.to_ascii_lowercase();
    assert!(head.contains("strict-transport-security: max-age="), "{page}");
    assert!(head.contains("set-cookie: __host-csrftoken=") && page.contains("Log in"), "{page}");
    assert_eq!(get("other.example.com"), "", "the certificate is for the site alone");
}

#[tokio::test]
async fn caddy_of_the_guide_forwards_a_login() {
    logs_in(caddy).await;
}

#[tokio::test]
async fn nginx_of_the_guide_limits_attempts() {
    let server = server();
    let proxy = nginx(&server);
    let client = Client::new();
    let login = format!("http://{}/api/login", proxy.address);
    let mut responses = Vec::new();
    for _ in 0..30 {
        let response = client.post(&login).header(HOST, SITE).send().await.unwrap();
        responses.push(response.status());
    }
    let refused = responses.iter().position(|&status| status == StatusCode::TOO_MANY_REQUESTS);
    assert!((20..30).contains(&refused.unwrap()), "{responses:?}");
    let page = client.get(format!("http://{}/login", proxy.address)).header(HOST, SITE);
    assert_eq!(page.send().await.unwrap().status(), StatusCode::OK);
}
