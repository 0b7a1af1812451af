//! A server of OpenAI's protocol that answers at once, or fails as the name of the model says: for measuring what stands in front
//! of it. `cargo run --release --example scripted_upstream -- 127.0.0.1:8090`; it prints what it counted when its standard input
//! ends.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a tool that cannot go on should say where, and says what it counted"
)]

#[expect(dead_code, reason = "tests use more of it")]
#[path = "../tests/upstream/mod.rs"]
mod upstream;

use std::io::Read;
use upstream::Upstream;

fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8090".to_owned());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let upstream = runtime.block_on(Upstream::start_at(&address));
    println!("listening on {}", upstream.base_url());
    std::io::stdin().read_to_end(&mut Vec::new()).expect("standard input");
    println!("{:?}", upstream.total());
    println!(
        "{} connections, {} of them open",
        upstream.accepted_connections(),
        upstream.open_connections()
    );
}
