//! A real OpenID Connect provider beside the server, and a browser without a window: what `oidc.rs` tests with.

use crate::process::{Server, http, read_all, request};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};
use tempfile::TempDir;

/// What installs everything that these tests need.
const INSTALL: &str = "run scripts/install-test-tools.sh (or `make test`, which does)";

/// The admin whom the first start makes.
pub const ADMIN: &str = "admin@localhost.localdomain";
pub const PASSWORD: &str = "violet-harbour-42-tulip-engine";

/// Where the test's own files are.
pub fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/oidc-provider")
}

/// The packages, which `scripts/install-test-tools.sh` puts beside the clone; those of another version are none.
#[expect(clippy::disallowed_methods, reason = "the same place as in the script")]
pub fn modules() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .filter(|cache| !cache.is_empty())
        .map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache");
    let folder = cache.unwrap_or_else(home).join("synoptic/oidc-provider");
    let installed = fs::read(folder.join("node_modules/.installed")).unwrap_or_default();
    let wanted = fs::read(sources().join("package-lock.json")).unwrap();
    assert!(
        installed == wanted,
        "{} has not the packages of package-lock.json: {INSTALL}",
        folder.display()
    );
    folder.join("node_modules")
}

/// The program of one of these names.
#[expect(clippy::disallowed_methods, reason = "programs are looked for where the shell looks")]
pub fn program(names: &[&str]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found = names
        .iter()
        .find_map(|name| places.iter().map(|place| place.join(name)).find(|file| file.is_file()));
    found.unwrap_or_else(|| panic!("there is no {}: {INSTALL}", names.join(" or ")))
}

/// Drives a browser with one of our scripts; what it saw. Its screenshots go when it has succeeded.
#[expect(clippy::disallowed_methods, reason = "the browser is driven by a program of its own")]
pub fn drive(script: &str, base: &str, arguments: &[&str]) -> Value {
    let shots = tempfile::Builder::new().prefix("synoptic-browser-").tempdir().unwrap();
    let driver = Command::new(program(&["node", "nodejs"]))
        .arg(sources().join(script))
        .arg(modules())
        .arg(program(&["chromium", "chromium-browser", "google-chrome"]))
        .args([base, &shots.path().display().to_string()])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    if !driver.status.success() {
        let kept = shots.keep();
        let fault = String::from_utf8_lossy(&driver.stderr);
        panic!("{script}: screenshots are in {}: {fault}", kept.display());
    }
    let out = String::from_utf8_lossy(&driver.stdout);
    serde_json::from_str(out.trim().lines().last().unwrap()).unwrap()
}

/// The provider as a process. It ends when it is dropped.
pub struct Provider {
    child: Child,
    _stdin: ChildStdin,
    pub issuer: String,
    address: SocketAddr,
}

impl Provider {
    #[expect(clippy::disallowed_methods, reason = "the provider is a process of its own")]
    fn start(redirect_uri: &str) -> Self {
        let mut command = Command::new(program(&["node", "nodejs"]));
        command
            .arg(sources().join("provider.mjs"))
            .arg(modules())
            .arg(redirect_uri);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut issuer = String::new();
        output.read_line(&mut issuer).unwrap();
        // It writes more, and would end if nobody took it.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        let issuer = issuer.trim().to_owned();
        let address = issuer.strip_prefix("http://").and_then(|address| address.parse().ok());
        Self {
            child,
            _stdin: stdin,
            address: address.unwrap_or_else(|| panic!("the provider did not start: {issuer:?}")),
            issuer,
        }
    }

