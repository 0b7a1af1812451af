//! The sample data of `serve --demo`: support tickets and a taxonomy, summarised and classified, and prompts. Loading it again changes nothing
//! that is there, so that what a person has tried out survives a restart.

mod automation;
mod budgets;
mod erasures;
mod files;
mod jobs;
mod people;
mod prompts;
mod webhooks;

pub use budgets::{BUDGET, SPARE_BUDGET};
pub use erasures::ERASURE;
pub use files::{EXPORT, IMPORT, PUSH_TOKEN, SPARE_PUSH_URL, UPLOAD_OFFSET};
pub use jobs::{FAILED_JOB, FAILED_WORK, JOB, SPARE_JOB};
pub use people::{
    ADMIN_EMAIL, CHANGEABLE_USER, KEY, REFRESH_TOKEN, SPARE_KEY, SPARE_SESSION, SPARE_USER, VIEWER, VIEWER_EMAIL,
    VIEWER_PASSWORD, replace_admin, retire_viewer,
};
pub use webhooks::{DELIVERY, SPARE_WEBHOOK, WEBHOOK};

use super::{
    Services,
    analysis_tasks::{ClassificationWish, LabelSource, Order, Task},
    documents::OnConflict,
};
use crate::domain::{
    Error, Result,
    answers::{SummaryLength, SummaryOptions},
    collections::CollectionFields,
    documents::{Attributes, Document, DocumentFields, LARGEST_BATCH},
    identifiers::{AnalysisId, CollectionId},
    labels::Label,
    principal::Actor,
    taxonomies::{LabelDraft, TaxonomyDraft},
    text_fields::NameOrId,
};
use serde::Deserialize;
use uuid::Uuid;

const TICKETS: &str = include_str!("../../../assets/demo/tickets.csv");
const TAXONOMY: &str = include_str!("../../../assets/demo/taxonomy.json");

/// The slug of the collection of tickets.
pub const COLLECTION: &str = "tickets";
/// The slug of the taxonomy.
pub const TAXONOMY_SLUG: &str = "ticket-topic";
/// The slug of the prompt that writes replies.
pub const PROMPT: &str = "ticket-reply";
/// The slug of the prompt that takes facts out of a ticket, as JSON.
pub const FACTS_PROMPT: &str = "ticket-facts";
/// The slug of a collection, a taxonomy and a prompt that nothing depends on, to try deleting with.
pub const SPARE: &str = "spare";
/// The ticket that examples read.
pub const TICKET: &str = "T-1001";
/// The ticket that examples delete.
pub const SPARE_TICKET: &str = "T-1048";
/// The analysis that examples read.
pub const ANALYSIS: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
/// The analysis that examples delete.
pub const SPARE_ANALYSIS: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002);

#[derive(Deserialize)]
struct Row {
    external_id: String,
    title: String,
    text: String,
    attributes: String,
}

#[derive(Deserialize)]
struct SampleTaxonomy {
    name: String,
    description: String,
    labels: Vec<Label>,
}

/// Loads what is not there yet.
///
/// # Errors
/// When the database does not answer.
pub async fn load(services: &Services) -> Result<()> {
    let tickets = NameOrId::Name(COLLECTION.to_owned());
    create_resources(services).await?;
    if services
        .documents
        .walk(&Actor::operator(), &tickets, None, 1)
        .await?
        .is_empty()
    {
        services
            .documents
            .create_batch(&Actor::operator(), &tickets, sample_tickets()?, OnConflict::Refuse)
            .await?;
    }
    restore_spare_ticket(services, &tickets).await?;
    let documents = all_documents(services).await?;
    let summary = Task::Summary(SummaryOptions {
        length: SummaryLength::Sentences(2),
        ..SummaryOptions::default()
    });
    analyse(services, &documents, &summary).await?;
    let labels = LabelSource::Taxonomy {
        name: NameOrId::Name(TAXONOMY_SLUG.to_owned()),
        version: None,
    };
    let classification = Task::Classification(
        services
            .analyses
            .classification(&Actor::operator(), labels, ClassificationWish::default())
            .await?,
    );
    analyse(services, &documents, &classification).await?;
    store_documented_analyses(services, &documents, &[&summary, &classification]).await?;
    prompts::load(services).await?;
    people::load(services).await?;
    budgets::load(services).await?;
    automation::load(services).await?;
    erasures::load(services).await?;
    jobs::load(services, &documents).await?;
    webhooks::load(services).await?;
    files::load(services, &documents).await
}

