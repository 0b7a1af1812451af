//! Stores a batch and makes its analyses.

use super::{Found, report::Report};
use crate::{
    domain::{
        Error,
        collections::CollectionFields,
        documents::{Document, DocumentFields},
        identifiers::CollectionId,
        principal::Actor,
        text_fields::NameOrId,
    },
    interchange::{Record, Rejected, Row},
    services::{
        Services,
        analyses::Missing,
        analysis_tasks::Order,
        documents::{OnConflict, Outcome},
    },
};
use anyhow::{Context, Result};
use std::sync::Arc;

/// A row that the database cannot take is rejected; this many of them in a row are a fault of the database.
const MOST_FAULTS: u32 = 3;

pub(super) struct Store<'a> {
    services: &'a Services,
    collection: NameOrId<CollectionId>,
    /// The collection that is to be created for the first batch.
    missing: Option<CollectionFields>,
    orders: Vec<Order>,
    actor: Actor,
}

/// A record and the file it is from.
type Sourced = (Arc<str>, Record);

impl<'a> Store<'a> {
    /// Looks the collection up. One that is missing is created once there is something to put into it.
    pub async fn new(services: &'a Services, collection: &str, orders: Vec<Order>) -> Result<Self> {
        let actor = Actor::operator();
        let named = NameOrId::parse(collection);
        let missing = match services.collections.get(&actor, &named).await {
            Ok(_) => None,
            Err(Error::NotFound { .. }) if matches!(named, NameOrId::Name(_)) => {
                let fields = CollectionFields::new(Some(collection), collection, "");
                Some(fields.with_context(|| format!("there is no collection `{collection}`, nor can there be"))?)
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            services,
            collection: named,
            missing,
            orders,
            actor,
        })
    }

    /// Stores the records among the rows, all or nothing. When that is refused, the halves are tried, and so on down to the
    /// rows that are to blame.
    pub async fn take(&mut self, found: Vec<Found>, report: &mut Report) -> Result<()> {
        self.create_missing(report).await?;
        let mut records = Vec::with_capacity(found.len());
        for Found { source, row } in found {
            report.totals.read += 1;
            match row {
                Row::Record(record) => records.push((source, record)),
                Row::Rejected(rejected) => report.reject(&source, rejected)?,
            }
        }
        let mut waiting = vec![records];
        let mut faults = 0;
        while let Some(mut batch) = waiting.pop() {
            if batch.is_empty() {
                continue;
            }
            match self.store(&batch, report).await {
                Ok(documents) => {
                    faults = 0;
                    self.analyse(&documents, report).await?;
                }
                Err(Error::Invalid(_) | Error::Conflict(_) | Error::Internal { .. }) if batch.len() > 1 => {
                    let second = batch.split_off(batch.len() / 2);
                    waiting.extend([second, batch]);
                }
                Err(error @ (Error::Invalid(_) | Error::Conflict(_) | Error::Internal { .. })) => {
                    faults += u32::from(matches!(error, Error::Internal { .. }));
                    if faults == MOST_FAULTS {
                        return Err(error.into());
                    }
                    let reason = reason(&error);
                    for (source, Record { line, fields }) in batch {
                        let reason = reason.clone();
                        report.reject(
                            &source,
                            Rejected {
                                line,
                                external_id: fields.external_id,
                                reason,
                            },
                        )?;
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn create_missing(&mut self, report: &Report) -> Result<()> {
        if let Some(fields) = self.missing.take() {
            let slug = self.services.collections.create(&self.actor, fields).await?.slug;
            report.say(&format!("There was no collection `{slug}`; it is created now."))?;
        }
        Ok(())
    }

    async fn store(&self, batch: &[Sourced], report: &mut Report) -> Result<Vec<Document>, Error> {
        let fields: Vec<DocumentFields> = batch.iter().map(|(_, record)| record.fields.clone()).collect();
        let stored = self
            .services
            .documents
            .create_batch(&self.actor, &self.collection, fields, OnConflict::Update)
            .await?;
        let count = |outcome| stored.iter().filter(|(_, one)| *one == outcome).count() as u64;
        report.totals.created += count(Outcome::Created);
        report.totals.updated += count(Outcome::Updated);
        report.totals.unchanged += count(Outcome::Unchanged);
        Ok(stored.into_iter().map(|(document, _)| document).collect())
    }

    async fn analyse(&self, documents: &[Document], report: &mut Report) -> Result<()> {
        for order in &self.orders {
            let Missing { made, failed } = self
                .services
                .analyses
                .run_missing(&self.actor, documents, order)
                .await?;
            report.analysed(order.task.kind(), made);
            for (id, error) in failed {
                let document = documents.iter().find(|document| document.id == id);
                let external_id = document.and_then(|document| document.external_id.clone());
                let name = external_id.unwrap_or_else(|| id.to_string());
                report.fail(order.task.kind(), &name, &reason(&error));
            }
        }
        Ok(())
    }
}

/// Why, as precisely as is known.
fn reason(error: &Error) -> String {
    error.cause().map_or_else(|| error.to_string(), ToString::to_string)
}
