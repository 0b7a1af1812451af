//! A model for tests that answers from a script, and remembers what it was asked. A real one does not answer the same twice.

use super::{Model, TaskError};
use crate::{
    domain::labels::{Label, LabelId},
    engines::chat::{ChatMessage, ChatReply, ChatRequest, ChatRole, FailureKind, Finish, TokenLogprob, Used},
};
use futures_util::future::{BoxFuture, FutureExt};
use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tokio_util::sync::CancellationToken;

type Script = dyn Fn(usize, &ChatRequest) -> Result<ChatReply, TaskError> + Send + Sync;

pub struct Scripted {
    pub context: u32,
    pub max_output: u32,
    script: Box<Script>,
    asked: Mutex<Vec<(ChatRequest, bool)>>,
    at_work: AtomicUsize,
    pub most_at_work: AtomicUsize,
}

impl Scripted {
    /// The script is given the number of the call, from 0, and the request.
    pub fn new(script: impl Fn(usize, &ChatRequest) -> Result<ChatReply, TaskError> + Send + Sync + 'static) -> Self {
        Self {
            context: 8_000,
            max_output: 1_000,
            script: Box::new(script),
            asked: Mutex::default(),
            at_work: AtomicUsize::new(0),
            most_at_work: AtomicUsize::new(0),
        }
    }

    /// Says these in turn, and the last one again and again.
    pub fn saying(answers: &[&str]) -> Self {
        let answers: Vec<String> = answers.iter().map(|&answer| answer.to_owned()).collect();
        Self::new(move |call, _| Ok(said(&answers[call.min(answers.len() - 1)])))
    }

    pub fn asked(&self) -> Vec<(ChatRequest, bool)> {
        self.asked.lock().unwrap().clone()
    }

    pub fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Model for Scripted {
    fn context_tokens(&self) -> u32 {
        self.context
    }

    fn max_output_tokens(&self) -> u32 {
        self.max_output
    }

    fn cancel(&self) -> CancellationToken {
        CancellationToken::new()
    }

    fn chat(
        &self,
        request: ChatRequest,
        hand_on: bool,
        _: CancellationToken,
    ) -> BoxFuture<'_, Result<ChatReply, TaskError>> {
        async move {
            let call = {
                let mut asked = self.asked.lock().unwrap();
                asked.push((request.clone(), hand_on));
                asked.len() - 1
            };
            let now = self.at_work.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_work.fetch_max(now, Ordering::SeqCst);
            tokio::task::yield_now().await;
            let answer = (self.script)(call, &request);
            tokio::task::yield_now().await;
            self.at_work.fetch_sub(1, Ordering::SeqCst);
            answer
        }
        .boxed()
    }
}

pub fn said(text: &str) -> ChatReply {
    ChatReply {
        text: text.to_owned(),
        finish: Finish::Stop,
        used: Used::default(),
        logprobs: Vec::new(),
        first_piece_after: None,
    }
}

/// The answer cut into pieces of a few letters, each with the same probability.
pub fn said_with(text: &str, probability: f64) -> ChatReply {
    let characters: Vec<char> = text.chars().collect();
    let tokens = characters.chunks(3).map(|piece| TokenLogprob {
        token: piece.iter().collect(),
        logprob: probability.ln(),
    });
    ChatReply {
        logprobs: tokens.collect(),
        ..said(text)
    }
}

pub fn too_long() -> TaskError {
    TaskError::Failed {
        kind: FailureKind::ContextExceeded,
        detail: "scripted".to_owned(),
        began: false,
    }
}

/// The text between the marks of the message, which must stand there once.
pub fn text_in(messages: &[ChatMessage]) -> &str {
    let user = messages.iter().find(|message| message.role == ChatRole::User).unwrap();
    let begin = user.content.find("BEGIN ").unwrap();
    let (mark, rest) = user.content[begin + 6..].split_at(32);
    assert_eq!(user.content.matches(mark).count(), 2, "the mark is in the text");
    rest.strip_prefix('\n')
        .unwrap()
        .split_once(&format!("\nEND {mark}\n\n"))
        .unwrap()
        .0
}

pub fn labels() -> Vec<Label> {
    let label = |id: &str, name: &str, description: &str| Label {
        id: LabelId(id.to_owned()),
        name: name.to_owned(),
        description: description.to_owned(),
        examples: vec![format!("An example of {name}.")],
    };
    vec![
        label("billing", "Billing questions", "Invoices, payments and refunds."),
        label("outage", "Outage", "Something is down for everybody."),
        label("how-to", "How to", "How something is done."),
    ]
}
