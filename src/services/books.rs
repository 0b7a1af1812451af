//! The books of money: what is set aside before a call and booked after it, for many calls in one transaction. Every budget
//! that takes part is locked first, in one order, so that what is read of it stays true until the commit: in one process, in
//! many, on one database.

use super::over_budget::Refusal;
use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        budgets::{Budget, HoldLine, Spent},
        identifiers::{ApiKeyId, BudgetId, CollectionId, UserId},
        ledger::{LedgerAmounts, LedgerKey, LedgerLines, Payer},
        money::MicroDollars,
    },
    engines::PlannedCall,
    repositories::{
        budgets,
        holds::{self, HoldRow, Window},
        usage,
    },
};
use sqlx::types::Json;
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

/// For how long something stays set aside when nobody says what the call used: longer than any call may take.
pub(super) const HOLD_LASTS: time::Duration = time::Duration::HOUR;
/// How many forgotten holds a transaction takes in.
const SWEPT_AT_ONCE: i64 = 200;
/// For how long windows are kept after they began: more than a year, whatever the clock does.
const WINDOWS_LAST: time::Duration = time::Duration::days(400);
/// After how long a server that has written nothing is taken to be gone.
const WRITERS_LAST: time::Duration = time::Duration::WEEK;

/// What a call may use at worst, and who pays.
#[derive(Debug, Clone)]
pub(super) struct Reservation {
    /// The name of the hold, if there will be one.
    pub(super) hold: Uuid,
    pub(super) payer: Payer,
    pub(super) call: PlannedCall,
}

/// What a call has used.
#[derive(Debug, Clone)]
pub(super) struct Settlement {
    /// What was set aside for it. If that is not there any more, it was settled before, and nothing is booked.
    pub(super) hold: Option<Uuid>,
    pub(super) tokens: i64,
    pub(super) cost: MicroDollars,
    /// For the ledger.
    pub(super) lines: Vec<(LedgerKey, LedgerAmounts)>,
}

impl Settlement {
    /// Frees what was set aside, and books nothing.
    pub(super) fn release(hold: Uuid) -> Self {
        Self {
            hold: Some(hold),
            tokens: 0,
            cost: MicroDollars::ZERO,
            lines: Vec::new(),
        }
    }

    /// Lines for the ledger, of what nothing was set aside for.
    pub(super) fn of_lines(lines: LedgerLines) -> Self {
        Self {
            hold: None,
            tokens: 0,
            cost: MicroDollars::ZERO,
            lines: lines.into_iter().collect(),
        }
    }
}

/// What became of a reservation: whether there is a hold now, or which budget does not bear it.
pub(super) type Reserved = Result<bool>;

/// Books the settlements, then sets aside what the reservations ask for, each by itself.
///
/// # Errors
/// When the database does not answer; a reservation that is refused is in its own place.
pub(super) async fn keep(
    tx: &mut Tx,
    now: Timestamp,
    settlements: &[Settlement],
    reservations: &[&Reservation],
) -> Result<Vec<Reserved>> {
    let mut ledger = LedgerLines::new();
    let mut ended = End::default();
    for settlement in settlements {
        match settlement.hold {
            Some(hold) => ended.add(hold, settlement.clone()),
            None => add(&mut ledger, &settlement.lines),
        }
    }
    let open = holds::find(tx, &ended.ids).await?;
    let payers: Vec<Payer> = reservations.iter().map(|one| one.payer).collect();
    let held_of: Vec<BudgetId> = lines_of(&open).map(|line| line.budget).collect();
    let mut accounts = Accounts::open(tx, now, &payers, &held_of, &open).await?;
    // Another server may have ended one of them before the budgets were locked.
    let ids: Vec<Uuid> = open.iter().map(|hold| hold.id).collect();
    let mine: HashSet<Uuid> = holds::delete(tx, &ids).await?.into_iter().collect();
    for hold in open.iter().filter(|hold| mine.contains(&hold.id)) {
        if let Some(settlement) = ended.settlements.get(&hold.id) {
            accounts.settle(&hold.lines, settlement);
            add(&mut ledger, &settlement.lines);
        }
    }
    let mut outcomes = Vec::with_capacity(reservations.len());
    let mut new = Vec::new();
    for reservation in reservations {
        outcomes.push(match accounts.reserve(reservation) {
            Ok(lines) if lines.is_empty() => Ok(false),
            Ok(lines) => {
                new.push(hold_row(reservation, lines, now));
                Ok(true)
            }
            Err(error) => Err(error),
        });
    }
    holds::put_windows(tx, &accounts.changed()).await?;
    holds::insert(tx, &new).await?;
    usage::add(tx, &ledger).await?;
    Ok(outcomes)
}

