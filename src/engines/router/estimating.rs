//! About what a question would cost, before it is asked.

use super::{Candidate, Plan, TOKENS_OF_A_LABEL};
use crate::{
    config::EMBEDDED,
    domain::{answers::SummaryLength, money::MicroDollars, usage::Tokens},
    engines::{Question, tokenizer},
};

/// About how many tokens the instructions of a task take, beside its labels and its text.
const TOKENS_OF_INSTRUCTIONS: i64 = 250;
/// About how many tokens a sentence takes.
const TOKENS_OF_A_SENTENCE: i64 = 30;
/// About how many characters a token stands for.
const CHARACTERS_OF_A_TOKEN: i64 = 4;

/// About what a question takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Read and written.
    pub tokens: i64,
    pub cost: MicroDollars,
}

impl Plan {
    /// Who is asked first: `embedded`, or the provider and the model.
    #[must_use]
    pub fn first(&self) -> String {
        match self.candidates.first() {
            Some(Candidate::Model(model)) => format!("{}/{}", model.provider.name(), model.handle.name()),
            Some(Candidate::Embedded) | None => EMBEDDED.to_owned(),
        }
    }

    /// About what it takes to ask the first of them, once; nothing for the embedded engine.
    #[must_use]
    pub fn estimate(&self, question: &Question) -> Estimate {
        let Some(Candidate::Model(model)) = self.candidates.first() else {
            return Estimate::default();
        };
        let tokens = about(question);
        Estimate {
            tokens: tokens.total(),
            cost: model.handle.prices().cost(tokens),
        }
    }
}

fn about(question: &Question) -> Tokens {
    let (input, output) = match question {
        Question::Summary { text, options } => {
            let output = match options.length {
                SummaryLength::Sentences(count) => i64::from(count) * TOKENS_OF_A_SENTENCE,
                SummaryLength::MaxChars(count) => i64::try_from(count).unwrap_or(i64::MAX) / CHARACTERS_OF_A_TOKEN,
            };
            let text = tokenizer::rough_count(text);
            (TOKENS_OF_INSTRUCTIONS + text, output.min(text))
        }
        Question::Classification { text, labels, .. } => {
            let labels = labels.labels.iter().flat_map(|label| [&label.name, &label.description]);
            let labels: i64 = labels.map(|text| tokenizer::rough_count(text)).sum();
            (
                TOKENS_OF_INSTRUCTIONS + labels + tokenizer::rough_count(text),
                TOKENS_OF_A_LABEL,
            )
        }
        Question::Generation(question) => {
            let output = i64::from(question.max_output_tokens.unwrap_or_default());
            (
                tokenizer::rough_count(&question.system) + tokenizer::rough_count(&question.user),
                output,
            )
        }
    };
    Tokens {
        input,
        cached_input: 0,
        output,
    }
}
