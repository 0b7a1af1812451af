//! `repositories::budgets`.

use crate::{
    databases::on_both,
    fixtures::{api_key, at, collection, enrol, store, user, write},
};
use synoptic::{
    domain::{
        budgets::{Budget, BudgetPeriod, BudgetUnit},
        identifiers::{ApiKeyId, BudgetId, CollectionId, UserId},
        ledger::Payer,
        text_fields::NameOrId,
    },
    repositories::{
        api_keys,
        budgets::{self, Visible},
        collections, users,
    },
};

pub fn budget(name: &str, amount: i64) -> Budget {
    Budget {
        id: BudgetId::generate(),
        name: name.to_owned(),
        api_key_id: None,
        user_id: None,
        collection_id: None,
        unit: BudgetUnit::Microdollars,
        amount,
        period: BudgetPeriod::Month,
        version: 1,
        created_at: at(0),
        updated_at: at(0),
    }
}

/// A budget on the server, on a key, on its owner, on a collection; and on another key that belongs to the same person.
async fn one_on_each(db: &synoptic::db::Db) -> ([Budget; 5], ApiKeyId, UserId, CollectionId) {
    let (notes, ada) = (collection("notes"), user("Ada"));
    store(db, &notes, &[]).await;
    enrol(db, &[&ada]).await;
    let [(one, one_hash), (other, other_hash)] = ["one", "other"].map(|name| api_key(name, Some(ada.id)));
    let mut tx = write(db).await;
    api_keys::insert(&mut tx, &one, &one_hash).await.unwrap();
    api_keys::insert(&mut tx, &other, &other_hash).await.unwrap();
    let on_key = |id| Budget {
        api_key_id: Some(id),
        ..budget("a key", 5)
    };
    let all = [
        budget("all of it 予算", i64::MAX),
        on_key(one.id),
        Budget {
            user_id: Some(ada.id),
            unit: BudgetUnit::Tokens,
            period: BudgetPeriod::Hour,
            ..budget("Ada", 0)
        },
        Budget {
            collection_id: Some(notes.id),
            period: BudgetPeriod::Day,
            ..budget("notes", 1)
        },
        on_key(other.id),
    ];
    for budget in &all {
        assert!(budgets::insert(&mut tx, budget).await.unwrap());
        assert!(!budgets::insert(&mut tx, budget).await.unwrap());
    }
    tx.commit().await.unwrap();
    (all, one.id, ada.id, notes.id)
}

#[tokio::test]
async fn a_row_comes_back_as_it_went_and_changes_version_by_version() {
    on_both(async |db| {
        let (all, ..) = one_on_each(db).await;
        let mut tx = write(db).await;
        for budget in &all {
            assert_eq!(budgets::find(&mut tx, budget.id).await.unwrap().as_ref(), Some(budget));
        }
        let next = Budget {
            name: "Größe".to_owned(),
            amount: 0,
            version: 2,
            updated_at: at(3),
            ..all[0].clone()
        };
        assert!(budgets::update(&mut tx, &next).await.unwrap());
        assert!(!budgets::update(&mut tx, &next).await.unwrap());
        assert_eq!(budgets::find(&mut tx, next.id).await.unwrap(), Some(next.clone()));
        assert!(budgets::delete(&mut tx, next.id).await.unwrap());
        assert!(!budgets::delete(&mut tx, next.id).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn those_apply_that_are_on_the_payer() {
    on_both(async |db| {
        let ([server, on_key, on_user, on_notes, on_other], key, user, notes) = one_on_each(db).await;
        let mut tx = write(db).await;
        let nobody = Payer::default();
        let somebody = Payer {
            key: Some(key),
            user: Some(user),
            collection: Some(notes),
        };
        let stranger = Payer {
            key: Some(ApiKeyId::generate()),
            user: Some(UserId::generate()),
            collection: Some(CollectionId::generate()),
        };
        for lock in [false, true] {
            for (payers, ids, expected) in [
                (vec![], vec![], vec![]),
                (vec![nobody], vec![], vec![&server]),
                (vec![stranger, nobody], vec![], vec![&server]),
                (
                    vec![stranger, somebody, somebody],
                    vec![],
                    vec![&server, &on_key, &on_user, &on_notes],
                ),
                (
                    vec![],
                    vec![on_other.id, on_notes.id, BudgetId::generate()],
                    vec![&on_notes, &on_other],
                ),
                (vec![nobody], vec![server.id], vec![&server]),
            ] {
                let found = budgets::applying(&mut tx, &payers, &ids, lock).await.unwrap();
                assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{payers:?}");
                for payer in &payers {
                    assert!(ids.is_empty() || found.iter().any(|budget| budget.applies_to(payer)));
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_list_shows_what_is_visible_and_goes_on() {
    on_both(async |db| {
        let ([server, on_key, on_user, on_notes, on_other], key, user, notes) = one_on_each(db).await;
        let mut tx = db.read().await.unwrap();
        let to = |key, user, collections| Visible::To { key, user, collections };
        for (visible, expected) in [
            (Visible::All, vec![&server, &on_key, &on_user, &on_notes, &on_other]),
            (to(None, None, None), vec![&server, &on_notes]),
            (to(None, None, Some(vec![])), vec![&server]),
            (
                to(Some(key), None, Some(vec![notes])),
                vec![&server, &on_key, &on_notes],
            ),
            (
                to(Some(key), Some(user), Some(vec![])),
                vec![&server, &on_key, &on_user],
            ),
            (
                to(None, Some(user), Some(vec![])),
                vec![&server, &on_key, &on_user, &on_other],
            ),
        ] {
            let rows = budgets::list(&mut tx, &visible, None, 9).await.unwrap();
            assert_eq!(rows.iter().collect::<Vec<_>>(), expected, "{visible:?}");
        }
        let rest = budgets::list(&mut tx, &Visible::All, Some(on_key.id), 2).await.unwrap();
        assert_eq!(rest, [on_user, on_notes]);
    })
    .await;
}

#[tokio::test]
async fn a_budget_goes_with_what_it_is_on() {
    on_both(async |db| {
        let ([server, _, on_user, on_notes, on_other], key, user, notes) = one_on_each(db).await;
        let left = async |tx: &mut synoptic::db::Tx| {
            let rows = budgets::list(tx, &Visible::All, None, 9).await.unwrap();
            rows.into_iter().map(|budget| budget.id).collect::<Vec<_>>()
        };
        let mut tx = write(db).await;
        assert_eq!(budgets::delete_of_revoked_keys(&mut tx).await.unwrap(), 0);
        assert!(api_keys::revoke(&mut tx, key, at(1)).await.unwrap());
        assert_eq!(budgets::delete_of_revoked_keys(&mut tx).await.unwrap(), 1);
        assert_eq!(left(&mut tx).await, [server.id, on_user.id, on_notes.id, on_other.id]);
        let found = collections::find(&mut tx, &NameOrId::Id(notes)).await.unwrap();
        collections::delete(&mut tx, found.unwrap().id).await.unwrap();
        assert_eq!(left(&mut tx).await, [server.id, on_user.id, on_other.id]);
        users::delete(&mut tx, user).await.unwrap();
        assert_eq!(left(&mut tx).await, [server.id, on_other.id]);
    })
    .await;
}
