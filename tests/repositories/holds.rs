//! `repositories::holds`.

use crate::{
    budgets::budget,
    databases::on_both,
    fixtures::{at, write},
};
use sqlx::types::Json;
use synoptic::{
    domain::{
        Timestamp,
        budgets::{HoldLine, Spent},
        identifiers::BudgetId,
    },
    repositories::{
        budgets,
        holds::{self, HoldRow, Window},
    },
};
use uuid::Uuid;

fn hold(lines: Vec<HoldLine>, expires_at: Timestamp) -> HoldRow {
    HoldRow {
        id: Uuid::now_v7(),
        api_key_id: Uuid::now_v7(),
        user_id: Uuid::nil(),
        collection_id: Uuid::nil(),
        engine: "provider".to_owned(),
        model: "größer 模型".to_owned(),
        worst_tokens: i64::MAX,
        worst_cost: 0,
        lines: Json(lines),
        created_at: at(0),
        expires_at,
    }
}

#[tokio::test]
async fn a_hold_comes_back_as_it_went_and_ends_once() {
    on_both(async |db| {
        let line = HoldLine {
            budget: BudgetId::generate(),
            window: at(0),
            amount: i64::MAX,
        };
        let all = [
            hold(vec![line, line], at(3)),
            hold(vec![], at(2)),
            hold(vec![line], at(1)),
        ];
        let mut tx = write(db).await;
        holds::insert(&mut tx, &[]).await.unwrap();
        holds::insert(&mut tx, &all).await.unwrap();
        let ids: Vec<Uuid> = all.iter().map(|hold| hold.id).collect();
        let mut found = holds::find(&mut tx, &[&ids[..], &[Uuid::now_v7()]].concat())
            .await
            .unwrap();
        found.sort_by_key(|hold| hold.id);
        assert_eq!(found, all);
        let expired = holds::expired(&mut tx, at(2), 9).await.unwrap();
        assert_eq!(expired, [all[2].clone(), all[1].clone()]);
        assert_eq!(holds::expired(&mut tx, at(9), 1).await.unwrap().len(), 1);
        assert_eq!(holds::delete(&mut tx, &ids[..1]).await.unwrap(), ids[..1]);
        let mut rest = holds::delete(&mut tx, &ids).await.unwrap();
        rest.sort();
        assert_eq!(rest, ids[1..]);
        assert_eq!(holds::find(&mut tx, &ids).await.unwrap(), []);
        assert_eq!(holds::delete(&mut tx, &[]).await.unwrap(), Vec::<Uuid>::new());
    })
    .await;
}

#[tokio::test]
async fn windows_are_replaced_and_forgotten_unless_something_is_held() {
    on_both(async |db| {
        let (one, other) = (budget("one", 1), budget("other", 2));
        let window = |budget: &synoptic::domain::budgets::Budget, start, spent, held| Window {
            budget: budget.id,
            start,
            spent: Spent { spent, held },
        };
        let all = [
            window(&one, at(0), 1, 0),
            window(&one, at(1), 2, 3),
            window(&other, at(0), i64::MAX, i64::MAX),
        ];
        let keys: Vec<_> = all.iter().map(|window| (window.budget, window.start)).collect();
        let mut tx = write(db).await;
        for budget in [&one, &other] {
            assert!(budgets::insert(&mut tx, budget).await.unwrap());
        }
        holds::put_windows(&mut tx, &[]).await.unwrap();
        holds::put_windows(&mut tx, &all).await.unwrap();
        let sorted = async |tx: &mut synoptic::db::Tx| {
            let mut found = holds::windows(tx, &keys).await.unwrap();
            found.sort_by_key(|window| (window.budget, window.start));
            found
        };
        assert_eq!(sorted(&mut tx).await, all);
        let changed = window(&one, at(0), 0, 5);
        holds::put_windows(&mut tx, &[changed]).await.unwrap();
        assert_eq!(sorted(&mut tx).await, [changed, all[1], all[2]]);
        let elsewhere = [(one.id, at(5)), (BudgetId::generate(), at(0))];
        assert_eq!(holds::windows(&mut tx, &elsewhere).await.unwrap(), []);
        holds::put_windows(&mut tx, &[all[0]]).await.unwrap();
        holds::forget_windows(&mut tx, at(1)).await.unwrap();
        assert_eq!(sorted(&mut tx).await, all[1..]);
        assert!(budgets::delete(&mut tx, other.id).await.unwrap());
        assert_eq!(sorted(&mut tx).await, all[1..2]);
    })
    .await;
}
