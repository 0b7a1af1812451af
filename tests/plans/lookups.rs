//! What is looked up for requests: credentials, names, answers that are kept, settings.

use crate::{
    filling::{at, document, hash, id},
    judging::{May, Plans},
    look,
};
use std::collections::BTreeMap;
use synoptic::{
    db::Db,
    domain::{
        analyses::AnalysisKind,
        emails::Email,
        identifiers::{
            AnalysisId, ApiKeyId, CollectionId, DeliveryId, JobId, PromptId, PushUrlId, SessionId, TaxonomyId, UserId,
            WebhookId, WorkId,
        },
        text_fields::NameOrId,
    },
    repositories::{
        analyses, api_keys, collections, deliveries, exports, idempotency, jobs, prompts, push_urls, sessions,
        signing_keys, taxonomies, uploads, usage, users, webhooks, work_lists,
    },
};

const COUNT: May = May::Matches("somebody asks how many there are before all of them are deleted");

pub async fn look(plans: &mut Plans, db: &Db) {
    credentials(plans, db).await;
    names(plans, db).await;
    answers(plans, db).await;
    work(plans, db).await;
}

async fn credentials(plans: &mut Plans, db: &Db) {
    let mut tx = db.write().await.unwrap();
    let user = UserId(id('u', 8));
    let key = ApiKeyId(id('k', 8));
    let session = SessionId(id('s', 8));
    let email = Email::parse("/email", "user8@example.org").unwrap();
    let found = look!(
        plans,
        tx,
        "API key by hash",
        api_keys::find_by_hash(&mut tx, &hash(8), at(9))
    );
    assert!(found.is_some());
    look!(plans, tx, "API key", api_keys::find(&mut tx, key));
    look!(
        plans,
        tx,
        "collections of an API key",
        api_keys::collections(&mut tx, key)
    );
    look!(plans, tx, "API key used", api_keys::used(&mut tx, key, at(9)));
    look!(plans, tx, "API key revoked", api_keys::revoke(&mut tx, key, at(9)));
    look!(
        plans,
        tx,
        "API keys by name revoked",
        May::All("somebody who runs the program does this by hand"),
        api_keys::revoke_by_name(&mut tx, "key 9", at(9))
    );
    look!(
        plans,
        tx,
        "API keys of an owner revoked",
        api_keys::revoke_of_owner(&mut tx, user, at(9))
    );
    look!(plans, tx, "whether there are API keys", api_keys::any_live(&mut tx));
    look!(plans, tx, "session", sessions::find(&mut tx, session));
    look!(
        plans,
        tx,
        "session by cookie",
        sessions::find_by_cookie(&mut tx, &hash(8))
    );
    look!(plans, tx, "session used", sessions::used(&mut tx, session, at(9)));
    look!(
        plans,
        tx,
        "session extended",
        sessions::extend(&mut tx, session, at(9), at(9))
    );
    look!(plans, tx, "session revoked", sessions::revoke(&mut tx, session, at(9)));
    look!(
        plans,
        tx,
        "sessions of a user revoked",
        sessions::revoke_of_user(&mut tx, user, Some(session), at(9))
    );
    look!(
        plans,
        tx,
        "all sessions of a user revoked",
        sessions::revoke_of_user(&mut tx, user, None, at(9))
    );
    look!(
        plans,
        tx,
        "refresh token",
        sessions::find_refresh_token(&mut tx, &hash(8))
    );
    look!(
        plans,
        tx,
        "refresh token used",
        sessions::use_refresh_token(&mut tx, &hash(8), at(9))
    );
    look!(
        plans,
        tx,
        "refresh tokens of a session",
        sessions::delete_refresh_tokens(&mut tx, session, at(9))
    );
    look!(plans, tx, "sign-in under way", sessions::take_flow(&mut tx, &hash(8)));
    look!(plans, tx, "session deleted", sessions::delete(&mut tx, session));
    look!(plans, tx, "signing keys", signing_keys::list(&mut tx));
    look!(plans, tx, "user", users::find(&mut tx, user));
    let found = look!(plans, tx, "user by email", users::find_by_email(&mut tx, &email)).unwrap();
    look!(
        plans,
        tx,
        "user by identity",
        users::find_by_identity(&mut tx, "https://id.example", "s8")
    );
    look!(
        plans,
        tx,
        "email of another",
        users::email_taken_by_another(&mut tx, &found)
    );
    look!(plans, tx, "collections of a user", users::collections(&mut tx, user));
    look!(plans, tx, "whether there are users", users::any(&mut tx));
    look!(plans, tx, "admins", users::count_other_admins(&mut tx, user));
    look!(plans, tx, "user held", users::hold(&mut tx, user));
    look!(plans, tx, "user signed in", users::signed_in(&mut tx, user, at(9)));
    look!(plans, tx, "user deleted", users::delete(&mut tx, user));
    look!(
        plans,
        tx,
        "push URL by token",
        push_urls::find_by_token(&mut tx, &hash(8))
    );
}

