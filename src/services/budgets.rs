//! Budgets: create, list, get, update, delete. A budget counts from the moment it is made: what was used before, and what is
//! under way then, is not in it.

use super::{audit, changed_meanwhile, collections, spending::states};
use crate::{
    db::{Db, Tx},
    domain::{
        Clock, Error, Result, Timestamp,
        audit::{Action, Event},
        budgets::{Budget, BudgetFields, BudgetState, BudgetSubject, check_budget},
        etags::Expected,
        identifiers::{BudgetId, CollectionId},
        paging::{Page, PageRequest},
        permissions::Scope,
        principal::{Actor, PrincipalId, Reach},
        text_fields::NameOrId,
    },
    repositories::{
        api_keys,
        budgets::{self, Visible},
        usage::{self, Named},
        users,
    },
};
use std::collections::HashMap;
use uuid::Uuid;

#[derive(Clone)]
pub struct Budgets {
    db: Db,
    clock: Clock,
}

/// What a partial change says; `None` leaves a field as it is. A budget on something else, in another unit or window is another
/// budget.
#[derive(Debug, Clone, Default)]
pub struct BudgetPatch {
    pub name: Option<String>,
    pub amount: Option<i64>,
}

/// A budget as it stands, with what its subject is called, if that has a name.
#[derive(Debug, Clone)]
pub struct ShownBudget {
    pub state: BudgetState,
    pub subject_name: Option<String>,
}

impl Budgets {
    #[must_use]
    pub fn new(db: Db, clock: Clock) -> Self {
        Self { db, clock }
    }

    /// # Errors
    /// `Error::Invalid` when there is no such key, user or collection.
    pub async fn create(&self, actor: &Actor, fields: BudgetFields) -> Result<ShownBudget> {
        self.create_as(actor, BudgetId::generate(), fields).await
    }

    /// Creates a budget under an id of the caller's choice, for sample data whose ids are documented.
    ///
    /// # Errors
    /// As for [`Budgets::create`], and `Error::Conflict` when the id is taken.
    pub async fn create_as(&self, actor: &Actor, id: BudgetId, fields: BudgetFields) -> Result<ShownBudget> {
        let mut tx = self.db.write().await?;
        let now = self.clock.now();
        check_subject(&mut tx, fields.subject, now).await?;
        let (mut key, mut user, mut collection) = (None, None, None);
        match fields.subject {
            BudgetSubject::Server => {}
            BudgetSubject::Key(id) => key = Some(id),
            BudgetSubject::User(id) => user = Some(id),
            BudgetSubject::Collection(id) => collection = Some(id),
        }
        let budget = Budget {
            id,
            name: fields.name,
            api_key_id: key,
            user_id: user,
            collection_id: collection,
            unit: fields.unit,
            amount: fields.amount,
            period: fields.period,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        if !budgets::insert(&mut tx, &budget).await? {
            return Err(Error::Conflict(format!("there is a budget with the id {id} already")));
        }
        let shown = self.show(&mut tx, vec![budget]).await?.pop();
        let shown = shown.ok_or_else(|| Error::internal("a budget is not shown"))?;
        let event = Event::done(Action::BudgetCreated, "budget", id, shown.state.budget.name.clone());
        audit::record(&mut tx, &self.clock, actor, event.with_detail(detail(&shown))).await?;
        tx.commit().await?;
        Ok(shown)
    }

    /// In the order of creation: all for those who may see everybody's, for others those that apply to them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, actor: &Actor, page: PageRequest<BudgetId>) -> Result<Page<ShownBudget, BudgetId>> {
        let mut tx = self.db.read().await?;
        let rows = budgets::list(&mut tx, &visible_to(actor), page.after, i64::from(page.limit) + 1).await?;
        let shown = self.show(&mut tx, rows).await?;
        Ok(Page::from_overfetched(shown, page.limit, |one| one.state.budget.id))
    }

