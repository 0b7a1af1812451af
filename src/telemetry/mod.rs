//! What the program tells about itself: logs, metrics, and the trace id that ties them to a request.

pub mod logs;
pub mod metrics;
mod model_metrics;
mod provider_metrics;
pub mod trace_id;
mod webhook_metrics;
mod work_metrics;

pub use metrics::Metrics;
pub use model_metrics::{CallUse, Share, Waiting};
