//! JSON schemas of prompts: whether they are sound, and whether values fit them. Nothing is fetched, patterns are matched in linear
//! time, and a schema in which a few lines stand for a million is refused.

use crate::{
    domain::{Error, Result, errors::Checks, prompts::Schema},
    text::json_schema::{JsonSchema, LARGEST_EXPANSION},
};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The most bytes of the variables of a request, as JSON.
pub const LARGEST_VARIABLES: usize = 100_000;
/// The most values among them, lists and objects included.
pub const MOST_VALUES: usize = 5_000;
/// How deep a schema may go.
const DEEPEST: usize = 50;
/// The most `pattern` and `patternProperties`, each of which becomes a machine.
const MOST_PATTERNS: usize = 50;
/// The most violations that are told.
const MOST_VIOLATIONS: usize = 20;
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Keywords that change what others mean or refer to, or that let the work grow faster than the value.
const REFUSED: [&str; 9] = [
    "$id",
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$recursiveAnchor",
    "$recursiveRef",
    "$vocabulary",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords whose value is a schema or a list of them.
const OF_SCHEMAS: [&str; 13] = [
    "additionalProperties",
    "allOf",
    "anyOf",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "oneOf",
    "prefixItems",
    "propertyNames",
    "then",
];
/// Keywords whose value holds schemas by name.
const OF_NAMED_SCHEMAS: [&str; 6] = [
    "$defs",
    "definitions",
    "dependencies",
    "dependentSchemas",
    "patternProperties",
    "properties",
];

/// Checks a schema of variables: sound, and of the type `object`.
///
/// # Errors
/// `Error::Invalid` with pointers below `pointer`.
pub(super) fn check_variables_schema(pointer: &str, schema: &Schema) -> Result<()> {
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        let place = format!("{pointer}/type");
        return Err(Error::invalid(place, "must be `object`: variables have names"));
    }
    check_schema(pointer, schema)?;
    if schema
        .get("properties")
        .is_some_and(|names| names.get(super::DOCUMENT).is_some())
    {
        let place = format!("{pointer}/properties/{}", super::DOCUMENT);
        return Err(Error::invalid(place, "is the name of the document; choose another"));
    }
    Ok(())
}

/// Checks that a schema is one, and can be checked against without going elsewhere or taking long.
///
/// # Errors
/// `Error::Invalid` with pointers below `pointer`.
pub(super) fn check_schema(pointer: &str, schema: &Schema) -> Result<()> {
    if schema.get("$schema").is_some_and(|draft| draft.as_str() != Some(DRAFT)) {
        return Err(Error::invalid(
            format!("{pointer}/$schema"),
            format!("must be `{DRAFT}`, or left out"),
        ));
    }
    let root = Value::Object(schema.clone());
    let mut walk = Walk {
        root: &root,
        patterns: 0,
        extents: HashMap::new(),
    };
    let extent = walk.schema(&root, "", 0).map_err(|error| error.within(pointer))?;
    if extent.size > LARGEST_EXPANSION {
        let message = format!("stands for more than {LARGEST_EXPANSION} schemas when every `$ref` is written out");
        return Err(Error::invalid(pointer, message));
    }
    compile(&root).map(drop).map_err(|error| match error {
        Error::Invalid(_) => error.within(pointer),
        other => other,
    })
}

fn compile(schema: &Value) -> Result<JsonSchema> {
    JsonSchema::compile(schema).map_err(|wrong| Error::invalid(wrong.place, wrong.words))
}

/// What a schema stands for when every `$ref` is written out.
#[derive(Clone, Copy, Default)]
struct Extent {
    /// How many schemas.
    size: usize,
    /// How many of them in each other.
    height: usize,
}

impl Extent {
    fn with(self, other: Self) -> Self {
        Self {
            size: self.size.saturating_add(other.size),
            height: self.height.max(other.height),
        }
    }
}

/// Goes through a schema and counts what it stands for.
struct Walk<'s> {
    root: &'s Value,
    patterns: usize,
    /// Of each place that a `$ref` names; `None` while it is being counted.
    extents: HashMap<String, Option<Extent>>,
}

