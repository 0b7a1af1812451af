//! Two models beside each other, for those who pay for time.

use super::{Asking, ModelInUse, asked::Asked, candidates::answer_of};
use crate::engines::{LocalEngine, Question};
use std::time::Duration;

/// Asks a second model when the first has not answered after a while; the first answer counts, the other is given up. A second one
/// that no budget holds was not asked.
pub(super) async fn hedged(
    (first, second): (&ModelInUse, &ModelInUse),
    after: Duration,
    embedded: &LocalEngine,
    question: &Question,
    asking: &Asking,
) -> Asked {
    let with_own_end = |model: &ModelInUse| {
        let cancel = asking.cancel.child_token();
        let asking = Asking {
            cancel: cancel.clone(),
            ..asking.clone()
        };
        let (model, embedded, question) = (model.clone(), embedded.clone(), question.clone());
        let work = async move {
            let answer = answer_of(&model, &embedded, &question, &asking).await;
            Asked::one(&model, answer)
        };
        (cancel, Box::pin(work))
    };
    let (cancel_first, mut of_first) = with_own_end(first);
    tokio::select! {
        asked = &mut of_first => return asked,
        () = tokio::time::sleep(after) => {}
    }
    let (cancel_second, mut of_second) = with_own_end(second);
    // Whoever is given up is waited for, so that what it used is booked.
    tokio::select! {
        asked = &mut of_first => {
            if asked.is_answered() {
                cancel_second.cancel();
            }
            asked.and(of_second.await.without_refused())
        }
        asked = &mut of_second => {
            if asked.is_answered() {
                cancel_first.cancel();
            }
            asked.without_refused().and(of_first.await)
        }
    }
}
