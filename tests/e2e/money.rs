//! Budgets over several processes: whatever is asked at once, and whoever is killed meanwhile, the cap holds to the micro-dollar.

use crate::models::{Answer, Database, World};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

const CLIENTS: usize = 64;
/// Micro-dollars for a token; whole ones, so that the cost of all calls together is exact, however they are put together.
const INPUT: i64 = 1;
const OUTPUT: i64 = 10;
/// How long the clients may take together, on a machine that does other things besides.
const PATIENCE: Duration = Duration::from_mins(2);

/// What this run draws its requests from. `SYNOPTIC_MONEY_SEED=…` repeats one that failed.
#[expect(clippy::disallowed_methods, reason = "what to repeat is no matter of configuration")]
fn seed() -> u64 {
    let wanted = std::env::var("SYNOPTIC_MONEY_SEED");
    wanted.map_or_else(|_| rand::random::<u32>().into(), |wanted| wanted.parse().unwrap())
}

fn question(random: &mut StdRng, model: &str) -> Value {
    let sentences = random.random_range(1..40);
    let text: Vec<String> = (0..sentences)
        .map(|_| format!("Ticket {} waits for an answer.", random.random_range(0..1_000_000)))
        .collect();
    let text = text.join(" ");
    json!({"text": text, "engine": format!("upstream/{model}"), "cache": "off"})
}

/// What the provider would put on its bill.
fn billed(world: &World) -> i64 {
    let total = world.upstream.total();
    total.input * INPUT + total.output * OUTPUT
}

fn number(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or_else(|| panic!("{field} of {value}"))
}

/// Micro-dollars as a message shows them, after these words.
fn amount_after(message: &str, words: &str) -> i64 {
    let shown = message.split(words).nth(1).and_then(|rest| rest.strip_prefix('$'));
    let (dollars, rest) = shown
        .and_then(|rest| rest.split_once('.'))
        .unwrap_or_else(|| panic!("{message}"));
    let decimals: String = rest.chars().take_while(char::is_ascii_digit).collect();
    dollars.parse::<i64>().unwrap() * 1_000_000 + format!("{decimals:0<6}").parse::<i64>().unwrap()
}

/// A refusal says why, and when to come again. Returns the worst case that did not fit.
fn refused(answer: &Answer) -> i64 {
    let detail = answer.body["detail"].as_str().unwrap_or_default();
    assert_eq!(answer.body["type"], "/problems/over-budget", "{answer:?}");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=31 * 24 * 60 * 60).contains(&wait), "{answer:?}");
    let is_used_up = detail.contains("it resets at ");
    let is_held = detail.contains(" is set aside for calls under way, ");
    assert!(detail.contains("`cap`") && is_used_up != is_held, "{answer:?}");
    // Calls under way are soon over.
    assert!(is_used_up || wait < 60, "{answer:?}");
    amount_after(detail, "this call may take ")
}

/// 64 clients ask these servers until each is refused three times in a row. A client whose server has gone asks the first. Returns
/// how many were answered before and after the kill, if there is one once this many were answered.
fn ask_until_refused(world: &World, budget: &str, seed: u64, model: &str, kill_after: Option<usize>) -> [usize; 2] {
    let amount = number(&world.api("GET", budget, ""), "amount");
    let addresses: Vec<SocketAddr> = world.servers.iter().map(|server| server.address).collect();
    let answered = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let (killed, over) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let (killed, over, answered, addresses) = (&killed, &over, &answered, &addresses);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn(move || {
                    let mut random = StdRng::seed_from_u64(seed.wrapping_mul(1_000) + client as u64);
                    let mut server = addresses[client % addresses.len()];
                    let end = Instant::now() + PATIENCE;
                    let mut refusals = 0;
                    while refusals < 3 {
                        assert!(Instant::now() < end, "the budget is never used up");
                        match world.ask(server, "/api/summarize", &question(&mut random, model)) {
                            Some(answer) if answer.status == 200 => {
                                refusals = 0;
                                answered[usize::from(killed.load(Ordering::SeqCst))].fetch_add(1, Ordering::SeqCst);
                            }
                            Some(answer) => {
                                assert_eq!(answer.status, 429, "{answer:?}");
                                refused(&answer);
                                refusals += 1;
                            }
                            None => {
                                assert!(kill_after.is_some(), "the server has gone");
                                server = addresses[0];
                            }
                        }
                    }
                })
            })
            .collect();
        scope.spawn(move || {
            while !over.load(Ordering::SeqCst) {
                let (billed, shown) = (billed(world), world.api("GET", budget, ""));
                assert!(billed <= amount, "{billed} of {amount}");
                assert!(number(&shown, "spent") + number(&shown, "held") <= amount, "{shown}");
                thread::sleep(Duration::from_millis(10));
            }
        });
        if let Some(count) = kill_after {
            // By itself: whoever looks at the budget in between may wait for it until nothing is left to kill for.
            scope.spawn(move || {
                while answered[0].load(Ordering::SeqCst) < count && !over.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(1));
                }
                killed.store(true, Ordering::SeqCst);
                world.servers[1].kill();
            });
        }
        let ended: Vec<_> = clients.into_iter().map(thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::SeqCst);
        for ended in ended {
            ended.unwrap();
        }
    });
    answered.map(AtomicUsize::into_inner)
}

