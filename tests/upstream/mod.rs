//! A server of OpenAI's protocol that does what the name of the model says: answers at once, or fails in one of the ways that
//! providers fail in. It keeps its own exact count of calls, tokens and connections. Test programs and examples include it by path.

mod http;
mod script;

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
use synoptic::engines::tokenizer;
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
    /// Of the requests that were not refused.
    pub input: i64,
    /// What was sent of answers, finished or not.
    pub output: i64,
}

/// What one request that was not refused took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Call {
    pub input: i64,
    pub output: i64,
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
    counts: Mutex<BTreeMap<String, Counts>>,
    calls: Mutex<Vec<Call>>,
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
        self.state
            .counts
            .lock()
            .unwrap()
            .get(model)
            .copied()
            .unwrap_or_default()
    }

    /// Of all models together.
    pub fn total(&self) -> Counts {
        let counts = self.state.counts.lock().unwrap();
        counts.values().fold(Counts::default(), |total, counts| Counts {
            calls: total.calls + counts.calls,
            input: total.input + counts.input,
            output: total.output + counts.output,
        })
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
        self.state.calls.lock().unwrap().clone()
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
        let mut counts = self.counts.lock().unwrap();
        let counts = counts.entry(model.to_owned()).or_default();
        counts.calls += 1;
        counts.calls - 1
    }

    /// Counts the input of a request and returns its place among the calls.
    fn count_input(&self, model: &str, input: i64) -> usize {
        self.counts.lock().unwrap().entry(model.to_owned()).or_default().input += input;
        let mut calls = self.calls.lock().unwrap();
        calls.push(Call { input, output: 0 });
        calls.len() - 1
    }

    fn count_output(&self, model: &str, call: usize, output: i64) {
        self.counts.lock().unwrap().entry(model.to_owned()).or_default().output += output;
        self.calls.lock().unwrap()[call].output += output;
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
        let input = input_tokens(&body);
        if let Some(refusal) = script::refusal(&model, call) {
            return self.socket.write_all(&refusal).await.is_ok();
        }
        // Counted before the first byte goes out, so that whoever has the answer finds it counted.
        let call = self.state.count_input(&model, input);
        let steps = script::steps(&model, &body, &self.state.reply(&body), input);
        self.act(&model, call, steps).await
    }

    async fn act(&mut self, model: &str, call: usize, steps: Vec<Step>) -> bool {
        let mut out = Vec::new();
        let mut said = String::new();
        let mut counted = 0;
        for step in steps {
            match step {
                Step::Bytes(bytes) => out.extend(bytes),
                Step::Piece(text, bytes) => {
                    said.push_str(&text);
                    out.extend(bytes);
                }
                Step::Pause(pause) => {
                    self.count_output(model, call, &said, &mut counted);
                    if self.socket.write_all(&out).await.is_err() || !self.wait(pause).await {
                        return false;
                    }
                    out.clear();
                }
                Step::Reset => {
                    self.count_output(model, call, &said, &mut counted);
                    drop(self.socket.write_all(&out).await);
                    // What was sent is read before the connection is gone.
                    sleep(Duration::from_millis(20)).await;
                    drop(self.socket.set_zero_linger());
                    return false;
                }
            }
        }
        self.count_output(model, call, &said, &mut counted);
        self.socket.write_all(&out).await.is_ok()
    }

    fn count_output(&self, model: &str, call: usize, said: &str, counted: &mut i64) {
        let tokens = tokenizer::count(said);
        self.state.count_output(model, call, tokens - *counted);
        *counted = tokens;
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

fn input_tokens(body: &Value) -> i64 {
    let messages = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |message: &Value, field: &str| message[field].as_str().unwrap_or_default().to_owned();
    let messages: Vec<(String, String)> = messages
        .iter()
        .map(|message| (text(message, "role"), text(message, "content")))
        .collect();
    tokenizer::count_messages(messages.iter().map(|(role, content)| (role.as_str(), content.as_str())))
}
