//! Asks over connections that stay open, with as little work of its own as can be: it shares the machine with what it measures.

use std::{
    io::{Error, Result},
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::LocalSet,
    time::sleep_until,
};

/// Makes the request of this number.
pub type Requests = Rc<dyn Fn(usize) -> Vec<u8>>;

/// Where requests go, and what they are.
#[derive(Clone)]
pub struct Target {
    pub address: String,
    pub requests: Requests,
}

impl Target {
    /// `POST`s to a path; the body of each request is made from its number.
    pub fn post(address: &str, path: &str, key: &str, body: impl Fn(usize) -> String + 'static) -> Self {
        let (host, path, key) = (address.to_owned(), path.to_owned(), key.to_owned());
        let requests = Rc::new(move |number| {
            let body = body(number);
            format!(
                "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        });
        Self {
            address: address.to_owned(),
            requests,
        }
    }
}

pub struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: &str) -> Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            buffer: Vec::with_capacity(64 * 1024),
        })
    }

    /// The whole answer, head and body, once all of it has come. Anything but 200 is an error.
    pub async fn ask(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.socket.write_all(request).await?;
        self.buffer.clear();
        while !is_whole(&self.buffer) {
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err(Error::other("the connection ended"));
            }
        }
        if !self.buffer.starts_with(b"HTTP/1.1 200") {
            let answer = String::from_utf8_lossy(&self.buffer).into_owned();
            return Err(Error::other(answer));
        }
        Ok(&self.buffer)
    }
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    match length.and_then(|length| length.trim().parse::<usize>().ok()) {
        Some(length) => answer.len() >= end + 4 + length,
        None => answer.ends_with(b"0\r\n\r\n"),
    }
}

/// How long each request took.
pub struct Taken {
    sorted: Vec<Duration>,
    pub total: Duration,
}

impl Taken {
    /// In microseconds.
    pub fn percentile(&self, percent: usize) -> f64 {
        let at = (self.sorted.len() - 1) * percent / 100;
        self.sorted[at].as_secs_f64() * 1e6
    }

    pub fn per_second(&self) -> f64 {
        self.sorted.len() as f64 / self.total.as_secs_f64()
    }
}

/// Sends requests, numbered from `first`, over so many connections. Without a pace, each connection sends the next one as soon as
/// it has its answer. With one, so many requests a second are sent at fixed times, whatever becomes of those before, for as long
/// as a connection is free; the time that a late one waited for it counts.
pub async fn run(target: &Target, at_once: usize, first: usize, count: usize, pace: Option<f64>) -> Result<Taken> {
    let local = LocalSet::new();
    let began = tokio::time::Instant::now();
    let clients: Vec<_> = (0..at_once)
        .map(|client| local.spawn_local(one_client(target.clone(), client, at_once, first, count, pace, began)))
        .collect();
    local.await;
    let total = began.elapsed();
    let mut sorted = Vec::with_capacity(count);
    for client in clients {
        sorted.extend(client.await.map_err(Error::other)??);
    }
    sorted.sort_unstable();
    Ok(Taken { sorted, total })
}

async fn one_client(
    target: Target,
    client: usize,
    clients: usize,
    first: usize,
    count: usize,
    pace: Option<f64>,
    began: tokio::time::Instant,
) -> Result<Vec<Duration>> {
    let mut connection = Connection::open(&target.address).await?;
    let mut taken = Vec::with_capacity(count / clients + 1);
    for number in (client..count).step_by(clients) {
        let request = (target.requests)(first + number);
        let sent = match pace {
            Some(pace) => {
                let at = began + Duration::from_secs_f64(number as f64 / pace);
                sleep_until(at).await;
                at.into_std()
            }
            None => Instant::now(),
        };
        connection.ask(&request).await?;
        taken.push(sent.elapsed());
    }
    Ok(taken)
}
