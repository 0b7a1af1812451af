//! Reads which labels a model chose. A label is one of the set or it is none: there is no nearest.

use super::{
    asking::{LONGEST_SHORT_ANSWER, spoken},
    json::{self, Found},
    label_prompt::{LABEL, LABELS, REASON},
};
use crate::domain::labels::Label;
use serde_json::Value;
use std::ops::Range;

/// A reason is cut here, at a word.
const LONGEST_REASON_IN_CHARACTERS: usize = 400;

/// What a model chose.
#[derive(Debug, PartialEq)]
pub struct Choice {
    /// The labels' numbers in the set, each once, in the model's order; empty for none.
    pub chosen: Vec<Chosen>,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    pub label: usize,
    /// Where the answer spells it, in bytes.
    pub range: Range<usize>,
}

/// The choice in `answer`, or in words for the model why there is none.
pub fn read(answer: &str, labels: &[Label], multi_label: bool) -> Result<Choice, String> {
    if answer.len() > LONGEST_SHORT_ANSWER {
        return Err("it is far too long".to_owned());
    }
    let said = spoken(answer);
    let field = if multi_label { LABELS } else { LABEL };
    let mut choices: Vec<Choice> = Vec::new();
    for mut found in json::values_in(said) {
        if found.value.get(field).is_some() {
            let before = answer.len() - said.len();
            found.range = found.range.start + before..found.range.end + before;
            choices.push(read_one(answer, &found, field, labels)?);
        }
    }
    let differ = choices.windows(2).any(|pair| numbers(&pair[0]) != numbers(&pair[1]));
    if differ {
        return Err("it has several JSON objects that say different things".to_owned());
    }
    choices
        .pop()
        .ok_or_else(|| format!("it has no JSON object with the field \"{field}\""))
}

fn numbers(choice: &Choice) -> Vec<usize> {
    choice.chosen.iter().map(|chosen| chosen.label).collect()
}

fn read_one(answer: &str, found: &Found, field: &str, labels: &[Label]) -> Result<Choice, String> {
    let object = &answer[found.range.clone()];
    let mut places = json::fields(object).into_iter().filter(|(name, _)| *name == field);
    let (Some((_, place)), None) = (places.next(), places.next()) else {
        return Err(format!("the field \"{field}\" must be there exactly once"));
    };
    let spelled = &object[place.clone()];
    let begin = found.range.start + place.start;
    let shifted = |range: Range<usize>| begin + range.start..begin + range.end;
    let mut chosen: Vec<Chosen> = Vec::new();
    match &found.value[field] {
        Value::Null => {}
        Value::String(name) if field == LABEL => chosen.push(Chosen {
            label: find(name, labels)?,
            range: shifted(1..spelled.len() - 1),
        }),
        Value::Array(names) if field == LABELS => {
            for (name, range) in names.iter().zip(json::strings(spelled)) {
                let name = name
                    .as_str()
                    .ok_or_else(|| format!("the field \"{field}\" must have strings only"))?;
                let label = find(name, labels)?;
                if chosen.iter().all(|other| other.label != label) {
                    let range = shifted(range);
                    chosen.push(Chosen { label, range });
                }
            }
            if chosen.is_empty() && !names.is_empty() {
                return Err(format!("the field \"{field}\" cannot be read"));
            }
        }
        _ if field == LABEL => return Err(format!("the field \"{field}\" must be one id or null")),
        _ => return Err(format!("the field \"{field}\" must be a list of ids")),
    }
    let reason = found.value.get(REASON).and_then(Value::as_str);
    Ok(Choice {
        chosen,
        reason: reason.map(cut).filter(|reason| !reason.is_empty()),
    })
}

/// By its id, or else by its name, whatever the case.
fn find(name: &str, labels: &[Label]) -> Result<usize, String> {
    if let Some(number) = labels.iter().position(|label| label.id.0 == name) {
        return Ok(number);
    }
    let name = name.trim().to_lowercase();
    let mut namesakes = (0..labels.len()).filter(|&number| labels[number].name.to_lowercase() == name);
    match (namesakes.next(), namesakes.next()) {
        (Some(number), None) => Ok(number),
        _ => Err("it names a label that is not among the ids".to_owned()),
    }
}

