//! What has come of an answer so far, and what it used.

use super::{
    answer::{Piece, Reported},
    refusal::Fault,
};
use crate::{
    domain::usage::Tokens,
    engines::{
        chat::{CallContext, FailureKind, Finish, TokenLogprob, Used},
        tokenizer,
    },
};
use std::time::{Duration, Instant};

/// So many bytes of text fit into a token on average at most; a server that writes more does not keep to `max_tokens`.
const BYTES_PER_TOKEN: usize = 16;
/// What a short answer may exceed that by.
const SLACK: usize = 4 * 1024;

/// What was set aside for a call, which no estimate may exceed: texts have other numbers of tokens here than there.
#[derive(Debug, Clone, Copy)]
pub struct MostTokens {
    pub input: i64,
    pub output: u32,
    /// What fits into the model's context, input and output together.
    pub context: u32,
}

/// Gathers the pieces of one answer.
pub struct Received {
    began: Instant,
    /// In bytes, with what a reasoning model thought.
    longest: usize,
    most: MostTokens,
    pub text: String,
    reasoning: String,
    pub finish: Option<Finish>,
    pub logprobs: Vec<TokenLogprob>,
    logprobs_unusable: bool,
    reported: Option<Tokens>,
    pub first_piece_after: Option<Duration>,
    /// Whether any sign of an answer has come.
    pub alive: bool,
}

impl Received {
    pub fn new(most: MostTokens) -> Self {
        Self {
            began: Instant::now(),
            longest: most.output as usize * BYTES_PER_TOKEN + SLACK,
            most,
            text: String::new(),
            reasoning: String::new(),
            finish: None,
            logprobs: Vec::new(),
            logprobs_unusable: false,
            reported: None,
            first_piece_after: None,
            alive: false,
        }
    }

    /// Adds a piece and hands its text on. A report of what was used replaces the one before, since servers that send several count
    /// up; a piece that repeats the one before is kept, because a model may say the same twice and nothing in the protocol tells the
    /// two apart.
    pub fn take(&mut self, piece: Piece, context: &CallContext) -> Result<(), Fault> {
        self.reported = piece.usage.map(|usage| self.within_context(usage)).or(self.reported);
        // What comes after the end is no part of the answer, except for the usage.
        if self.finish.is_some() {
            return Ok(());
        }
        if let Some(error) = &piece.error {
            return Err(super::refusal::inside_answer(error));
        }
        if !piece.text.is_empty() || !piece.reasoning.is_empty() {
            self.alive = true;
        }
        if self.text.len() + self.reasoning.len() + piece.text.len() + piece.reasoning.len() > self.longest {
            // It is no part of the answer, and was written all the same.
            self.reasoning.extend([piece.reasoning, piece.text]);
            return Err(too_large());
        }
        self.reasoning.push_str(&piece.reasoning);
        self.logprobs.extend(piece.logprobs);
        self.logprobs_unusable |= piece.logprobs_unusable;
        if self.logprobs_unusable {
            self.logprobs.clear();
        }
        if !piece.text.is_empty() {
            self.first_piece_after.get_or_insert(self.began.elapsed());
            self.text.push_str(&piece.text);
            if let Some(pieces) = &context.pieces {
                pieces(&piece.text);
            }
        }
        self.finish = piece.finish;
        if piece.refused {
            self.finish = Some(Finish::ContentFilter);
        }
        Ok(())
    }

    /// Whether the provider has said what the call used.
    pub fn is_reported(&self) -> bool {
        self.reported.is_some()
    }

    /// A report whose total has more than its parts is taken by its total, as far as there is room for that: else a total that is
    /// nonsense would empty every budget.
    fn within_context(&self, usage: Reported) -> Tokens {
        let thought = usage.beyond_input.min(self.most.context.into());
        Tokens {
            output: usage.tokens.output.max(thought),
            ..usage.tokens
        }
    }

    /// What a finished answer used: what the provider says, or else what is counted here. A provider that says that the text took
    /// nothing does not know.
    pub async fn used(&self, messages: impl FnOnce() -> Vec<(&'static str, String)>) -> Used {
        let is_silent = self.text.is_empty() && self.reasoning.is_empty();
        match self.reported.filter(|reported| reported.output > 0 || is_silent) {
            Some(tokens) => Used {
                tokens,
                estimated: false,
            },
            None => self.estimate(messages()).await,
        }
    }

    /// What a call used of which nothing could be seen: all of the input, and all the output that was allowed.
    pub async fn worst_case(&self, messages: Vec<(&'static str, String)>) -> Used {
        let mut used = self.estimate(messages).await;
        used.tokens.output = used.tokens.output.max(self.most.output.into());
        used
    }

    /// What an answer used that did not come to its end: all of the input, and as much output as came. A report that came before
    /// the end says at least that much. What is counted here is never more than the call was meant to use at most; what the provider
    /// reports is taken as it is.
    pub async fn estimate(&self, messages: Vec<(&'static str, String)>) -> Used {
        let output = format!("{}{}", self.reasoning, self.text);
        let (reported, most) = (self.reported, self.most);
        let bytes = messages.iter().map(|(_, content)| content.len()).sum::<usize>() + output.len();
        // Counting a long text takes milliseconds, which other calls should not wait for.
        let counted = tokio::task::spawn_blocking(move || {
            let messages = messages.iter().map(|(role, content)| (*role, content.as_str()));
            let counted = Tokens {
                input: tokenizer::count_messages(messages).min(most.input),
                cached_input: 0,
                output: tokenizer::count(&output).min(most.output.into()),
            };
            reported.map_or(counted, |reported| Tokens {
                output: reported.output.max(counted.output),
                ..reported
            })
        });
        let tokens = counted.await.unwrap_or_else(|_| Tokens {
            input: i64::try_from(bytes).unwrap_or(i64::MAX).min(most.input),
            ..Tokens::default()
        });
        Used {
            tokens,
            estimated: true,
        }
    }
}

/// An answer that goes on beyond what was asked for.
pub fn too_large() -> Fault {
    Fault::new(
        FailureKind::Broken,
        "its answer is far longer than the number of tokens that was asked for",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_util::sync::CancellationToken;

    #[tokio::test]
    async fn what_was_written_beyond_the_bound_is_counted_though_it_is_no_answer() {
        let mut received = Received::new(MostTokens {
            input: 50,
            output: 100,
            context: 1_000,
        });
        let piece = Piece {
            text: "far too much of this ".repeat(1_000),
            ..Piece::default()
        };
        let context = CallContext {
            cancel: CancellationToken::new(),
            pieces: None,
        };
        assert!(received.take(piece, &context).is_err());
        assert!(received.text.is_empty());
        let used = received.estimate(vec![("user", "a text".to_owned())]).await;
        assert_eq!((used.tokens.output, used.estimated), (100, true));
    }
}
