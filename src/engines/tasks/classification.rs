//! Classification by a model: it may choose from the ids of the labels, and from nothing else.

use super::{
    Model, TaskError, apart,
    asking::{ask_checked, request},
    confidence,
    label_answer::{self, Choice},
    label_prompt, marks, splitting, tokens,
};
use crate::{
    domain::{
        answers::{AbstainReason, Classification, ClassificationOptions, ConfidenceSource},
        labels::{Label, LabelId},
    },
    engines::chat::{ChatFormat, ChatReply, ChatRequest},
};
use std::sync::Arc;

/// What an answer may take, in tokens: an id, or several, with the JSON around them.
const OUTPUT: u32 = 64;
/// For each label of several that may be chosen, at most for eight.
const OUTPUT_PER_LABEL: u32 = 16;
/// For a reason.
const OUTPUT_OF_REASON: u32 = 160;
/// Instructions may take this share of what fits, the text the rest.
const SHARE_OF_INSTRUCTIONS: usize = 2;
/// Of a text that is too long, two thirds are its beginning.
const SHARE_OF_BEGINNING: (usize, usize) = (2, 3);
/// Stands where something was left out.
const LEFT_OUT: &str = "\n[…]\n";
/// How often a text that the provider finds too long is halved.
const MOST_HALVINGS: u32 = 3;

/// Has the model choose among `labels`.
///
/// A text that does not fit is cut in the middle: its beginning and its end say most of what it is about. The confidence is the
/// joint probability of the tokens that spell the id, where the provider gives them; only then the threshold applies. With several
/// labels, each must reach the threshold by itself, and the confidence is the least of those that do. Without labels there is
/// nothing to ask, and the answer is that none fits.
pub async fn classify(
    model: &dyn Model,
    text: &Arc<str>,
    labels: &[Label],
    options: &ClassificationOptions,
) -> Result<Classification, TaskError> {
    if labels.is_empty() || text.trim().is_empty() {
        let nothing = if labels.is_empty() {
            AbstainReason::NoneFits
        } else {
            AbstainReason::NoEvidence
        };
        return Ok(abstained(nothing, None, None, options));
    }
    let output = tokens::output(model, wanted_output(labels, options));
    let task_again = label_prompt::task_again(options);
    let schema = label_prompt::schema(labels, options);
    // Some providers show the schema to the model, so that it takes its part of the context.
    let besides = format!("{task_again}{schema}");
    let free = tokens::room(model, output, &besides);
    let instructions = label_prompt::instructions(labels, options, free / SHARE_OF_INSTRUCTIONS)
        .ok_or_else(|| TaskError::no_room("the labels alone do not fit into its context"))?;
    let mut room = tokens::room(model, output, &format!("{instructions}{besides}"));
    let format = ChatFormat::Json {
        name: "classification",
        schema: Arc::new(schema),
    };
    let mut halvings = 0;
    loop {
        let source = Arc::clone(text);
        let kept: Arc<str> = apart::for_text(text.len(), move || kept(&source, room)).await?.into();
        let (message, mark) = marks::message("", &kept, &task_again);
        let messages = vec![marks::system(instructions.clone()), message];
        let request = ChatRequest {
            logprobs: true,
            ..request(messages, vec![mark], output, format.clone())
        };
        let read = |reply: &ChatReply| {
            let choice = label_answer::read(&reply.text, labels, options.multi_label)?;
            Ok(weighed(&choice, reply, labels, options))
        };
        match ask_checked(model, request, tokens::most_output(model), read).await {
            Err(error) if error.is_too_long() && halvings < MOST_HALVINGS => {
                halvings += 1;
                room = room.min(tokens::estimate_apart(&kept).await?) / 2;
            }
            outcome => return outcome,
        }
    }
}

fn wanted_output(labels: &[Label], options: &ClassificationOptions) -> u32 {
    let mut wanted = OUTPUT;
    if options.multi_label {
        wanted += OUTPUT_PER_LABEL * u32::try_from(labels.len()).unwrap_or(u32::MAX).min(8);
    }
    if options.rationale {
        wanted += OUTPUT_OF_REASON;
    }
    wanted
}

/// The text, or its beginning and its end. A text of too many bytes is not counted to see that it does not fit.
fn kept(text: &str, room: usize) -> String {
    if text.len() <= room || text.len() <= tokens::most_bytes(room) && tokens::estimate(text) <= room {
        return text.to_owned();
    }
    let room = room.saturating_sub(tokens::estimate(LEFT_OUT));
    let beginning = room * SHARE_OF_BEGINNING.0 / SHARE_OF_BEGINNING.1;
    let start = splitting::fitting(text, beginning);
    let end = splitting::fitting_end(&text[start.len()..], room - beginning);
    format!("{start}{LEFT_OUT}{end}")
}

/// The answer with what its tokens say of its certainty.
fn weighed(choice: &Choice, reply: &ChatReply, labels: &[Label], options: &ClassificationOptions) -> Classification {
    let reason = choice.reason.clone().filter(|_| options.rationale);
    if choice.chosen.is_empty() {
        return abstained(AbstainReason::NoneFits, None, reason, options);
    }
    let known: Option<Vec<f64>> = choice
        .chosen
        .iter()
        .map(|chosen| confidence::of_range(&reply.text, &reply.logprobs, &chosen.range))
        .collect();
    let ids = choice.chosen.iter().map(|chosen| labels[chosen.label].id.clone());
    let Some(known) = known else {
        return answer(ids.collect(), None, reason, options);
    };
    let mut sure: Vec<(LabelId, f64)> = ids.zip(known).collect();
    sure.sort_by(|left, right| right.1.total_cmp(&left.1));
    let best = sure.first().map(|best| best.1);
    sure.retain(|(_, probability)| *probability >= options.threshold);
    match sure.last().map(|least| least.1) {
        Some(least) => answer(
            sure.into_iter().map(|(id, _)| id).collect(),
            Some(least),
            reason,
            options,
        ),
        None => abstained(AbstainReason::BelowThreshold, best, reason, options),
    }
}

fn answer(
    ids: Vec<LabelId>,
    confidence: Option<f64>,
    rationale: Option<String>,
    options: &ClassificationOptions,
) -> Classification {
    Classification {
        label: ids.first().cloned(),
        labels: if options.multi_label { ids } else { Vec::new() },
        confidence,
        confidence_source: confidence.map_or(ConfidenceSource::Uncalibrated, |_| ConfidenceSource::Logprob),
        scores: Vec::new(),
        threshold: options.threshold,
        abstained: None,
        rationale,
    }
}

fn abstained(
    reason: AbstainReason,
    confidence: Option<f64>,
    rationale: Option<String>,
    options: &ClassificationOptions,
) -> Classification {
    Classification {
        abstained: Some(reason),
        ..answer(Vec::new(), confidence, rationale, options)
    }
}

#[cfg(test)]
#[path = "classification_tests.rs"]
mod tests;
