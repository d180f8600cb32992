//! Requests that no browser sends.

use std::io::Write as _;

use crossauth_testkit::server::{read_to_end, status};

use crate::process::start;

#[test]
fn requests_without_exactly_one_valid_host_are_rejected() {
    let server = start(&[]);
    let get = |headers: &str| {
        server.exchange(
            format!("GET /live HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").as_bytes(),
        )
    };
    for headers in ["Host: localhost\r\n", "Host: localhost:\r\n"] {
        assert_eq!(status(&get(headers)), 200, "{headers:?}");
    }
    for headers in [
        "",
        "Host: a\r\nHost: b\r\n",
        "Host: \r\n",
        "Host: a b\r\n",
        "Host: a/b\r\n",
        "Host: u@a\r\n",
        "Host: a:+6\r\n",
        "Host: .2\r\n",
    ] {
        assert_eq!(status(&get(headers)), 400, "{headers:?}");
    }
    let absolute = "GET http://evil.example/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(status(&server.exchange(absolute.as_bytes())), 400);
}

#[test]
fn request_of_http_1_0_needs_no_host() {
    let server = start(&[]);
    for request in [
        "GET /ready HTTP/1.0\r\n\r\n",
        "HEAD /live HTTP/1.0\r\n\r\n",
        // The default health checks of HAProxy.
        "OPTIONS / HTTP/1.0\r\n\r\n",
        "OPTIONS * HTTP/1.0\r\n\r\n",
        "OPTIONS /ready HTTP/1.0\r\n\r\n",
    ] {
        let response = server.exchange(request.as_bytes());
        assert!(response.starts_with("HTTP/1.0 200 OK\r\n"), "{request:?} {response}");
    }
}

#[test]
fn every_response_has_a_request_id() {
    let mut server = start(&["--set", "log.access=true"]);
    let mut seen = std::collections::BTreeSet::new();
    for request in [
        "GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /crossauth.css HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "PUT /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /live HTTP/1.1\r\nHost: a b\r\n\r\n",
        "TRACE /live HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let response = server.exchange(request.as_bytes());
        let ids: Vec<_> =
            response.lines().filter_map(|line| line.strip_prefix("x-request-id: ")).collect();
        assert_eq!(ids.len(), 1, "{request}{response}");
        assert!(seen.insert(ids[0].to_owned()), "{request}{response}");
    }
    server.stop();
    let log = server.log();
    for id in seen {
        assert!(log.contains(&format!(" request={id} client=127.0.0.1\n")), "{id} {log}");
    }
}

#[test]
fn head_that_is_too_large_is_refused() {
    let server = start(&[]);
    let line = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(70_000));
    assert!(matches!(status(&server.exchange(line.as_bytes())), 414 | 431));
    let headers = "X: y\r\n".repeat(1000);
    let many = format!("GET /live HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    assert_eq!(status(&server.exchange(many.as_bytes())), 431);
    let long =
        format!("GET /live HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "y".repeat(70_000));
    assert_eq!(status(&server.exchange(long.as_bytes())), 431);
    assert_eq!(server.status("/live"), 200);
}

#[test]
fn body_that_is_too_large_is_refused_before_it_is_read() {
    let server = start(&["--set", "limits.body=1KiB"]);
    let post = "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1025\r\n\r\n";
    assert_eq!(status(&server.exchange(post.as_bytes())), 413);
}

#[test]
fn unsupported_methods_are_rejected() {
    let server = start(&[]);
    for request in [
        "TRACE /live HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n",
        "FOO /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ] {
        let response = server.exchange(request.as_bytes());
        assert_eq!(status(&response), 405, "{request}");
        assert!(response.contains("\r\nallow: GET, HEAD,"), "{request}{response}");
    }
}

#[test]
fn ambiguous_content_lengths_are_rejected() {
    let server = start(&[]);
    for headers in [
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: -1\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
    ] {
        let post = format!("POST /live HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        assert_eq!(status(&server.exchange(post.as_bytes())), 400, "{headers:?}");
    }
}

#[test]
fn incomplete_head_closes_the_connection() {
    let settings = ["limits.header_timeout=300ms", "limits.keep_alive=400ms"];
    let server = start(&settings.map(|set| ["--set", set]).concat());
    for beginning in ["", "GET /live HTTP/1.1\r\nHost: lo"] {
        let mut stream = server.connect();
        stream.write_all(beginning.as_bytes()).unwrap();
        let response = read_to_end(&mut stream);
        assert!(response.is_empty() || status(&response) == 408, "{response:?}");
    }
    let mut idle = server.connect();
    idle.write_all(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(status(&read_to_end(&mut idle)), 200);
}

#[test]
fn incomplete_body_times_out() {
    let server = start(&["--set", "limits.request_timeout=300ms"]);
    let post = "POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{";
    assert_eq!(status(&server.exchange(post.as_bytes())), 408);
}

#[test]
fn chunked_body_has_the_same_limit() {
    let server = start(&["--set", "limits.body=1KiB"]);
    let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
    let post = format!(
        "POST /api/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n"
    );
    assert_eq!(status(&server.exchange(post.as_bytes())), 413);
}

#[test]
fn access_log_omits_query_and_cookies() {
    let settings = ["log.format=json", "log.level=trace", "log.access=true"];
    let mut server = start(&settings.map(|set| ["--set", set]).concat());
    let get = "GET /login?next=canary HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
               Cookie: SESSIONID=canary\r\nAuthorization: Bearer canary\r\n\r\n";
    let response = server.exchange(get.as_bytes());
    server.stop();
    let lines: Vec<serde_json::Value> =
        server.log().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let entry = lines.iter().find(|line| line["path"] == "/login").unwrap();
    assert_eq!(entry["status"], 200);
    assert_eq!(entry["method"], "GET");
    let id = entry["request"].as_str().unwrap();
    assert!(response.contains(&format!("x-request-id: {id}\r\n")), "{response}");
    assert!(!server.log().contains("canary"), "{}", server.log());
}
