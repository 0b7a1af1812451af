//! Servers in front of the scripted upstream, which runs inside the test and counts for itself: what tests of money and of the
//! ledger test with.

use crate::{
    postgres,
    process::{Server, http, request, try_http},
    upstream::Upstream,
};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    net::{SocketAddr, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const ADMIN: &str = "admin@localhost.localdomain";
const PASSWORD: &str = "violet-harbour-42-tulip-engine";

/// How long books may take to be kept.
const PATIENCE: Duration = Duration::from_secs(30);

/// An upstream, and servers on one database whose only provider it is. Whoever is asked with `key` is accounted on `key_id`.
pub struct World {
    pub upstream: Upstream,
    pub servers: Vec<Server>,
    pub key: String,
    pub key_id: String,
    /// The first admin's access token.
    token: String,
    _folder: TempDir,
    // Last: the upstream ends before what drives it.
    _runtime: tokio::runtime::Runtime,
}

/// An answer of a server.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

impl Answer {
    fn parse(answer: &str) -> Option<Self> {
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some(Self {
            status: head.split(' ').nth(1)?.parse().ok()?,
            head: head.to_owned(),
            body: serde_json::from_str(body).unwrap_or_default(),
        })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        headers.find_map(|(found, value)| found.eq_ignore_ascii_case(name).then(|| value.trim()))
    }
}

/// Which database the servers share.
#[derive(Debug, Clone, Copy)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// A provider with these models, each with the same prices of a million tokens of input and of output.
pub fn provider_settings(base_url: &str, models: &[&str], input: &str, output: &str) -> String {
    let mut settings = format!(
        "[[providers]]\nname = \"upstream\"\nbase_url = \"{base_url}\"\nconcurrency = 64\n\
         longest_wait_seconds = 0\nretries = 4\n"
    );
    for model in models {
        write!(
            settings,
            "[[providers.models]]\nname = \"{model}\"\ncontext_tokens = 8192\nmax_output_tokens = 100\n\
             input = \"{input}\"\noutput = \"{output}\"\n"
        )
        .unwrap();
    }
    settings
}

impl World {
    /// With this many servers on SQLite.
    pub fn new(servers: usize, models: &[&str], input: &str, output: &str) -> Self {
        Self::on(Database::Sqlite, servers, models, input, output)
    }

    /// `models` are names of models with the prices of a million tokens of input and of output.
    pub fn on(database: Database, servers: usize, models: &[&str], input: &str, output: &str) -> Self {
        Self::configured(database, servers, |base_url, _| {
            provider_settings(base_url, models, input, output)
        })
    }

    /// With what the function makes of the upstream's address and of the folder in which the servers run.
    pub fn configured(database: Database, servers: usize, providers: impl FnOnce(&str, &Path) -> String) -> Self {
        Self::of_roles(database, &vec!["all"; servers], providers)
    }

    /// With a process of each of these roles.
    pub fn of_roles(database: Database, roles: &[&str], providers: impl FnOnce(&str, &Path) -> String) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let upstream = runtime.block_on(Upstream::start());
        let folder = tempfile::tempdir().unwrap();
        let url = match database {
            Database::Sqlite => "sqlite:synoptic.db".to_owned(),
            Database::Postgres => runtime.block_on(postgres::new_database()),
        };
        let config = format!(
            "[auth]\nadmin_password = \"{PASSWORD}\"\n[limits]\nprincipal_per_second = 0\n[database]\nurl = \"{url}\"\n\
             [server]\nrequest_timeout_seconds = 300\n{}",
            providers(&upstream.base_url(), folder.path())
        );
        fs::write(folder.path().join("synoptic.toml"), config).unwrap();
        let start = |role: &&str| Server::start(folder.path(), &["--role", role]);
        let servers: Vec<Server> = roles.iter().map(start).collect();
        let mut world = Self {
            upstream,
            servers,
            key: String::new(),
            key_id: String::new(),
            token: String::new(),
            _folder: folder,
            _runtime: runtime,
        };
        let credentials = format!(r#"{{"email": "{ADMIN}", "password": "{PASSWORD}"}}"#);
        let signed_in = world.api("POST", "/api/auth/login", &credentials);
        signed_in["access_token"].as_str().unwrap().clone_into(&mut world.token);
        let made = world.api("POST", "/api/keys", r#"{"name": "program"}"#);
        made["secret"].as_str().unwrap().clone_into(&mut world.key);
        made["key"]["id"].as_str().unwrap().clone_into(&mut world.key_id);
        world
    }

    /// Asks the first server as the first admin.
    pub fn api(&self, method: &str, path: &str, body: &str) -> Value {
        let token = (!self.token.is_empty()).then_some(self.token.as_str());
        let answer = http(self.servers[0].address, &request(method, path, token, body));
        let answer = Answer::parse(&answer).unwrap();
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        answer.body
    }

    /// Asks a server with the key; `None` when the connection ends without an answer.
    pub fn ask(&self, server: SocketAddr, path: &str, body: &Value) -> Option<Answer> {
        let request = request("POST", path, Some(&self.key), &body.to_string());
        try_http(server, &request)
            .ok()
            .and_then(|answer| Answer::parse(&answer))
    }

    /// The key's line of the ledger; zeros when it has none.
    pub fn ledger(&self) -> Value {
        let report = self.api("GET", "/api/usage?group_by=key", "");
        let lines = report["items"].as_array().unwrap();
        let own = lines.iter().find(|line| line["key"]["id"] == *self.key_id);
        own.cloned().unwrap_or_default()
    }

    /// Asks the first server for a stream of events.
    pub fn stream(&self, path: &str, body: &Value) -> TcpStream {
        let asked = request("POST", path, Some(&self.key), &body.to_string());
        let asked = asked.replacen("\r\n", "\r\nAccept: text/event-stream\r\n", 1);
        let mut connection = TcpStream::connect(self.servers[0].address).unwrap();
        connection.write_all(asked.as_bytes()).unwrap();
        connection
    }

    /// A budget of this many micro-dollars on the key: where it is.
    pub fn limit(&self, amount: i64) -> String {
        let budget = json!({"name": "cap", "subject": "key", "subject_id": self.key_id, "unit": "microdollars",
                            "amount": amount, "window": "month"});
        let made = self.api("POST", "/api/budgets", &budget.to_string());
        format!("/api/budgets/{}", made["id"].as_str().unwrap())
    }

    /// The budget, as soon as it is so.
    pub fn settled(&self, budget: &str, done: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let shown = self.api("GET", budget, "");
            if done(&shown) {
                return shown;
            }
            assert!(Instant::now() < end, "{shown} is never settled");
            thread::sleep(Duration::from_millis(20));
        }
    }
}
