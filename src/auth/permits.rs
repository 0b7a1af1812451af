//! The table of permissions, by route: what the operation needs that a request leads to.

use crate::domain::permissions::{Access, access};
use std::collections::HashMap;

/// What every route needs, made once from the OpenAPI document. A route that is not in it is nobody's.
#[derive(Debug, Default)]
pub struct Permits {
    /// By the router's pattern (`/api/collections/:param0`) and the method in capitals.
    by_pattern: HashMap<String, Vec<(String, Access)>>,
}

impl Permits {
    /// From the operations' routes (`/api/collections/{collection}`), methods in capitals and ids.
    #[must_use]
    pub fn new<'a>(operations: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> Self {
        let mut by_pattern: HashMap<String, Vec<(String, Access)>> = HashMap::new();
        for (route, method, id) in operations {
            if let Some(access) = access(id) {
                by_pattern
                    .entry(pattern(route))
                    .or_default()
                    .push((method.to_owned(), access));
            }
        }
        Self { by_pattern }
    }

    /// What an operation needs, by the pattern of its route.
    #[must_use]
    pub fn at(&self, method: &str, pattern: &str) -> Option<Access> {
        let methods = self.by_pattern.get(pattern)?;
        methods
            .iter()
            .find(|(name, _)| name == method)
            .map(|(_, access)| *access)
    }

    /// Whether an address without parameters is open to everybody.
    #[must_use]
    pub fn is_public(&self, method: &str, path: &str) -> bool {
        self.at(method, path) == Some(Access::Public)
    }
}

/// As poem's router writes a route that poem-openapi has made.
fn pattern(route: &str) -> String {
    let mut number = 0;
    let parts = route.split('/').map(|part| {
        if part.starts_with('{') {
            number += 1;
            format!(":param{}", number - 1)
        } else {
            part.to_owned()
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_found_by_its_pattern_and_method() {
        let permits = Permits::new([
            (
                "/api/collections/{collection}/documents/{document}",
                "GET",
                "getDocument",
            ),
            ("/api/auth/login", "POST", "login"),
            ("/api/secret", "GET", "notInTheTable"),
        ]);
        assert!(
            permits
                .at("GET", "/api/collections/:param0/documents/:param1")
                .is_some()
        );
        assert_eq!(permits.at("PUT", "/api/collections/:param0/documents/:param1"), None);
        assert_eq!(permits.at("GET", "/api/secret"), None);
        assert!(permits.is_public("POST", "/api/auth/login") && !permits.is_public("GET", "/api/auth/login"));
    }
}
