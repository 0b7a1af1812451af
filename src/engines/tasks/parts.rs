//! The parts of one text, a few of them at a time. A call that was begun is driven to its end, so that what it used is booked; when
//! one part fails, the others are given up first.

use super::{Model, TaskError};
use crate::engines::chat::{ChatReply, ChatRequest};
use futures_util::{StreamExt, future::BoxFuture, stream};
use std::{
    future::Future,
    sync::{Mutex, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// So many parts of one text are worked on at a time.
pub const MOST_AT_A_TIME: usize = 4;

/// The model as the parts of a text ask it: what they ask is given up together.
pub struct Parts<'a> {
    model: &'a dyn Model,
    cancel: CancellationToken,
}

impl<'a> Parts<'a> {
    #[must_use]
    pub fn of(model: &'a dyn Model) -> Self {
        Self {
            model,
            cancel: model.cancel().child_token(),
        }
    }

    /// What comes of all `calls`, in their order, or else the failure that came first. After it no further call is begun, and those
    /// under way are given up and waited for.
    pub async fn all<T>(
        &self,
        calls: Vec<impl Future<Output = Result<T, TaskError>> + Send>,
    ) -> Result<Vec<T>, TaskError> {
        let first_failure = Mutex::new(None);
        let fail = |error| {
            self.cancel.cancel();
            // Later ones fail because of the first.
            first_failure
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(error);
        };
        let fail = &fail;
        let watched: Vec<_> = calls
            .into_iter()
            .map(|call| async move {
                if self.cancel.is_cancelled() {
                    fail(TaskError::cancelled());
                    return None;
                }
                call.await.map_err(fail).ok()
            })
            .collect();
        let done: Vec<Option<T>> = stream::iter(watched).buffered(MOST_AT_A_TIME).collect().await;
        match first_failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(done.into_iter().flatten().collect()),
        }
    }
}

impl Model for Parts<'_> {
    fn context_tokens(&self) -> u32 {
        self.model.context_tokens()
    }

    fn max_output_tokens(&self) -> u32 {
        self.model.max_output_tokens()
    }

    fn cancel(&self) -> CancellationToken {
        self.cancel.clone()
    }

    fn chat(
        &self,
        request: ChatRequest,
        hand_on: bool,
        cancel: CancellationToken,
    ) -> BoxFuture<'_, Result<ChatReply, TaskError>> {
        self.model.chat(request, hand_on, cancel)
    }
}
