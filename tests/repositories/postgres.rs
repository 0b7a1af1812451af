//! PostgreSQL servers of our own: throw-away clusters in temporary folders on Unix sockets, ended with the process. Nothing of a
//! server that the machine may have is touched.

use sqlx::{Connection, PgConnection};
use std::{
    io::{BufRead, BufReader},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{ChildStdin, Command, Stdio},
    sync::OnceLock,
};
use uuid::Uuid;

const INSTALL: &str =
    "PostgreSQL is not installed, and repositories are tested on it too: apt-get install -y postgresql";
/// Who runs the server when the tests run as root, which PostgreSQL refuses to be run by; also its superuser.
const SERVER_USER: &str = "postgres";

/// The one that tests share, begun with the first of them.
fn shared() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start("-c listen_addresses=''"))
}

/// The address of a database of this name.
pub fn address_of(database: &str) -> String {
    shared().address_of(database)
}

/// The address of a new empty database.
pub async fn new_database() -> String {
    let name = format!("test_{}", Uuid::now_v7().simple());
    execute(format!("CREATE DATABASE {name}")).await.unwrap();
    address_of(&name)
}

/// Executes a statement that is of no database.
pub async fn execute(statement: String) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect(&address_of("postgres"))
        .await
        .expect("the PostgreSQL server answers");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
        .execute(&mut connection)
        .await?;
    connection.close().await
}

/// A running server; it ends when this end of its standard input is closed, however the tests end.
pub struct Server {
    /// Where its socket is, and its data in `data`.
    pub folder: PathBuf,
    _input: ChildStdin,
}

impl Server {
    /// With options besides, such as where it listens.
    pub fn start(options: &str) -> Self {
        let programs = programs().expect(INSTALL);
        // Short, because the path of a socket may have 107 bytes at most.
        let folder = std::env::temp_dir().join(format!("syn-pg-{}", Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder).unwrap();
        let script = format!(
            "set -e; cd '{folder}'; export PATH='{programs}':$PATH; \
             initdb -D data -U {SERVER_USER} -A trust -E UTF8 --locale=C -N >initdb.log 2>&1; \
             pg_ctl -D data -w -l server.log -o \"-c unix_socket_directories='{folder}' -c fsync=off -c full_page_writes=off \
             -c synchronous_commit=off -c shared_buffers=16MB -c max_connections=100 {options}\" start >/dev/null; \
             trap '' INT TERM HUP; echo ready; cat >/dev/null; pg_ctl -D data -m immediate stop >/dev/null 2>&1; cd /; rm -rf '{folder}'",
            folder = folder.display(),
            programs = programs.display(),
        );
        let mut child = as_server_user(&folder, &script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect(INSTALL);
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        if said.trim() != "ready" {
            let log = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
            panic!(
                "the PostgreSQL server did not start:\n{}\n{}",
                log("initdb.log"),
                log("server.log")
            );
        }
        let input = child.stdin.take().unwrap();
        // It ends when its input does.
        std::thread::spawn(move || child.wait());
        Self { folder, _input: input }
    }

    pub fn address_of(&self, database: &str) -> String {
        let socket = self.folder.display();
        format!("postgres://{SERVER_USER}@localhost/{database}?host={socket}")
    }
}

/// Where Debian and others keep the programs of the server.
pub fn programs() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"));
    let others = [
        "/usr/bin",
        "/usr/local/bin",
        "/opt/homebrew/bin",
        "/usr/local/pgsql/bin",
    ]
    .map(PathBuf::from);
    let mut found: Vec<PathBuf> = debian
        .chain(others)
        .filter(|folder| folder.join("initdb").exists())
        .collect();
    found.sort();
    found.pop()
}

/// A shell as somebody who may run the server in this folder, which becomes theirs.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of these tests that starts another program"
)]
pub fn as_server_user(folder: &Path, script: &str) -> Command {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let mut command;
    if is_root {
        let given = Command::new("chown").arg(SERVER_USER).arg(folder).status();
        assert!(given.is_ok_and(|status| status.success()), "{INSTALL}");
        command = Command::new("runuser");
        command.args(["-u", SERVER_USER, "--", "sh", "-c", script]);
    } else {
        command = Command::new("sh");
        command.args(["-c", script]);
    }
    command
}
