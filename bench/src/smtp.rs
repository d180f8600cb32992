//! Mail servers for measurements: one that accepts every message, at once or slowly, and one that
//! is not there.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::Result;

/// How a mail server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speed {
    /// Replies at once.
    Fast,
    /// Takes a second for each reply.
    Slow,
    /// Refuses connections.
    Dead,
}

impl Speed {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Fast, Self::Slow, Self::Dead];

    /// Its name in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Slow => "slow",
            Self::Dead => "dead",
        }
    }

    const fn delay(self) -> Duration {
        match self {
            Self::Fast | Self::Dead => Duration::ZERO,
            Self::Slow => Duration::from_secs(1),
        }
    }
}

/// Starts a mail server, which runs until this program ends, and returns its address.
pub(crate) fn start(speed: Speed) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    if speed != Speed::Dead {
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that disconnects is not an error of this server.
                thread::spawn(move || converse(&stream, speed.delay()));
            }
        });
    }
    Ok(address)
}

/// Accepts messages until the client quits or disconnects.
fn converse(stream: &TcpStream, delay: Duration) -> Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let reply = |text: &str| {
        thread::sleep(delay);
        let mut writer = stream;
        writer.write_all(format!("{text}\r\n").as_bytes())
    };
    reply("220 localhost ESMTP")?;
    while let Some(line) = lines.next() {
        let command = line?.to_ascii_uppercase();
        if command == "DATA" {
            reply("354 end with a dot")?;
            for line in lines.by_ref() {
                if line? == "." {
                    break;
                }
            }
            reply("250 accepted")?;
        } else if command == "QUIT" {
            return Ok(reply("221 bye")?);
        } else {
            reply("250 OK")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_accepted_and_a_dead_server_refuses_connections() {
        let stream = TcpStream::connect(start(Speed::Fast).unwrap()).unwrap();
        let mut replies = BufReader::new(&stream).lines();
        let mut next = || replies.next().unwrap().unwrap();
        assert_eq!(next(), "220 localhost ESMTP");
        for (text, reply) in [
            ("EHLO a", "250 OK"),
            ("MAIL FROM:<a@b.example>", "250 OK"),
            ("DATA", "354 end with a dot"),
            ("DATA\r\nquit\r\n.", "250 accepted"),
            ("QUIT", "221 bye"),
        ] {
            (&stream).write_all(format!("{text}\r\n").as_bytes()).unwrap();
            assert_eq!(next(), reply, "{text}");
        }
        assert!(TcpStream::connect(start(Speed::Dead).unwrap()).is_err());
    }
}
