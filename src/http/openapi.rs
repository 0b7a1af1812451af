//! The OpenAPI document: what poem-openapi derives, mended where it says too much or too little, and Swagger UI around it.

use super::{
    mending::{mend, mend_references},
    pages,
};
use anyhow::{Context, Result};
use poem_openapi::{OpenApi, OpenApiService, Webhook};
use serde_json::{Map, Value, json};
use std::{collections::HashMap, sync::Arc};

pub const TITLE: &str = "Synoptic";

const DESCRIPTION: &str = "Stores streams of text, summarises and classifies them, and tells how sure it is.\n\n\
    Press **Authorize** and sign in with e-mail address and password, or paste an API key (`syn_…`); then open an operation \
    and press **Execute**: each example works as it stands on a server that was started with `serve --demo`, for the admin \
    whom it prints. docs/permissions.md says who may do what.\n\n\
    Errors are problem details (RFC 9457); their `type` is an address that explains them. Lists are paged: follow `next_cursor` \
    or the `Link` header. What can change has an `ETag`; send it back in `If-Match` and nobody's change is overwritten. A POST \
    with an `Idempotency-Key` can be sent again without being done twice.";

/// The document and what the server reads from it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Document {
    pub json: String,
    operations: Arc<HashMap<String, Operation>>,
    routes: Arc<Vec<(String, Methods)>>,
}

/// The methods of a route, in capitals, each with its operation's id.
type Methods = Vec<(String, String)>;

/// What the server must know of one operation: its labels in telemetry, and what its parameters take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    pub id: String,
    pub route: String,
    /// Parameters and, in words, what each must be.
    parameters: HashMap<String, String>,
}

impl Operation {
    /// The documented name of a parameter: poem-openapi numbers those of a path (`param0`).
    #[must_use]
    pub fn parameter_name<'a>(&'a self, name: &'a str) -> &'a str {
        let in_path = || {
            self.route
                .split('/')
                .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        };
        let numbered = name.strip_prefix("param").and_then(|number| number.parse().ok());
        numbered.and_then(|number| in_path().nth(number)).unwrap_or(name)
    }

    /// What a parameter must be, such as "must be a UUID".
    #[must_use]
    pub fn requirement(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("cannot be read", String::as_str)
    }
}

impl Document {
    #[must_use]
    pub fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations.get(id)
    }

    /// Every operation: its route, its method in capitals, its id.
    pub fn routes(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.routes.iter().flat_map(|(route, methods)| {
            methods
                .iter()
                .map(move |(method, id)| (route.as_str(), method.as_str(), id.as_str()))
        })
    }

    /// The operation that an address and a method lead to, for a request that was refused before it got there.
    #[must_use]
    pub fn operation_at(&self, method: &str, path: &str) -> Option<&Operation> {
        let routes = self.routes.iter().filter(|(route, _)| matches(route, path));
        let ids = routes
            .flat_map(|(_, methods)| methods)
            .filter(|(name, _)| name == method)
            .map(|(_, id)| id);
        // Of a fixed address and a template that both fit, the fixed one wins.
        let operations = ids.filter_map(|id| self.operations.get(id));
        operations.min_by_key(|operation| operation.route.matches('{').count())
    }

    /// The methods that the address takes, in capitals.
    #[must_use]
    pub fn methods(&self, path: &str) -> Vec<String> {
        let matching = self.routes.iter().filter(|(route, _)| matches(route, path));
        matching
            .flat_map(|(_, methods)| methods.iter().map(|(method, _)| method.clone()))
            .collect()
    }
}

/// Whether an address is one of a template's.
fn matches(route: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (route.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given || (wanted.starts_with('{') && !given.is_empty()) => {}
            _ => return false,
        }
    }
}

