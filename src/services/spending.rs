//! Spending: what stands between calls to models and the books. Before a call its worst case is set aside in every budget that
//! applies; after it, what it used is booked. Nothing about budgets is kept in memory, so that a new one counts at once and
//! any number of servers share them.

use super::{books::Settlement, writer::Writer};
use crate::{
    db::{Db, Tx},
    domain::{
        Clock, Result, Timestamp,
        budget_left::BudgetLeft,
        budgets::{Budget, BudgetState},
        identifiers::CollectionId,
        ledger::{LedgerAmounts, LedgerKey, Payer},
        money::MicroDollars,
        principal::Actor,
    },
    engines::{Hold, Meter, PlannedCall, SettledCall},
    repositories::{budgets, holds},
};
use futures_util::future::BoxFuture;
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use uuid::Uuid;

#[derive(Clone)]
pub struct Spending {
    db: Db,
    clock: Clock,
    writer: Writer,
    /// Whether the last reservation met a budget. Then the next one is likely to, and need not look first.
    limited: Arc<AtomicBool>,
}

impl Spending {
    #[must_use]
    pub fn new(db: Db, clock: Clock, writer: Writer) -> Self {
        Self {
            db,
            clock,
            writer,
            limited: Arc::new(AtomicBool::new(false)),
        }
    }

    /// The books of what the actor asks for, in a collection if it is about something there.
    #[must_use]
    pub fn meter(&self, actor: &Actor, collection: Option<CollectionId>) -> Arc<dyn Meter> {
        Arc::new(PayerMeter {
            spending: self.clone(),
            payer: Payer::of(actor, collection),
        })
    }

    /// Counts an answer that was given again, and what it would have cost. It is in the ledger within about a second.
    pub fn record_saved(
        &self,
        actor: &Actor,
        collection: Option<CollectionId>,
        engine: &str,
        model: &str,
        saved: MicroDollars,
    ) {
        let amounts = LedgerAmounts {
            cache_hits: 1,
            saved_microdollars: saved.0,
            ..LedgerAmounts::default()
        };
        let key = LedgerKey {
            day: self.clock.now().as_offset_date_time().date(),
            payer: Payer::of(actor, collection),
            engine: engine.into(),
            model: model.into(),
        };
        self.writer.save(key, amounts.bounded());
    }

    /// What the budgets still hold that apply to the actor, in any of these collections or outside of all, in the order in which
    /// they were made. None for no collections.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn left(&self, actor: &Actor, collections: &HashSet<Option<CollectionId>>) -> Result<Vec<BudgetLeft>> {
        let payers: Vec<Payer> = collections
            .iter()
            .map(|collection| Payer::of(actor, *collection))
            .collect();
        // What is left may change between the two statements, as it may after them.
        let mut tx = self.db.glance().await?;
        let found = budgets::applying(&mut tx, &payers, &[], false).await?;
        let now = self.clock.now();
        let states = states(&mut tx, now, found).await?;
        let left = states.into_iter().map(|state| {
            let (left, unit) = (state.left(), state.budget.unit.name());
            BudgetLeft::new(state.budget.name, unit, left, state.resets_at, now)
        });
        Ok(left.collect())
    }

    /// The same where nothing may fail for want of it.
    pub(super) async fn left_or_none(
        &self,
        actor: &Actor,
        collections: HashSet<Option<CollectionId>>,
    ) -> Vec<BudgetLeft> {
        if collections.is_empty() {
            return Vec::new();
        }
        Box::pin(self.left(actor, &collections)).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what is left of the budgets cannot be told");
            Vec::new()
        })
    }

    /// Waits until everything that was handed over before is on disk.
    ///
    /// # Errors
    /// When the database does not take it; it is kept, and tried again.
    pub async fn written(&self) -> Result<()> {
        self.writer.written().await
    }

    async fn reserve(&self, payer: Payer, call: &PlannedCall) -> Result<Hold> {
        if !self.limited.load(Ordering::Relaxed) {
            let mut tx = self.db.glance().await?;
            if budgets::applying(&mut tx, &[payer], &[], false).await?.is_empty() {
                return Ok(Hold(None));
            }
        }
        let hold = self.writer.reserve(payer, call.clone()).await?;
        self.limited.store(hold.is_some(), Ordering::Relaxed);
        Ok(Hold(hold))
    }
}

/// The budgets in the windows that they are in now.
pub(super) async fn states(tx: &mut Tx, now: Timestamp, budgets: Vec<Budget>) -> Result<Vec<BudgetState>> {
    let windows: Vec<_> = budgets
        .iter()
        .map(|budget| (budget.id, budget.period.start(now)))
        .collect();
    let found = holds::windows(tx, &windows).await?;
    let spent: HashMap<_, _> = found.into_iter().map(|window| (window.budget, window.spent)).collect();
    let states = budgets.into_iter().map(|budget| BudgetState {
        spent: spent.get(&budget.id).copied().unwrap_or_default(),
        window_start: budget.period.start(now),
        resets_at: budget.period.end(now),
        budget,
    });
    Ok(states.collect())
}

struct PayerMeter {
    spending: Spending,
    payer: Payer,
}

impl Meter for PayerMeter {
    fn reserve<'a>(&'a self, call: &'a PlannedCall) -> BoxFuture<'a, Result<Hold>> {
        Box::pin(self.spending.reserve(self.payer, call))
    }

    fn settle(&self, hold: Hold, call: SettledCall) -> BoxFuture<'_, ()> {
        let settlement = self.settlement(hold.0, call);
        if settlement.hold.is_none() && settlement.lines.is_empty() {
            return Box::pin(async {});
        }
        // It is handed over here and now: whoever drops the future has settled all the same.
        Box::pin(self.spending.writer.settle(settlement))
    }
}

impl PayerMeter {
    /// A call that used nothing is none in the ledger.
    fn settlement(&self, hold: Option<Uuid>, call: SettledCall) -> Settlement {
        let tokens = call.used.tokens;
        let amounts = LedgerAmounts {
            calls: 1,
            input_tokens: tokens.input,
            cached_input_tokens: tokens.cached_input,
            output_tokens: tokens.output,
            cost_microdollars: call.cost.0,
            estimated_calls: i64::from(call.used.estimated),
            ..LedgerAmounts::default()
        }
        .bounded();
        let key = LedgerKey {
            day: self.spending.clock.now().as_offset_date_time().date(),
            payer: self.payer,
            engine: call.engine,
            model: call.model,
        };
        let used_nothing = amounts.input_tokens == 0 && amounts.output_tokens == 0 && amounts.cost_microdollars == 0;
        Settlement {
            hold,
            tokens: amounts.input_tokens + amounts.output_tokens,
            cost: MicroDollars(amounts.cost_microdollars),
            lines: if used_nothing { Vec::new() } else { vec![(key, amounts)] },
        }
    }
}
