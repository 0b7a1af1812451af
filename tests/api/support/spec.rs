//! The OpenAPI document, as tests walk through it: what each operation takes, its examples, and what it promises to answer.

use serde_json::Value;
use synoptic::domain::permissions::{self, Access};

pub struct Spec(Value);

pub struct Operation<'a> {
    spec: &'a Spec,
    pub method: String,
    pub path: &'a str,
    definition: &'a Value,
}

impl Spec {
    pub async fn load() -> Self {
        let text = synoptic::app::openapi_document().await.unwrap();
        Self(serde_json::from_str(&text).unwrap())
    }

    pub fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.0["paths"].as_object().unwrap();
        let operations = paths.iter().flat_map(|(path, methods)| {
            methods
                .as_object()
                .unwrap()
                .iter()
                .map(move |(method, definition)| Operation {
                    spec: self,
                    method: method.to_uppercase(),
                    path,
                    definition,
                })
        });
        operations.collect()
    }

    /// Follows `$ref`, and `allOf` with one, to the schema itself.
    pub fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        if let Some(reference) = schema["$ref"].as_str() {
            let pointer = reference.trim_start_matches('#');
            return self.resolve(
                self.0
                    .pointer(pointer)
                    .unwrap_or_else(|| panic!("{reference} leads nowhere")),
            );
        }
        match schema["allOf"]
            .as_array()
            .and_then(|parts| parts.iter().find(|part| part.get("$ref").is_some()))
        {
            Some(part) => self.resolve(part),
            None => schema,
        }
    }
}

fn words(example: &Value) -> String {
    example.as_str().map_or_else(|| example.to_string(), str::to_owned)
}

impl<'a> Operation<'a> {
    pub fn id(&self) -> &'a str {
        self.definition["operationId"].as_str().unwrap()
    }

    /// What the table of permissions says that it needs.
    #[track_caller]
    pub fn access(&self) -> Access {
        permissions::access(self.id()).unwrap_or_else(|| panic!("{} is not in the table of permissions", self.id()))
    }

    pub fn is_public(&self) -> bool {
        permissions::access(self.id()) == Some(Access::Public)
    }

    /// The names of the ways to prove who one is, each of which will do.
    pub fn security(&self) -> Vec<&'a str> {
        let ways = self.definition["security"].as_array().into_iter().flatten();
        ways.flat_map(|way| way.as_object().unwrap().keys().map(String::as_str))
            .collect()
    }

    /// The address with the documented example of every parameter that has one.
    pub fn example_address(&self) -> String {
        let mut path = self.path.to_owned();
        let mut query = Vec::new();
        for parameter in self.definition["parameters"].as_array().unwrap() {
            let (name, example) = (parameter["name"].as_str().unwrap(), &parameter["example"]);
            let text = words(example);
            match parameter["in"].as_str().unwrap() {
                "path" => {
                    assert!(
                        !example.is_null(),
                        "{}: the path parameter {name} has no example",
                        self.id()
                    );
                    path = path.replace(&format!("{{{name}}}"), &text);
                }
                // An object is sent as its fields (`style: form`, `explode: true`).
                "query" if example.is_object() => {
                    let fields = example.as_object().unwrap().iter();
                    query.extend(fields.map(|(name, value)| format!("{name}={}", words(value))));
                }
                "query" if !example.is_null() => query.push(format!("{name}={text}")),
                "header" => {}
                _ => assert!(example.is_null(), "{}: {name}: teach the test to send it", self.id()),
            }
        }
        assert!(
            !path.contains(['{', ':']),
            "{}: {path} has a parameter that is not documented",
            self.id()
        );
        if query.is_empty() {
            path
        } else {
            format!("{path}?{}", query.join("&"))
        }
    }

    /// The documented examples of its headers.
    pub fn example_headers(&self) -> Vec<(&'a str, String)> {
        let parameters = self.definition["parameters"].as_array().unwrap().iter();
        parameters
            .filter(|parameter| parameter["in"] == "header" && !parameter["example"].is_null())
            .map(|parameter| (parameter["name"].as_str().unwrap(), words(&parameter["example"])))
            .collect()
    }

    /// The schema of the request body.
    pub fn body_schema(&self) -> Option<&'a Value> {
        // What is pushed is whatever JSON another system has.
        if self.id() == "push" {
            return None;
        }
        let schema = self.definition["requestBody"]["content"]["application/json"].get("schema")?;
        Some(self.spec.resolve(schema))
    }

    /// The documented example of a body that is a form.
    pub fn example_form(&self) -> Option<Value> {
        let form = &self.definition["requestBody"]["content"]["application/x-www-form-urlencoded"];
        let schema = self.spec.resolve(form.get("schema")?);
        Some(schema["example"].clone())
    }

    /// The documented example of a body that is neither JSON nor a form, and its media type.
    pub fn example_text(&self) -> Option<(&'a str, &'a str)> {
        let content = self.definition["requestBody"]["content"].as_object()?;
        let texts = content
            .iter()
            .filter_map(|(media, body)| Some((media.as_str(), body["schema"]["example"].as_str()?)));
        let is_own = |(media, _): &(&str, &str)| *media != "application/json";
        texts.into_iter().find(is_own)
    }

    /// The documented example of the request body.
    pub fn example_body(&self) -> Option<Value> {
        let schema = self.body_schema()?;
        Some(
            schema
                .get("example")
                .cloned()
                .unwrap_or_else(|| panic!("{}: the body has no example", self.id())),
        )
    }

    /// The documented schema of an answer: `None` for a status that is not documented, `Null` for one without a body.
    pub fn answer_schema(&self, status: u16) -> Option<Value> {
        let answer = self.definition["responses"].get(status.to_string())?;
        let content = answer["content"].as_object();
        Some(
            content
                .and_then(|content| content.values().next())
                .map_or(Value::Null, |media| media["schema"].clone()),
        )
    }

    /// The headers that its answers may have, in small letters.
    pub fn headers(&self) -> Vec<String> {
        let answers = self.definition["responses"].as_object().into_iter().flatten();
        let headers = answers.filter_map(|(_, answer)| answer["headers"].as_object());
        headers.flatten().map(|(name, _)| name.to_lowercase()).collect()
    }

    /// The headers that an answer promises.
    pub fn promised_headers(&self, status: u16) -> Vec<String> {
        let headers = self.definition["responses"][status.to_string()]["headers"].as_object();
        let required = headers
            .into_iter()
            .flatten()
            .filter(|(_, header)| header["required"] == true);
        required.map(|(name, _)| name.clone()).collect()
    }
}
