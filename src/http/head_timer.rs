//! Closes connections whose request head does not arrive in time. Without it, a client that sends one byte of a header a minute
//! holds a connection for ever, and a few thousand of them hold all there are.
//!
//! The timer runs from the start of a connection, and later from the first byte of each request, to the empty line that ends the
//! head. It does not run while a body arrives or an answer is made, nor between requests: those have limits of their own. It looks
//! at nothing but line ends, so that of two requests sent without waiting in between, the second is timed only as far as it
//! arrives after the first answer.
//!
//! It also ends a connection whose client has gone while it was being answered. The server library would go on until it cannot
//! write any more, and a stream that has nothing to say for a while would go on costing money for nobody. An answer that was
//! being made but has not begun is left to be made.

use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// A connection with that timer.
pub struct HeadTimer<T> {
    connection: T,
    progress: Progress,
    limit: Duration,
    timer: Pin<Box<Sleep>>,
    /// Whether the client has ended the connection.
    gone: bool,
}

impl<T> HeadTimer<T> {
    pub fn new(connection: T, limit: Duration) -> Self {
        Self {
            connection,
            progress: Progress::Due,
            limit,
            timer: Box::pin(sleep(limit)),
            gone: false,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for HeadTimer<T> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.connection).poll_read(context, buffer);
        let had_room = before < buffer.capacity();
        this.gone |= match &read {
            Poll::Ready(Ok(())) => had_room && buffer.filled().len() == before,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        let began = read.is_ready() && this.progress.read(&buffer.filled()[before..]);
        if this.progress == Progress::Http2 {
            // Its frames cannot be timed from here, and an idle connection of it would stay for ever.
            return Poll::Ready(Err(ErrorKind::Unsupported.into()));
        }
        if began && this.progress.is_timed() {
            this.timer.as_mut().reset(Instant::now() + this.limit);
        }
        // Also when bytes came: a head that grows for ever is as late as one that stopped.
        if this.progress.is_timed() && this.timer.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for HeadTimer<T> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.connection).poll_write(context, bytes))?;
        this.progress.wrote(bytes);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.connection).poll_write_vectored(context, slices))?;
        if let Some(first) = slices.iter().find(|slice| !slice.is_empty()) {
            this.progress.wrote(first);
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.connection).poll_flush(context))?;
        // Everything that there was to say has been sent; who keeps the other half open has it.
        if this.gone && this.progress == Progress::Answered {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection).poll_shutdown(context)
    }
}

/// With what a connection begins that goes on in HTTP/2 (RFC 9113, section 3.4), up to its first empty line.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// A request is due, of which nothing is there but empty lines, which do not count (RFC 9112, section 2.2).
    Due,
    Head {
        line: Line,
        /// How many bytes of the preface have been seen; `None` once it cannot be it.
        preface: Option<usize>,
    },
    /// A body arrives, an answer is made.
    Exchange,
    /// The answer has begun; what is read from now on is the next request.
    Answered,
    /// Begun in HTTP/2, which is refused.
    Http2,
}

/// How much of the empty line that ends a head has been seen. A lone line feed ends a line too (RFC 9112, section 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Begun,
    Ended,
    EndedThenReturn,
}

impl Progress {
    fn is_timed(self) -> bool {
        matches!(self, Self::Due | Self::Head { .. })
    }

    /// Takes in what was read; says whether another request began.
    fn read(&mut self, bytes: &[u8]) -> bool {
        let mut began = false;
        for byte in bytes {
            *self = match *self {
                Self::Exchange | Self::Http2 => return began,
                Self::Due | Self::Answered => {
                    began |= *self == Self::Answered;
                    if matches!(byte, b'\r' | b'\n') {
                        Self::Due
                    } else {
                        let preface = (*byte == HTTP2_PREFACE[0]).then_some(1);
                        let line = Line::Begun;
                        Self::Head { line, preface }
                    }
                }
                Self::Head { line, preface } => {
                    let preface = preface
                        .filter(|seen| HTTP2_PREFACE.get(*seen) == Some(byte))
                        .map(|seen| seen + 1);
                    match line.after(*byte) {
                        Some(line) => Self::Head { line, preface },
                        None if preface == Some(HTTP2_PREFACE.len()) => Self::Http2,
                        None => Self::Exchange,
                    }
                }
            };
        }
        began
    }

    /// Takes in what was written. Only the head of an answer ends an exchange: not `100 Continue`, not a part of a body.
    fn wrote(&mut self, bytes: &[u8]) {
        let is_answer = bytes.starts_with(b"HTTP/1.") && bytes.get("HTTP/1.1 ".len()) != Some(&b'1');
        if is_answer {
            *self = Self::Answered;
        }
    }
}

impl Line {
    /// `None` when the byte ends the head.
    fn after(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Begun, b'\n') => Some(Self::Ended),
            (Self::Ended, b'\r') => Some(Self::EndedThenReturn),
            (Self::Ended | Self::EndedThenReturn, b'\n') => None,
            _ => Some(Self::Begun),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

    /// Where a connection stands after these bytes, and the same when they come one by one.
    fn after(bytes: &[u8]) -> Progress {
        let (mut at_once, mut one_by_one) = (Progress::Due, Progress::Due);
        at_once.read(bytes);
        for byte in bytes {
            one_by_one.read(&[*byte]);
        }
        assert_eq!(at_once, one_by_one);
        at_once
    }

