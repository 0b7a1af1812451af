//! A server of OpenAI's protocol that does what the name of the model says: answers at once, or fails in one of the ways that
//! providers fail in. It keeps its own exact count of calls, tokens and connections: what it reports it counts by a rule of its own,
//! and what it does not report is what an estimate should be. Test programs and examples include it by path.

mod http;
mod refusals;
mod script;
mod tokens;

pub use script::Reply;

use http::Request;
use script::Step;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A running server; it stops when it is dropped.
pub struct Upstream {
    pub address: SocketAddr,
    state: Arc<State>,
    stop: CancellationToken,
}

/// What the server counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All requests, refused ones too.
    pub calls: i64,
    /// The requests whose usage was reported.
    pub reported: i64,
    /// Of the requests that were not refused.
    pub input: i64,
    /// What was sent of answers, finished or not.
    pub output: i64,
}

/// What one request that was not refused took: as it was reported or, without a report, as Synoptic's own tokenizer estimates it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Call {
    pub input: i64,
    pub output: i64,
    pub reported: bool,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub path: String,
    /// Names in small letters.
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

type Answering = Box<dyn Fn(&Value) -> Reply + Send + Sync>;

#[derive(Default)]
struct State {
    /// How many requests of each model came, refused ones too.
    asked: Mutex<BTreeMap<String, i64>>,
    /// Those that were not refused, with their models.
    calls: Mutex<Vec<(String, Call)>>,
    open: AtomicUsize,
    accepted: AtomicUsize,
    last: Mutex<Option<Seen>>,
    queue: Mutex<VecDeque<Reply>>,
    answering: Mutex<Option<Answering>>,
    held: watch::Sender<bool>,
}

