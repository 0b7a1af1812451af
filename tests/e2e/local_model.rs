//! A process before a real model behind llama.cpp's own server: what the ledger has is what that server said it used.

use crate::{
    llm_server::{CONTEXT, KEY, MODEL, Server},
    models::{Database, World},
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_mins(1);

/// Stands between the process and the model's server, and notes every report of what was used.
struct Listener {
    address: SocketAddr,
    reports: Arc<Mutex<Vec<Report>>>,
}

#[derive(Debug, Clone, Copy)]
struct Report {
    input: i64,
    output: i64,
}

impl Listener {
    fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let reports = Arc::<Mutex<Vec<Report>>>::default();
        let noted = Arc::clone(&reports);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let Ok(server) = TcpStream::connect(server) else { return };
                let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || {
                    drop(std::io::copy(&mut from_client, &mut to_server));
                    drop(to_server.shutdown(Shutdown::Both));
                });
                let noted = Arc::clone(&noted);
                thread::spawn(move || pass_on(server, client, &noted));
            }
        });
        Self { address, reports }
    }

    fn total(&self) -> (usize, i64, i64) {
        let reports = self.reports.lock().unwrap();
        let sum = |of: fn(&Report) -> i64| reports.iter().map(of).sum::<i64>();
        (reports.len(), sum(|report| report.input), sum(|report| report.output))
    }
}

