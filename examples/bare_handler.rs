//! The least that poem can do: one handler that answers a small JSON object. The server's throughput is told as a ratio to
//! this one's, measured in the same run (`make bench-http`).

use poem::{Route, Server, get, handler, listener::TcpListener, web::Json};
use serde_json::{Value, json};

#[handler]
fn bare() -> Json<Value> {
    Json(json!({"status": "ok", "text": "a small answer"}))
}

#[tokio::main]
async fn main() -> Result<(), std::io::Error> {
    Server::new(TcpListener::bind("127.0.0.1:18081"))
        .run(Route::new().at("/", get(bare).post(bare)))
        .await
}
