//! The stream of a connection, which tracks its phase.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::open::Handle;
use super::phase::Phase;

/// Maximum number of bytes that are read and discarded after a response.
const LINGER_LIMIT: usize = 1024 * 1024;

/// A stream that records when a head begins and when a response has been sent, and that reports its
/// end once the connection is dismissed and idle.
#[derive(Debug)]
pub(super) struct WatchedStream {
    stream: TcpStream,
    handle: Arc<Handle>,
    discarded: usize,
}

impl WatchedStream {
    pub(super) fn new(stream: TcpStream, handle: Arc<Handle>) -> Self {
        Self { stream, handle, discarded: 0 }
    }

    /// Whether the connection is dismissed and no request has arrived. Asks the kernel, because the
    /// runtime may not know of the latest input yet.
    fn may_end(&self) -> bool {
        self.handle.is_dismissed()
            && matches!(self.handle.clock.phase(), Phase::New | Phase::Idle)
            && !matches!(
                recv(&self.stream, &mut [0_u8; 1][..], RecvFlags::PEEK | RecvFlags::DONTWAIT),
                Ok((1.., _))
            )
    }

    /// Records a write that has to wait until the client reads.
    fn note<T>(&self, result: Poll<T>) -> Poll<T> {
        if result.is_pending() && self.handle.clock.phase() == Phase::Responding {
            self.handle.clock.begin(Phase::Stalled);
        }
        result
    }

    /// Reads until the client has closed its side. Closing while the client is still sending would
    /// cause a reset, which can destroy the response.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.handle.clock.phase() != Phase::Lingering {
            self.handle.clock.begin(Phase::Lingering);
        }
        let mut chunk = [0; 4096];
        while self.discarded < LINGER_LIMIT {
            let mut buffer = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                break;
            }
            self.discarded += buffer.filled().len();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if result.is_pending() {
            return if self.may_end() { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        let arrived = buffer.filled().len() > before;
        if arrived && matches!(self.handle.clock.phase(), Phase::New | Phase::Idle) {
            self.handle.clock.begin(Phase::Head);
        }
        result
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called when everything has been handed to the kernel.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        if matches!(self.handle.clock.phase(), Phase::Responding | Phase::Stalled) {
            self.handle.clock.begin(Phase::Idle);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        if self.handle.leaves_input_unread() { self.poll_linger(cx) } else { Poll::Ready(Ok(())) }
    }
}