    /// # Errors
    /// `Error::NotFound`.
    pub async fn get(&self, actor: &Actor, id: BudgetId) -> Result<ShownBudget> {
        let mut tx = self.db.read().await?;
        let budget = find(&mut tx, actor, id).await?;
        let shown = self.show(&mut tx, vec![budget]).await?.pop();
        shown.ok_or_else(|| Error::not_found("budget", id))
    }

    /// An amount below what is spent already is allowed: nothing more is spent then until the window ends.
    ///
    /// # Errors
    /// `Error::NotFound`, `Error::PreconditionFailed` or `Error::Invalid`.
    pub async fn update(
        &self,
        actor: &Actor,
        id: BudgetId,
        expected: &Expected,
        patch: BudgetPatch,
    ) -> Result<ShownBudget> {
        let mut tx = self.db.write().await?;
        let stored = find(&mut tx, actor, id).await?;
        expected.check("budget", id.0, stored.version)?;
        let amount = patch.amount.unwrap_or(stored.amount);
        let name = check_budget(patch.name.as_deref().unwrap_or(&stored.name), amount)?;
        let is_change = name != stored.name || amount != stored.amount;
        let before = stored.limit();
        let mut budget = stored;
        if is_change {
            budget.name = name;
            budget.amount = amount;
            budget.version += 1;
            budget.updated_at = self.clock.now();
            if !budgets::update(&mut tx, &budget).await? {
                return Err(changed_meanwhile("budget"));
            }
            let event = Event::done(Action::BudgetChanged, "budget", id, budget.name.clone());
            let event = event.with_detail(format!("{before} → {}", budget.limit()));
            audit::record(&mut tx, &self.clock, actor, event).await?;
        }
        let shown = self.show(&mut tx, vec![budget]).await?.pop();
        if is_change {
            tx.commit().await?;
        }
        shown.ok_or_else(|| Error::not_found("budget", id))
    }

    /// What calls under way have set aside in it is forgotten with it.
    ///
    /// # Errors
    /// `Error::NotFound` or `Error::PreconditionFailed`.
    pub async fn delete(&self, actor: &Actor, id: BudgetId, expected: &Expected) -> Result<()> {
        let mut tx = self.db.write().await?;
        let stored = find(&mut tx, actor, id).await?;
        expected.check("budget", id.0, stored.version)?;
        let shown = self.show(&mut tx, vec![stored]).await?.pop();
        if !budgets::delete(&mut tx, id).await? {
            return Err(Error::not_found("budget", id));
        }
        if let Some(shown) = shown {
            let event = Event::done(Action::BudgetDeleted, "budget", id, shown.state.budget.name.clone());
            audit::record(&mut tx, &self.clock, actor, event.with_detail(detail(&shown))).await?;
        }
        tx.commit().await
    }

    /// The collection of this name, as what a budget is on.
    ///
    /// # Errors
    /// `Error::Invalid` at `/subject_id`.
    pub async fn resolve_collection(&self, actor: &Actor, name: &str) -> Result<CollectionId> {
        let mut tx = self.db.read().await?;
        match collections::find(&mut tx, actor, &NameOrId::parse(name)).await {
            Ok(collection) => Ok(collection.id),
            Err(Error::NotFound { .. }) => Err(names_none("collection")),
            Err(error) => Err(error),
        }
    }

    async fn show(&self, tx: &mut Tx, budgets: Vec<Budget>) -> Result<Vec<ShownBudget>> {
        let mut names = HashMap::new();
        let ids = |of: fn(&Budget) -> Option<Uuid>| budgets.iter().filter_map(of).collect::<Vec<_>>();
        for (named, ids) in [
            (Named::Keys, ids(|budget| budget.api_key_id.map(|id| id.0))),
            (Named::Users, ids(|budget| budget.user_id.map(|id| id.0))),
            (Named::Collections, ids(|budget| budget.collection_id.map(|id| id.0))),
        ] {
            if !ids.is_empty() {
                names.extend(usage::names(tx, named, &ids).await?);
            }
        }
        let states = states(tx, self.clock.now(), budgets).await?;
        let shown = states.into_iter().map(|state| {
            let id = subject_id(&state.budget);
            ShownBudget {
                subject_name: id.and_then(|id| names.get(&id).cloned()),
                state,
            }
        });
        Ok(shown.collect())
    }
}