/// Makes the document.
///
/// # Errors
/// When what poem-openapi derives has not the shape of an OpenAPI document.
pub fn document<T: OpenApi, W: Webhook>(service: &OpenApiService<T, W>) -> Result<Document> {
    let mut document: Value = serde_json::from_str(&service.spec())?;
    document["info"]["description"] = DESCRIPTION.into();
    document["info"]["license"] = json!({"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"});
    document["servers"] = json!([{"url": "/"}]);
    mend_references(&mut document["components"]["schemas"]);
    let schemas = document["components"]["schemas"].clone();
    let (mut operations, mut routes) = (HashMap::new(), Vec::new());
    let paths = document["paths"].as_object_mut().context("the document has no paths")?;
    for (route, methods) in paths.iter_mut() {
        let methods = methods.as_object_mut().context("a path has no methods")?;
        let mut ids = Vec::new();
        for (method, operation) in methods.iter_mut() {
            let operation = operation.as_object_mut().context("an operation is no object")?;
            mend(route, method, operation);
            let id = operation
                .get("operationId")
                .and_then(Value::as_str)
                .context("an operation has no id")?
                .to_owned();
            let parameters = requirements(operation, &schemas);
            ids.push((method.to_uppercase(), id.clone()));
            operations.insert(
                id.clone(),
                Operation {
                    id,
                    route: route.clone(),
                    parameters,
                },
            );
        }
        routes.push((route.clone(), ids));
    }
    fill_in_forms(&mut document);
    let json = serde_json::to_string_pretty(&document)?;
    Ok(Document {
        json,
        operations: Arc::new(operations),
        routes: Arc::new(routes),
    })
}

/// Says in words what each parameter of an operation must be, from its schema.
fn requirements(operation: &Map<String, Value>, schemas: &Value) -> HashMap<String, String> {
    let parameters = operation
        .get("parameters")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let requirement = |parameter: &Value| {
        let schema = &parameter["schema"];
        let words = match (schema["type"].as_str(), schema["format"].as_str()) {
            (_, Some("uuid")) => "must be a UUID, such as `01900000-0000-7000-8000-000000000001`".to_owned(),
            (_, Some("date-time")) => "must be a time in RFC 3339, such as `2026-03-01T12:00:00Z`".to_owned(),
            (Some("integer"), _) => "must be a whole number".to_owned(),
            (Some("number"), _) => "must be a number".to_owned(),
            (Some("boolean"), _) => "must be `true` or `false`".to_owned(),
            _ => format!("must be one of {}", choices(schema, schemas)),
        };
        Some((parameter["name"].as_str()?.to_owned(), words))
    };
    parameters.iter().filter_map(requirement).collect()
}

/// The values of an enumeration, which stands among the document's schemas.
fn choices(schema: &Value, schemas: &Value) -> String {
    let references = schema["allOf"].as_array().into_iter().flatten().chain([schema]);
    let named = references.filter_map(|part| part["$ref"].as_str()?.rsplit('/').next());
    let values = named
        .filter_map(|name| schemas[name]["enum"].as_array())
        .flatten()
        .filter_map(Value::as_str);
    values.map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")
}

/// Swagger UI fills a form in field by field, and knows examples of fields only.
fn fill_in_forms(document: &mut Value) {
    let operations = document["paths"].as_object().into_iter().flatten();
    let operations = operations.flat_map(|(_, methods)| methods.as_object().into_iter().flatten());
    let forms = operations.filter_map(|(_, operation)| {
        let form = &operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"];
        Some(form["$ref"].as_str()?.trim_start_matches('#').to_owned())
    });
    for pointer in forms.collect::<Vec<_>>() {
        let Some(schema) = document.pointer_mut(&pointer) else {
            continue;
        };
        let example = schema["example"].clone();
        for (name, property) in schema["properties"].as_object_mut().into_iter().flatten() {
            property["example"] = example.get(name).cloned().unwrap_or_else(|| "".into());
        }
    }
}

/// Swagger UI with the document inside, so that it works without a network.
#[must_use]
pub fn swagger_page<T: OpenApi, W: Webhook>(service: &OpenApiService<T, W>, document: &Document) -> String {
    // A closing tag inside the document would end the script that holds it.
    let json = document.json.replace("</", "<\\/");
    pages::swagger::with_account(&service.swagger_ui_html())
        .replacen("<html charset=\"UTF-8\">", "<!doctype html>\n<html lang=\"en\">", 1)
        .replacen(
            "<title>Swagger UI</title>",
            "<title>Synoptic API</title><link rel=\"icon\" href=\"data:,\">",
            1,
        )
        .replacen(&service.spec(), &json, 1)
        .replacen(
            "deepLinking: true,",
            "deepLinking: true,\n        persistAuthorization: true,\n        displayRequestDuration: true,\n        \
             tryItOutEnabled: true,",
            1,
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_matches_its_template_only() {
        assert!(matches("/api/collections/{collection}", "/api/collections/tickets"));
        assert!(!matches("/api/collections/{collection}", "/api/collections/"));
        assert!(!matches("/api/collections/{collection}", "/api/collections/a/b"));
        assert!(!matches("/api/collections", "/api/collections/a"));
    }
}