impl Upstream {
    /// On a free port of this machine.
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    pub async fn start_at(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.expect("the address is free");
        let upstream = Self {
            address: listener.local_addr().expect("it listens"),
            state: Arc::default(),
            stop: CancellationToken::new(),
        };
        let (state, stop) = (Arc::clone(&upstream.state), upstream.stop.clone());
        let tasks = TaskTracker::new();
        let accepting = tasks.clone();
        tasks.spawn(stop.clone().run_until_cancelled_owned(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let connection = Connection::new(&state, socket);
                accepting.spawn(stop.clone().run_until_cancelled_owned(connection.serve()));
            }
        }));
        upstream
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The next request that is answered is answered with this.
    pub fn say(&self, reply: Reply) {
        self.state.queue.lock().unwrap().push_back(reply);
    }

    /// From now on, whatever is not in the queue is answered with what this makes of the request's body.
    pub fn answer_with(&self, answering: impl Fn(&Value) -> Reply + Send + Sync + 'static) {
        *self.state.answering.lock().unwrap() = Some(Box::new(answering));
    }

    /// Of one model.
    pub fn counts(&self, model: &str) -> Counts {
        self.state.counts(|name| name == model)
    }

    /// Of all models together.
    pub fn total(&self) -> Counts {
        self.state.counts(|_| true)
    }

    /// From now on, requests are counted and wait.
    pub fn hold(&self) {
        self.state.held.send_replace(true);
    }

    /// Those that wait are answered, and later ones at once.
    pub fn release(&self) {
        self.state.held.send_replace(false);
    }

    /// Every request that was not refused, in the order in which they came.
    pub fn calls(&self) -> Vec<Call> {
        self.state.calls.lock().unwrap().iter().map(|(_, call)| *call).collect()
    }

    pub fn open_connections(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }

    /// How many connections there have been.
    pub fn accepted_connections(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    pub fn last_request(&self) -> Option<Seen> {
        self.state.last.lock().unwrap().clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl State {
    /// Counts a call and returns how many there were of the model before it.
    fn count_call(&self, model: &str) -> i64 {
        let mut asked = self.asked.lock().unwrap();
        let asked = asked.entry(model.to_owned()).or_default();
        *asked += 1;
        *asked - 1
    }

    /// Counts the input of a request and returns its place among the calls.
    fn count_input(&self, model: &str, input: i64) -> usize {
        let call = Call {
            input,
            ..Call::default()
        };
        let mut calls = self.calls.lock().unwrap();
        calls.push((model.to_owned(), call));
        calls.len() - 1
    }

    /// What was said so far, unless there was a report.
    fn count_output(&self, call: usize, said: &str) {
        let output = tokens::estimated(said);
        let (_, call) = &mut self.calls.lock().unwrap()[call];
        if !call.reported {
            call.output = output;
        }
    }

    fn report(&self, call: usize, input: i64, output: i64) {
        self.calls.lock().unwrap()[call].1 = Call {
            input,
            output,
            reported: true,
        };
    }

    fn counts(&self, is_meant: impl Fn(&str) -> bool) -> Counts {
        let asked = self.asked.lock().unwrap();
        let mut counts = Counts {
            calls: asked
                .iter()
                .filter(|(name, _)| is_meant(name))
                .map(|(_, calls)| calls)
                .sum(),
            ..Counts::default()
        };
        for (_, call) in self.calls.lock().unwrap().iter().filter(|(name, _)| is_meant(name)) {
            counts.reported += i64::from(call.reported);
            counts.input += call.input;
            counts.output += call.output;
        }
        counts
    }

    fn reply(&self, body: &Value) -> Reply {
        if let Some(reply) = self.queue.lock().unwrap().pop_front() {
            return reply;
        }
        match &*self.answering.lock().unwrap() {
            Some(answering) => answering(body),
            None => Reply::fitting(body),
        }
    }
}

struct Connection {
    state: Arc<State>,
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    fn new(state: &Arc<State>, socket: TcpStream) -> Self {
        socket.set_nodelay(true).expect("a socket");
        state.open.fetch_add(1, Ordering::SeqCst);
        state.accepted.fetch_add(1, Ordering::SeqCst);
        Self {
            state: Arc::clone(state),
            socket,
            buffer: Vec::new(),
        }
    }

    async fn serve(mut self) {
        while let Some(request) = http::read(&mut self.socket, &mut self.buffer).await {
            if !self.answer(request).await {
                return;
            }
        }
    }

    /// Answers one request; whether the connection can be used on.
    async fn answer(&mut self, request: Request) -> bool {
        let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
            let refusal = http::whole(400, &[], &json!({"error": {"message": "no JSON"}}).to_string());
            return self.socket.write_all(&refusal).await.is_ok();
        };
        *self.state.last.lock().unwrap() = Some(Seen {
            path: request.path,
            headers: request.headers,
            body: body.clone(),
        });
        let model = body["model"].as_str().unwrap_or_default().to_owned();
        let call = self.state.count_call(&model);
        if !self.turn().await {
            return false;
        }
        if let Some(refusal) = refusals::refusal(&model, call) {
            return self.socket.write_all(&refusal).await.is_ok();
        }
        let (model_now, reply) = (script::in_call(&model, call), self.state.reply(&body));
        let steps = script::steps(model_now, &body, &reply, tokens::reported_input(&body));
        // Counted before the first byte goes out, so that whoever has the answer finds it counted.
        let call = self.state.count_input(&model, tokens::estimated_input(&body));
        self.act(call, steps).await
    }

    async fn act(&mut self, call: usize, steps: Vec<Step>) -> bool {
        let mut out = Vec::new();
        let mut said = String::new();
        for step in steps {
            match step {
                Step::Bytes(bytes) => out.extend(bytes),
                Step::Piece(text, bytes) => {
                    said.push_str(&text);
                    out.extend(bytes);
                }
                Step::Report { input, output } => self.state.report(call, input, output),
                Step::Pause(pause) => {
                    self.state.count_output(call, &said);
                    if self.socket.write_all(&out).await.is_err() || !self.wait(pause).await {
                        return false;
                    }
                    out.clear();
                }
                Step::Reset => {
                    self.state.count_output(call, &said);
                    drop(self.socket.write_all(&out).await);
                    // What was sent is read before the connection is gone.
                    sleep(Duration::from_millis(20)).await;
                    drop(self.socket.set_zero_linger());
                    return false;
                }
            }
        }
        self.state.count_output(call, &said);
        self.socket.write_all(&out).await.is_ok()
    }

    /// Waits while requests are held; whether the client is still there afterwards.
    async fn turn(&mut self) -> bool {
        let mut held = self.state.held.subscribe();
        let mut byte = [0];
        tokio::select! {
            released = held.wait_for(|held| !held) => released.is_ok(),
            _ = self.socket.read(&mut byte) => false,
        }
    }

    /// Whether the client is still there afterwards.
    async fn wait(&mut self, pause: Duration) -> bool {
        let mut byte = [0];
        tokio::select! {
            () = sleep(pause) => true,
            // A client that has asked and waits sends nothing; the connection ended.
            _ = self.socket.read(&mut byte) => false,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.state.open.fetch_sub(1, Ordering::SeqCst);
    }
}
