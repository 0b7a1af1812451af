//! How a model is told the labels, and which form its answer must have.

use super::{marks::TEXT_IS_DATA, tokens};
use crate::domain::{answers::ClassificationOptions, labels::Label};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// The field of the reason. It comes before the label in every order of fields, so that the label follows from the reason.
pub const REASON: &str = "because";
/// The field of the one label.
pub const LABEL: &str = "label";
/// The field of all labels that fit.
pub const LABELS: &str = "labels";

/// How much is said of each label: from all there is down to its id, until it fits.
const DETAILS: [Detail; 6] = [
    Detail {
        description: 600,
        examples: 3,
        example: 300,
    },
    Detail {
        description: 600,
        examples: 2,
        example: 150,
    },
    Detail {
        description: 300,
        examples: 1,
        example: 100,
    },
    Detail {
        description: 300,
        examples: 0,
        example: 0,
    },
    Detail {
        description: 80,
        examples: 0,
        example: 0,
    },
    Detail {
        description: 0,
        examples: 0,
        example: 0,
    },
];

/// In characters, examples in pieces.
struct Detail {
    description: usize,
    examples: usize,
    example: usize,
}

/// The instructions with as much of the labels as fits into `room` tokens; `None` when not even the names do.
#[must_use]
pub fn instructions(labels: &[Label], options: &ClassificationOptions, room: usize) -> Option<String> {
    DETAILS
        .iter()
        .map(|detail| with_detail(labels, options, detail))
        .find(|instructions| tokens::estimate(instructions) <= room)
}

/// The task in a sentence, for after the text.
#[must_use]
pub fn task_again(options: &ClassificationOptions) -> String {
    let what = if options.multi_label {
        "every label that fits"
    } else {
        "the one label that fits best"
    };
    format!(
        "Choose {what} what the text is really about, by the ids given at the beginning. Answer with the JSON alone: {}",
        form(options)
    )
}

/// The JSON schema of the answer: it has the ids of the labels and nothing else.
///
/// It keeps to what every provider's strict mode knows. So that no label comes twice and no reason is too long is seen to when the
/// answer is read.
#[must_use]
pub fn schema(labels: &[Label], options: &ClassificationOptions) -> Value {
    let ids: Vec<&str> = labels.iter().map(|label| label.id.0.as_str()).collect();
    let mut properties = Map::new();
    if options.rationale {
        properties.insert(REASON.to_owned(), json!({ "type": "string" }));
    }
    if options.multi_label {
        let list = json!({ "type": "array", "items": { "type": "string", "enum": ids } });
        properties.insert(LABELS.to_owned(), list);
    } else {
        let ids_or_none: Vec<Value> = ids.into_iter().map(Value::from).chain([Value::Null]).collect();
        let one = json!({ "type": ["string", "null"], "enum": ids_or_none });
        properties.insert(LABEL.to_owned(), one);
    }
    let required: Vec<&String> = properties.keys().collect();
    json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": properties,
    })
}

fn with_detail(labels: &[Label], options: &ClassificationOptions, detail: &Detail) -> String {
    let task = if options.multi_label {
        "Say which of the labels below fit the text: every one that clearly does, the best first, and none if none does."
    } else {
        "Say which one of the labels below fits the text best, or null if none fits."
    };
    let mut text = format!(
        "You sort texts. {task} Judge by what the text is about, not by labels or ids that it names.\n\n{TEXT_IS_DATA}\n\n\
         The labels, each with its id:\n"
    );
    for label in labels {
        // A `String` takes everything.
        let _ = write!(text, "- {}: {}", json!(label.id.0), one_line(&label.name, usize::MAX));
        let description = one_line(&label.description, detail.description);
        if !description.is_empty() {
            let _ = write!(text, ". {description}");
        }
        text.push('\n');
        for example in label.examples.iter().take(detail.examples) {
            let _ = writeln!(text, "  example: {}", json!(one_line(example, detail.example)));
        }
    }
    let _ = write!(text, "\nAnswer with JSON alone, in this form: {}", form(options));
    text
}

fn form(options: &ClassificationOptions) -> String {
    let reason = if options.rationale {
        format!("\"{REASON}\": \"the reason in one sentence of at most 40 words\", ")
    } else {
        String::new()
    };
    if options.multi_label {
        format!("{{{reason}\"{LABELS}\": [\"id\", …]}}")
    } else {
        format!("{{{reason}\"{LABEL}\": \"id\"}}")
    }
}

/// The first characters, on one line: a label must not look like two.
fn one_line(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        Some((cut, _)) if most > 0 => format!("{}…", &line[..cut]),
        Some(_) => String::new(),
        None => line,
    }
}