/// Asks one after the other, until nothing fits any more: then what is left is less than the worst case of that request.
fn use_the_rest(world: &World, budget: &str, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let answer = loop {
        let answer = world.ask(world.servers[0].address, "/api/summarize", &question(&mut random, "ok"));
        let answer = answer.unwrap();
        if answer.status != 200 {
            break answer;
        }
    };
    let worst = refused(&answer);
    let shown = world.api("GET", budget, "");
    let left = number(&shown, "left");
    assert!(left < worst, "{left} left, and {worst} did not fit");
    assert_eq!(
        left,
        number(&shown, "amount") - number(&shown, "spent") - number(&shown, "held")
    );
    // A worst case is no excuse: the text has at most 1 600 bytes, the rest of the request is ours, 100 tokens may be written.
    assert!(worst < 8_000, "{worst}");
}

#[test]
fn two_processes_spend_a_budget_to_its_end_and_not_a_micro_dollar_more() {
    let seed = seed();
    // Shown when the test fails.
    println!("SYNOPTIC_MONEY_SEED={seed}");
    for database in [Database::Sqlite, Database::Postgres] {
        let amount = StdRng::seed_from_u64(seed).random_range(20_000..80_000);
        let world = World::on(database, 2, &["ok"], "1", "10");
        let budget = world.limit(amount);
        let [answered, _] = ask_until_refused(&world, &budget, seed, "ok", None);
        assert!(answered > 0);
        world.settled(&budget, |shown| number(shown, "held") == 0);
        use_the_rest(&world, &budget, seed);
        let shown = world.settled(&budget, |shown| number(shown, "held") == 0);
        let (spent, ledger) = (number(&shown, "spent"), world.ledger());
        assert!(spent <= amount, "{spent} of {amount}");
        assert_eq!(
            (spent, number(&ledger, "cost_microdollars")),
            (billed(&world), billed(&world))
        );
        let total = world.upstream.total();
        assert_eq!(
            (
                number(&ledger, "calls"),
                number(&ledger, "input_tokens"),
                number(&ledger, "output_tokens")
            ),
            (total.calls, total.input, total.output)
        );
    }
}

#[test]
fn the_cap_holds_when_a_process_is_killed_and_the_other_goes_on() {
    let seed = seed();
    println!("SYNOPTIC_MONEY_SEED={seed}");
    the_cap_holds_in_spite_of_a_kill(Database::Sqlite, seed);
}

#[test]
fn the_cap_holds_on_postgres_when_a_process_is_killed_and_the_other_goes_on() {
    let seed = seed();
    println!("SYNOPTIC_MONEY_SEED={seed}");
    the_cap_holds_in_spite_of_a_kill(Database::Postgres, seed);
}

fn the_cap_holds_in_spite_of_a_kill(database: Database, seed: u64) {
    let amount = 240_001;
    // Every piece of an answer takes a moment, so that calls are under way when the process is killed.
    let world = World::on(database, 2, &["drip-3", "ok"], "1", "10");
    let budget = world.limit(amount);
    let [before, after] = ask_until_refused(&world, &budget, seed, "drip-3", Some(20));
    assert!(
        before >= 20 && after > 0,
        "{before} answers before the kill, {after} after it"
    );
    // What the killed one had under way stays set aside, and nothing else does.
    let left_behind = world.settled(&budget, |shown| {
        number(shown, "spent") == number(&world.ledger(), "cost_microdollars")
    });
    assert!(
        number(&left_behind, "held") > 0,
        "{left_behind}: the kill came when nothing was under way"
    );
    use_the_rest(&world, &budget, seed);
    let shown = world.api("GET", &budget, "");
    let (spent, held) = (number(&shown, "spent"), number(&shown, "held"));
    assert!(spent + held <= amount, "{shown}");
    let (billed, ledger) = (billed(&world), number(&world.ledger(), "cost_microdollars"));
    // The bill has what the killed one could not book any more; what it had set aside covers that.
    assert!(
        ledger <= billed && billed <= spent + held && billed <= amount,
        "{ledger} {billed} {shown}"
    );
}
