//! The least that poem can do: a handler that answers a small JSON object, and one that reads JSON and answers the JSON that it was
//! given before. The server's throughput is told as a ratio to this one's, measured in the same run (`make bench-http`,
//! `make bench-models`).

use poem::{
    EndpointExt, Response, Route, Server, get, handler,
    listener::TcpListener,
    post,
    web::{Data, Json},
};
use serde_json::{Value, json};
use std::sync::{Arc, PoisonError, RwLock};

type Answer = Arc<RwLock<Value>>;

#[handler]
fn bare() -> Json<Value> {
    Json(json!({"status": "ok", "text": "a small answer"}))
}

#[handler]
fn same(Json(_): Json<Value>, Data(answer): Data<&Answer>) -> Response {
    let body = answer.read().unwrap_or_else(PoisonError::into_inner).to_string();
    Response::builder()
        .content_type("application/json; charset=utf-8")
        .body(body)
}

#[handler]
fn give(Json(given): Json<Value>, Data(answer): Data<&Answer>) -> Json<Value> {
    *answer.write().unwrap_or_else(PoisonError::into_inner) = given.clone();
    Json(given)
}

#[tokio::main]
async fn main() -> Result<(), std::io::Error> {
    let routes = Route::new()
        .at("/", get(bare).post(bare))
        .at("/same", post(same))
        .at("/answer", post(give));
    Server::new(TcpListener::bind("127.0.0.1:18081"))
        .run(routes.data(Answer::default()))
        .await
}
