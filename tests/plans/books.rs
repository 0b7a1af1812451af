//! Budgets and the ledger.

use crate::{
    filling::{at, id},
    judging::{May, Plans},
    look,
};
use std::collections::BTreeSet;
use synoptic::{
    db::Db,
    domain::{
        identifiers::{ApiKeyId, BudgetId, CollectionId, UserId},
        ledger::{Payer, UsageGroup, UsageOf, UsageQuestion},
    },
    repositories::{
        budgets::{self, Visible},
        holds, usage,
    },
};
use time::macros::date;

const SUM: May = May::Matches("a sum is over everything that was asked for");
const MINE: May = May::Matches("budgets are few of each key, person and collection, and are put into their order");

pub async fn look(plans: &mut Plans, db: &Db) {
    limits(plans, db).await;
    ledger(plans, db).await;
}

async fn limits(plans: &mut Plans, db: &Db) {
    let mut tx = db.write().await.unwrap();
    let (key, user, collection) = (ApiKeyId(id('k', 7)), UserId(id('u', 7)), CollectionId(id('c', 1)));
    let budget = BudgetId(id('b', 7));
    let to = |key, user, collections| Visible::To { key, user, collections };
    let visible = [
        ("everything", May::Page, Visible::All),
        ("a key", MINE, to(Some(key), Some(user), Some(vec![collection]))),
        (
            "a person",
            MINE,
            to(None, Some(user), Some(vec![collection, CollectionId(id('c', 2))])),
        ),
        ("a person who reaches everything", MINE, to(None, Some(user), None)),
    ];
    for (name, may, visible) in &visible {
        for after in [None, Some(BudgetId(id('b', 1_500)))] {
            look!(
                plans,
                tx,
                format!("budgets of {name}"),
                *may,
                budgets::list(&mut tx, visible, after, 50)
            );
        }
    }
    let payer = Payer {
        key: Some(key),
        user: Some(user),
        collection: Some(collection),
    };
    for lock in [false, true] {
        let payers = [payer, Payer::default()];
        look!(
            plans,
            tx,
            "budgets that apply",
            budgets::applying(&mut tx, &payers, &[budget], lock)
        );
    }
    look!(plans, tx, "budget", budgets::find(&mut tx, budget));
    look!(
        plans,
        tx,
        "budgets of revoked keys",
        May::All("budgets of keys, when one more is revoked"),
        budgets::delete_of_revoked_keys(&mut tx)
    );
    look!(plans, tx, "holds", holds::find(&mut tx, &[id('o', 1), id('o', 2)]));
    look!(
        plans,
        tx,
        "holds whose time has come",
        holds::expired(&mut tx, at(4_000), 50)
    );
    look!(
        plans,
        tx,
        "holds ended",
        holds::delete(&mut tx, &[id('o', 1), id('o', 2)])
    );
    let windows = look!(
        plans,
        tx,
        "windows",
        holds::windows(&mut tx, &[(budget, at(0)), (BudgetId(id('b', 8)), at(0))])
    );
    look!(plans, tx, "windows written", holds::put_windows(&mut tx, &windows));
    look!(plans, tx, "old windows", holds::forget_windows(&mut tx, at(0)));
}

async fn ledger(plans: &mut Plans, db: &Db) {
    let mut tx = db.write().await.unwrap();
    let (key, user, collection) = (ApiKeyId(id('k', 7)), UserId(id('u', 7)), CollectionId(id('c', 1)));
    let groups = [
        BTreeSet::new(),
        BTreeSet::from([UsageGroup::Day]),
        BTreeSet::from([UsageGroup::Key, UsageGroup::Model]),
    ];
    for of in [UsageOf::Everybody, UsageOf::Key(key), UsageOf::User(user)] {
        for groups in &groups {
            let question = UsageQuestion {
                from: date!(2026 - 04 - 01),
                to: date!(2026 - 04 - 07),
                of,
                collections: Some(vec![collection]),
                groups: groups.clone(),
            };
            look!(
                plans,
                tx,
                format!("usage of {of:?} by {groups:?}"),
                SUM,
                usage::sum(&mut tx, &question, 1_000)
            );
        }
    }
    look!(
        plans,
        tx,
        "writer of the ledger",
        usage::last_signed(&mut tx, id('w', 9), at(9))
    );
    look!(plans, tx, "ledger signed", usage::sign(&mut tx, id('w', 9), 2, at(9)));
    look!(
        plans,
        tx,
        "old writers of the ledger",
        usage::forget_writers(&mut tx, at(20))
    );
}
