//! Somebody who receives webhooks: answers as the address says, and remembers what came.

use poem::http::{HeaderMap, HeaderName, HeaderValue};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(2);

/// Something that came.
#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub struct Receiver {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&received);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                thread::spawn(move || drop(answer(connection, &seen)));
            }
        });
        Self { address, received }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What came to this address so far.
    pub fn at(&self, path: &str) -> Vec<Received> {
        let received = self.received.lock().unwrap();
        received.iter().filter(|one| one.path == path).cloned().collect()
    }

    /// Waits until this much has come to an address.
    pub fn wait_for(&self, path: &str, count: usize) -> Vec<Received> {
        let began = Instant::now();
        loop {
            let found = self.at(path);
            if found.len() >= count {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "{} of {count} came to {path}", found.len());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn answer(connection: TcpStream, seen: &Mutex<Vec<Received>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let mut headers = HeaderMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(
            HeaderName::try_from(name).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    let length = headers
        .get("content-length")
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let earlier = {
        let mut seen = seen.lock().unwrap();
        let earlier = seen.iter().filter(|one| one.path == path).count();
        seen.push(Received {
            path: path.clone(),
            headers,
            body: String::from_utf8(body).unwrap(),
        });
        earlier
    };
    let (status, more) = match path.as_str() {
        "/flaky" if earlier == 0 => ("500 Internal Server Error", ""),
        "/redirect" => ("302 Found", "Location: /redirected\r\n"),
        "/broken" => ("500 Internal Server Error", ""),
        "/gone" => ("410 Gone", ""),
        "/hangs" if earlier == 0 => {
            thread::sleep(Duration::from_secs(8));
            ("200 OK", "")
        }
        _ => ("200 OK", ""),
    };
    let mut connection = reader.into_inner();
    write!(
        connection,
        "HTTP/1.1 {status}\r\n{more}Content-Length: 2\r\nConnection: close\r\n\r\nok"
    )
}