async fn names(plans: &mut Plans, db: &Db) {
    let mut tx = db.read().await.unwrap();
    let by_id = CollectionId(id('c', 8));
    let found = look!(
        plans,
        tx,
        "collection",
        collections::find(&mut tx, &NameOrId::Id(by_id))
    )
    .unwrap();
    look!(
        plans,
        tx,
        "collection by slug",
        collections::find(&mut tx, &NameOrId::Name("collection-8".to_owned()))
    );
    let slugs = ["collection-8".to_owned(), "collection-9".to_owned()];
    look!(
        plans,
        tx,
        "collections by name",
        collections::find_all(&mut tx, &slugs, &[by_id])
    );
    look!(
        plans,
        tx,
        "collections by slug",
        collections::find_all(&mut tx, &slugs, &[])
    );
    look!(
        plans,
        tx,
        "slug of another collection",
        collections::slug_taken_by_another(&mut tx, &found)
    );
    look!(
        plans,
        tx,
        "count of documents",
        COUNT,
        collections::count_documents(&mut tx, by_id)
    );
    let by_id = TaxonomyId(id('x', 1));
    let found = look!(plans, tx, "taxonomy", taxonomies::find(&mut tx, &NameOrId::Id(by_id))).unwrap();
    for name in [NameOrId::Id(by_id), NameOrId::Name("taxonomy-8".to_owned())] {
        look!(
            plans,
            tx,
            format!("taxonomy by {name:?}"),
            taxonomies::find(&mut tx, &name)
        );
        look!(
            plans,
            tx,
            format!("head of a taxonomy by {name:?}"),
            taxonomies::find_head(&mut tx, &name)
        );
    }
    look!(
        plans,
        tx,
        "version of a taxonomy",
        taxonomies::find_version(&mut tx, by_id, 2)
    );
    look!(
        plans,
        tx,
        "slug of another taxonomy",
        taxonomies::slug_taken_by_another(&mut tx, &found)
    );
    look!(
        plans,
        tx,
        "analyses by a taxonomy",
        COUNT,
        taxonomies::count_analyses(&mut tx, by_id)
    );
    let by_id = PromptId(id('p', 1));
    let found = look!(plans, tx, "prompt", prompts::find(&mut tx, &NameOrId::Id(by_id))).unwrap();
    look!(
        plans,
        tx,
        "prompt by slug",
        prompts::find(&mut tx, &NameOrId::Name("prompt-8".to_owned()))
    );
    look!(
        plans,
        tx,
        "version of a prompt",
        prompts::find_version(&mut tx, by_id, 2)
    );
    look!(
        plans,
        tx,
        "slug of another prompt",
        prompts::slug_taken_by_another(&mut tx, &found)
    );
    look!(
        plans,
        tx,
        "analyses by a prompt",
        COUNT,
        prompts::count_analyses(&mut tx, by_id)
    );
    let hook = WebhookId(id('v', 1));
    let first = CollectionId(id('c', 1));
    look!(plans, tx, "webhook", webhooks::find(&mut tx, hook));
    look!(plans, tx, "count of webhooks", webhooks::count(&mut tx, first));
    look!(
        plans,
        tx,
        "push URL",
        push_urls::find(&mut tx, first, PushUrlId(id('f', 20)))
    );
    look!(plans, tx, "count of push URLs", push_urls::count(&mut tx, first));
    for named in [usage::Named::Keys, usage::Named::Users, usage::Named::Collections] {
        look!(
            plans,
            tx,
            format!("names of {named:?}"),
            usage::names(&mut tx, named, &[id('k', 8), id('u', 9), id('c', 1)])
        );
    }
}