fn cut(reason: &str) -> String {
    let reason = reason.trim();
    match reason.char_indices().nth(LONGEST_REASON_IN_CHARACTERS) {
        None => reason.to_owned(),
        Some((end, _)) => {
            let end = reason[..end].rfind(char::is_whitespace).unwrap_or(end);
            format!("{}…", reason[..end].trim_end())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::tasks::scripted::labels;

    fn chosen(answer: &str, multi_label: bool) -> Result<Vec<usize>, String> {
        let found = read(answer, &labels(), multi_label)?;
        for one in &found.chosen {
            let label = &labels()[one.label];
            let spelled = &answer[one.range.clone()];
            assert!(
                spelled == label.id.0 || spelled.to_lowercase() == label.name.to_lowercase(),
                "{spelled}"
            );
        }
        Ok(numbers(&found))
    }

    #[test]
    fn ids_and_names_are_found_in_json_prose_and_fences() {
        for answer in [
            r#"{"label": "billing"}"#,
            "Here you are:\n```json\n{\"label\" :\n\"billing\" }\n```",
            r#"{"label": "bILLING Questions"}"#,
            r#"{"because": "the \"label\": \"outage\" was named", "label": "billing", "more": 1}"#,
            "<think>{\"label\": \"outage\"}</think>{\"label\": \"billing\"}",
            r#"{"label": "billing"} that is {"label":"billing"}"#,
        ] {
            assert_eq!(chosen(answer, false), Ok(vec![0]), "{answer}");
        }
        assert_eq!(chosen(r#"{"label": null}"#, false), Ok(vec![]));
        assert_eq!(
            chosen(r#"{"labels": ["outage", "billing", "outage"]}"#, true),
            Ok(vec![1, 0])
        );
        assert_eq!(chosen(r#"{"labels": []}"#, true), Ok(vec![]));
    }

    #[test]
    fn anything_else_is_no_answer() {
        let long = format!("{{\"label\": \"{}\"}}", "billing".repeat(150_000));
        let deep = format!("{}1{}", "{\"label\":".repeat(50_000), "}".repeat(50_000));
        for answer in [
            "billing",
            "\"billing\"",
            r#"{"label": "billings"}"#,
            r#"{"label": "Billing "}"#,
            r#"{"label": ["billing"]}"#,
            r#"{"label": {"id": "billing"}}"#,
            r#"{"label": 0}"#,
            r#"{"label": "billing", "label": "outage"}"#,
            r#"{"label": "billing"} or {"label": "outage"}"#,
            r#"{"labels": ["billing"]}"#,
            r#"{"Label": "billing"}"#,
            r#"{"label": "billing""#,
            r#"{"answer": {"label": "billing"}}"#,
            "",
            long.as_str(),
            deep.as_str(),
        ] {
            assert!(chosen(answer, false).is_err(), "{}", &answer[..answer.len().min(100)]);
        }
        for answer in [
            r#"{"labels": ["billing", "nope"]}"#,
            r#"{"labels": "billing"}"#,
            r#"{"labels": [0]}"#,
        ] {
            assert!(chosen(answer, true).is_err(), "{answer}");
        }
    }

    #[test]
    fn a_name_that_two_labels_share_is_neither() {
        let mut labels = labels();
        labels[1].name = labels[0].name.to_uppercase();
        assert!(read(r#"{"label": "billing questions"}"#, &labels, false).is_err());
        assert!(read(r#"{"label": "billing"}"#, &labels, false).is_ok());
    }

    #[test]
    fn a_reason_is_kept_to_its_length() {
        let answer = format!(r#"{{"because": "{}", "label": "billing"}}"#, "wörter ".repeat(200));
        let reason = read(&answer, &labels(), false).unwrap().reason.unwrap();
        assert!(reason.chars().count() <= LONGEST_REASON_IN_CHARACTERS + 1 && reason.ends_with("wörter…"));
        assert_eq!(read(r#"{"label": "billing"}"#, &labels(), false).unwrap().reason, None);
    }
}
