//! The metrics, on their own listener.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};

use crossauth_testkit::server::{Server, TIME_LIMIT, read_to_end, status, wait_until};

use crate::account::{PASSWORD, log_in, sign_up};
use crate::process::{run, start};

const ANY_PORT: [&str; 2] = ["--set", "metrics.listen=127.0.0.1:0"];

/// The address of the metrics, from the log.
pub(crate) fn address(server: &Server) -> SocketAddr {
    let mut found = None;
    wait_until("metrics are served", || {
        let log = server.log();
        let line = log.lines().find(|line| line.contains("metrics are served"));
        let address = line.and_then(|line| line.split("address=").nth(1));
        found = address.map(|address| address.split(' ').next().unwrap().parse().unwrap());
        found.is_some()
    });
    found.unwrap()
}

fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIME_LIMIT)).unwrap();
    let host = if request.contains("Host: ") { "" } else { "Host: localhost\r\n" };
    write!(stream, "{request}\r\n{host}\r\n").unwrap();
    read_to_end(&mut stream)
}

/// The metrics.
pub(crate) fn metrics(address: SocketAddr) -> String {
    let response = exchange(address, "GET /metrics HTTP/1.1");
    assert_eq!(status(&response), 200, "{response}");
    response.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// The value of one sample.
pub(crate) fn value(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find(|line| line.rsplit_once(' ').is_some_and(|it| it.0 == name));
    let line = line.unwrap_or_else(|| panic!("no {name} in {metrics}"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[test]
fn metrics_are_on_their_own_address_if_it_is_set() {
    let server = start(&ANY_PORT);
    assert_eq!(server.status("/metrics"), 404);
    assert_eq!(log_in(&server, "unknown", PASSWORD), 401);
    let text = metrics(address(&server));
    for (name, expected) in [
        ("crossauth_ready", 1.0),
        ("crossauth_http_requests_total{method=\"GET\",code=\"404\"}", 1.0),
        ("crossauth_http_requests_total{method=\"POST\",code=\"401\"}", 1.0),
        ("crossauth_http_panics_total", 0.0),
        ("crossauth_password_hashes_total", 1.0),
        ("crossauth_password_queue{lane=\"public\"}", 0.0),
        ("crossauth_outbox_messages{state=\"waiting\"}", 0.0),
        ("crossauth_task_restarts_total", 0.0),
        ("crossauth_acts_total{act=\"logout\"}", 0.0),
        ("crossauth_acts_total{act=\"custom\"}", 0.0),
        ("crossauth_log_lost_lines_total", 0.0),
    ] {
        assert!((value(&text, name) - expected).abs() < f64::EPSILON, "{name}: {text}");
    }
    for name in [
        "crossauth_password_hash_seconds_total",
        "crossauth_http_request_seconds_sum",
        "crossauth_database_bytes{file=\"database\"}",
        "crossauth_database_disk_free_bytes",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
    ] {
        assert!(value(&text, name) > 0.0, "{name}: {text}");
    }
    let mut server = start(&[]);
    server.stop();
    assert!(!server.log().contains("metrics"), "{}", server.log());
}

#[test]
fn pages_of_browsers_and_other_requests_get_no_metrics() {
    let server = start(&ANY_PORT);
    let address = address(&server);
    for (request, expected) in [
        ("HEAD /metrics HTTP/1.1", 200),
        ("GET /metrics HTTP/1.1\r\nSec-Fetch-Site: none", 200),
        ("GET /metrics HTTP/1.1\r\nSec-Fetch-Site: same-origin", 403),
        ("GET /metrics HTTP/1.1\r\nSec-Fetch-Site: cross-site", 403),
        ("GET /metrics HTTP/1.1\r\nOrigin: https://evil.example", 403),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 0", 405),
        ("GET / HTTP/1.1", 404),
        ("GET /login HTTP/1.1", 404),
    ] {
        let response = exchange(address, request);
        assert_eq!(status(&response), expected, "{request}");
        let has_body = response.contains("crossauth_");
        assert_eq!(has_body, expected == 200 && !request.starts_with("HEAD"), "{response}");
    }
}

#[test]
fn metrics_are_refused_under_the_host_name_of_an_attacker() {
    let server = start(
        &[
            &ANY_PORT[..],
            &["--set", "base_url=https://id.example.com", "--set", "allowed_hosts=node1.internal"],
        ]
        .concat(),
    );
    let address = address(&server);
    for (host, expected) in [
        ("127.0.0.1:9464", 200),
        ("10.0.0.7:9464", 200),
        ("[2001:db8::7]:9464", 200),
        ("localhost:9464", 200),
        ("crossauth:9464", 200),
        ("node1.internal:9464", 200),
        ("id.example.com", 200),
        ("evil.example:9464", 403),
        ("127.0.0.1.evil.example:9464", 403),
        ("node1.internal.evil.example", 403),
    ] {
        let response = exchange(address, &format!("GET /metrics HTTP/1.1\r\nHost: {host}"));
        assert_eq!(status(&response), expected, "{host}");
        assert_eq!(response.contains("crossauth_"), expected == 200, "{response}");
        assert_eq!(response.contains("allowed_hosts"), expected == 403, "{response}");
    }
}

/// The names and labels of all samples.
fn series(metrics: &str) -> BTreeSet<String> {
    let samples = metrics.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

#[test]
fn g1_nothing_of_a_request_becomes_a_label() {
    let server = start(&ANY_PORT);
    let address = address(&server);
    let send = |number: usize| {
        assert_eq!(server.status(&format!("/canary-{number}")), 404);
        let request = format!(
            "CANARY{number} /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             User-Agent: canary-{number}\r\nX-Forwarded-For: 192.0.2.{number}\r\n\r\n"
        );
        assert_eq!(status(&server.exchange(request.as_bytes())), 405);
        assert_eq!(log_in(&server, &format!("canary-{number}"), PASSWORD), 401);
        assert_eq!(sign_up(&server, &format!("canary{number}")), 200);
    };
    send(0);
    let before = series(&metrics(address));
    (1..20).for_each(send);
    let text = metrics(address);
    assert_eq!(series(&text), before);
    assert!(!text.to_lowercase().contains("canary") && !text.contains("192.0.2"), "{text}");
}

#[test]
fn address_of_the_site_is_refused_for_metrics() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [
        ["--listen", "127.0.0.1:4711", "--set", "metrics.listen=4711"],
        ["--listen", "127.0.0.1:4711", "--set", "metrics.listen=0.0.0.0:4711"],
    ] {
        let output = run(directory.path(), &arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.starts_with("crossauth: metrics.listen"), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let setting = format!("metrics.listen={}", taken.local_addr().unwrap());
    let output = run(directory.path(), &["--listen", "127.0.0.1:0", "--set", &setting]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("another program is listening on it"), "{stderr}");
    assert!(stderr.contains("the setting metrics.listen"), "{stderr}");
    assert!(!directory.path().join("crossauth-data").exists());
}
