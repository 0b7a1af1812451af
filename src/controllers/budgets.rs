//! `/api/budgets`.

use super::{Tag, examples};
use crate::{
    auth::Caller,
    domain::{etags::Expected, identifiers::BudgetId},
    dto::{
        body::Body,
        budgets::{Budget, BudgetChange, BudgetPage, NewBudget},
        page::{Question, check_parameters},
        problem::ApiError,
        responses::{Created, Deleted, Listed, Versioned},
    },
    services::budgets::Budgets,
};
use poem::Request;
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};
use uuid::Uuid;

pub struct BudgetsApi(pub Budgets);

#[OpenApi(prefix_path = "/api/budgets", tag = "Tag::Budgets")]
impl BudgetsApi {
    /// Create a budget
    ///
    /// It counts at once, on every server: what calls to models use from now on. Those that are under way are not in it.
    #[oai(path = "/", method = "post", operation_id = "createBudget")]
    async fn create(&self, caller: Caller, body: Body<NewBudget>) -> Result<Created<Budget>, ApiError> {
        let actor = caller.actor();
        let collection = match body.0.collection() {
            Some(name) => Some(self.0.resolve_collection(actor, name).await?),
            None => None,
        };
        let budget = Budget::from(self.0.create(actor, body.0.into_domain(collection)?).await?);
        let (location, etag) = (budget.location(), budget.etag());
        Ok(Created::Created(Json(budget), location, etag))
    }

    /// List budgets
    ///
    /// In the order of creation: those that apply to oneself, or all for those who may read users.
    #[oai(path = "/", method = "get", operation_id = "listBudgets")]
    async fn list(
        &self,
        caller: Caller,
        request: &Request,
        /// 1 to 200; 50 when left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<BudgetPage>, ApiError> {
        check_parameters(request, &["limit", "cursor"], None)?;
        let question = Question::new(request, &())?;
        let page = question.page(limit.0, cursor.0.as_deref())?;
        let page = self.0.list(caller.actor(), page).await?;
        let (next_cursor, link) = question.next(&page)?;
        let items = page.rows.into_iter().map(Budget::from).collect();
        Ok(Listed::Ok(Json(BudgetPage { items, next_cursor }), link))
    }

    /// Get a budget
    #[oai(path = "/:budget", method = "get", operation_id = "getBudget")]
    async fn get(
        &self,
        caller: Caller,
        #[oai(example = "examples::budget")] budget: Path<Uuid>,
    ) -> Result<Versioned<Budget>, ApiError> {
        let budget = self.0.get(caller.actor(), BudgetId(budget.0)).await?;
        Ok(versioned(budget.into()))
    }

    /// Change a budget
    ///
    /// What the body leaves out stays as it is. It takes effect at once.
    #[oai(path = "/:budget", method = "patch", operation_id = "updateBudget")]
    async fn update(
        &self,
        caller: Caller,
        #[oai(example = "examples::budget")] budget: Path<Uuid>,
        /// Change only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<BudgetChange>,
    ) -> Result<Versioned<Budget>, ApiError> {
        let expected = Expected::parse(if_match.0.as_deref())?;
        let (actor, id) = (caller.actor(), BudgetId(budget.0));
        let changed = self.0.update(actor, id, &expected, body.0.into()).await?;
        Ok(versioned(changed.into()))
    }

    /// Delete a budget
    #[oai(path = "/:budget", method = "delete", operation_id = "deleteBudget")]
    async fn delete(
        &self,
        caller: Caller,
        #[oai(example = "examples::spare_budget")] budget: Path<Uuid>,
        /// Delete only this version: the `ETag` that was read.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, ApiError> {
        let expected = Expected::parse(if_match.0.as_deref())?;
        self.0.delete(caller.actor(), BudgetId(budget.0), &expected).await?;
        Ok(Deleted::Done)
    }
}

fn versioned(budget: Budget) -> Versioned<Budget> {
    let etag = budget.etag();
    Versioned::Ok(Json(budget), etag)
}
