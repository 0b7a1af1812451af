//! The sample data, loaded by the services: the same documents get the same answers on both databases.

use crate::{databases::on_both, fixtures::services};
use std::sync::Mutex;
use synoptic::{
    config::Auth,
    domain::{
        analyses::AnalysisFilter,
        documents::{DocumentFilter, DocumentSort, SearchQuery},
        paging::PageRequest,
        principal::Actor,
        text_fields::NameOrId,
    },
    services::demo,
};
use tokio_util::task::TaskTracker;

#[tokio::test]
async fn the_sample_has_the_same_answers_on_both() {
    let seen = Mutex::new(Vec::new());
    on_both(async |db| {
        let tasks = TaskTracker::new();
        let services = services(db, Auth::default(), &tasks);
        demo::load(&services).await.unwrap();
        demo::load(&services).await.unwrap();
        let everything = PageRequest {
            limit: 200,
            after: None,
        };
        let analyses = services
            .analyses
            .list(&Actor::operator(), AnalysisFilter::default(), None, None, everything)
            .await
            .unwrap();
        let mut answers: Vec<_> = analyses
            .rows
            .iter()
            .map(|row| (row.input_hash.clone(), row.output.clone()))
            .collect();
        answers.sort_by_key(|(hash, output)| (hash.clone(), format!("{output:?}")));
        let tickets = NameOrId::Name(demo::COLLECTION.to_owned());
        let filter = DocumentFilter {
            search: Some(SearchQuery::parse("refund").unwrap()),
            ..DocumentFilter::default()
        };
        let page = PageRequest {
            limit: 200,
            after: None,
        };
        let found = services
            .documents
            .list(
                &Actor::operator(),
                &tickets,
                &filter,
                DocumentSort::CreatedAscending,
                page,
            )
            .await
            .unwrap();
        let mut found: Vec<_> = found.rows.into_iter().map(|row| row.head.external_id).collect();
        found.sort();
        assert!(answers.len() > 90 && !found.is_empty());
        seen.lock().unwrap().push((answers, found));
        drop(services);
        tasks.close();
        tasks.wait().await;
    })
    .await;
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen[0], seen[1]);
}