    /// Makes or changes somebody.
    pub fn put(&self, name: &str, claims: &Value) {
        let body = claims.to_string();
        let request = format!(
            "PUT /people/{name} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = http(self.address, &request);
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    }

    pub fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A server with a provider to sign in through.
pub struct World {
    pub server: Server,
    pub provider: Provider,
    pub base: String,
    /// The first admin's access token.
    token: String,
    _folder: TempDir,
}

impl World {
    /// `settings` are more lines of `[auth.oidc]`.
    pub fn new(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The provider must know where to send browsers back to before the server listens there.
        let bind = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let base = format!("http://{bind}");
        let provider = Provider::start(&format!("{base}/auth/oidc/callback"));
        let config = format!(
            "[auth]\nadmin_password = \"{PASSWORD}\"\n[auth.oidc]\nissuer = \"{}\"\nclient_id = \"synoptic\"\nname = \"Test accounts\"\n\
             client_secret = \"a secret:between+two&100%\"\n{settings}\n",
            provider.issuer
        );
        fs::write(folder.path().join("synoptic.toml"), config).unwrap();
        let server = Server::start_at(folder.path(), &bind.to_string(), &[]);
        let body = format!(r#"{{"email": "{ADMIN}", "password": "{PASSWORD}"}}"#);
        let answer = http(server.address, &request("POST", "/api/auth/login", None, &body));
        let signed_in: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        Self {
            token: signed_in["access_token"].as_str().unwrap().to_owned(),
            server,
            provider,
            base,
            _folder: folder,
        }
    }

    /// Asks the API as the first admin.
    pub fn api(&self, method: &str, path: &str, body: &str) -> Value {
        let answer = http(self.server.address, &request(method, path, Some(&self.token), body));
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
        serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap_or_default()
    }
}

/// A browser: keeps cookies, and goes only where it is told.
#[derive(Default)]
pub struct Browser {
    cookies: BTreeMap<(SocketAddr, String), String>,
}

/// What a server answers to it.
#[derive(Debug, Clone)]
pub struct Page {
    pub url: String,
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Page {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn location(&self) -> String {
        let location = self
            .header("location")
            .unwrap_or_else(|| panic!("no redirect: {self:?}"));
        if location.starts_with('/') {
            let host = self.url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
            return format!("{host}{location}");
        }
        location.to_owned()
    }
}

impl Browser {
    pub fn get(&mut self, url: &str) -> Page {
        self.send("GET", url, "")
    }

    /// Sends a form.
    pub fn post(&mut self, url: &str, form: &str) -> Page {
        self.send("POST", url, form)
    }

    pub fn forget_cookies(&mut self) {
        self.cookies.clear();
    }

    fn send(&mut self, method: &str, url: &str, form: &str) -> Page {
        let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let address: SocketAddr = host.parse().unwrap();
        let path = path.split('#').next().unwrap();
        let own = self.cookies.iter().filter(|((of, _), _)| *of == address);
        let cookies: Vec<String> = own.map(|((_, name), value)| format!("{name}={value}")).collect();
        let mut connection = TcpStream::connect(address).unwrap();
        let request = format!(
            "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nCookie: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            cookies.join("; "),
            form.len()
        );
        connection.write_all(request.as_bytes()).unwrap();
        let answer = read_all(&mut connection);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        for line in head.lines() {
            let Some((name, value)) = line.split_once(": ") else {
                continue;
            };
            let Some((name, value)) = name
                .eq_ignore_ascii_case("set-cookie")
                .then(|| value.split_once('=').unwrap())
            else {
                continue;
            };
            let value = value.split(';').next().unwrap();
            self.cookies.insert((address, name.to_owned()), value.to_owned());
        }
        Page {
            url: url.to_owned(),
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// Begins at the server and goes through the provider as `name`. Returns the address that the provider sends back to,
    /// where the browser has not gone yet.
    pub fn through_the_provider(&mut self, world: &World, name: &str) -> String {
        let start = self.get(&format!("{}/auth/oidc/start?return_to=/docs", world.base));
        assert_eq!(start.status, 303, "{start:?}");
        let mut page = self.get(&start.location());
        for _ in 0..10 {
            page = match page.status {
                302 | 303 if page.location().starts_with(&world.base) => return page.location(),
                302 | 303 => self.get(&page.location()),
                // Its pages for signing in and for consent are forms to their own address.
                200 if page.body.contains("name=\"login\"") => {
                    self.post(&page.url.clone(), &format!("prompt=login&login={name}&password=any"))
                }
                200 => self.post(&page.url.clone(), "prompt=consent"),
                _ => panic!("{page:?}"),
            };
        }
        panic!("the provider sends in circles: {page:?}");
    }

    /// The whole way: what the server answers at the end.
    pub fn sign_in(&mut self, world: &World, name: &str) -> Page {
        let callback = self.through_the_provider(world, name);
        self.get(&callback)
    }

    /// Who the server thinks this browser is.
    pub fn me(&mut self, world: &World) -> Option<Value> {
        let page = self.get(&format!("{}/api/auth/me", world.base));
        (page.status == 200).then(|| serde_json::from_str(&page.body).unwrap())
    }
}
