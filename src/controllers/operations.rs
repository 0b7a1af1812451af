//! `/livez` and `/readyz`: for those who keep the server running. They need no key and tell nothing about the data.

use super::Tag;
use crate::{dto::problem::ApiError, services::Services};
use poem_openapi::{Object, OpenApi, payload::Json};

pub struct OperationsApi(pub Services);

/// The server's state.
#[derive(Debug, Object)]
struct Health {
    /// Always `ok`; a server that is not well answers with a problem.
    status: String,
    /// The version of the program.
    version: String,
}

#[OpenApi(tag = "Tag::Operations")]
impl OperationsApi {
    /// Whether the process is alive
    ///
    /// Depends on nothing: restart the process when it does not answer.
    #[expect(clippy::unused_async, reason = "poem-openapi takes asynchronous handlers only")]
    #[oai(path = "/livez", method = "get", operation_id = "livez")]
    async fn livez(&self) -> Json<Health> {
        Json(well())
    }

    /// Whether requests can be served
    ///
    /// Reads from the database and writes to it. Answers 503 while it cannot be reached, or only be read, as when the disk is full:
    /// send requests elsewhere.
    #[oai(path = "/readyz", method = "get", operation_id = "readyz")]
    async fn readyz(&self) -> Result<Json<Health>, ApiError> {
        self.0.readiness.check().await?;
        Ok(Json(well()))
    }
}

fn well() -> Health {
    Health {
        status: "ok".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