/// Books holds that nobody has settled in time as spent in full, and forgets what is old.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn sweep(tx: &mut Tx, now: Timestamp) -> Result<()> {
    let expired = holds::expired(tx, now, SWEPT_AT_ONCE).await?;
    let settlements: Vec<Settlement> = expired.iter().map(spent_in_full).collect();
    if !settlements.is_empty() {
        keep(tx, now, &settlements, &[]).await?;
    }
    holds::forget_windows(tx, ago(now, WINDOWS_LAST)).await?;
    usage::forget_writers(tx, ago(now, WRITERS_LAST)).await
}

/// The holds that end in this transaction. Of two settlements of one hold the first counts.
#[derive(Default)]
struct End {
    ids: Vec<Uuid>,
    settlements: HashMap<Uuid, Settlement>,
}

impl End {
    fn add(&mut self, hold: Uuid, settlement: Settlement) {
        self.settlements.entry(hold).or_insert_with(|| {
            self.ids.push(hold);
            settlement
        });
    }
}

/// The budgets of a transaction, locked, with what was used of them.
struct Accounts {
    now: Timestamp,
    budgets: BTreeMap<BudgetId, Budget>,
    windows: BTreeMap<(BudgetId, Timestamp), Account>,
}

#[derive(Default)]
struct Account {
    spent: Spent,
    changed: bool,
}

impl Accounts {
    async fn open(
        tx: &mut Tx,
        now: Timestamp,
        payers: &[Payer],
        held_of: &[BudgetId],
        open: &[HoldRow],
    ) -> Result<Self> {
        let mut accounts = Self {
            now,
            budgets: BTreeMap::new(),
            windows: BTreeMap::new(),
        };
        if payers.is_empty() && held_of.is_empty() {
            return Ok(accounts);
        }
        let found = budgets::applying(tx, payers, held_of, true).await?;
        accounts.budgets = found.into_iter().map(|budget| (budget.id, budget)).collect();
        let current = accounts
            .budgets
            .values()
            .map(|budget| (budget.id, budget.period.start(now)));
        let held = lines_of(open).filter(|line| accounts.budgets.contains_key(&line.budget));
        let mut wanted: Vec<_> = current.chain(held.map(|line| (line.budget, line.window))).collect();
        wanted.sort_unstable();
        wanted.dedup();
        for window in holds::windows(tx, &wanted).await? {
            let account = accounts.windows.entry((window.budget, window.start)).or_default();
            account.spent = window.spent;
        }
        Ok(accounts)
    }

    /// Frees the lines of a hold and books what was really used where it was set aside, be it more or less.
    fn settle(&mut self, lines: &[HoldLine], settlement: &Settlement) {
        for line in lines {
            let Some(budget) = self.budgets.get(&line.budget) else {
                continue;
            };
            let used = budget.unit.of(settlement.tokens, settlement.cost);
            let account = self.windows.entry((line.budget, line.window)).or_default();
            account.spent.held = account.spent.held.saturating_sub(line.amount).max(0);
            account.spent.spent = account.spent.spent.saturating_add(used);
            account.changed = true;
        }
    }

