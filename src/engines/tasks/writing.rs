//! Abstractive summaries: the model writes. A text that does not fit is turned into notes first, part by part and again, until
//! what is left fits.

use super::{
    Model, TaskError, apart,
    asking::{ask_text, request, spoken},
    marks,
    parts::Parts,
    splitting, tokens, wording,
};
use crate::{
    domain::answers::SummaryOptions,
    engines::chat::{ChatFormat, Finish},
    text::sentences,
};
use futures_util::future::{BoxFuture, FutureExt};
use std::sync::Arc;

/// The notes of a part may take this share of what a part may have, so that every round leaves at most a quarter.
const SHARE_OF_NOTES: usize = 4;
/// A quarter of a quarter and so on: far more text than a request can bring.
const MOST_ROUNDS: usize = 8;
/// How often a part that the provider finds too long is halved, or the whole is.
const MOST_HALVINGS: usize = 4;
/// With less room for text than this, no sentence can be summarised.
const LEAST_ROOM: usize = 32;

/// What the model wrote, as it wrote it. Only the last call, which sees the whole text or the notes of all its parts, hands its
/// pieces on.
pub async fn write(model: &dyn Model, text: &Arc<str>, options: &SummaryOptions) -> Result<String, TaskError> {
    let output = tokens::output(model, wording::output(options));
    let mut room = tokens::room(model, output, "").saturating_sub(wording::taken(options));
    if room < LEAST_ROOM {
        return Err(TaskError::no_room("the instructions alone fill its context"));
    }
    let mut current = Arc::clone(text);
    let (mut rounds, mut halvings) = (0, 0);
    loop {
        if tokens::fits(&current, room).await? {
            match last_call(model, &current, output, options).await {
                Err(error) if error.is_too_long() && halvings < MOST_HALVINGS && room >= 2 * LEAST_ROOM => {
                    halvings += 1;
                    room = tokens::estimate_apart(&current).await?.min(room) / 2;
                }
                outcome => return outcome,
            }
            continue;
        }
        rounds += 1;
        let notes: Arc<str> = notes_of_all(model, &current, room, options).await?.into();
        // Notes that are no shorter lead nowhere: what fits of them is used.
        current = if rounds == MOST_ROUNDS || notes.len() >= current.len() {
            apart::for_text(notes.len(), move || splitting::fitting(&notes, room).into()).await?
        } else {
            notes
        };
    }
}

async fn last_call(model: &dyn Model, text: &str, output: u32, options: &SummaryOptions) -> Result<String, TaskError> {
    let (message, mark) = marks::message(&wording::focus(options), text, &wording::task_again(options, text));
    let messages = vec![marks::system(wording::for_summary(options)), message];
    let request = request(messages, vec![mark], output, ChatFormat::Text);
    let reply = ask_text(model, request, tokens::most_output(model), true).await?;
    let said = spoken(&reply.text).trim();
    Ok(match reply.finish {
        Finish::Length => whole_sentences(said).to_owned(),
        Finish::Stop | Finish::ContentFilter => said.to_owned(),
    })
}

/// Without the last sentence, which was cut off, unless it is the only one.
fn whole_sentences(said: &str) -> &str {
    match sentences(said).as_slice() {
        [.., last_but_one, _] => &said[..last_but_one.end],
        _ => said,
    }
}

/// The notes of all parts in order.
async fn notes_of_all(
    model: &dyn Model,
    text: &Arc<str>,
    room: usize,
    options: &SummaryOptions,
) -> Result<String, TaskError> {
    let parts = Parts::of(model);
    let calls: Vec<_> = splitting::split(text, room)
        .await?
        .into_iter()
        .map(|part| notes_of(&parts, part, room, options, MOST_HALVINGS))
        .collect();
    Ok(parts.all(calls).await?.join("\n"))
}

/// The notes of one part, or of its halves when the provider finds it too long.
fn notes_of<'a>(
    model: &'a dyn Model,
    part: Arc<str>,
    room: usize,
    options: &'a SummaryOptions,
    halvings: usize,
) -> BoxFuture<'a, Result<String, TaskError>> {
    async move {
        let most = u32::try_from(room / SHARE_OF_NOTES).unwrap_or(u32::MAX).max(8);
        let (message, mark) = marks::message("", &part, &wording::notes_again(options, &part));
        let messages = vec![marks::system(wording::for_notes(options)), message];
        let request = request(messages, vec![mark], tokens::output(model, most), ChatFormat::Text);
        match ask_text(model, request, tokens::most_output(model), false).await {
            Ok(reply) => Ok(spoken(&reply.text).trim().to_owned()),
            Err(error) if error.is_too_long() && halvings > 0 => {
                let half = room.min(tokens::estimate_apart(&part).await?) / 2;
                if half < LEAST_ROOM / 2 {
                    return Err(error);
                }
                let mut notes = Vec::new();
                for smaller in splitting::split(&part, half).await? {
                    notes.push(notes_of(model, smaller, half, options, halvings - 1).await?);
                }
                Ok(notes.join("\n"))
            }
            Err(error) => Err(error),
        }
    }
    .boxed()
}