async fn answers(plans: &mut Plans, db: &Db) {
    let mut tx = db.write().await.unwrap();
    let analysis = AnalysisId(id('a', 5));
    look!(plans, tx, "analysis", analyses::find(&mut tx, analysis));
    look!(
        plans,
        tx,
        "analyses",
        analyses::find_all(&mut tx, &[analysis, AnalysisId(id('a', 6))])
    );
    look!(plans, tx, "kept answer", analyses::find_kept(&mut tx, &hash(5), at(0)));
    look!(
        plans,
        tx,
        "whether an answer is kept",
        analyses::is_kept(&mut tx, analysis, &hash(5))
    );
    let newest = [
        (AnalysisKind::Summary, None),
        (AnalysisKind::Classification, Some(TaxonomyId(id('x', 1)))),
    ];
    for (kind, taxonomy) in newest {
        let name = format!("newest {kind:?} of a document");
        look!(
            plans,
            tx,
            name,
            analyses::find_newest(&mut tx, document(4242), kind, taxonomy, "hash")
        );
    }
    let kept = hash(5);
    look!(
        plans,
        tx,
        "kept answers replaced",
        analyses::replace_kept(&mut tx, &BTreeMap::from([(&kept[..], AnalysisId(id('a', 6)))]))
    );
    look!(plans, tx, "analysis deleted", analyses::delete(&mut tx, analysis));
    let owner = id('u', 9);
    look!(
        plans,
        tx,
        "idempotency key claimed",
        idempotency::claim(&mut tx, owner, "key-8", &hash(8), at(9))
    );
    look!(plans, tx, "idempotency key", idempotency::find(&mut tx, owner, "key-8"));
    look!(
        plans,
        tx,
        "idempotency key completed",
        idempotency::complete(&mut tx, owner, "key-8", 200, "[]", b"{}")
    );
    look!(
        plans,
        tx,
        "idempotency key released",
        idempotency::release(&mut tx, owner, "key-8")
    );
    look!(
        plans,
        tx,
        "documents of an answer",
        idempotency::note_documents(&mut tx, owner, "key-8", &[document(9)])
    );
    look!(
        plans,
        tx,
        "answers naming documents",
        idempotency::naming(&mut tx, &[document(8), document(9)])
    );
    look!(
        plans,
        tx,
        "body of an answer",
        idempotency::replace_body(&mut tx, owner, "key-8", b"")
    );
}

async fn work(plans: &mut Plans, db: &Db) {
    let mut tx = db.write().await.unwrap();
    let job = JobId(id('j', 5));
    look!(plans, tx, "job", jobs::find(&mut tx, job));
    look!(plans, tx, "job locked", jobs::lock(&mut tx, job));
    look!(
        plans,
        tx,
        "open jobs of a collection",
        jobs::count_open(&mut tx, CollectionId(id('c', 1)))
    );
    look!(
        plans,
        tx,
        "piece of work",
        work_lists::find(&mut tx, WorkId(id('w', 5)))
    );
    look!(
        plans,
        tx,
        "rules of documents",
        work_lists::rule_states(&mut tx, &[document(1), document(2)])
    );
    look!(plans, tx, "delivery", deliveries::find(&mut tx, DeliveryId(id('y', 5))));
    look!(
        plans,
        tx,
        "delivery locked",
        deliveries::lock(&mut tx, DeliveryId(id('y', 5)))
    );
    look!(plans, tx, "upload", uploads::find(&mut tx, JobId(id('j', 3))));
    look!(
        plans,
        tx,
        "part of an upload",
        uploads::find_chunk(&mut tx, JobId(id('j', 3)), 1)
    );
    look!(
        plans,
        tx,
        "part of an upload taken",
        uploads::take_chunk(&mut tx, JobId(id('j', 3)), 1)
    );
    look!(plans, tx, "export", exports::find(&mut tx, job));
    look!(plans, tx, "content of an export", exports::content_at(&mut tx, job, 1));
    look!(plans, tx, "part of an export", exports::part(&mut tx, job, 1));
    look!(
        plans,
        tx,
        "parts of an export deleted",
        exports::delete_parts(&mut tx, job)
    );
    look!(
        plans,
        tx,
        "webhooks that are told",
        webhooks::enabled(&mut tx, CollectionId(id('c', 1)))
    );
    look!(
        plans,
        tx,
        "documents that webhooks are told of",
        webhooks::of_documents(&mut tx, &[document(1), document(2)])
    );
    look!(
        plans,
        tx,
        "webhook gave up",
        webhooks::gave_up(&mut tx, WebhookId(id('v', 2)))
    );
    look!(
        plans,
        tx,
        "webhook succeeded",
        webhooks::succeeded(&mut tx, WebhookId(id('v', 2)))
    );
}
