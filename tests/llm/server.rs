//! llama.cpp's server with a small model, on a free port of this machine; it ends when this program does.

use std::{
    fs::File,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// What installs it.
const INSTALL: &str = "run scripts/install-test-tools.sh (or `make test`, which does)";
const PATIENCE: Duration = Duration::from_mins(1);
pub const KEY: &str = "test-key";
pub const MODEL: &str = "smollm2";
/// How many tokens fit into each of the two slots.
pub const CONTEXT: u32 = 2_048;

pub struct Server {
    pub address: SocketAddr,
    /// Its standard input is held open: when that ends, so does the server.
    _child: Child,
}

impl Server {
    /// Starts it and waits until the model is loaded.
    #[expect(clippy::disallowed_methods, reason = "the server is a program of its own")]
    pub fn start() -> Self {
        let (folder, sources) = (folder(), sources());
        let installed = std::fs::read(folder.join(".installed")).unwrap_or_default();
        let wanted = std::fs::read(sources.join("requirements.txt")).expect("the list of wheels is there");
        assert!(
            installed == wanted,
            "{} has not the language model of tests/llm/requirements.txt: {INSTALL}",
            folder.display()
        );
        let address = free_address();
        let log = std::env::temp_dir().join(format!("synoptic-llama-{}.log", address.port()));
        let child = Command::new("python3")
            .arg(sources.join("serve.py"))
            .arg(&folder)
            .args([&address.port().to_string(), KEY, MODEL, "2", &CONTEXT.to_string()])
            // Threads that wait for each other would take the cores from the program under test.
            .env("OMP_WAIT_POLICY", "passive")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("a log can be written"))
            .spawn()
            .unwrap_or_else(|error| panic!("python3 cannot be started ({error}): {INSTALL}"));
        let server = Self { address, _child: child };
        server.wait_until_loaded(&log);
        drop(std::fs::remove_file(&log));
        server
    }

    fn wait_until_loaded(&self, log: &Path) {
        let end = Instant::now() + PATIENCE;
        while self.health() != Some(200) {
            assert!(
                Instant::now() < end,
                "the model's server is not ready after a minute; its log: {}",
                std::fs::read_to_string(log).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// 503 while it loads the model.
    fn health(&self) -> Option<u16> {
        let mut socket = TcpStream::connect(self.address).ok()?;
        socket
            .write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        answer.split(' ').nth(1)?.parse().ok()
    }
}

/// Where `scripts/install-test-tools.sh` puts it.
#[expect(clippy::disallowed_methods, reason = "the same place as in the script")]
fn folder() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .filter(|cache| !cache.is_empty())
        .map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache");
    cache.unwrap_or_else(home).join("synoptic/llm")
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/llm")
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it listens")
}
