//! llama.cpp's server with a small model, on a free port of this machine; it ends when this program does.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
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
        assert!(
            runs_here(),
            "the tests' language model runs on Linux on x86-64 with AVX2, which this machine is not"
        );
        let (folder, sources) = (folder(), sources());
        let installed = std::fs::read(folder.join(".installed")).unwrap_or_default();
        let wanted = std::fs::read(sources.join("requirements.txt")).expect("the list of wheels is there");
        assert!(
            installed == wanted,
            "{} has not the language model of tests/llm/requirements.txt: {INSTALL}",
            folder.display()
        );
        let log = std::env::temp_dir().join(format!("synoptic-llama-{}.log", std::process::id()));
        let mut child = Command::new("python3")
            .arg(sources.join("serve.py"))
            .arg(&folder)
            .args(["0", KEY, MODEL, "2", &CONTEXT.to_string()])
            // Threads that wait for each other would take the cores from the program under test.
            .env("OMP_WAIT_POLICY", "passive")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a log can be written"))
            .spawn()
            .unwrap_or_else(|error| panic!("python3 cannot be started ({error}): {INSTALL}"));
        let address = address_from(child.stdout.take().expect("it is piped"));
        if address.is_none() {
            drop(child.kill());
        }
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        drop(std::fs::remove_file(&log));
        Self {
            address: address
                .unwrap_or_else(|| panic!("the model's server ended, or took over a minute; its log: {said}")),
            _child: child,
        }
    }
}

/// What the server says once the model is loaded; `None` when it ends before, or takes too long.
fn address_from(output: ChildStdout) -> Option<SocketAddr> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        drop(BufReader::new(output).read_line(&mut line));
        drop(sender.send(line));
    });
    let line = receiver.recv_timeout(PATIENCE).ok()?;
    line.trim().strip_prefix("http://")?.parse().ok()
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn runs_here() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn runs_here() -> bool {
    false
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
