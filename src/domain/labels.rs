//! One label of a taxonomy, as both the API and the engines see it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The stable name of a label inside its taxonomy (`bug-report`). It survives renames, so an answer given
/// under an old name still belongs to the same label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct LabelId(pub String);

impl fmt::Display for LabelId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One category a text can be placed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Stable through renames.
    pub id: LabelId,
    /// What people read: `Bug report`.
    pub name: String,
    /// One or two sentences on what belongs here; empty when not given. Worth 8 to 14 points of accuracy.
    pub description: String,
    /// Texts that belong here, zero or more.
    pub examples: Vec<String>,
}
