//! Takes connections. Out of file descriptors, `accept` fails at once and again; asking it without a pause would spin a core
//! just when the machine is short of everything.

use poem::{
    http::uri::Scheme,
    listener::{Acceptor, TcpAcceptor},
    web::{LocalAddr, RemoteAddr},
};
use std::{io::Result, time::Duration};
use tokio::net::TcpStream;

/// How long to wait after a connection could not be taken.
const PAUSE: Duration = Duration::from_millis(50);

/// poem's acceptor with that pause. Answers are sent without waiting for more to send (`TCP_NODELAY`).
pub struct PatientAcceptor(pub TcpAcceptor);

impl Acceptor for PatientAcceptor {
    type Io = TcpStream;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.0.local_addr()
    }

    async fn accept(&mut self) -> Result<(TcpStream, LocalAddr, RemoteAddr, Scheme)> {
        match self.0.accept().await {
            Ok(accepted) => {
                accepted.0.set_nodelay(true)?;
                Ok(accepted)
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
                Err(error)
            }
        }
    }
}
