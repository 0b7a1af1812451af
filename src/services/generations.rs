//! Generated texts: a prompt is filled with the variables of a request and the text that it is about, and answered as any other
//! question is.

use super::{
    analysis_tasks::{GenerationTask, Input, Order, Task},
    answering::{Answering, Given},
    following::Follow,
    prompts::{self, Prompts},
    sources::{Source, SourceDocument, read_document},
    wanted::Wanted,
};
use crate::{
    domain::{
        Error, Result,
        analyses::AnalysisKind,
        caching::CachePolicy,
        deadlines,
        documents::LONGEST_TEXT,
        engines::EngineChoice,
        identifiers::PromptId,
        principal::Actor,
        prompts::{HIGHEST_TEMPERATURE, MOST_OUTPUT_TOKENS},
        text_fields::{NameOrId, check_required_text},
    },
    engines::GenerationQuestion,
    templates::{PromptDocument, PromptInput},
    text::hash_text,
};
use serde_json::{Map, Value};
use std::sync::Arc;

#[derive(Clone)]
pub struct Generations {
    answering: Answering,
    prompts: Prompts,
}

/// What is to be written.
#[derive(Debug, Clone)]
pub struct Commission {
    pub prompt: NameOrId<PromptId>,
    /// The newest when `None`.
    pub version: Option<i64>,
    pub variables: Map<String, Value>,
    /// The text that it is about, if there is one.
    pub input: Option<Input>,
    /// The prompt's own when `None`.
    pub max_output_tokens: Option<u32>,
    /// The prompt's own when `None`.
    pub temperature: Option<f32>,
    pub engine: EngineChoice,
    pub cache: CachePolicy,
}

impl Generations {
    pub(super) fn new(answering: Answering, prompts: Prompts) -> Self {
        Self { answering, prompts }
    }

    /// Writes, unless the same was written before.
    ///
    /// # Errors
    /// `Error::NotFound` for the prompt or the document, `Error::Invalid` for what does not fit it, `Error::OverBudget`,
    /// `Error::Upstream`.
    pub async fn run(&self, actor: &Actor, commission: Commission) -> Result<Given> {
        let wanted = Wanted {
            deadline: deadlines::current(),
            ..self.wanted(actor, commission).await?
        };
        Box::pin(self.answering.answer(&wanted)).await
    }

    /// Sets out for the text, to be followed while it is written.
    ///
    /// # Errors
    /// As for [`Generations::run`], as far as it is known before anything is asked.
    pub async fn follow(&self, actor: &Actor, commission: Commission) -> Result<Follow> {
        let wanted = self.wanted(actor, commission).await?;
        Box::pin(Follow::begin(&self.answering, wanted)).await
    }

    async fn wanted(&self, actor: &Actor, commission: Commission) -> Result<Wanted> {
        let Commission {
            prompt,
            version,
            variables,
            input,
            max_output_tokens,
            temperature,
            engine,
            cache,
        } = commission;
        check_limits(max_output_tokens, temperature)?;
        let plan = self.answering.router.plan(AnalysisKind::Generation, &engine)?;
        let prompt = match version {
            Some(version) => self.prompts.get_version(actor, &prompt, version).await?,
            None => self.prompts.get(actor, &prompt).await?,
        };
        let (source, document) = self.read(actor, input).await?;
        // What is written depends on all of it, and nothing of it is stored with the answer.
        let filling = document
            .as_ref()
            .map(|document| (&document.title, &document.attributes));
        let filling = serde_json::to_string(&(&variables, filling)).map_err(Error::internal)?;
        let (prompt, rendered) = prompts::fill(prompt, PromptInput { variables, document }).await?;
        let question = GenerationQuestion {
            system: rendered.system,
            user: rendered.user,
            data: rendered.data,
            marks: vec![rendered.marker],
            output_schema: prompt.output_schema.map(|schema| Arc::new(Value::Object(schema.0))),
            max_output_tokens: max_output_tokens
                .or_else(|| prompt.max_output_tokens.and_then(|most| u32::try_from(most).ok())),
            temperature: temperature.or(prompt.temperature.map(|temperature| temperature as f32)),
        };
        let task = Task::Generation(GenerationTask {
            prompt: (prompt.id, prompt.version),
            question,
            variables_hash: hash_text(&filling),
        });
        let order = Order { task, engine, cache };
        Ok(Wanted::new(actor, source, &order, &plan))
    }

    async fn read(&self, actor: &Actor, input: Option<Input>) -> Result<(Source, Option<PromptDocument>)> {
        match input {
            None => {
                let source = Source {
                    text: Arc::from(""),
                    document: None,
                };
                Ok((source, None))
            }
            Some(Input::Text(text)) => {
                check_required_text("/text", &text, LONGEST_TEXT)?;
                let text: Arc<str> = text.into();
                let document = PromptDocument {
                    title: None,
                    text: Arc::clone(&text),
                    attributes: Map::new(),
                };
                Ok((Source { text, document: None }, Some(document)))
            }
            Some(Input::Document(id)) => {
                let mut tx = self.answering.db.read().await?;
                let stored = read_document(&mut tx, actor, id).await?;
                let of = SourceDocument::of(&stored);
                let text: Arc<str> = stored.text.as_str().into();
                let document = PromptDocument {
                    title: stored.title.clone(),
                    text: Arc::clone(&text),
                    attributes: stored.attributes.0.clone(),
                };
                let source = Source {
                    text,
                    document: Some(of),
                };
                Ok((source, Some(document)))
            }
        }
    }
}

fn check_limits(max_output_tokens: Option<u32>, temperature: Option<f32>) -> Result<()> {
    if max_output_tokens.is_some_and(|most| most == 0 || i64::from(most) > MOST_OUTPUT_TOKENS) {
        let message = format!("must be 1 to {MOST_OUTPUT_TOKENS}");
        return Err(Error::invalid("/max_output_tokens", message));
    }
    if temperature.is_some_and(|temperature| !(0.0..=HIGHEST_TEMPERATURE).contains(&f64::from(temperature))) {
        return Err(Error::invalid(
            "/temperature",
            format!("must be 0 to {HIGHEST_TEMPERATURE}"),
        ));
    }
    Ok(())
}
