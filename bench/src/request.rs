//! The session checks that the measurements send.

use anyhow::Result;

use crate::http::Connection;
use crate::measure::{login, session_check};
use crate::population::{Population, Session};
use crate::server::Server;

/// As long as a real cookie; the bare handler ignores it.
const BARE_CSRF_COOKIE: &str =
    "CSRFTOKEN=AAECAwQFBgcICQoLDA0ODw.zQOcfYCDdrLmNsSMOXk97RxNA2Zjy1bsmH9rnjnFwHw";

/// A request of the browser of each session, with session and CSRF cookie.
pub(crate) fn requests(server: &Server, sessions: &[Session]) -> Result<Vec<Vec<u8>>> {
    let mut connection = Connection::open(server.address)?;
    let request = |session: &Session| {
        let session = format!("SESSIONID={}", session.cookie);
        let csrf = login::csrf(&mut connection, server.address, &session)?;
        Ok(session_check::request(server.address, &format!("{session}; {}", csrf.cookie)))
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