    #[test]
    fn a_head_is_timed_until_its_empty_line() {
        for length in 0..GET.len() {
            assert!(after(&GET[..length]).is_timed(), "{length} bytes");
        }
        assert_eq!(after(GET), Progress::Exchange);
        assert_eq!(after(b"GET / HTTP/1.1\nHost: test\n\n"), Progress::Exchange);
        assert!(after(b"GET / HTTP/1.1\r\nHost: test\r\rx\r\n").is_timed());
    }

    #[test]
    fn empty_lines_before_a_request_are_no_request() {
        assert_eq!(after(b"\r\n\r\n\n\n"), Progress::Due);
        assert_eq!(after(&[b"\r\n", GET].concat()), Progress::Exchange);
        let mut progress = Progress::Answered;
        assert!(progress.read(b"\r\n\r\nGET"));
        assert!(progress.is_timed());
    }

    #[test]
    fn a_body_is_not_timed_and_the_next_head_is() {
        let mut progress = after(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab");
        assert!(!progress.read(b"\r\n\r\ncd"));
        progress.wrote(b"HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(progress, Progress::Exchange);
        progress.wrote(ANSWER);
        progress.wrote(b"a part of the body");
        assert_eq!(
            progress,
            Progress::Answered,
            "keeping a connection open is not timed here"
        );
        assert!(progress.read(b"G") && progress.is_timed());
        progress.read(&GET[1..]);
        progress.wrote(b"a part of the body of the first answer");
        assert_eq!(progress, Progress::Exchange);
    }

    #[test]
    fn requests_sent_together_are_answered_one_by_one() {
        let mut progress = after(&[GET, GET, b"GET / HT"].concat());
        progress.wrote(ANSWER);
        progress.wrote(ANSWER);
        assert_eq!(progress, Progress::Answered);
        assert!(progress.read(b"TP/1.1\r\n") && progress.is_timed());
        progress.read(b"\r\n");
        assert_eq!(progress, Progress::Exchange);
        // The line that ends the head may be all that comes after the answer before.
        let mut progress = after(&[GET, b"GET / HTTP/1.1\r\n"].concat());
        progress.wrote(ANSWER);
        progress.read(b"\r\n");
        progress.wrote(ANSWER);
        assert_eq!(progress, Progress::Answered);
    }

    #[test]
    fn http_2_is_known_by_its_preface() {
        assert!(after(b"PRI * HTTP/2.0\r\n").is_timed());
        assert_eq!(after(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Progress::Http2);
        assert_eq!(after(b"PRI /x HTTP/2.0\r\n\r\n"), Progress::Exchange);
    }

    /// Long enough for bytes that are already there, on any machine.
    const LIMIT: Duration = Duration::from_millis(300);

    fn connection() -> (HeadTimer<DuplexStream>, DuplexStream) {
        let (server, client) = duplex(1024);
        (HeadTimer::new(server, LIMIT), client)
    }

    /// Reads until nothing comes for three times the limit (`None`) or the connection fails.
    async fn failure(server: &mut HeadTimer<DuplexStream>) -> Option<ErrorKind> {
        let mut buffer = [0; 64];
        loop {
            match tokio::time::timeout(3 * LIMIT, server.read(&mut buffer)).await {
                Err(_) => return None,
                Ok(Ok(0)) => panic!("the other side closed"),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Some(error.kind()),
            }
        }
    }

    #[tokio::test]
    async fn a_connection_in_http_2_is_refused() {
        let (mut server, mut client) = connection();
        client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let refused = server.read(&mut [0; 64]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
    }

    #[tokio::test]
    async fn silence_and_half_a_head_end_the_connection() {
        let (mut server, _client) = connection();
        assert_eq!(failure(&mut server).await, Some(ErrorKind::TimedOut));
        let (mut server, mut client) = connection();
        client.write_all(&GET[..10]).await.unwrap();
        assert_eq!(failure(&mut server).await, Some(ErrorKind::TimedOut));
    }

    #[tokio::test]
    async fn a_byte_now_and_then_does_not_help() {
        let (mut server, mut client) = connection();
        let began = Instant::now();
        let sending = async {
            loop {
                client.write_all(b"x").await.unwrap();
                sleep(LIMIT / 10).await;
            }
        };
        tokio::select! {
            failed = failure(&mut server) => assert_eq!(failed, Some(ErrorKind::TimedOut)),
            () = sending => {}
        }
        assert!(began.elapsed() >= LIMIT);
    }

    #[tokio::test]
    async fn a_body_may_take_its_time_and_the_next_head_may_not() {
        let (mut server, mut client) = connection();
        client.write_all(GET).await.unwrap();
        assert_eq!(failure(&mut server).await, None);
        server.write_all(ANSWER).await.unwrap();
        assert_eq!(failure(&mut server).await, None, "kept open");
        client.write_all(&GET[..10]).await.unwrap();
        assert_eq!(failure(&mut server).await, Some(ErrorKind::TimedOut));
    }

    #[tokio::test]
    async fn an_answer_that_has_begun_ends_with_its_client_and_one_that_has_not_is_made() {
        let (mut server, mut client) = connection();
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut bytes = [0; 64];
        assert!(server.read(&mut bytes).await.unwrap() > 0);
        client.shutdown().await.unwrap();
        assert_eq!(server.read(&mut bytes).await.unwrap(), 0);
        server.flush().await.unwrap();
        server.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        assert_eq!(server.flush().await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        // Who listens on has what was written.
        assert!(client.read(&mut bytes).await.unwrap() > 0);
    }
}