/// The id of what a budget is on; `None` for the server.
#[must_use]
pub fn subject_id(budget: &Budget) -> Option<Uuid> {
    match budget.subject() {
        BudgetSubject::Server => None,
        BudgetSubject::Key(id) => Some(id.0),
        BudgetSubject::User(id) => Some(id.0),
        BudgetSubject::Collection(id) => Some(id.0),
    }
}

async fn check_subject(tx: &mut Tx, subject: BudgetSubject, now: Timestamp) -> Result<()> {
    let live = match subject {
        BudgetSubject::Server => return Ok(()),
        BudgetSubject::Key(id) => {
            let key = api_keys::find(tx, id).await?.filter(|key| key.revoked_at.is_none());
            let live = key.is_some_and(|key| key.expires_at.is_none_or(|end| end > now));
            (live, "live API key")
        }
        BudgetSubject::User(id) => (users::find(tx, id).await?.is_some(), "user"),
        BudgetSubject::Collection(id) => {
            let found = crate::repositories::collections::find(tx, &NameOrId::Id(id)).await?;
            (found.is_some(), "collection")
        }
    };
    match live {
        (true, _) => Ok(()),
        (false, what) => Err(names_none(what)),
    }
}

fn names_none(what: &str) -> Error {
    Error::invalid("/subject_id", format!("names no {what}"))
}

/// Which budgets there are for the actor.
fn visible_to(actor: &Actor) -> Visible {
    let principal = &actor.principal;
    let sees_all = principal.scopes.contains(Scope::UsersRead) && principal.reach == Reach::Everything;
    if sees_all || principal.id == PrincipalId::Operator {
        return Visible::All;
    }
    Visible::To {
        key: principal.key_id(),
        user: principal.user_id,
        collections: principal.reach.restriction(),
    }
}

async fn find(tx: &mut Tx, actor: &Actor, id: BudgetId) -> Result<Budget> {
    let budget = budgets::find(tx, id).await?;
    let budget = budget.ok_or_else(|| Error::not_found("budget", id))?;
    if is_visible(tx, &visible_to(actor), &budget).await? {
        Ok(budget)
    } else {
        Err(Error::not_found("budget", id))
    }
}

/// The same as the list shows.
async fn is_visible(tx: &mut Tx, visible: &Visible, budget: &Budget) -> Result<bool> {
    let Visible::To { key, user, collections } = visible else {
        return Ok(true);
    };
    Ok(match budget.subject() {
        BudgetSubject::Server => true,
        BudgetSubject::User(id) => *user == Some(id),
        BudgetSubject::Collection(id) => collections.as_ref().is_none_or(|reached| reached.contains(&id)),
        BudgetSubject::Key(id) => match (key, user) {
            (Some(own), _) => *own == id,
            (None, Some(user)) => api_keys::find(tx, id)
                .await?
                .is_some_and(|key| key.owner_id == Some(*user)),
            (None, None) => false,
        },
    })
}

/// What a budget is, for the audit trail.
fn detail(shown: &ShownBudget) -> String {
    let budget = &shown.state.budget;
    let on = match budget.subject() {
        BudgetSubject::Server => "the server",
        BudgetSubject::Key(_) => "API key",
        BudgetSubject::User(_) => "user",
        BudgetSubject::Collection(_) => "collection",
    };
    match &shown.subject_name {
        Some(name) => format!("{} on {on} {name}", budget.limit()),
        None => format!("{} on {on}", budget.limit()),
    }
}
