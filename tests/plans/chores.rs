//! What goes on in the background: taking work up, what is due, what is old.

use crate::{
    filling::{at, document, hash, id},
    judging::{May, Plans},
    look,
};
use synoptic::{
    db::Db,
    domain::{
        exports::ExportState,
        identifiers::{CollectionId, ErasureId, JobId, LaneId, WorkId},
        work::{Claim, Queue},
    },
    repositories::{
        collections, deliveries, erasures, evictions, exports, idempotency, jobs, sessions, signing_keys, uploads,
        work, workers,
    },
};

pub async fn look(plans: &mut Plans, db: &Db) {
    taking_up(plans, db).await;
    regular(plans, db).await;
    caches(plans, db).await;
    erasing(plans, db).await;
}

async fn taking_up(plans: &mut Plans, db: &Db) {
    let mut tx = db.write().await.unwrap();
    let (job, lease) = (JobId(id('j', 1)), id('z', 1_900));
    for queue in [Queue::Arrivals, Queue::Jobs, Queue::Deliveries] {
        look!(
            plans,
            tx,
            format!("whether {queue:?} are due"),
            work::any_due(&mut tx, queue, at(30_000))
        );
        look!(
            plans,
            tx,
            format!("lane of {queue:?}"),
            work::lane(&mut tx, queue, CollectionId(id('c', 9)), at(9))
        );
        look!(
            plans,
            tx,
            format!("claim of {queue:?}"),
            work::claim(&mut tx, queue, at(30_000), at(31_000), lease, 32)
        );
        look!(
            plans,
            tx,
            format!("next claim of {queue:?}"),
            work::claim(&mut tx, queue, at(30_000), at(31_000), id('z', 5), 32)
        );
    }
    let claim = Claim {
        work: WorkId(id('w', 18_950)),
        lease: id('z', 1_895),
    };
    look!(plans, tx, "renewal", work::renew(&mut tx, lease, at(32_000)));
    look!(
        plans,
        tx,
        "what is still held",
        work::still_held(&mut tx, lease, &[claim.work])
    );
    look!(
        plans,
        tx,
        "piece put back",
        work::put_back(&mut tx, claim, at(9), None, true, None)
    );
    look!(
        plans,
        tx,
        "piece ended",
        work::end(&mut tx, claim, &work::Ended::default(), at(9))
    );
    look!(plans, tx, "open pieces of a job", work::count_open(&mut tx, job, 50));
    look!(
        plans,
        tx,
        "pieces of a job cancelled",
        May::Matches("all that waits of the job"),
        work::cancel_waiting(&mut tx, job, at(9))
    );
    look!(
        plans,
        tx,
        "pieces of a job tried again",
        May::Matches("all pieces of the job"),
        work::retry_of_job(&mut tx, job, at(9))
    );
    look!(
        plans,
        tx,
        "piece tried again",
        work::retry(&mut tx, WorkId(id('w', 903)), at(9))
    );
    look!(
        plans,
        tx,
        "rule forgotten",
        May::Matches("all pieces of the rule"),
        work::forget_rule(&mut tx, LaneId(id('l', 6)), "topic")
    );
    let jumped = work::Jumped {
        now: at(9),
        lease_ends: at(10),
        soon: at(50_000),
        latest: at(60_000),
    };
    look!(
        plans,
        tx,
        "work put off by a clock",
        May::Matches("what is open and due later"),
        work::take_from_the_future(&mut tx, &jumped, 100)
    );
    look!(
        plans,
        tx,
        "depth of the queues",
        May::Matches("everything that is open is counted"),
        work::depth(&mut tx)
    );
}

