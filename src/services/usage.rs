//! Reports of what was used, out of the ledger.

use crate::{
    db::Db,
    domain::{
        Clock, Error, Result,
        ledger::{LedgerAmounts, UsageGroup, UsageOf, UsageQuestion, UsageRow},
        permissions::Scope,
        principal::{Actor, PrincipalId, Reach},
    },
    repositories::usage::{self, Named},
};
use std::collections::{BTreeSet, HashMap};
use time::{Date, Duration};
use uuid::Uuid;

/// How many days a report goes back when it is not told, today included.
const DEFAULT_DAYS: i64 = 30;
/// How many days a report has at most.
const MOST_DAYS: i64 = 400;
/// How many rows a report has at most.
pub const MOST_ROWS: usize = 10_000;
/// Of how many the names are looked up at once.
const NAMES_AT_ONCE: usize = 1_000;

#[derive(Clone)]
pub struct UsageReports {
    db: Db,
    clock: Clock,
}

/// Sums of the ledger, in the order of what they are grouped by.
#[derive(Debug, Clone)]
pub struct UsageReport {
    /// The first day and the last, both included.
    pub from: Date,
    pub to: Date,
    pub groups: BTreeSet<UsageGroup>,
    pub lines: Vec<UsageLine>,
    pub total: LedgerAmounts,
}

/// One sum. What it is not grouped by is `None`, and so is a key, a user, a collection of which there was none.
#[derive(Debug, Clone)]
pub struct UsageLine {
    pub day: Option<Date>,
    pub key: Option<NamedId>,
    pub user: Option<NamedId>,
    pub collection: Option<NamedId>,
    pub engine: Option<String>,
    pub model: Option<String>,
    pub amounts: LedgerAmounts,
}

/// Something by its id, with its name if it still exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedId {
    pub id: Uuid,
    pub name: Option<String>,
}

impl UsageReports {
    #[must_use]
    pub fn new(db: Db, clock: Clock) -> Self {
        Self { db, clock }
    }

    /// Everybody's use for those who may read users and reach every collection; one's own for others: a key's its own, a
    /// person's that of their keys too.
    ///
    /// # Errors
    /// `Error::Invalid` for days in the wrong order or too many of them, or a report of too many rows.
    pub async fn report(
        &self,
        actor: &Actor,
        from: Option<Date>,
        to: Option<Date>,
        groups: BTreeSet<UsageGroup>,
    ) -> Result<UsageReport> {
        let (from, to) = self.days(from, to)?;
        let (of, collections) = visible_to(actor);
        let question = UsageQuestion {
            from,
            to,
            of,
            collections,
            groups,
        };
        let mut tx = self.db.read().await?;
        let limit = i64::try_from(MOST_ROWS + 1).unwrap_or(i64::MAX);
        let rows = usage::sum(&mut tx, &question, limit).await?;
        if rows.len() > MOST_ROWS {
            let message = format!("makes more than {MOST_ROWS} rows; ask for fewer days, or group by less");
            return Err(Error::invalid_parameter("group_by", message));
        }
        let mut names = HashMap::new();
        for (named, id_of) in [
            (Named::Keys, (|row| row.api_key_id) as fn(&UsageRow) -> Uuid),
            (Named::Users, |row| row.user_id),
            (Named::Collections, |row| row.collection_id),
        ] {
            let ids: BTreeSet<Uuid> = rows.iter().map(id_of).filter(|id| !id.is_nil()).collect();
            let ids: Vec<Uuid> = ids.into_iter().collect();
            for some in ids.chunks(NAMES_AT_ONCE) {
                names.extend(usage::names(&mut tx, named, some).await?);
            }
        }
        let mut total = LedgerAmounts::default();
        let lines = rows.into_iter().map(|row| {
            total += row.amounts;
            line(row, &question.groups, &names)
        });
        let lines = lines.collect();
        Ok(UsageReport {
            from,
            to,
            groups: question.groups,
            lines,
            total,
        })
    }

    fn days(&self, from: Option<Date>, to: Option<Date>) -> Result<(Date, Date)> {
        let today = self.clock.now().as_offset_date_time().date();
        let to = to.unwrap_or_else(|| today.max(from.unwrap_or(today)));
        let from = from.unwrap_or_else(|| to.saturating_sub(Duration::days(DEFAULT_DAYS - 1)));
        if from > to {
            return Err(Error::invalid_parameter(
                "from",
                format!("must not be after `to`, which is {to}"),
            ));
        }
        if (to - from).whole_days() >= MOST_DAYS {
            return Err(Error::invalid_parameter(
                "from",
                format!("must be less than {MOST_DAYS} days before `to`"),
            ));
        }
        Ok((from, to))
    }
}

fn visible_to(actor: &Actor) -> (UsageOf, Option<Vec<crate::domain::identifiers::CollectionId>>) {
    let principal = &actor.principal;
    let reach = principal.reach.restriction();
    if principal.scopes.contains(Scope::UsersRead) && principal.reach == Reach::Everything {
        return (UsageOf::Everybody, reach);
    }
    match principal.id {
        PrincipalId::Key(id) => (UsageOf::Key(id), reach),
        PrincipalId::User(id) => (UsageOf::User(id), reach),
        PrincipalId::Operator => (UsageOf::Everybody, reach),
    }
}

fn line(row: UsageRow, groups: &BTreeSet<UsageGroup>, names: &HashMap<Uuid, String>) -> UsageLine {
    let shown = |id: Uuid| {
        (!id.is_nil()).then(|| NamedId {
            id,
            name: names.get(&id).cloned(),
        })
    };
    let has = |group| groups.contains(&group);
    UsageLine {
        day: has(UsageGroup::Day).then_some(row.day),
        key: shown(row.api_key_id),
        user: shown(row.user_id),
        collection: shown(row.collection_id),
        engine: has(UsageGroup::Engine).then_some(row.engine),
        model: has(UsageGroup::Model).then_some(row.model),
        amounts: row.amounts,
    }
}
