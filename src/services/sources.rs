//! What is read of the inputs of an analysis: a text that came along, or that of a stored document within reach.

use super::{
    analysis_tasks::{Input, Task},
    documents,
};
use crate::{
    db::{Db, Tx},
    domain::{
        Error, Result,
        documents::{Document, LONGEST_TEXT},
        identifiers::{CollectionId, DocumentId},
        permissions::Scope,
        principal::Actor,
        text_fields::check_required_text,
    },
};
use std::sync::Arc;

/// How many bytes of stored texts are in memory for one batch, unless a single text has more.
pub(super) const MOST_BYTES_AT_ONCE: usize = 64 * 1024 * 1024;
const TOO_MUCH_AT_ONCE: &str = "makes the documents of this batch more than 64 MiB together; send it in another batch";

/// An input that was looked up.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub text: Arc<str>,
    pub document: Option<SourceDocument>,
}

/// A stored document that a text is from.
#[derive(Debug, Clone)]
pub(super) struct SourceDocument {
    pub id: DocumentId,
    pub version: i64,
    pub collection: CollectionId,
}

impl SourceDocument {
    pub fn of(document: &Document) -> Self {
        Self {
            id: document.id,
            version: document.version,
            collection: document.collection_id,
        }
    }
}

/// A stored document within reach. An answer tells of its text what reading it would tell.
pub(super) async fn read_document(tx: &mut Tx, actor: &Actor, id: DocumentId) -> Result<Document> {
    if !actor.principal.scopes.contains(Scope::DocumentsRead) {
        return Err(Error::Forbidden(format!(
            "an analysis of a stored document needs the scope `{}` too",
            Scope::DocumentsRead
        )));
    }
    documents::find_anywhere(tx, actor, id).await
}

/// Looks the inputs up; what is wrong with one is in its place.
pub(super) async fn look_up(
    db: &Db,
    actor: &Actor,
    inputs: Vec<Result<Input>>,
    task: &Task,
) -> Result<Vec<Result<Source>>> {
    let mut sources = Vec::with_capacity(inputs.len());
    let mut tx = None;
    let mut bytes = 0;
    for input in inputs {
        sources.push(match input {
            Err(error) => Err(error),
            Ok(Input::Text(text)) => check_required_text("/text", &text, LONGEST_TEXT).map(|()| Source {
                text: text.into(),
                document: None,
            }),
            Ok(Input::Document(id)) => {
                let tx = match &mut tx {
                    Some(tx) => tx,
                    none => none.insert(db.read().await?),
                };
                match read_document(tx, actor, id).await {
                    Err(error @ (Error::NotFound { .. } | Error::Forbidden(_))) => Err(error),
                    Err(error) => return Err(error),
                    Ok(document) => {
                        let text: Arc<str> = task.reads(&document).into();
                        bytes += text.len();
                        if bytes > MOST_BYTES_AT_ONCE && bytes > text.len() {
                            bytes -= text.len();
                            Err(Error::invalid("/document_id", TOO_MUCH_AT_ONCE))
                        } else {
                            Ok(Source {
                                text,
                                document: Some(SourceDocument::of(&document)),
                            })
                        }
                    }
                }
            }
        });
    }
    Ok(sources)
}