async fn regular(plans: &mut Plans, db: &Db) {
    let mut tx = db.write().await.unwrap();
    look!(plans, tx, "schedules", workers::schedules(&mut tx));
    look!(
        plans,
        tx,
        "schedule hastened",
        workers::hasten(&mut tx, "chores", at(9))
    );
    look!(
        plans,
        tx,
        "schedule taken",
        workers::take(&mut tx, "chores", at(9), at(10), at(11))
    );
    look!(plans, tx, "servers", workers::list(&mut tx, at(9)));
    look!(plans, tx, "servers that are gone", workers::forget(&mut tx, at(9)));
    look!(
        plans,
        tx,
        "collections with rules",
        May::All("collections are hundreds, and taxonomies seldom change"),
        collections::automated(&mut tx)
    );
    look!(
        plans,
        tx,
        "collections that keep for some time",
        May::All("collections are hundreds, once an hour"),
        collections::retaining(&mut tx)
    );
    look!(plans, tx, "open jobs", jobs::open(&mut tx, 50));
    look!(
        plans,
        tx,
        "jobs of long ago",
        jobs::finished_before(&mut tx, at(1_000), 50)
    );
    look!(plans, tx, "job deleted", jobs::delete(&mut tx, JobId(id('j', 9))));
    look!(
        plans,
        tx,
        "sessions of long ago",
        sessions::delete_expired(&mut tx, at(1_005))
    );
    look!(
        plans,
        tx,
        "sign-ins of long ago",
        sessions::delete_flows(&mut tx, at(605))
    );
    look!(
        plans,
        tx,
        "keys of long ago",
        signing_keys::delete_retired_before(&mut tx, at(9))
    );
    look!(
        plans,
        tx,
        "idempotency keys of long ago",
        idempotency::delete_before(&mut tx, at(9))
    );
    look!(
        plans,
        tx,
        "deliveries of long ago",
        deliveries::forget(&mut tx, at(100), 10)
    );
    look!(
        plans,
        tx,
        "deliveries given up",
        deliveries::abandon(&mut tx, at(19_910), at(30_000))
    );
    look!(
        plans,
        tx,
        "uploads that wait",
        uploads::waiting_since(&mut tx, at(400), 50)
    );
    look!(
        plans,
        tx,
        "uploads that nobody will store",
        May::All("what was uploaded and not stored is little"),
        uploads::delete_left_over(&mut tx)
    );
    look!(
        plans,
        tx,
        "files of long ago",
        exports::older_than(&mut tx, ExportState::Ready, at(900), 50)
    );
    look!(
        plans,
        tx,
        "files that are not written on",
        exports::never_ready(&mut tx, 50)
    );
}

async fn caches(plans: &mut Plans, db: &Db) {
    let mut tx = db.write().await.unwrap();
    look!(plans, tx, "newest evictions", evictions::newest(&mut tx, 50));
    look!(plans, tx, "evictions since", evictions::since(&mut tx, 4_990));
    look!(plans, tx, "evictions", evictions::of(&mut tx, &[1, 2]));
    look!(plans, tx, "old evictions", evictions::old(&mut tx, 3_600, 50));
    look!(plans, tx, "evictions deleted", evictions::delete(&mut tx, &[1, 2]));
}

async fn erasing(plans: &mut Plans, db: &Db) {
    let mut tx = db.write().await.unwrap();
    let (first, some) = (CollectionId(id('c', 1)), [document(1), document(2)]);
    look!(plans, tx, "key of erasures", erasures::secret(&mut tx, &hash(1)));
    look!(plans, tx, "erasure", erasures::find(&mut tx, ErasureId(id('g', 5))));
    look!(
        plans,
        tx,
        "erasure locked",
        erasures::lock(&mut tx, ErasureId(id('g', 5)))
    );
    look!(plans, tx, "erasures that go on", erasures::running(&mut tx, 50));
    look!(
        plans,
        tx,
        "all collections",
        May::All("an erasure goes through all of them"),
        erasures::collections(&mut tx)
    );
    look!(
        plans,
        tx,
        "what there is of documents",
        erasures::count_of(&mut tx, &some)
    );
    let naming = May::All("a check looks into the answers of a day for a text that may be anywhere in them");
    look!(
        plans,
        tx,
        "kept answers with a text",
        naming,
        erasures::count_answers_naming(&mut tx, "E-1")
    );
    look!(
        plans,
        tx,
        "jobs of collections",
        May::Matches("the parameters of each are read"),
        erasures::jobs_of(&mut tx, &[first])
    );
    let waiting = May::Matches("each may have a record of the person");
    look!(
        plans,
        tx,
        "uploads of a collection",
        waiting,
        uploads::chunks_of_collection(&mut tx, first)
    );
    let naming = May::Matches("answers that name a document of the collection");
    let page = look!(
        plans,
        tx,
        "answers of a collection",
        naming,
        idempotency::naming_of_collection(&mut tx, first, None, 50)
    );
    look!(
        plans,
        tx,
        "more answers of a collection",
        naming,
        idempotency::naming_of_collection(&mut tx, first, page.last(), 50)
    );
    let files = May::Matches("the parts of the collection's files that are as old as the documents");
    look!(
        plans,
        tx,
        "files withdrawn",
        files,
        exports::withdraw(&mut tx, &some, at(9))
    );
    look!(
        plans,
        tx,
        "collection deleted",
        May::Matches("everything in it"),
        collections::delete(&mut tx, CollectionId(id('c', 9)))
    );
}
