//! What a model is told about a summary: form, length, language, focus.

use super::{marks::TEXT_IS_DATA, tokens};
use crate::{
    domain::answers::{DEFAULT_SENTENCES, SummaryLength, SummaryOptions, SummaryStyle},
    text::detect_language,
};
use serde_json::json;

/// What an answer may take, in tokens, for each sentence that is wanted.
const OUTPUT_PER_SENTENCE: u32 = 80;
const LEAST_OUTPUT: u32 = 128;

/// The instructions for a summary that people will read. They come before the text and depend on the options alone.
#[must_use]
pub fn for_summary(options: &SummaryOptions) -> String {
    format!(
        "You summarise texts. Say only what the text says: no opinion, no advice, nothing made up. Keep numbers, names and \
         negations as they are. Write the summary alone: no introduction, no heading, no remarks, no markup.\n\n{TEXT_IS_DATA}\n\n\
         {} {}",
        form(options),
        language(options, None)
    )
}

/// The instructions for the notes that a long text is first turned into, a part at a time.
#[must_use]
pub fn for_notes(options: &SummaryOptions) -> String {
    format!(
        "You take notes of a part of a longer text, for somebody who will summarise the whole from the notes of all parts. Say \
         only what this part says, as briefly as you can, the important things first. Keep numbers, names and negations as they \
         are. Write the notes alone, in plain sentences.\n\n{TEXT_IS_DATA}\n\n{}",
        language(options, None)
    )
}

/// The task in a sentence, for after the text. Here the text's own language can be named.
#[must_use]
pub fn task_again(options: &SummaryOptions, text: &str) -> String {
    format!("Summarise it. {} {}", form(options), language(options, Some(text)))
}

#[must_use]
pub fn notes_again(options: &SummaryOptions, text: &str) -> String {
    format!("Take notes of it. {} {}", focus(options), language(options, Some(text)))
}

/// What the caller wants the summary to be about.
#[must_use]
pub fn focus(options: &SummaryOptions) -> String {
    match options.focus.as_deref().map(str::trim) {
        None | Some("") => String::new(),
        Some(focus) => format!(
            "Say what the text says about this, as far as it does: {}.",
            json!(focus)
        ),
    }
}

/// How many tokens the summary may take.
#[must_use]
pub fn output(options: &SummaryOptions) -> u32 {
    let wanted = match (options.style, options.length) {
        (SummaryStyle::Headline | SummaryStyle::Tldr, _) => OUTPUT_PER_SENTENCE,
        (_, SummaryLength::Sentences(count)) => u32::from(count) * OUTPUT_PER_SENTENCE,
        // A character of Chinese can be more than one token.
        (_, SummaryLength::MaxChars(most)) => u32::try_from(most).unwrap_or(u32::MAX).saturating_mul(3) / 2,
    };
    wanted.max(LEAST_OUTPUT)
}

/// How many sentences, or points, it may have.
#[must_use]
pub fn most_sentences(options: &SummaryOptions) -> usize {
    match (options.style, options.length) {
        (SummaryStyle::Headline | SummaryStyle::Tldr, _) => 1,
        (_, SummaryLength::Sentences(count)) => usize::from(count).max(1),
        (_, SummaryLength::MaxChars(_)) => usize::MAX,
    }
}

/// How many tokens the instructions and the task take together.
#[must_use]
pub fn taken(options: &SummaryOptions) -> usize {
    tokens::estimate(&for_summary(options))
        + tokens::estimate(&task_again(options, ""))
        + tokens::estimate(&focus(options))
        + 16
}

fn form(options: &SummaryOptions) -> String {
    let length = match options.length {
        SummaryLength::Sentences(count) => match options.style {
            SummaryStyle::Bullets => format!(" of at most {}", counted(count, "point")),
            _ => format!(" of at most {}", counted(count, "sentence")),
        },
        SummaryLength::MaxChars(most) => format!(" of at most {most} characters"),
    };
    match (options.style, options.length) {
        (SummaryStyle::Paragraph, _) => format!("Write one paragraph{length}."),
        (SummaryStyle::Bullets, _) => {
            format!("Write a list{length}, each point one sentence on a line of its own after `- `.")
        }
        (SummaryStyle::Headline, SummaryLength::MaxChars(_)) => {
            format!("Write a headline{length}: one short line without a full stop.")
        }
        (SummaryStyle::Headline, _) => "Write a headline: one short line without a full stop.".to_owned(),
        (SummaryStyle::Tldr, SummaryLength::MaxChars(_)) => format!("Write one sentence{length}, in simple words."),
        (SummaryStyle::Tldr, _) => "Write one short sentence, in simple words.".to_owned(),
    }
}

