//! `docs/how-to/several-processes.md`: three processes behind nginx, over one PostgreSQL and one
//! Redis, with the files of the guide.

mod fault;
mod sharing;

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use crossauth_testkit::mail::{SmtpOptions, SmtpServer};
use crossauth_testkit::postgres;
use crossauth_testkit::redis::Server as Redis;
use crossauth_testkit::server::{Program, Server};
use reqwest::header::{COOKIE, HOST, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::proxy::{self, Proxy};
use super::{replace, snippets, succeed};
use crate::account::PASSWORD;
use crate::process::crossauth;

/// The client's address, which differs from the proxy's.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

const PORTS: [&str; 3] = ["3001", "3002", "3003"];

/// A file of the guide.
fn file(name: &str) -> String {
    let directory =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/how-to/several-processes");
    fs::read_to_string(directory.join(name)).unwrap()
}

/// What the processes share, before the first of them starts.
struct Shared {
    directory: TempDir,
    mail: SmtpServer,
    _redis: Redis,
}

impl Shared {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let redis = replace(&file("redis.conf"), ">PASSWORD", ">a-password-of-tests");
        let options: Vec<String> = redis.lines().filter(|line| !line.starts_with('#')).fold(
            Vec::new(),
            |mut options, line| {
                options.extend(format!("--{line}").split(' ').map(str::to_owned));
                options
            },
        );
        let redis = Redis::start(&options.iter().map(String::as_str).collect::<Vec<_>>());
        let settings = file("crossauth.toml");
        let settings = replace(&settings, "/run/secrets", directory.path().to_str().unwrap());
        let settings = replace(&settings, "127.0.0.1:6379", &format!("127.0.0.1:{}", redis.port()));
        fs::write(path("crossauth.toml"), settings).unwrap();
        fs::write(path("crossauth"), "a secret of a test, 0123456789").unwrap();
        fs::write(path("crossauth-database"), postgres::server().empty_schema()).unwrap();
        fs::write(path("crossauth-redis"), "a-password-of-tests").unwrap();
        Self { directory, mail: SmtpServer::start(SmtpOptions::default()), _redis: redis }
    }

    fn program(&self) -> Program {
        let settings = self.directory.path().join("crossauth.toml");
        crossauth()
            .variable("CROSSAUTH_EMAIL_FROM", "noreply@example.com")
            .variable("CROSSAUTH_SMTP_HOST", "127.0.0.1")
            .variable("CROSSAUTH_SMTP_PORT", &self.mail.port().to_string())
            .variable("CROSSAUTH_SMTP_USE_TLS", "false")
            .variable("CROSSAUTH_CONFIG", settings.to_str().unwrap())
            .variable("CROSSAUTH_LOG_ACCESS", "true")
    }

    /// Runs a command that must succeed, with a password as its input; returns what it prints.
    fn run(&self, arguments: &[&str]) -> String {
        let command = self.program().arguments(arguments).input(&format!("{PASSWORD}\n"));
        let output = command.run_in(self.directory.path());
        let problems = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {problems}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn add(&self, name: &str) {
        let email = format!("{name}@example.com");
        self.run(&["user", "add", name, "--email", &email, "--password-stdin"]);
    }

    /// Starts the processes concurrently, and nginx.
    fn start(self) -> Site {
        let programs = PORTS.map(|_| self.program());
        let starts = programs.map(|program| std::thread::spawn(|| program.start()));
        let nodes = Vec::from(starts.map(|start| start.join().unwrap()));
        let proxy = nginx(&nodes);
        Site { shared: self, nodes, proxy }
    }
}

/// nginx of the guide in front of `nodes`.
fn nginx(nodes: &[Server]) -> Proxy {
    proxy::start(|directory, address| {
        let mut site = file("nginx.conf");
        for (node, port) in nodes.iter().zip(PORTS) {
            let server = format!("server {}", node.address());
            site = replace(&site, &format!("server 127.0.0.1:{port}"), &server);
        }
        let site = replace(&site, "listen 80;", &format!("listen {};", proxy::free_address()));
        let site = replace(&site, "listen 443 ssl;", &format!("listen {address};"));
        let site = replace(&site, "/etc/letsencrypt/live/id.example.com/", "");
        // So that a test need not wait for long.
        let site = replace(&site, "proxy_read_timeout 30s", "proxy_read_timeout 5s");
        proxy::serve(directory, &site)
    })
}

/// Three processes behind nginx.
struct Site {
    shared: Shared,
    nodes: Vec<Server>,
    proxy: Proxy,
}

impl Site {
    fn start() -> Self {
        Shared::new().start()
    }

    fn node(&self, number: usize) -> SocketAddr {
        self.nodes[number].address()
    }
}

/// A browser that resolves any address as `https://id.example.com`.
struct Browser {
    client: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn new() -> Self {
        let client = reqwest::Client::builder().local_address(CLIENT).redirect(Policy::none());
        let client = client.pool_max_idle_per_host(0).build().unwrap();
        Self { client, cookies: BTreeMap::new() }
    }

    fn request(&self, method: Method, at: SocketAddr, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("http://{at}{path}"));
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        request.header(HOST, "id.example.com").header(COOKIE, cookies)
    }

    /// A request without body, with the CSRF token that this process or proxy gives.
    async fn form(&mut self, at: SocketAddr, path: &str) -> RequestBuilder {
        let (status, token) = self.get(at, "/api/getcsrftoken").await;
        assert_eq!(status, 200, "{token}");
        let post = self.request(Method::POST, at, path).header(ORIGIN, "https://id.example.com");
        post.header("X-CROSSAUTH-CSRF", token["csrfToken"].as_str().unwrap())
    }

    async fn prepare(&mut self, at: SocketAddr, path: &str, body: &Value) -> RequestBuilder {
        self.form(at, path).await.json(body)
    }

    /// Sends a request and keeps the cookies of the response. The body is null if it is no JSON.
    async fn send(&mut self, request: RequestBuilder) -> (u16, Value) {
        let response = request.send().await.unwrap();
        for cookie in response.headers().get_all(SET_COOKIE) {
            let (name, value) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = value.split(';').next().unwrap().to_owned();
            self.cookies.insert(name.to_owned(), value);
        }
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    async fn get(&mut self, at: SocketAddr, path: &str) -> (u16, Value) {
        let request = self.request(Method::GET, at, path);
        self.send(request).await
    }

    async fn post(&mut self, at: SocketAddr, path: &str, body: &Value) -> (u16, Value) {
        let request = self.prepare(at, path, body).await;
        self.send(request).await
    }

    async fn log_in(&mut self, at: SocketAddr, name: &str, password: &str) -> u16 {
        let body = json!({ "username": name, "password": password });
        self.post(at, "/api/login", &body).await.0
    }

    /// The name of the user who is logged in; null if none is.
    async fn user(&mut self, at: SocketAddr) -> Value {
        let (status, body) = self.get(at, "/api/userforsessionkey").await;
        assert!([200, 401].contains(&status), "{status} {body}");
        body["user"]["username"].clone()
    }
}

#[test]
fn files_of_the_guide_are_those_that_it_shows() {
    let guide = "several-processes.md";
    for (language, name) in [
        ("toml", "crossauth.toml"),
        ("nginx", "nginx.conf"),
        ("ini", "crossauth@.service"),
        ("conf", "redis.conf"),
    ] {
        assert_eq!(snippets(guide, language), [file(name)], "{name}");
    }
}

#[test]
fn unit_of_several_processes_is_valid() {
    let directory = tempfile::tempdir().unwrap();
    let unit = file("crossauth@.service");
    let unit = replace(&unit, "/usr/local/bin/crossauth", env!("CARGO_BIN_EXE_crossauth"));
    fs::write(directory.path().join("crossauth@.service"), unit).unwrap();
    let instance = directory.path().join("crossauth@3001.service");
    succeed(Command::new("systemd-analyze").arg("verify").arg(instance));
}
