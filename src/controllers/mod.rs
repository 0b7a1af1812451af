//! The operations of the API, one file a resource: read the parameters, call a service, shape the answer. The first argument
//! of every handler is the caller, because arguments are read in their order and nobody unknown may learn anything first.

mod analyses;
mod classify;
mod collections;
mod documents;
mod examples;
mod operations;
mod summarize;
mod taxonomies;

use crate::services::Services;
use poem_openapi::{OpenApi, Tags};

/// The groups that Swagger UI shows.
#[derive(Tags)]
enum Tag {
    /// Named streams of documents.
    Collections,
    /// Texts with what their owners know about them: store, list, search, change.
    Documents,
    /// Closed sets of labels, with immutable versions.
    Taxonomies,
    /// Ask: summaries whose sentences are anchored in the source, and classifications into a taxonomy or your own labels.
    Ask,
    /// Answers on record: what was asked, what answered, how sure it was.
    Analyses,
    /// Whether the server is well. Needs no key.
    Operations,
}

/// Every resource's operations.
#[must_use]
pub fn api(services: &Services) -> impl OpenApi + 'static {
    (
        collections::CollectionsApi(services.collections.clone()),
        documents::DocumentsApi(services.documents.clone(), services.taxonomies.clone()),
        taxonomies::TaxonomiesApi(services.taxonomies.clone()),
        summarize::SummarizeApi(services.analyses.clone()),
        classify::ClassifyApi(services.analyses.clone()),
        analyses::AnalysesApi(services.analyses.clone()),
        operations::OperationsApi(services.clone()),
    )
}
