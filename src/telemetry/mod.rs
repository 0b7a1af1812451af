//! What the program tells about itself: logs, metrics, and the trace id that ties them to a request.

pub mod logs;
pub mod metrics;
pub mod trace_id;
