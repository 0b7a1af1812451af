//! Runs the built program and talks to it as a stranger would: over a socket, with signals.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// The program in a folder of its own, with nothing from the environment that could change what it does.
#[expect(
    clippy::disallowed_methods,
    reason = "these tests are about the program as a process"
)]
pub fn synoptic(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synoptic"));
    command.current_dir(folder).env_clear();
    command
}

/// A running server. Killed when it is dropped.
pub struct Server {
    child: Mutex<Child>,
    pub address: SocketAddr,
    output: Arc<Mutex<String>>,
}

impl Server {
    /// Starts it on a free port and waits until it says that it is ready.
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_at(folder, "127.0.0.1:0", arguments)
    }

    /// Starts it at this address.
    pub fn start_at(folder: &Path, bind: &str, arguments: &[&str]) -> Self {
        let mut command = synoptic(folder);
        command.args(["--log", "warn", "serve", "--bind", bind]).args(arguments);
        Self::run(command)
    }

    /// Runs a command that serves.
    pub fn run(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        let output = Arc::new(Mutex::new(String::new()));
        let mut address = None;
        let mut line = String::new();
        while address.is_none() {
            line.clear();
            assert!(
                reader.read_line(&mut line).unwrap() > 0,
                "the server ended: {}",
                output.lock().unwrap()
            );
            output.lock().unwrap().push_str(&line);
            let at = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
            address = at.and_then(|at| at.trim().parse().ok());
        }
        let rest = Arc::clone(&output);
        std::thread::spawn(move || {
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                rest.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        let server = Self {
            child: Mutex::new(child),
            address: address.unwrap(),
            output,
        };
        server.wait_for_the_rest_of_the_output();
        server
    }

    fn wait_for_the_rest_of_the_output(&self) {
        for _ in 0..200 {
            if self.output().contains("API key")
                && http(self.address, &request("GET", "/livez", None, "")).contains(" 200 ")
            {
                std::thread::sleep(Duration::from_millis(20));
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the server did not come up: {}", self.output());
    }

    pub fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// Of the process.
    pub fn id(&self) -> u32 {
        self.child.lock().unwrap().id()
    }

    /// The key that was printed, if one was.
    pub fn key(&self) -> Option<String> {
        let output = self.output();
        let key = output.split_whitespace().find(|word| word.starts_with("syn_"))?;
        Some(key.trim_end_matches('\'').to_owned())
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        signal(&self.child.lock().unwrap(), "TERM");
    }

    /// Waits until the process has ended by itself, with success.
    pub fn wait(&self) {
        let began = std::time::Instant::now();
        loop {
            if let Some(status) = self.child.lock().unwrap().try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            assert!(began.elapsed() < PATIENCE, "the server does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn stop(self) {
        self.terminate();
        self.wait();
    }

    /// Sends SIGKILL.
    pub fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap();
        drop(child.kill());
        drop(child.wait());
    }
}

#[expect(clippy::disallowed_methods, reason = "the standard library sends no signal but KILL")]
fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

/// One request as it goes over the wire.
pub fn request(method: &str, path: &str, key: Option<&str>, body: &str) -> String {
    let authorization = key
        .map(|key| format!("Authorization: Bearer {key}\r\n"))
        .unwrap_or_default();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{authorization}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends a request and reads the whole answer.
pub fn http(address: SocketAddr, request: &str) -> String {
    try_http(address, request).unwrap()
}

/// The same, for a server that may end at any time.
pub fn try_http(address: SocketAddr, request: &str) -> io::Result<String> {
    let mut connection = TcpStream::connect(address)?;
    connection.write_all(request.as_bytes())?;
    connection.set_read_timeout(Some(PATIENCE))?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

pub fn read_all(connection: &mut TcpStream) -> String {
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
