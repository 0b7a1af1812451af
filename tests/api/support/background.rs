//! What the loops of a server do, step by step: tests have none.

use super::TestApp;
use synoptic::domain::work::{Queue, WorkKind};

/// Takes up and does what waits of jobs with files, until nothing does; says how many pieces that were.
pub async fn run_files(app: &TestApp) -> usize {
    let services = &app.services;
    let mut done = 0;
    while let Some(batch) = services.work.claim(Queue::Jobs, 32).await.unwrap() {
        for work in &batch.works {
            done += 1;
            let outcome = match work.kind {
                WorkKind::Import => services.imports.store_chunk(work).await,
                WorkKind::Export => services.exports.write_part(work).await,
                other => panic!("not a file: {other:?}"),
            };
            if let Err(error) = outcome {
                services.work.fail(&[(work, &error)]).await.unwrap();
            }
        }
        assert!(done < 10_000, "it does not end");
    }
    done
}
