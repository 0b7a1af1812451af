//! The operations of the API, one file a resource: read the parameters, call a service, shape the answer. The first argument
//! of every handler is the caller, because arguments are read in their order and nobody unknown may learn anything first.

mod analyses;
mod asking;
mod audit;
mod budgets;
mod classify;
mod collections;
mod documents;
mod erasures;
mod examples;
mod exports;
mod generate;
mod imports;
mod jobs;
mod keys;
mod operations;
mod prompts;
mod push_urls;
mod sign_in;
mod summarize;
mod taxonomies;
mod usage;
mod users;
mod webhooks;

use crate::{auth::cookies::Names, services::Services};
use poem_openapi::{OpenApi, Tags};

/// The groups that Swagger UI shows.
#[derive(Tags)]
enum Tag {
    /// Named streams of documents.
    Collections,
    /// Texts with what their owners know about them: store, list, search, change.
    Documents,
    /// Documents from files, whole or bit by bit, and from other systems.
    Imports,
    /// Documents into files.
    Exports,
    /// Closed sets of labels, with immutable versions.
    Taxonomies,
    /// Templates of what a model is asked to write, with immutable versions.
    Prompts,
    /// Ask: summaries whose sentences are anchored in the source, and classifications into a taxonomy or your own labels.
    Ask,
    /// Answers on record: what was asked, what answered, how sure it was.
    Analyses,
    /// Addresses that are told what happens in a collection, signed as Standard Webhooks; what was sent, and what came of it.
    Webhooks,
    /// Sign in and out, see who you are and where you are signed in.
    #[oai(rename = "Sign-in")]
    SignIn,
    /// Long work over many documents, in the background: begin, watch, cancel, try again what failed; and which servers do it.
    Jobs,
    /// Everything that belongs to somebody goes, with a receipt that can be checked.
    Erasures,
    /// People: who may sign in, what they may do, which collections there are for them.
    Users,
    /// Programs' credentials: what each may do, in which collections, until when.
    #[oai(rename = "API keys")]
    Keys,
    /// What calls to models have used and what it cost, by day, key, user, collection, engine and model.
    Usage,
    /// What calls to models may use: tokens or money in an hour, a day or a month.
    Budgets,
    /// Who did what, when, from where.
    Audit,
    /// Whether the server is well. Needs no key.
    Operations,
}

/// Whether the server is well, and nothing else.
#[must_use]
pub fn health(services: &Services) -> impl OpenApi + 'static {
    operations::OperationsApi(services.clone())
}

/// Every resource's operations.
#[must_use]
pub fn api(services: &Services, cookies: Names) -> impl OpenApi + 'static {
    // A tuple has sixteen places at most.
    let data = (
        collections::CollectionsApi(services.collections.clone()),
        documents::DocumentsApi(services.documents.clone(), services.taxonomies.clone()),
        taxonomies::TaxonomiesApi(services.taxonomies.clone()),
        prompts::PromptsApi(services.prompts.clone()),
    );
    let files = (
        imports::ImportsApi(services.imports.clone()),
        push_urls::PushUrlsApi(services.push_urls.clone()),
        exports::ExportsApi(services.exports.clone()),
    );
    let answers = (
        summarize::SummarizeApi(services.clone()),
        classify::ClassifyApi(services.clone()),
        generate::GenerateApi(services.clone()),
        analyses::AnalysesApi(services.analyses.clone()),
    );
    let background = (
        jobs::JobsApi(services.jobs.clone()),
        jobs::JobPreviewsApi(services.job_work.clone()),
        jobs::WorkApi(services.jobs.clone()),
        webhooks::WebhooksApi(services.webhooks.clone()),
        erasures::ErasuresApi(services.erasures.clone()),
    );
    let people = (
        sign_in::SignInApi {
            services: services.clone(),
            cookies,
        },
        users::UsersApi(services.users.clone()),
        keys::KeysApi(services.api_keys.clone()),
        usage::UsageApi(services.usage.clone()),
        budgets::BudgetsApi(services.budgets.clone()),
        audit::AuditApi(services.audit.clone()),
    );
    let server = operations::OperationsApi(services.clone());
    (data, files, answers, background, people, server)
}
