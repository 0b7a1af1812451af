//! Work on long texts, which other requests should not wait for.

use super::TaskError;
use crate::domain::Error;

/// What takes longer than about a millisecond, in bytes of text.
const LONG: usize = 8 * 1024;

/// Does the work where it is for a text of up to some kilobytes, and else off the threads that requests are answered on.
pub async fn for_text<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, TaskError> {
    if bytes <= LONG {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| TaskError::Final(Error::internal(error)))
}

#[cfg(test)]
#[path = "apart_tests.rs"]
mod tests;
