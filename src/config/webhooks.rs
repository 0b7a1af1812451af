//! `[webhooks]`: which addresses webhooks may have.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// Networks of your own that webhooks may reach, such as `10.1.0.0/16`. Without them only public addresses are.
    pub allow: Vec<IpNet>,
    /// Whether a webhook's address may be `http://…`, which everybody on the way can read.
    pub allow_http: bool,
}
