//! A Redis server on a free port of this machine, with a password; it ends when it is dropped, and with the tests however they end.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};
use uuid::Uuid;

const INSTALL: &str = "run scripts/install-test-tools.sh (or `make test`, which does)";
pub const PASSWORD: &str = "correct-horse";
/// How often another port is tried, when somebody else takes the one that was free.
const ATTEMPTS: usize = 5;

pub struct RedisServer {
    port: u16,
    /// A shell that ends the server, and takes its folder away, when this end of its standard input is closed.
    child: Child,
    /// The server's log, which goes on being written.
    _log: BufReader<ChildStdout>,
}

impl RedisServer {
    pub fn start() -> Self {
        let mut log = String::new();
        for _ in 0..ATTEMPTS {
            match Self::try_start() {
                Ok(server) => return server,
                Err(said) => log = said,
            }
        }
        panic!("redis-server cannot be started: {INSTALL}\n{log}");
    }

    /// # Errors
    /// What the server said instead of being ready.
    #[expect(clippy::disallowed_methods, reason = "the server is a program of its own")]
    fn try_start() -> Result<Self, String> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder: PathBuf = std::env::temp_dir().join(format!("synoptic-redis-{}", Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder).unwrap();
        // What runs in the background has no standard input of its own.
        let script = format!(
            "cd '{folder}'; exec 3<&0; trap '' INT TERM HUP; \
             redis-server --bind 127.0.0.1 --port {port} --save '' --appendonly no --requirepass {PASSWORD} --dir '{folder}' \
             3<&- 2>&1 & server=$!; \
             {{ cat <&3 >/dev/null; kill -9 $server; }} >/dev/null 2>&1 & \
             wait $server; cd /; rm -rf '{folder}'",
            folder = folder.display(),
        );
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while log.read_line(&mut said).unwrap() > 0 {
            if said.contains("Ready to accept connections") {
                return Ok(Self { port, child, _log: log });
            }
        }
        drop(child.stdin.take());
        child.wait().unwrap();
        Err(said)
    }

    pub fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// It is gone at once, without a word to its clients.
    pub fn kill(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }

    async fn run<T: redis::FromRedisValue>(&self, command: &mut redis::Cmd) -> T {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        command.query_async(&mut connection).await.unwrap()
    }

    /// The names of everything that is stored.
    pub async fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.run(redis::cmd("KEYS").arg("*")).await;
        names.sort();
        names
    }

    /// Waits until this many answers are stored.
    pub async fn until_answers(&self, count: usize) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let names = self.names().await;
            let answers = names.iter().filter(|name| name.starts_with("synoptic:answer:"));
            let found = answers.count();
            if found == count {
                return;
            }
            assert!(Instant::now() < end, "{found} answers instead of {count}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn value(&self, name: &str) -> Option<String> {
        self.run(redis::cmd("GET").arg(name)).await
    }

    pub async fn overwrite(&self, name: &str, value: &str) {
        let () = self.run(redis::cmd("SET").arg(name).arg(value)).await;
    }

    /// How many answers are noted of a subject.
    pub async fn members(&self, set: &str) -> u64 {
        self.run(redis::cmd("ZCARD").arg(set)).await
    }

    /// Puts answers there that are noted of a subject.
    pub async fn add_answers(&self, set: &str, count: usize) {
        let (mut answers, mut notes) = (redis::cmd("MSET"), redis::cmd("ZADD"));
        notes.arg(set);
        for number in 0..count {
            let name = format!("synoptic:answer:{number}");
            answers.arg(&name).arg("{}");
            notes.arg(number).arg(name);
        }
        let () = self.run(&mut answers).await;
        let () = self.run(&mut notes).await;
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