fn counted(count: u8, what: &str) -> String {
    let count = if count == 0 { DEFAULT_SENTENCES } else { count };
    if count == 1 {
        format!("one {what}")
    } else {
        format!("{count} {what}s")
    }
}

fn language(options: &SummaryOptions, text: Option<&str>) -> String {
    let own = || {
        text.and_then(detect_language)
            .filter(|found| found.reliable)
            .map(|found| found.code)
    };
    match options.language.as_deref().or_else(own) {
        Some(code) => match language_name(code) {
            Some(name) => format!("Write in {name}."),
            None => format!("Write in the language with the ISO 639 code {}.", json!(code)),
        },
        None => "Write in the language of the text.".to_owned(),
    }
}

/// The English name of a language by its ISO 639 code, of those that are detected.
fn language_name(code: &str) -> Option<&'static str> {
    let code = code.split(['-', '_']).next().unwrap_or_default().to_lowercase();
    LANGUAGES
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, name)| *name)
}

#[rustfmt::skip]
const LANGUAGES: &[(&str, &str)] = &[
    ("af", "Afrikaans"), ("am", "Amharic"), ("ar", "Arabic"), ("az", "Azerbaijani"), ("be", "Belarusian"), ("bg", "Bulgarian"),
    ("bn", "Bengali"), ("ca", "Catalan"), ("cs", "Czech"), ("cy", "Welsh"), ("da", "Danish"), ("de", "German"), ("el", "Greek"),
    ("en", "English"), ("eo", "Esperanto"), ("es", "Spanish"), ("et", "Estonian"), ("eu", "Basque"), ("fa", "Persian"),
    ("fi", "Finnish"), ("fr", "French"), ("ga", "Irish"), ("gl", "Galician"), ("gu", "Gujarati"), ("he", "Hebrew"),
    ("hi", "Hindi"), ("hr", "Croatian"), ("hu", "Hungarian"), ("hy", "Armenian"), ("id", "Indonesian"), ("is", "Icelandic"),
    ("it", "Italian"), ("ja", "Japanese"), ("jv", "Javanese"), ("ka", "Georgian"), ("kk", "Kazakh"), ("km", "Khmer"),
    ("kn", "Kannada"), ("ko", "Korean"), ("la", "Latin"), ("lt", "Lithuanian"), ("lv", "Latvian"), ("mk", "Macedonian"),
    ("ml", "Malayalam"), ("mn", "Mongolian"), ("mr", "Marathi"), ("ms", "Malay"), ("my", "Burmese"), ("nb", "Norwegian Bokmål"),
    ("ne", "Nepali"), ("nl", "Dutch"), ("nn", "Norwegian Nynorsk"), ("no", "Norwegian"), ("or", "Odia"), ("pa", "Punjabi"),
    ("pl", "Polish"), ("pt", "Portuguese"), ("ro", "Romanian"), ("ru", "Russian"), ("si", "Sinhala"), ("sk", "Slovak"),
    ("sl", "Slovenian"), ("sn", "Shona"), ("sq", "Albanian"), ("sr", "Serbian"), ("sv", "Swedish"), ("sw", "Swahili"),
    ("ta", "Tamil"), ("te", "Telugu"), ("th", "Thai"), ("tk", "Turkmen"), ("tl", "Tagalog"), ("tr", "Turkish"),
    ("uk", "Ukrainian"), ("ur", "Urdu"), ("uz", "Uzbek"), ("vi", "Vietnamese"), ("yi", "Yiddish"), ("zh", "Chinese"),
    ("zu", "Zulu"),
];
