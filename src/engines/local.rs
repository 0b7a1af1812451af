//! The embedded engine as the router asks it: long texts are worked on off the request threads, and what was learnt from
//! a set of labels is kept for the next text.

use super::{
    LabelSet, LabelSetKey,
    embedded::{Classifier, EmbeddedEngine, with_all_labels},
    question::{GenerationQuestion, Question},
};
use crate::{
    domain::{
        Error, Result,
        analyses::AnalysisOutput,
        answers::{Classification, Generation, Summary, SummaryLength, SummaryMethod, SummaryOptions},
    },
    text::detect_language,
};
use futures_util::future::BoxFuture;
use moka::future::Cache;
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// Texts up to this many bytes take well under a millisecond and are worked on where they are.
const SHORT_TEXT: usize = 8 * 1024;
/// How many bytes the sets of labels that are kept ready may take together.
const CLASSIFIER_BYTES: u64 = 128 * 1024 * 1024;
/// How long an unused set of labels is kept.
const CLASSIFIER_IDLE: Duration = Duration::from_hours(1);
/// How many sentences stand in for a text that a model would write.
const STAND_IN_SENTENCES: u8 = 5;
/// How much of a prompt's own words, in bytes, is looked for in its data.
const LONGEST_WISH: usize = 4 * 1024;
/// About how many bytes a token stands for.
const BYTES_A_TOKEN: usize = 4;

/// The embedded engine with its classifiers. Cheap to clone.
#[derive(Clone)]
pub struct LocalEngine {
    engine: Arc<EmbeddedEngine>,
    classifiers: Cache<LabelSetKey, Arc<Classifier>>,
    /// Learning from examples takes seconds of a core and hundreds of megabytes: one set at a time.
    learning: Arc<Semaphore>,
}

impl Default for LocalEngine {
    fn default() -> Self {
        Self {
            engine: Arc::new(EmbeddedEngine::new()),
            classifiers: Cache::builder()
                .weigher(|_, classifier: &Arc<Classifier>| u32::try_from(classifier.memory()).unwrap_or(u32::MAX))
                .max_capacity(CLASSIFIER_BYTES)
                .time_to_idle(CLASSIFIER_IDLE)
                .build(),
            learning: Arc::new(Semaphore::new(1)),
        }
    }
}

impl LocalEngine {
    /// The engine itself, which others compare what they wrote with.
    #[must_use]
    pub fn embedded(&self) -> &EmbeddedEngine {
        &self.engine
    }

    /// Answers as well as it can; [`Self::cannot`] says what of the question it leaves out.
    #[must_use]
    pub fn answer<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<AnalysisOutput>> {
        Box::pin(async move {
            Ok(match question {
                Question::Summary { text, options } => {
                    AnalysisOutput::Summary(self.summarize(Arc::clone(text), options.clone()).await?)
                }
                Question::Classification { text, labels, options } => {
                    let answer = self
                        .classify(Arc::clone(text), labels.clone(), options.threshold)
                        .await?;
                    AnalysisOutput::Classification(if options.multi_label {
                        with_all_labels(answer)
                    } else {
                        answer
                    })
                }
                Question::Generation(question) => AnalysisOutput::Generation(self.generate(question).await?),
            })
        })
    }

    /// What of the question this engine cannot do, in words that follow "the embedded engine"; `None` when it can do all of it.
    #[must_use]
    pub fn cannot(&self, question: &Question) -> Option<String> {
        match question {
            Question::Summary { text, options } => {
                if options.method == Some(SummaryMethod::Abstractive) {
                    return Some("writes no sentences of its own: its summaries are sentences of the text".to_owned());
                }
                let wanted = options.language.as_deref()?;
                let wanted_code = wanted.split(['-', '_']).next().unwrap_or_default().to_lowercase();
                let own = detect_language(text)?;
                (own.code != wanted_code).then(|| {
                    format!(
                        "does not translate: the text is in `{}`, and `{wanted}` is wanted",
                        own.code
                    )
                })
            }
            Question::Classification { options, .. } => options
                .rationale
                .then(|| "gives no reasons in words for the label it chooses".to_owned()),
            Question::Generation(question) => cannot_generate(question),
        }
    }

