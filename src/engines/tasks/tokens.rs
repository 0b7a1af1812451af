//! How much fits into a model's context. The count is OpenAI's; other models cut texts into more tokens, hence the margin.

use super::{Model, TaskError, apart};
use std::sync::Arc;

/// How many tokens more a model may count than OpenAI's do, in hundredths.
const MARGIN: usize = 130;
/// What the roles and marks of a few messages take.
const OF_MESSAGES: usize = 40;
/// Few tokens stand for more bytes than this, so that a long text need not be counted.
const MOST_BYTES_A_TOKEN: usize = 16;
/// Kept free for a second try: what is wrong with the answer that was none.
const OF_SECOND_TRY: usize = 200;

/// How many tokens `text` has, rather too many than too few.
#[must_use]
pub fn estimate(text: &str) -> usize {
    (bpe_openai::o200k_base().count(text) * MARGIN).div_ceil(100)
}

/// Whether `text` has at most `most` tokens. A long text is counted off the request's thread, and not at all when it has so many bytes
/// that it cannot fit.
pub async fn fits(text: &Arc<str>, most: usize) -> Result<bool, TaskError> {
    if text.len() > most_bytes(most) {
        return Ok(false);
    }
    let counted = Arc::clone(text);
    apart::for_text(text.len(), move || estimate(&counted) <= most).await
}

/// How many tokens `text` has, counted off the request's thread if it is long.
pub async fn estimate_apart(text: &Arc<str>) -> Result<usize, TaskError> {
    let counted = Arc::clone(text);
    apart::for_text(text.len(), move || estimate(&counted)).await
}

/// How many tokens an answer may take: as many as are wanted, but no more than [`most_output`].
#[must_use]
pub fn output(model: &dyn Model, wanted: u32) -> u32 {
    wanted.min(most_output(model)).max(1)
}

/// What the model may write, and at most a quarter of its context.
#[must_use]
pub fn most_output(model: &dyn Model) -> u32 {
    model.max_output_tokens().min(model.context_tokens() / 4)
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

/// How many tokens of the context a prompt leaves for an answer, of those that are wanted. The count has no margin: a provider that
/// counts more than that writes less.
pub async fn left_for(model: &dyn Model, prompt: &[&str], wanted: u32) -> Result<u32, TaskError> {
    let context = model.context_tokens();
    let most = usize::try_from(context).unwrap_or(usize::MAX);
    let bytes: usize = prompt.iter().map(|part| part.len()).sum();
    // A prompt of fewer bytes than there is room has fewer tokens, too: no need to count.
    if bytes.saturating_add(usize::try_from(wanted).unwrap_or(usize::MAX)) < most / 2 {
        return Ok(wanted);
    }
    if bytes > most_bytes(most) {
        return Ok(0);
    }
    let prompt = prompt.concat();
    let counted = apart::for_text(prompt.len(), move || bpe_openai::o200k_base().count(prompt.as_str())).await?;
    let taken = u32::try_from(counted + OF_MESSAGES).unwrap_or(u32::MAX);
    Ok(context.saturating_sub(taken).min(wanted))
}

/// A text of more bytes is taken for one of more tokens, without being counted: few tokens stand for more bytes.
#[must_use]
pub fn most_bytes(tokens: usize) -> usize {
    tokens.saturating_mul(MOST_BYTES_A_TOKEN)
}