/// Passes answers on; a report is noted before it can be read.
fn pass_on(mut server: TcpStream, mut client: TcpStream, reports: &Mutex<Vec<Report>>) {
    const MARK: &str = "\"usage\":{";
    let (mut seen, mut buffer) = (String::new(), [0; 16 * 1024]);
    while let Ok(read @ 1..) = server.read(&mut buffer) {
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
        while let Some(at) = seen.find(MARK) {
            let from = at + MARK.len() - 1;
            let mut values = serde_json::Deserializer::from_str(&seen[from..]).into_iter::<Value>();
            // The rest of it comes with the next packet.
            let Some(Ok(usage)) = values.next() else { break };
            let end = from + values.byte_offset();
            let tokens = |field: &str| usage[field].as_i64().unwrap_or_else(|| panic!("{usage}"));
            reports.lock().unwrap().push(Report {
                input: tokens("prompt_tokens"),
                output: tokens("completion_tokens"),
            });
            seen.drain(..end);
        }
        if client.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    drop(client.shutdown(Shutdown::Both));
}

fn world(listener: &Listener) -> World {
    World::configured(Database::Sqlite, 1, |_, folder| {
        fs::write(folder.join("key"), KEY).unwrap();
        format!(
            "[[providers]]\nname = \"local\"\nbase_url = \"http://{}/v1\"\napi_key_file = \"key\"\nconcurrency = 2\n\
             first_piece_timeout_seconds = 200\ntimeout_seconds = 280\n[[providers.models]]\nname = \"{MODEL}\"\n\
             context_tokens = {CONTEXT}\nmax_output_tokens = 96\ninput = \"1\"\noutput = \"10\"\n",
            listener.address
        )
    })
}

/// What was answered; the request must succeed.
fn ask(world: &World, path: &str, mut body: Value) -> Value {
    body["engine"] = "local".into();
    body["cache"] = "off".into();
    let answer = world.ask(world.servers[0].address, path, &body).unwrap();
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.body
}

fn text(sentences: usize, first: usize) -> String {
    let sentences = (first..first + sentences).map(|number| {
        format!(
            "On day {number} the ship sailed {} miles to the north, and the crew wrote a letter home.",
            number * 37 % 211
        )
    });
    sentences.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_ledger_has_what_a_real_server_reports() {
    let server = Server::start();
    let listener = Listener::before(server.address);
    let world = world(&listener);
    let budget = world.limit(100_000_000);
    classification(&world);
    let (_, pieces) = summary(&world, &text(12, 1));
    assert!(pieces > 3, "{pieces}");
    generation(&world);
    let (long, _) = summary(&world, &text(110, 1));
    assert!(long["usage"]["calls"].as_i64() > Some(2), "it took one call: {long}");
    eight_at_once(&world, &listener);
    let booked = settled(&world, &listener);
    assert_eq!(
        (booked["estimated_calls"].as_i64(), booked["cost_microdollars"].as_i64()),
        {
            let (_, input, output) = listener.total();
            (Some(0), Some(input + 10 * output))
        }
    );
    given_up_stream(&world, &listener, &booked);
    let shown = world.settled(&budget, |shown| shown["held"] == 0);
    assert_eq!(shown["spent"], world.ledger()["cost_microdollars"]);
}

fn classification(world: &World) {
    let labels = json!([{"id": "travel", "name": "Travel"}, {"id": "cooking", "name": "Cooking"}]);
    // So small a model is sure of nothing.
    let question = json!({"text": text(3, 1), "labels": labels, "threshold": 0.0});
    let answer = ask(world, "/api/classify", question);
    let found = &answer["classification"];
    let label = found["label"].as_str().unwrap_or_else(|| panic!("{answer}"));
    assert!(["travel", "cooking"].contains(&label), "{answer}");
    assert_eq!(found["confidence_source"], "logprob", "{answer}");
}

/// A streamed summary, which may take its time, and how many pieces it came in.
fn summary(world: &World, text: &str) -> (Value, usize) {
    let body = json!({"text": text, "engine": "local", "cache": "off"});
    let answer = whole(world.stream("/api/summarize", &body));
    let last = answer
        .split("event: analysis")
        .nth(1)
        .unwrap_or_else(|| panic!("{answer}"));
    let analysis = last.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    (
        serde_json::from_str(analysis).unwrap(),
        answer.matches("event: delta").count(),
    )
}

/// The body of an answer that comes in chunks, which may cut an event anywhere.
fn whole(mut connection: TcpStream) -> String {
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let line_end = |bytes: &[u8], end: &[u8]| bytes.windows(end.len()).position(|found| found == end);
    let head = line_end(&answer, b"\r\n\r\n").expect("an answer has a head");
    let (mut rest, mut body) = (&answer[head + 4..], Vec::new());
    while let Some(end) = line_end(rest, b"\r\n") {
        let size = usize::from_str_radix(str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        body.extend_from_slice(&rest[end + 2..][..size]);
        rest = &rest[end + 2 + size + 2..];
    }
    String::from_utf8(body).unwrap()
}

fn generation(world: &World) {
    let schema = json!({"type": "object", "properties": {"place": {"type": "string", "enum": ["sea", "land"]}},
                        "required": ["place"], "additionalProperties": false});
    let prompt = json!({"slug": "where", "name": "Where", "user": "Where does this happen? {{ document }}",
                        "output_schema": schema});
    world.api("POST", "/api/prompts", &prompt.to_string());
    let answer = ask(world, "/api/generate", json!({"prompt": "where", "text": text(3, 1)}));
    let place = &answer["generation"]["json"]["place"];
    assert!(["sea", "land"].map(Value::from).contains(place), "{answer}");
}

/// Each says how many calls it took, which is one unless the model had nothing to say the first time.
fn eight_at_once(world: &World, listener: &Listener) {
    let (before, ..) = listener.total();
    let calls: i64 = thread::scope(|scope| {
        let asking: Vec<_> = (1..=8)
            .map(|number| {
                scope.spawn(move || {
                    let (answer, _) = summary(world, &text(4, number * 100));
                    answer["usage"]["calls"].as_i64().unwrap_or_else(|| panic!("{answer}"))
                })
            })
            .collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).sum()
    });
    let (after, ..) = listener.total();
    assert_eq!(i64::try_from(after - before).unwrap(), calls);
    assert!(calls >= 8, "{calls}");
}

/// The ledger, as soon as every report is in it.
fn settled(world: &World, listener: &Listener) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let (ledger, (calls, input, output)) = (world.ledger(), listener.total());
        if ledger["calls"] == calls {
            assert_eq!(
                (&ledger["input_tokens"], &ledger["output_tokens"]),
                (&json!(input), &json!(output))
            );
            return ledger;
        }
        assert!(Instant::now() < end, "{ledger}, and {calls} reports");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A client goes away in a stream: there is no report, and what had come is estimated.
fn given_up_stream(world: &World, listener: &Listener, before: &Value) {
    let (reports, ..) = listener.total();
    let body = json!({"text": text(20, 1), "engine": "local", "cache": "off"});
    let mut lines = BufReader::new(world.stream("/api/summarize", &body)).lines();
    for _ in 0..3 {
        assert!(
            lines.any(|line| line.unwrap().contains("event: delta")),
            "the answer ended"
        );
    }
    drop(lines);
    let end = Instant::now() + PATIENCE;
    let ledger = loop {
        let ledger = world.ledger();
        if ledger["calls"] != before["calls"] {
            break ledger;
        }
        assert!(Instant::now() < end, "the call is never booked");
        thread::sleep(Duration::from_millis(50));
    };
    let more = |field: &str| ledger[field].as_i64().unwrap() - before[field].as_i64().unwrap();
    assert_eq!((more("calls"), more("estimated_calls")), (1, 1));
    assert_eq!(listener.total().0, reports, "it was reported after all");
    // The text alone has some 400 tokens; of the answer, a few came.
    assert!(
        more("input_tokens") > 300 && (1..96).contains(&more("output_tokens")),
        "{ledger}"
    );
}
