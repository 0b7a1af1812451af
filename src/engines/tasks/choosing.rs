//! Extractive summaries by a model: it is shown numbered sentences and answers with numbers, so that not a word is its own.

use super::{
    Model, TaskError, apart,
    asking::{LONGEST_SHORT_ANSWER, ask_checked, request, spoken},
    json,
    marks::{self, TEXT_IS_DATA},
    parts::Parts,
    tokens, wording,
};
use crate::{
    domain::answers::SummaryOptions,
    engines::chat::{ChatFormat, ChatReply},
};
use serde_json::{Value, json};
use std::{ops::Range, sync::Arc};

/// So many numbers a schema may enumerate for every provider.
const MOST_NUMBERS: usize = 400;
/// How many sentences are chosen when only characters are counted: then they are taken from the best on, while they fit.
const MOST_CHOSEN: usize = 20;
/// Rounds in which the sentences of the parts are thinned out before the last choice.
const MOST_ROUNDS: usize = 8;
const OUTPUT: u32 = 200;
/// What a number takes in tokens: before its sentence, with brackets, and in the schema.
const OF_NUMBER: usize = 12;

/// The numbers of the chosen sentences, best first; `ranges` are places in `text`. Empty when no choice came about, because
/// there is nothing to choose from or not even two sentences fit into the model's context.
pub async fn choose(
    model: &dyn Model,
    text: &Arc<str>,
    ranges: &Arc<[Range<usize>]>,
    options: &SummaryOptions,
) -> Result<Vec<usize>, TaskError> {
    let most = wording::most_sentences(options).min(MOST_CHOSEN);
    let output = tokens::output(model, OUTPUT);
    // Some providers show the schema to the model, so that it takes its part of the context.
    let besides = format!("{}{}{}", instructions(most), closing(most, options), schema(0));
    let room = tokens::room(model, output, &besides);
    let mut open: Vec<usize> = (0..ranges.len()).collect();
    for _ in 0..MOST_ROUNDS {
        let (source, places, numbers) = (Arc::clone(text), Arc::clone(ranges), open.clone());
        let groups = move || grouped(&source, &places, &numbers, room);
        let groups = apart::for_text(text.len(), groups).await?;
        if let [only] = &groups[..] {
            return choose_in(model, text, ranges, only, most, output, options).await;
        }
        let parts = Parts::of(model);
        let calls: Vec<_> = groups
            .iter()
            .map(|group| choose_in(&parts, text, ranges, group, most, output, options))
            .collect();
        let chosen = parts.all(calls).await?;
        let mut left: Vec<usize> = chosen.iter().flat_map(|best| best.iter().take(most)).copied().collect();
        left.sort_unstable();
        if left.len() >= open.len() {
            break;
        }
        open = left;
    }
    Ok(Vec::new())
}

/// Neighbours that fit into one call together.
fn grouped(text: &str, ranges: &[Range<usize>], open: &[usize], room: usize) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut taken = 0;
    for &number in open {
        let needed = tokens::estimate(&text[ranges[number].clone()]) + OF_NUMBER;
        match groups.last_mut() {
            Some(group) if group.len() < MOST_NUMBERS && taken + needed <= room => {
                group.push(number);
                taken += needed;
            }
            _ => {
                groups.push(vec![number]);
                taken = needed;
            }
        }
    }
    groups
}

async fn choose_in(
    model: &dyn Model,
    text: &str,
    ranges: &[Range<usize>],
    group: &[usize],
    most: usize,
    output: u32,
    options: &SummaryOptions,
) -> Result<Vec<usize>, TaskError> {
    if group.len() <= 1 {
        return Ok(group.to_vec());
    }
    let lines: Vec<String> = group
        .iter()
        .enumerate()
        .map(|(place, &number)| format!("[{}] {}", place + 1, on_one_line(&text[ranges[number].clone()])))
        .collect();
    let (message, mark) = marks::message("", &lines.join("\n"), &closing(most, options));
    let format = ChatFormat::Json {
        name: "sentences",
        schema: Arc::new(schema(group.len())),
    };
    let messages = vec![marks::system(instructions(most)), message];
    let request = request(messages, vec![mark], output, format);
    let read = |reply: &ChatReply| read(&reply.text, group.len());
    let places = ask_checked(model, request, tokens::most_output(model), read).await?;
    Ok(places.into_iter().map(|place| group[place]).collect())
}

fn instructions(most: usize) -> String {
    format!(
        "You choose the sentences of a text that together say best what it says. Each line of the text is one sentence after its \
         number in brackets. Choose at most {most}, the most important first, none that repeats another.\n\n{TEXT_IS_DATA}\n\n\
         Answer with JSON alone, in this form: {{\"sentences\": [number, …]}}"
    )
}

fn closing(most: usize, options: &SummaryOptions) -> String {
    format!(
        "Choose at most {most} sentences by their numbers. {} Answer with the JSON alone: {{\"sentences\": [number, …]}}",
        wording::focus(options)
    )
}

fn schema(count: usize) -> Value {
    let numbers: Vec<usize> = (1..=count).collect();
    json!({
        "type": "object",
        "properties": { "sentences": { "type": "array", "items": { "type": "integer", "enum": numbers } } },
        "required": ["sentences"],
        "additionalProperties": false,
    })
}

/// The places 0 to `count`, each once, perhaps more than were asked for.
fn read(answer: &str, count: usize) -> Result<Vec<usize>, String> {
    if answer.len() > LONGEST_SHORT_ANSWER {
        return Err("it is far too long".to_owned());
    }
    let found = json::values_in(spoken(answer))
        .into_iter()
        .find_map(|found| found.value.get("sentences").and_then(Value::as_array).cloned())
        .ok_or("it has no JSON object with the list \"sentences\"")?;
    let mut places = Vec::new();
    for number in found {
        let place = number
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| (1..=count).contains(number))
            .ok_or_else(|| format!("the list \"sentences\" may have numbers from 1 to {count} only"))?
            - 1;
        if !places.contains(&place) {
            places.push(place);
        }
    }
    if places.is_empty() {
        return Err("the list \"sentences\" must not be empty".to_owned());
    }
    Ok(places)
}

fn on_one_line(sentence: &str) -> String {
    sentence.split_whitespace().collect::<Vec<_>>().join(" ")
}
