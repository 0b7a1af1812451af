//! The other lists.

use crate::{
    filling::{IN_FIRST, at, document, id},
    judging::{May, Plans},
    look,
};
use synoptic::{
    db::Db,
    domain::{
        analyses::{AnalysisFilter, AnalysisKind},
        audit::{Action, AuditFilter, AuditResult},
        deliveries::DeliveryStatus,
        identifiers::{
            AnalysisId, ApiKeyId, AuditId, CollectionId, DeliveryId, ErasureId, JobId, PromptId, PushUrlId, TaxonomyId,
            UserId, WebhookId, WorkId,
        },
        jobs::{JobFilter, JobKind, JobStatus},
        permissions::{Role, Scopes},
        principal::{Principal, PrincipalId, Reach},
        users::{UserFilter, UserState},
        work::WorkStatus,
    },
    repositories::{
        analyses, api_keys, audit, collections, deliveries, erasures, jobs, prompts, push_urls, sessions, taxonomies,
        uploads, users, webhooks, work_lists,
    },
};

const FEW: May =
    May::Rare("few rows have what is looked for, and the list is read in its order until the page is full");

fn collection(number: u32) -> CollectionId {
    CollectionId(id('c', number))
}

fn reaches() -> [(&'static str, Reach); 3] {
    [
        ("everything", Reach::Everything),
        ("one collection", Reach::only([collection(1)])),
        ("some collections", Reach::only((1..20).map(collection))),
    ]
}

pub async fn look(plans: &mut Plans, db: &Db) {
    analyses_of(plans, db).await;
    audit_of(plans, db).await;
    people(plans, db).await;
    named_things(plans, db).await;
    work(plans, db).await;
}

fn analysis_filters() -> Vec<(&'static str, May, AnalysisFilter)> {
    // Without `..`, so that a filter that is added is looked at too.
    let nothing = || AnalysisFilter {
        collection_id: None,
        document_id: None,
        taxonomy_id: None,
        kind: None,
        label: None,
        engine: None,
        created_after: None,
        created_before: None,
    };
    let taxonomy_id = Some(TaxonomyId(id('x', 1)));
    let label = |label: &str, taxonomy_id| AnalysisFilter {
        label: Some(label.to_owned()),
        taxonomy_id,
        ..nothing()
    };
    let kind = |kind| AnalysisFilter {
        kind: Some(kind),
        ..nothing()
    };
    let engine = |engine: &str| AnalysisFilter {
        engine: Some(engine.to_owned()),
        ..nothing()
    };
    vec![
        ("no filter", May::Page, nothing()),
        (
            "collection",
            May::Page,
            AnalysisFilter {
                collection_id: Some(collection(1)),
                ..nothing()
            },
        ),
        (
            "collection and label",
            May::Page,
            AnalysisFilter {
                collection_id: Some(collection(1)),
                ..label("billing", taxonomy_id)
            },
        ),
        (
            "collection and rare label",
            May::Page,
            AnalysisFilter {
                collection_id: Some(collection(1)),
                ..label("rare", taxonomy_id)
            },
        ),
        (
            "document",
            May::Page,
            AnalysisFilter {
                document_id: Some(document(4242)),
                ..nothing()
            },
        ),
        (
            "taxonomy",
            May::Page,
            AnalysisFilter {
                taxonomy_id,
                ..nothing()
            },
        ),
        ("taxonomy and label", May::Page, label("billing", taxonomy_id)),
        ("taxonomy and rare label", May::Page, label("rare", taxonomy_id)),
        ("label", May::Page, label("billing", None)),
        ("rare label", FEW, label("rare", None)),
        ("kind", May::Page, kind(AnalysisKind::Summary)),
        ("rare kind", FEW, kind(AnalysisKind::Generation)),
        ("engine", May::Page, engine("embedded")),
        ("rare engine", FEW, engine("model")),
        (
            "time",
            May::Page,
            AnalysisFilter {
                created_after: Some(at(9_000)),
                created_before: Some(at(30_000)),
                ..nothing()
            },
        ),
    ]
}

async fn analyses_of(plans: &mut Plans, db: &Db) {
    let mut tx = db.read().await.unwrap();
    for (reach_name, reach) in reaches() {
        for id_of in [
            PrincipalId::Operator,
            PrincipalId::Key(ApiKeyId(id('k', 1))),
            PrincipalId::User(UserId(id('u', 1))),
        ] {
            let principal = Principal {
                id: id_of,
                name: "somebody".to_owned(),
                user_id: None,
                role: None,
                session_id: None,
                scopes: Scopes::DATA,
                reach: reach.clone(),
            };
            for (filter_name, may, filter) in analysis_filters() {
                for after in [None, Some((at(IN_FIRST), AnalysisId(id('a', IN_FIRST))))] {
                    let may = if matches!(reach, Reach::Only(_)) && filter.collection_id.is_none() && may == May::Page {
                        May::Matches("a page of each of several parts")
                    } else {
                        may
                    };
                    let name = format!(
                        "analyses by {filter_name} within {reach_name} for {id_of:?} after {}",
                        after.is_some()
                    );
                    look!(
                        plans,
                        tx,
                        name,
                        may,
                        analyses::list(&mut tx, &principal, &filter, after, 50)
                    );
                }
            }
        }
    }
}

async fn audit_of(plans: &mut Plans, db: &Db) {
    let mut tx = db.read().await.unwrap();
    let nothing = || AuditFilter {
        action: None,
        actor_id: None,
        target_id: None,
        result: None,
        after: None,
        before: None,
    };
    let filters = [
        ("no filter", May::Page, nothing()),
        (
            "action",
            May::Page,
            AuditFilter {
                action: Some(Action::SignIn),
                ..nothing()
            },
        ),
        (
            "rare action",
            May::Page,
            AuditFilter {
                action: Some(Action::BudgetDeleted),
                ..nothing()
            },
        ),
        (
            "actor",
            May::Page,
            AuditFilter {
                actor_id: Some(id('u', 7)),
                ..nothing()
            },
        ),
        (
            "target",
            May::Page,
            AuditFilter {
                target_id: Some("7".to_owned()),
                ..nothing()
            },
        ),
        (
            "actor and action",
            May::Matches("what the actor has done"),
            AuditFilter {
                actor_id: Some(id('u', 7)),
                action: Some(Action::DocumentDeleted),
                ..nothing()
            },
        ),
        (
            "result",
            May::Page,
            AuditFilter {
                result: Some(AuditResult::Refused),
                ..nothing()
            },
        ),
        (
            "time",
            FEW,
            AuditFilter {
                after: Some(at(4_000)),
                before: Some(at(6_000)),
                ..nothing()
            },
        ),
    ];
    for (name, may, filter) in filters {
        for after in [None, Some(AuditId(id('e', IN_FIRST)))] {
            let name = format!("audit by {name} after {}", after.is_some());
            look!(plans, tx, name, may, audit::list(&mut tx, &filter, after, 50));
        }
    }
}

async fn people(plans: &mut Plans, db: &Db) {
    let mut tx = db.read().await.unwrap();
    let nothing = || UserFilter {
        search: None,
        role: None,
        state: None,
        collection_id: None,
    };
    let filters = [
        ("no filter", nothing()),
        (
            "part of a name",
            UserFilter {
                search: Some("1999".to_owned()),
                ..nothing()
            },
        ),
        (
            "role",
            UserFilter {
                role: Some(Role::Admin),
                ..nothing()
            },
        ),
        (
            "state",
            UserFilter {
                state: Some(UserState::Disabled),
                ..nothing()
            },
        ),
        (
            "collection",
            UserFilter {
                collection_id: Some(collection(1)),
                ..nothing()
            },
        ),
    ];
    let may = May::Rare("people are thousands at most, and a part of a name is in no index");
    for (name, filter) in filters {
        for after in [None, Some(UserId(id('u', 1_000)))] {
            let may = if name == "no filter" { May::Page } else { may };
            look!(
                plans,
                tx,
                format!("users by {name}"),
                may,
                users::list(&mut tx, &filter, after, 50)
            );
        }
    }
    let owners = [
        api_keys::Of::Everybody,
        api_keys::Of::Owner(UserId(id('u', 1))),
        api_keys::Of::Key(ApiKeyId(id('k', 7))),
    ];
    for of in owners {
        for with_revoked in [false, true] {
            for after in [None, Some(ApiKeyId(id('k', 1_000)))] {
                look!(
                    plans,
                    tx,
                    format!("API keys of {of:?}, revoked too: {with_revoked}"),
                    api_keys::list(&mut tx, of, with_revoked, after, 50)
                );
            }
        }
    }
    look!(
        plans,
        tx,
        "sessions",
        sessions::list_live(&mut tx, UserId(id('u', 8)), at(0))
    );
}

async fn named_things(plans: &mut Plans, db: &Db) {
    let mut tx = db.read().await.unwrap();
    for (name, reach) in reaches() {
        for after in [None, Some(collection(100))] {
            look!(
                plans,
                tx,
                format!("collections within {name}"),
                collections::list(&mut tx, &reach, after, 50)
            );
        }
        for of in [None, Some(collection(1))] {
            for before in [None, Some(ErasureId(id('g', 2_500)))] {
                look!(
                    plans,
                    tx,
                    format!("erasures within {name} of {of:?}"),
                    erasures::list(&mut tx, &reach, of, before, 50)
                );
            }
        }
    }
    let taxonomy = TaxonomyId(id('x', 150));
    look!(plans, tx, "taxonomies", taxonomies::list(&mut tx, None, 50));
    look!(
        plans,
        tx,
        "more taxonomies",
        taxonomies::list(&mut tx, Some(taxonomy), 50)
    );
    look!(
        plans,
        tx,
        "versions of a taxonomy",
        taxonomies::list_versions(&mut tx, taxonomy, 3, 50)
    );
    let prompt = PromptId(id('p', 150));
    look!(plans, tx, "prompts", prompts::list(&mut tx, None, 50));
    look!(plans, tx, "more prompts", prompts::list(&mut tx, Some(prompt), 50));
    look!(
        plans,
        tx,
        "versions of a prompt",
        prompts::list_versions(&mut tx, prompt, 3, 50)
    );
    look!(plans, tx, "webhooks", webhooks::list(&mut tx, collection(1), None, 50));
    look!(
        plans,
        tx,
        "more webhooks",
        webhooks::list(&mut tx, collection(1), Some(WebhookId(id('v', 300))), 50)
    );
    look!(
        plans,
        tx,
        "push URLs",
        push_urls::list(&mut tx, collection(1), None, 50)
    );
    look!(
        plans,
        tx,
        "more push URLs",
        push_urls::list(&mut tx, collection(1), Some(PushUrlId(id('f', 900))), 50)
    );
    let statuses = [
        None,
        Some(DeliveryStatus::Failed),
        Some(DeliveryStatus::Delivered),
        Some(DeliveryStatus::Pending),
    ];
    for status in statuses {
        for before in [None, Some(DeliveryId(id('y', IN_FIRST)))] {
            look!(
                plans,
                tx,
                format!("deliveries by {status:?}"),
                deliveries::list(&mut tx, WebhookId(id('v', 1)), status, before, 50)
            );
        }
    }
    look!(
        plans,
        tx,
        "failed deliveries",
        deliveries::failed_since(&mut tx, WebhookId(id('v', 1)), at(10_000), 50)
    );
}

async fn work(plans: &mut Plans, db: &Db) {
    let mut tx = db.read().await.unwrap();
    let nothing = || JobFilter {
        collection: None,
        kind: None,
        status: None,
    };
    let filters = [
        ("no filter", May::Page, nothing()),
        (
            "collection",
            May::Page,
            JobFilter {
                collection: Some(collection(1)),
                ..nothing()
            },
        ),
        (
            "kind",
            May::Page,
            JobFilter {
                kind: Some(JobKind::Import),
                ..nothing()
            },
        ),
        (
            "rare kind",
            FEW,
            JobFilter {
                kind: Some(JobKind::Delete),
                ..nothing()
            },
        ),
        (
            "status",
            May::Page,
            JobFilter {
                status: Some(JobStatus::Succeeded),
                ..nothing()
            },
        ),
        (
            "open",
            May::Page,
            JobFilter {
                status: Some(JobStatus::Running),
                ..nothing()
            },
        ),
        (
            "rare status",
            FEW,
            JobFilter {
                status: Some(JobStatus::Failed),
                ..nothing()
            },
        ),
    ];
    for (reach_name, reach) in reaches() {
        for (name, may, filter) in &filters {
            for before in [None, Some(JobId(id('j', 2_500)))] {
                look!(
                    plans,
                    tx,
                    format!("jobs within {reach_name} by {name}"),
                    *may,
                    jobs::list(&mut tx, &reach, filter, before, 50)
                );
            }
        }
        for of in [None, Some(collection(1)), Some(collection(9))] {
            for before in [None, Some(WorkId(id('w', 110_000)))] {
                look!(
                    plans,
                    tx,
                    format!("failed work within {reach_name} of {of:?}"),
                    work_lists::failed(&mut tx, &reach, of, before, 50)
                );
            }
        }
    }
    let job = JobId(id('j', 1));
    for status in [
        None,
        Some(WorkStatus::Waiting),
        Some(WorkStatus::Failed),
        Some(WorkStatus::Done),
    ] {
        for after in [None, Some(WorkId(id('w', 110_000)))] {
            let may = if status.is_none() || status == Some(WorkStatus::Done) {
                May::Page
            } else {
                FEW
            };
            look!(
                plans,
                tx,
                format!("pieces of a job by {status:?}"),
                may,
                work_lists::of_job(&mut tx, job, status, after, 50)
            );
        }
    }
    look!(
        plans,
        tx,
        "refusals",
        uploads::refusals(&mut tx, JobId(id('j', 3)), 100, 50)
    );
}