impl Walk<'_> {
    fn schema(&mut self, schema: &Value, place: &str, depth: usize) -> Result<Extent> {
        check_depth(place, depth)?;
        let mut extent = Extent { size: 1, height: 0 };
        let Value::Object(keywords) = schema else {
            return Ok(extent);
        };
        for (keyword, value) in keywords {
            let place = format!("{place}/{}", escape(keyword));
            if REFUSED.contains(&keyword.as_str()) || (keyword == "$schema" && depth > 0) {
                let message = format!("the keyword `{keyword}` is not allowed in schemas of prompts");
                return Err(Error::invalid(place, message));
            }
            extent = extent.with(self.keyword(keyword, value, &place, depth + 1)?);
        }
        extent.height += 1;
        Ok(extent)
    }

    fn keyword(&mut self, keyword: &str, value: &Value, place: &str, depth: usize) -> Result<Extent> {
        if keyword == "$ref" {
            return self.reference(value, place, depth);
        }
        self.patterns += match (keyword, value) {
            ("pattern", _) => 1,
            ("patternProperties", Value::Object(patterns)) => patterns.len(),
            _ => 0,
        };
        if self.patterns > MOST_PATTERNS {
            return Err(Error::invalid(
                place,
                format!("there may be at most {MOST_PATTERNS} patterns"),
            ));
        }
        let mut extent = Extent::default();
        match value {
            Value::Object(named) if OF_NAMED_SCHEMAS.contains(&keyword) => {
                for (name, one) in named {
                    extent = extent.with(self.schema(one, &format!("{place}/{}", escape(name)), depth)?);
                }
            }
            Value::Array(list) if OF_SCHEMAS.contains(&keyword) => {
                for (index, one) in list.iter().enumerate() {
                    extent = extent.with(self.schema(one, &format!("{place}/{index}"), depth)?);
                }
            }
            Value::Object(_) if OF_SCHEMAS.contains(&keyword) => {
                extent = self.schema(value, place, depth)?;
            }
            _ => {}
        }
        Ok(extent)
    }

    fn reference(&mut self, value: &Value, place: &str, depth: usize) -> Result<Extent> {
        let local = value.as_str().and_then(|reference| reference.strip_prefix('#'));
        let local = local.filter(|pointer| (pointer.is_empty() || pointer.starts_with('/')) && !pointer.contains('%'));
        let Some(target) = local else {
            let message = "must name a place in the same schema, such as `#/$defs/address`; nothing is ever fetched";
            return Err(Error::invalid(place, message));
        };
        match self.extents.get(target) {
            Some(Some(extent)) => {
                check_depth(place, depth + extent.height)?;
                return Ok(*extent);
            }
            Some(None) => {
                let message = "comes back to itself; schemas of prompts cannot be recursive";
                return Err(Error::invalid(place, message));
            }
            None => {}
        }
        let root = self.root;
        let Some(schema) = root.pointer(target) else {
            return Err(Error::invalid(place, "names a place that is not there"));
        };
        self.extents.insert(target.to_owned(), None);
        let extent = self.schema(schema, target, depth)?;
        self.extents.insert(target.to_owned(), Some(extent));
        Ok(extent)
    }
}

fn check_depth(place: &str, depth: usize) -> Result<()> {
    if depth > DEEPEST {
        return Err(Error::invalid(place, format!("is deeper than {DEEPEST} schemas")));
    }
    Ok(())
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Checks the variables of a request.
///
/// # Errors
/// `Error::Invalid` with pointers below `/variables`.
pub fn validate_variables(schema: &Schema, variables: &Map<String, Value>) -> Result<()> {
    check_size(variables)?;
    let schema = compile(&Value::Object(schema.clone()))?;
    let mut checks = Checks::default();
    for violation in schema.violations(&Value::Object(variables.clone()), MOST_VIOLATIONS) {
        let violation = Error::invalid(violation.place, violation.words);
        checks.take::<()>("/variables", Err(violation))?;
    }
    checks.finish()
}

fn check_size(variables: &Map<String, Value>) -> Result<()> {
    let size = serde_json::to_string(variables).map_err(Error::internal)?.len();
    if size > LARGEST_VARIABLES {
        let message = format!("take {size} bytes as JSON; at most {LARGEST_VARIABLES} are allowed");
        return Err(Error::invalid("/variables", message));
    }
    let values = variables.values().map(count).sum::<usize>();
    if values > MOST_VALUES {
        let message = format!("are {values} values; at most {MOST_VALUES} are allowed");
        return Err(Error::invalid("/variables", message));
    }
    Ok(())
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(count).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}
