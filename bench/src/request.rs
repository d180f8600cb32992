//! The checks of sessions and API keys that the measurements send.

use std::net::SocketAddr;

use anyhow::Result;

use crate::http::Connection;
use crate::keyed;
use crate::measure::{key_check, login, session_check};
use crate::population::{ApiKey, Population, Session};
use crate::server::Server;

/// As long as a real cookie; the bare handler ignores it.
const BARE_CSRF_COOKIE: &str =
    "CSRFTOKEN=AAECAwQFBgcICQoLDA0ODw.zQOcfYCDdrLmNsSMOXk97RxNA2Zjy1bsmH9rnjnFwHw";

/// A request of the browser of each session, with session and CSRF cookie.
pub(crate) fn requests(server: &Server, sessions: &[Session]) -> Result<Vec<Vec<u8>>> {
    requests_at(server.address, sessions)
}

/// The same for a server, or what is in front of it, at an address.
pub(crate) fn requests_at(address: SocketAddr, sessions: &[Session]) -> Result<Vec<Vec<u8>>> {
    let mut connection = Connection::open(address)?;
    let request = |session: &Session| {
        let session = format!("SESSIONID={}", session.cookie);
        let csrf = login::csrf(&mut connection, address, &session)?;
        Ok(session_check::request(address, &format!("{session}; {}", csrf.cookie)))
    };
    sessions.iter().map(request).collect()
}

/// The same for the bare handler, which looks sessions up by their stored values.
pub(crate) fn bare_requests(server: &Server, population: &Population) -> Vec<Vec<u8>> {
    let request = |session: &Session| {
        let cookies = format!("SESSIONID={}; {BARE_CSRF_COOKIE}", session.stored);
        session_check::request(server.address, &cookies)
    };
    population.sessions.iter().map(request).collect()
}

/// A request of the program with each API key.
pub(crate) fn key_requests(server: &Server, keys: &[ApiKey]) -> Vec<Vec<u8>> {
    let request = |key: &ApiKey| key_check::request(server.address, keyed::PATH, &key.token);
    keys.iter().map(request).collect()
}

/// The same for the bare handler, which looks keys up by their stored values.
pub(crate) fn bare_key_requests(server: &Server, keys: &[ApiKey]) -> Vec<Vec<u8>> {
    let request =
        |key: &ApiKey| key_check::request(server.address, session_check::PATH, &key.stored);
    keys.iter().map(request).collect()
}
