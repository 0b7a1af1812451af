//! Who asks: a program with an API key, or the person at this machine's command line.

use super::identifiers::ApiKeyId;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// `None` at the command line, whose user can read the database file anyway.
    pub key_id: Option<ApiKeyId>,
    /// What the key is called.
    pub name: String,
}

impl Principal {
    /// Whoever runs the program.
    #[must_use]
    pub fn operator() -> Self {
        Self {
            key_id: None,
            name: "operator".to_owned(),
        }
    }
}
