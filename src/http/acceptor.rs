//! Takes connections. Out of file descriptors, `accept` fails at once and again; asking it without a pause would spin a core
//! just when the machine is short of everything. What is taken has a timer for the heads of its requests.

use super::head_timer::HeadTimer;
use poem::{
    http::uri::Scheme,
    listener::{Acceptor, TcpAcceptor},
    web::{LocalAddr, RemoteAddr},
};
use std::{io::Result, time::Duration};
use tokio::net::TcpStream;

/// How long to wait after a connection could not be taken.
const PAUSE: Duration = Duration::from_millis(50);

/// poem's acceptor with that pause and that timer. Answers are sent without waiting for more to send (`TCP_NODELAY`).
pub struct PatientAcceptor {
    pub acceptor: TcpAcceptor,
    /// How long the head of a request may take to arrive.
    pub header_timeout: Duration,
}

impl Acceptor for PatientAcceptor {
    type Io = HeadTimer<TcpStream>;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.acceptor.local_addr()
    }

    async fn accept(&mut self) -> Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        match self.acceptor.accept().await {
            Ok((connection, local, remote, scheme)) => {
                connection.set_nodelay(true)?;
                let connection = HeadTimer::new(connection, self.header_timeout);
                Ok((connection, local, remote, scheme))
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
                Err(error)
            }
        }
    }
}
