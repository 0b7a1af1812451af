//! `repositories::audit`.

use crate::{
    databases::on_both,
    fixtures::{at, write},
};
use synoptic::{
    db::Db,
    domain::{
        audit::{Action, ActorKind, AuditEntry, AuditFilter, AuditResult},
        identifiers::AuditId,
    },
    on,
    repositories::audit,
};
use uuid::Uuid;

/// A row with only what must be there.
fn bare(seconds: u32) -> AuditEntry {
    AuditEntry {
        id: AuditId::generate(),
        at: at(seconds),
        actor_kind: ActorKind::Anonymous,
        actor_id: None,
        actor_name: "anonymous".to_owned(),
        action: Action::SignIn,
        target_kind: None,
        target_id: None,
        target_name: None,
        detail: None,
        result: AuditResult::Refused,
        address: None,
        trace_id: None,
    }
}

/// A row with everything.
fn full(seconds: u32) -> AuditEntry {
    AuditEntry {
        actor_kind: ActorKind::User,
        actor_id: Some(Uuid::now_v7()),
        actor_name: "ümläut@example.com".to_owned(),
        action: Action::CollectionDeleted,
        target_kind: Some("collection".to_owned()),
        target_id: Some(Uuid::now_v7().to_string()),
        target_name: Some("notes".to_owned()),
        detail: Some("documents: 3".to_owned()),
        result: AuditResult::Done,
        address: Some("2001:db8::1".to_owned()),
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
        ..bare(seconds)
    }
}

async fn store(db: &Db, entries: &[AuditEntry]) {
    let mut tx = db.write().await.unwrap();
    for entry in entries {
        audit::insert(&mut tx, entry).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn list(db: &Db, filter: &AuditFilter, after: Option<AuditId>, limit: i64) -> Vec<AuditEntry> {
    audit::list(&mut db.read().await.unwrap(), filter, after, limit)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_row_comes_back_as_it_went() {
    on_both(async |db| {
        let entries = [full(1), bare(0)];
        store(db, &entries).await;
        let listed = list(db, &AuditFilter::default(), None, 10).await;
        assert_eq!(listed, [entries[1].clone(), entries[0].clone()]);
    })
    .await;
}

#[tokio::test]
async fn every_kind_of_actor_action_and_result_is_taken() {
    on_both(async |db| {
        let kinds = [
            ActorKind::User,
            ActorKind::ApiKey,
            ActorKind::Operator,
            ActorKind::Anonymous,
        ];
        let actions = [
            Action::SignIn,
            Action::SignOut,
            Action::RefreshTokenReused,
            Action::SessionRevoked,
            Action::PasswordChanged,
            Action::UserCreated,
            Action::UserChanged,
            Action::UserDeleted,
            Action::KeyCreated,
            Action::KeyChanged,
            Action::KeyRotated,
            Action::KeyRevoked,
            Action::SigningKeyRotated,
            Action::TaxonomyCreated,
            Action::TaxonomyChanged,
            Action::TaxonomyDeleted,
            Action::PromptCreated,
            Action::PromptChanged,
            Action::PromptDeleted,
            Action::CollectionDeleted,
            Action::DocumentDeleted,
            Action::DocumentsExported,
            Action::AnalysisDeleted,
        ];
        let of_kinds = kinds.map(|actor_kind| AuditEntry { actor_kind, ..full(0) });
        let of_actions = actions.map(|action| AuditEntry { action, ..bare(0) });
        let mut entries: Vec<AuditEntry> = of_kinds.into_iter().chain(of_actions).collect();
        store(db, &entries).await;
        entries.reverse();
        assert_eq!(list(db, &AuditFilter::default(), None, 100).await, entries);
    })
    .await;
}

#[tokio::test]
async fn every_filter_and_the_position_narrow_the_list() {
    on_both(async |db| {
        let entries = [full(0), bare(1), full(2), full(3), bare(4)];
        store(db, &entries).await;
        let all = AuditFilter::default();
        let filters = [
            (all.clone(), vec![4, 3, 2, 1, 0]),
            (
                AuditFilter {
                    action: Some(Action::SignIn),
                    ..all.clone()
                },
                vec![4, 1],
            ),
            (
                AuditFilter {
                    actor_id: entries[2].actor_id,
                    ..all.clone()
                },
                vec![2],
            ),
            (
                AuditFilter {
                    actor_id: Some(Uuid::now_v7()),
                    ..all.clone()
                },
                vec![],
            ),
            (
                AuditFilter {
                    target_id: entries[3].target_id.clone(),
                    ..all.clone()
                },
                vec![3],
            ),
            (
                AuditFilter {
                    result: Some(AuditResult::Done),
                    ..all.clone()
                },
                vec![3, 2, 0],
            ),
            (
                AuditFilter {
                    after: Some(at(1)),
                    before: Some(at(4)),
                    ..all.clone()
                },
                vec![3, 2],
            ),
            (
                AuditFilter {
                    action: Some(Action::SignIn),
                    result: Some(AuditResult::Refused),
                    before: Some(at(4)),
                    ..all.clone()
                },
                vec![1],
            ),
        ];
        for (filter, expected) in filters {
            let expected: Vec<_> = expected
                .into_iter()
                .map(|place: usize| entries[place].clone())
                .collect();
            assert_eq!(list(db, &filter, None, 10).await, expected, "{filter:?}");
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = list(db, &filter, after, 2).await;
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                seen.extend(page);
            }
            assert_eq!(seen, expected, "by pages: {filter:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn rows_are_neither_changed_nor_deleted() {
    on_both(async |db| {
        let entries = [full(0), bare(1)];
        store(db, &entries).await;
        for statement in [
            "UPDATE audit SET actor_name = 'somebody else'",
            "UPDATE audit SET detail = NULL WHERE detail IS NULL",
            "DELETE FROM audit",
            "DELETE FROM audit WHERE result = 'refused'",
        ] {
            let mut tx = db.write().await.unwrap();
            let refused = on!(&mut tx, |c| sqlx::query(statement).execute(c).await.map(drop));
            assert!(refused.is_err(), "{statement}");
        }
        // What empties a table or puts another row in the place of one, each database in its own words.
        let (sqlite, postgres) = (
            [
                "INSERT OR REPLACE INTO audit SELECT id, at, actor_kind, actor_id, 'x', action, NULL, NULL, NULL, NULL, \
                 result, NULL, NULL FROM audit",
                "REPLACE INTO audit SELECT id, at, actor_kind, actor_id, 'x', action, NULL, NULL, NULL, NULL, result, \
                 NULL, NULL FROM audit",
                "INSERT INTO audit SELECT * FROM audit WHERE true ON CONFLICT (id) DO UPDATE SET actor_name = 'x'",
            ],
            [
                "TRUNCATE audit",
                "TRUNCATE audit CASCADE",
                "INSERT INTO audit SELECT * FROM audit WHERE true ON CONFLICT (id) DO UPDATE SET actor_name = 'x'",
            ],
        );
        let statements = write(db).await.pick(sqlite, postgres);
        for statement in statements {
            let mut tx = write(db).await;
            let refused = on!(&mut tx, |c| sqlx::query(statement).execute(c).await.map(drop));
            assert!(refused.is_err(), "{statement}");
        }
        let listed = list(db, &AuditFilter::default(), None, 10).await;
        assert_eq!(listed, [entries[1].clone(), entries[0].clone()]);
    })
    .await;
}