    /// Sets the worst case aside in every budget that applies, or in none. No lines when none applies.
    fn reserve(&mut self, reservation: &Reservation) -> Result<Vec<HoldLine>> {
        let mut lines = Vec::new();
        let mut refusing = Vec::new();
        for budget in self
            .budgets
            .values()
            .filter(|budget| budget.applies_to(&reservation.payer))
        {
            let window = budget.period.start(self.now);
            let spent = self.windows.get(&(budget.id, window)).map(|account| account.spent);
            let spent = spent.unwrap_or_default();
            let left = spent.left_of(budget.amount);
            let need = budget
                .unit
                .of(reservation.call.worst_tokens, reservation.call.worst_cost);
            // What costs nothing under a budget is no matter to it, even when it is used up.
            if need > left {
                refusing.push(Refusal {
                    budget,
                    spent,
                    need,
                    left,
                });
            }
            lines.push(HoldLine {
                budget: budget.id,
                window,
                amount: need,
            });
        }
        if let Some(refusal) = refusing.into_iter().max_by_key(|refusal| refusal.tightness(self.now)) {
            return Err(refusal.into_error(self.now));
        }
        for line in &lines {
            let account = self.windows.entry((line.budget, line.window)).or_default();
            account.spent.held = account.spent.held.saturating_add(line.amount);
            account.changed = true;
        }
        Ok(lines)
    }

    fn changed(&self) -> Vec<Window> {
        let changed = self.windows.iter().filter(|(_, account)| account.changed);
        changed
            .map(|((budget, start), account)| Window {
                budget: *budget,
                start: *start,
                spent: account.spent,
            })
            .collect()
    }
}

fn lines_of(holds: &[HoldRow]) -> impl Iterator<Item = &HoldLine> {
    holds.iter().flat_map(|hold| hold.lines.iter())
}

fn add(ledger: &mut LedgerLines, lines: &[(LedgerKey, LedgerAmounts)]) {
    for (key, amounts) in lines {
        *ledger.entry(key.clone()).or_default() += *amounts;
    }
}

fn hold_row(reservation: &Reservation, lines: Vec<HoldLine>, now: Timestamp) -> HoldRow {
    let Reservation { hold, payer, call } = reservation;
    HoldRow {
        id: *hold,
        api_key_id: payer.key.map_or(Uuid::nil(), |id| id.0),
        user_id: payer.user.map_or(Uuid::nil(), |id| id.0),
        collection_id: payer.collection.map_or(Uuid::nil(), |id| id.0),
        engine: call.engine.to_string(),
        model: call.model.to_string(),
        worst_tokens: call.worst_tokens.max(0),
        worst_cost: call.worst_cost.0.max(0),
        lines: Json(lines),
        created_at: now,
        expires_at: Timestamp::new(now.as_offset_date_time().saturating_add(HOLD_LASTS)),
    }
}

/// Nobody knows what the call used, so that it is taken to have used all of it, on the day on which it was set aside. How the
/// tokens divide is not known either: they are booked as input.
fn spent_in_full(hold: &HoldRow) -> Settlement {
    let known = |id: Uuid| (!id.is_nil()).then_some(id);
    let key = LedgerKey {
        day: hold.created_at.as_offset_date_time().date(),
        payer: Payer {
            key: known(hold.api_key_id).map(ApiKeyId),
            user: known(hold.user_id).map(UserId),
            collection: known(hold.collection_id).map(CollectionId),
        },
        engine: hold.engine.as_str().into(),
        model: hold.model.as_str().into(),
    };
    let amounts = LedgerAmounts {
        calls: 1,
        estimated_calls: 1,
        input_tokens: hold.worst_tokens,
        cost_microdollars: hold.worst_cost,
        ..LedgerAmounts::default()
    };
    Settlement {
        hold: Some(hold.id),
        tokens: hold.worst_tokens,
        cost: MicroDollars(hold.worst_cost),
        lines: vec![(key, amounts.bounded())],
    }
}

fn ago(now: Timestamp, span: time::Duration) -> Timestamp {
    Timestamp::new(now.as_offset_date_time().saturating_sub(span))
}