async fn analyse(services: &Services, documents: &[Document], task: &Task) -> Result<()> {
    let order = Order::embedded(task.clone());
    let missing = services
        .analyses
        .run_missing(&Actor::operator(), documents, &order)
        .await?;
    match missing.failed.into_iter().next() {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

async fn create_resources(services: &Services) -> Result<()> {
    let collections = [
        (
            COLLECTION,
            "Support tickets",
            "Tickets that customers of an invented shipping product have written.",
        ),
        (SPARE, "Spare", "Empty; here to try deleting with."),
    ];
    for (slug, name, description) in collections {
        let created = services
            .collections
            .create(
                &Actor::operator(),
                CollectionFields::new(Some(slug), name, description)?,
            )
            .await;
        unless_there(created.map(drop))?;
    }
    let sample: SampleTaxonomy = serde_json::from_str(TAXONOMY).map_err(Error::internal)?;
    let spare = [
        ("Urgent", "Somebody cannot work until this is mended."),
        ("Can wait", "Wishes, questions, small things."),
    ];
    let spare = spare.map(|(name, description)| LabelDraft {
        name: name.to_owned(),
        description: description.to_owned(),
        ..LabelDraft::default()
    });
    let taxonomies = [
        (
            TAXONOMY_SLUG,
            sample.name,
            sample.description,
            sample.labels.iter().map(LabelDraft::from).collect(),
        ),
        (
            SPARE,
            "Spare".to_owned(),
            "Here to try changing and deleting with.".to_owned(),
            spare.to_vec(),
        ),
    ];
    for (slug, name, description, labels) in taxonomies {
        let draft = TaxonomyDraft {
            name,
            description,
            threshold: None,
            labels,
        };
        unless_there(
            services
                .taxonomies
                .create(&Actor::operator(), Some(slug), draft)
                .await
                .map(drop),
        )?;
    }
    Ok(())
}

fn unless_there(created: Result<()>) -> Result<()> {
    match created {
        Err(Error::Conflict(_)) => Ok(()),
        other => other,
    }
}

/// Brings back the ticket that an example deletes, so that the example works after the next start.
async fn restore_spare_ticket(services: &Services, tickets: &NameOrId<CollectionId>) -> Result<()> {
    let is_spare = |ticket: &DocumentFields| ticket.external_id.as_deref() == Some(SPARE_TICKET);
    for ticket in sample_tickets()?.into_iter().filter(is_spare) {
        let created = services
            .documents
            .create(&Actor::operator(), tickets, ticket, OnConflict::Refuse)
            .await;
        unless_there(created.map(drop))?;
    }
    Ok(())
}

fn sample_tickets() -> Result<Vec<DocumentFields>> {
    let mut reader = csv::Reader::from_reader(TICKETS.as_bytes());
    let rows = reader.deserialize::<Row>();
    rows.map(|row| {
        let row = row.map_err(Error::internal)?;
        let attributes: Attributes = serde_json::from_str(&row.attributes).map_err(Error::internal)?;
        Ok(DocumentFields {
            external_id: Some(row.external_id),
            title: Some(row.title),
            text: row.text,
            attributes,
            language: None,
        })
    })
    .collect()
}

async fn all_documents(services: &Services) -> Result<Vec<Document>> {
    let most = u32::try_from(LARGEST_BATCH).unwrap_or(u32::MAX);
    services
        .documents
        .walk(&Actor::operator(), &NameOrId::Name(COLLECTION.to_owned()), None, most)
        .await
}

/// Copies two analyses to the ids that the documentation's examples name.
async fn store_documented_analyses(services: &Services, documents: &[Document], tasks: &[&Task]) -> Result<()> {
    let Some(ticket) = documents
        .iter()
        .find(|document| document.external_id.as_deref() == Some(TICKET))
    else {
        return Ok(());
    };
    for (task, id) in tasks.iter().zip([ANALYSIS, SPARE_ANALYSIS]) {
        let Some(analysis) = services
            .analyses
            .newest(&Actor::operator(), ticket, task.kind())
            .await?
        else {
            continue;
        };
        if services.analyses.get(&Actor::operator(), AnalysisId(id)).await.is_err() {
            services
                .analyses
                .store_copy(&Actor::operator(), &analysis, AnalysisId(id))
                .await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_sound() {
        let tickets = sample_tickets().unwrap();
        assert!(tickets.len() >= 40);
        for ticket in tickets {
            ticket.check().unwrap();
        }
        let taxonomy: SampleTaxonomy = serde_json::from_str(TAXONOMY).unwrap();
        assert_eq!(taxonomy.labels.len(), 6);
    }
}
