//! The budgets of the sample data: one on the server, and one on a key, which examples delete.

use super::people::KEY;
use crate::{
    domain::{
        Error, Result,
        budgets::{BudgetFields, BudgetPeriod, BudgetSubject, BudgetUnit},
        identifiers::{ApiKeyId, BudgetId},
        principal::Actor,
    },
    services::Services,
};
use uuid::Uuid;

/// The budget that examples read and change.
pub const BUDGET: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0041);
/// The budget that examples delete.
pub const SPARE_BUDGET: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0042);

/// Brings back what is not there.
///
/// # Errors
/// When the database does not answer.
pub async fn load(services: &Services) -> Result<()> {
    let budgets = [
        (
            BUDGET,
            BudgetFields {
                name: "Everything".to_owned(),
                subject: BudgetSubject::Server,
                unit: BudgetUnit::Microdollars,
                amount: 50_000_000,
                period: BudgetPeriod::Month,
            },
        ),
        (
            SPARE_BUDGET,
            BudgetFields {
                name: "Sample key".to_owned(),
                subject: BudgetSubject::Key(ApiKeyId(KEY)),
                unit: BudgetUnit::Tokens,
                amount: 1_000_000,
                period: BudgetPeriod::Day,
            },
        ),
    ];
    for (id, fields) in budgets {
        let created = services
            .budgets
            .create_as(&Actor::operator(), BudgetId(id), fields)
            .await;
        match created {
            // It is there, or somebody has revoked the sample key.
            Ok(_) | Err(Error::Conflict(_) | Error::Invalid(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
