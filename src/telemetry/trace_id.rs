//! The id of the request under way (W3C Trace Context: 32 hexadecimal digits), for its log lines, its problem and its analyses.

use std::future::Future;

tokio::task_local! {
    static CURRENT: String;
}

/// Runs a future as part of the request with this id.
pub async fn scope<F: Future>(id: String, future: F) -> F::Output {
    CURRENT.scope(id, future).await
}

/// The id of the request under way; `None` outside of one.
#[must_use]
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// A new random id.
#[must_use]
pub fn generate() -> String {
    format!("{:032x}", rand::random::<u128>().max(1))
}

/// The trace id of a `traceparent` header, if it is well formed (W3C Trace Context, section 3.2).
#[must_use]
pub fn from_traceparent(header: &str) -> Option<String> {
    let mut parts = header.split('-');
    let (version, trace, parent, _flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hexadecimal = |text: &str, length: usize| {
        text.len() == length
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let some = |text: &str| text.bytes().any(|byte| byte != b'0');
    let sound = hexadecimal(version, 2) && version != "ff" && hexadecimal(trace, 32) && hexadecimal(parent, 16);
    (sound && some(trace) && some(parent)).then(|| trace.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_gives_its_trace_id_and_a_bad_one_gives_none() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(
            from_traceparent(good).as_deref(),
            Some("4bf92f3577b34da6a3ce929d0e0e4736")
        );
        for bad in [
            "",
            "00",
            "00-0-0-0",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "x-y-z-é",
        ] {
            assert_eq!(from_traceparent(bad), None, "{bad:?}");
        }
        assert_eq!(generate().len(), 32);
    }

    #[tokio::test]
    async fn the_id_is_there_inside_its_scope_only() {
        assert_eq!(current(), None);
        assert_eq!(scope("x".into(), async { current() }).await.as_deref(), Some("x"));
    }
}
