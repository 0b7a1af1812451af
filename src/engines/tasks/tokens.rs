//! How much fits into a model's context. The count is OpenAI's; other models cut texts into more tokens, hence the margin.

use super::Model;

/// How many tokens more a model may count than OpenAI's do, in hundredths.
const MARGIN: usize = 130;
/// What the roles and marks of a few messages take.
const OF_MESSAGES: usize = 40;
/// Kept free for a second try: the beginning of the answer that was none, and what is wrong with it.
const OF_SECOND_TRY: usize = 250;

/// How many tokens `text` has, rather too many than too few.
#[must_use]
pub fn estimate(text: &str) -> usize {
    (bpe_openai::o200k_base().count(text) * MARGIN).div_ceil(100)
}

/// How many tokens an answer may take: as many as are wanted, but at most what the model may write and a quarter of its
/// context.
#[must_use]
pub fn output(model: &dyn Model, wanted: u32) -> u32 {
    wanted
        .min(model.max_output_tokens())
        .min(model.context_tokens() / 4)
        .max(1)
}

/// How many tokens of text fit beside the instructions and an answer of `output` tokens.
#[must_use]
pub fn room(model: &dyn Model, output: u32, instructions: &str) -> usize {
    let context = usize::try_from(model.context_tokens()).unwrap_or(usize::MAX);
    let second_try = OF_SECOND_TRY.min(context / 8);
    context
        .saturating_sub(usize::try_from(output).unwrap_or(usize::MAX))
        .saturating_sub(estimate(instructions) + OF_MESSAGES + second_try)
}

/// How many tokens of the context the messages leave for an answer. The count has no margin: a provider that counts more than
/// that writes less.
#[must_use]
pub fn left(model: &dyn Model, messages: &[&str]) -> u32 {
    let counted: usize = messages
        .iter()
        .map(|message| bpe_openai::o200k_base().count(*message))
        .sum();
    let taken = u32::try_from(counted + OF_MESSAGES).unwrap_or(u32::MAX);
    model.context_tokens().saturating_sub(taken)
}
