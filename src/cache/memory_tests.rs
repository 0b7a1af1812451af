//! What is in memory, and what is not any more.

use super::*;
use crate::domain::{
    Timestamp,
    analyses::{Analysis, AnalysisKind, AnalysisOptions, AnalysisOutput, RecordedUsage},
    answers::{Generation, SummaryOptions},
    identifiers::{AnalysisId, DocumentId},
};
use sqlx::types::Json;

fn analysis(length: usize) -> Arc<SharedAnalysis> {
    SharedAnalysis::new(Analysis {
        id: AnalysisId::generate(),
        kind: AnalysisKind::Generation,
        document_id: None,
        document_version: None,
        input_hash: String::new(),
        taxonomy_id: None,
        taxonomy_version: None,
        prompt_id: None,
        prompt_version: None,
        label: None,
        confidence: None,
        options: Json(AnalysisOptions::Summary(SummaryOptions::default())),
        output: Json(AnalysisOutput::Generation(Generation {
            text: "x".repeat(length),
            json: None,
        })),
        engine: String::new(),
        model: String::new(),
        duration_us: 0,
        degraded: false,
        degraded_reason: None,
        usage: RecordedUsage::default(),
        cache_key: None,
        trace_id: None,
        created_by: None,
        created_by_user: None,
        created_at: Timestamp::parse("2026-03-01T08:00:00Z").unwrap(),
    })
}

fn memory(bytes: u64) -> Memory {
    Memory::new(&config::Cache {
        memory_bytes: bytes,
        ..config::Cache::default()
    })
}

impl Memory {
    async fn settle(&self) {
        self.answers.run_pending_tasks().await;
    }

    fn subjects(&self) -> usize {
        self.index.lock().unwrap().len()
    }
}

fn subjects(analysis: &Analysis, document: DocumentId) -> Vec<Subject> {
    vec![Subject::Analysis(analysis.id), Subject::Document(document)]
}

#[tokio::test]
async fn what_replaces_another_is_forgotten_with_its_document() {
    let memory = memory(1 << 20);
    let document = DocumentId::generate();
    let answers = [analysis(10), analysis(10), analysis(10)];
    for answer in &answers {
        memory
            .put([1; 32], Arc::clone(answer), subjects(answer, document))
            .await;
        memory.settle().await;
        // One that is brought near again counts once.
        memory
            .put([1; 32], Arc::clone(answer), subjects(answer, document))
            .await;
        memory.settle().await;
    }
    assert_eq!(
        memory.subjects(),
        2,
        "those of the answers that are gone are still there"
    );
    memory.forget(Subject::Analysis(answers[0].id)).await;
    assert!(memory.get(&[1; 32]).await.is_some());
    memory.forget(Subject::Document(document)).await;
    assert!(memory.get(&[1; 32]).await.is_none());
    memory.settle().await;
    assert_eq!((memory.subjects(), memory.size().await), (0, (0, 0)));
}

#[tokio::test]
async fn many_bytes_push_others_out_and_leave_no_trace() {
    let memory = memory(10_000);
    let document = DocumentId::generate();
    for number in 0..100 {
        let answer = analysis(1_000);
        memory
            .put([number; 32], Arc::clone(&answer), subjects(&answer, document))
            .await;
    }
    memory.settle().await;
    let (count, bytes) = memory.size().await;
    assert!(
        (1..10).contains(&count) && bytes <= 10_000,
        "{count} answers, {bytes} bytes"
    );
    assert_eq!(memory.subjects() as u64, count + 1);
    // One that is larger than everything is not kept at all.
    let answer = analysis(20_000);
    memory
        .put([200; 32], Arc::clone(&answer), subjects(&answer, document))
        .await;
    memory.settle().await;
    assert!(memory.get(&[200; 32]).await.is_none());
    memory.forget(Subject::Document(document)).await;
    memory.settle().await;
    assert_eq!((memory.subjects(), memory.size().await.0), (0, 0));
}

#[tokio::test]
async fn without_room_nothing_is_kept() {
    let memory = memory(0);
    let answer = analysis(1);
    memory
        .put([1; 32], Arc::clone(&answer), subjects(&answer, DocumentId::generate()))
        .await;
    memory.settle().await;
    assert!(memory.get(&[1; 32]).await.is_none());
    assert_eq!(memory.subjects(), 0);
}
