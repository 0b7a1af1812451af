//! `repositories::usage`.

use crate::{
    databases::on_both,
    fixtures::{at, collection, people, store, write},
};
use std::collections::BTreeSet;
use synoptic::{
    domain::{
        identifiers::{ApiKeyId, CollectionId, UserId},
        ledger::{LedgerAmounts, LedgerKey, LedgerLines, Payer, UsageGroup, UsageOf, UsageQuestion},
    },
    repositories::usage::{self, Named},
};
use time::{Date, macros::date};
use uuid::Uuid;

const DAY: Date = date!(2026 - 03 - 01);

fn amounts(calls: i64) -> LedgerAmounts {
    LedgerAmounts {
        calls,
        input_tokens: 10 * calls,
        cached_input_tokens: 2 * calls,
        output_tokens: 3 * calls,
        cost_microdollars: 7 * calls,
        estimated_calls: 1,
        cache_hits: 5,
        saved_microdollars: 11,
    }
}

fn key(day: Date, payer: Payer, model: &str) -> LedgerKey {
    LedgerKey {
        day,
        payer,
        engine: "provider".into(),
        model: model.into(),
    }
}

fn question(groups: &[UsageGroup]) -> UsageQuestion {
    UsageQuestion {
        from: DAY,
        to: date!(2026 - 03 - 31),
        of: UsageOf::Everybody,
        collections: None,
        groups: groups.iter().copied().collect(),
    }
}

#[tokio::test]
async fn a_line_is_added_to() {
    on_both(async |db| {
        let mut tx = write(db).await;
        usage::add(&mut tx, &LedgerLines::new()).await.unwrap();
        let line = key(DAY, Payer::default(), "größer 模型");
        for calls in [1, 4] {
            let lines = LedgerLines::from([(line.clone(), amounts(calls))]);
            usage::add(&mut tx, &lines).await.unwrap();
        }
        tx.commit().await.unwrap();
        let rows = usage::sum(&mut db.read().await.unwrap(), &question(&UsageGroup::ALL), 9)
            .await
            .unwrap();
        let [row] = &rows[..] else { panic!("{rows:?}") };
        let mut sum = amounts(1);
        sum += amounts(4);
        assert_eq!(row.amounts, sum);
        assert_eq!(sum.each(), [5, 50, 10, 15, 35, 2, 10, 22]);
        assert_eq!(
            (row.day, row.api_key_id, row.model.as_str()),
            (DAY, Uuid::nil(), "größer 模型")
        );
    })
    .await;
}

#[tokio::test]
async fn sums_are_grouped_and_narrowed() {
    on_both(async |db| {
        let (mine, theirs) = (ApiKeyId::generate(), ApiKeyId::generate());
        let (user, inside, outside) = (UserId::generate(), CollectionId::generate(), CollectionId::generate());
        let payer = |key, user, collection| Payer { key, user, collection };
        let payers = [
            payer(Some(mine), Some(user), Some(inside)),
            payer(Some(theirs), None, Some(outside)),
            payer(None, Some(user), None),
        ];
        let mut lines = LedgerLines::new();
        for (index, payer) in payers.into_iter().enumerate() {
            let calls = 10_i64.pow(u32::try_from(index).unwrap());
            lines.insert(key(DAY, payer, "small"), amounts(calls));
            lines.insert(key(date!(2026 - 03 - 31), payer, "large"), amounts(calls));
            lines.insert(key(date!(2026 - 04 - 01), payer, "large"), amounts(1_000_000));
            lines.insert(key(date!(2026 - 02 - 28), payer, "large"), amounts(1_000_000));
        }
        let mut tx = write(db).await;
        usage::add(&mut tx, &lines).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.read().await.unwrap();
        for (groups, of, collections, expected) in [
            (vec![], UsageOf::Everybody, None, vec![222]),
            (vec![UsageGroup::Day], UsageOf::Everybody, None, vec![111, 111]),
            (
                vec![UsageGroup::Model, UsageGroup::Engine],
                UsageOf::Everybody,
                None,
                vec![111, 111],
            ),
            (vec![], UsageOf::Key(mine), None, vec![2]),
            (vec![], UsageOf::User(user), None, vec![202]),
            (vec![], UsageOf::User(user), Some(vec![inside]), vec![202]),
            (vec![], UsageOf::User(user), Some(vec![]), vec![200]),
            (vec![], UsageOf::Key(theirs), Some(vec![inside]), vec![]),
            (
                vec![UsageGroup::Key, UsageGroup::User, UsageGroup::Collection],
                UsageOf::Key(mine),
                None,
                vec![2],
            ),
        ] {
            let asked = UsageQuestion {
                of,
                collections,
                ..question(&groups)
            };
            let rows = usage::sum(&mut tx, &asked, 9).await.unwrap();
            let calls: Vec<i64> = rows.iter().map(|row| row.amounts.calls).collect();
            assert_eq!(calls, expected, "{asked:?}");
        }
        let by_key = usage::sum(&mut tx, &question(&[UsageGroup::Key]), 9).await.unwrap();
        let seen: BTreeSet<Uuid> = by_key.iter().map(|row| row.api_key_id).collect();
        assert_eq!(seen, BTreeSet::from([Uuid::nil(), mine.0, theirs.0]));
        assert_eq!(
            usage::sum(&mut tx, &question(&[UsageGroup::Key]), 2).await.unwrap(),
            by_key[..2]
        );
    })
    .await;
}

#[tokio::test]
async fn names_are_of_what_still_exists() {
    on_both(async |db| {
        let notes = collection("notes");
        store(db, &notes, &[]).await;
        let mut tx = write(db).await;
        let (key, user) = people(&mut tx).await;
        let gone = Uuid::now_v7();
        for (of, id, name) in [
            (Named::Keys, key.0, "k".to_owned()),
            (Named::Users, user.0, format!("{user}@example.com")),
            (Named::Collections, notes.id.0, "notes".to_owned()),
        ] {
            let found = usage::names(&mut tx, of, &[id, gone]).await.unwrap();
            assert_eq!(found, [(id, name)]);
            assert_eq!(usage::names(&mut tx, of, &[]).await.unwrap(), []);
        }
    })
    .await;
}

#[tokio::test]
async fn a_writer_finds_its_last_transaction() {
    on_both(async |db| {
        let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
        let mut tx = write(db).await;
        for batch in [1, 7] {
            usage::sign(&mut tx, one, batch, at(0)).await.unwrap();
        }
        usage::sign(&mut tx, other, 3, at(9)).await.unwrap();
        assert_eq!(usage::last_signed(&mut tx, one, at(0)).await.unwrap(), 7);
        usage::forget_writers(&mut tx, at(9)).await.unwrap();
        assert_eq!(usage::last_signed(&mut tx, one, at(9)).await.unwrap(), 0);
        assert_eq!(usage::last_signed(&mut tx, other, at(9)).await.unwrap(), 3);
    })
    .await;
}