    /// Stands in for a model: the sentences of the prompt's data that are nearest to its own words, word for word, at most five. It
    /// fails where the answer must be JSON or the prompt has no data.
    pub async fn generate(&self, question: &GenerationQuestion) -> Result<Generation> {
        if let Some(reason) = cannot_generate(question) {
            return Err(Error::invalid("/engine", format!("the embedded engine {reason}")));
        }
        let options = SummaryOptions {
            length: SummaryLength::Sentences(STAND_IN_SENTENCES),
            focus: Some(own_words(question)),
            ..SummaryOptions::default()
        };
        let data: Arc<str> = question.data.join("\n\n").into();
        let mut sentences: Vec<String> = self
            .summarize(data, options)
            .await?
            .sentences
            .into_iter()
            .map(|sentence| sentence.text)
            .collect();
        let most = question
            .max_output_tokens
            .map_or(usize::MAX, |tokens| tokens as usize * BYTES_A_TOKEN);
        while sentences.len() > 1 && sentences.iter().map(String::len).sum::<usize>() > most {
            sentences.pop();
        }
        Ok(Generation {
            text: sentences.join(" "),
            json: None,
        })
    }

    async fn classifier(&self, set: LabelSet) -> Result<Arc<Classifier>> {
        let fitted = async {
            // Without examples it takes less than a millisecond, which need not wait for a set that takes seconds.
            let turn = if set.labels.iter().any(|label| !label.examples.is_empty()) {
                let turn = Arc::clone(&self.learning).acquire_owned().await;
                Some(turn.map_err(Error::internal)?)
            } else {
                None
            };
            let engine = Arc::clone(&self.engine);
            // The work goes on when the request is given up, and keeps its turn until it is done.
            run_apart(move || {
                let classifier = Arc::new(engine.classifier(&set.labels));
                drop(turn);
                classifier
            })
            .await
        };
        self.classifiers
            .try_get_with(set.key.clone(), fitted)
            .await
            .map_err(|error| Error::internal(error.to_string()))
    }
}

impl LocalEngine {
    /// Which model, with what distinguishes its versions.
    pub const MODEL: &'static str = "static-minilm-256";

    async fn summarize(&self, text: Arc<str>, options: SummaryOptions) -> Result<Summary> {
        if text.len() <= SHORT_TEXT {
            return Ok(self.engine.summarize(&text, &options));
        }
        let engine = Arc::clone(&self.engine);
        run_apart(move || engine.summarize(&text, &options)).await
    }

    async fn classify(&self, text: Arc<str>, labels: LabelSet, threshold: f64) -> Result<Classification> {
        let classifier = self.classifier(labels).await?;
        if text.len() <= SHORT_TEXT {
            return Ok(classifier.classify(&text, threshold));
        }
        run_apart(move || classifier.classify(&text, threshold)).await
    }
}

fn cannot_generate(question: &GenerationQuestion) -> Option<String> {
    if question.output_schema.is_some() {
        return Some("cannot write JSON: this prompt needs a model".to_owned());
    }
    let is_empty = question.data.iter().all(|data| data.trim().is_empty());
    is_empty
        .then(|| "writes nothing of its own: it takes sentences from a prompt's data, and this one has none".to_owned())
}

/// What the prompt says apart from its data.
fn own_words(question: &GenerationQuestion) -> String {
    let mut user = question.user.clone();
    for data in question.data.iter().filter(|data| !data.trim().is_empty()) {
        user = user.replace(&**data, " ");
    }
    let mut words = format!("{}\n{user}", question.system);
    words.truncate(words.floor_char_boundary(LONGEST_WISH));
    words
}

async fn run_apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
