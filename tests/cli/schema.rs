//! What the program writes, held against the schemas in `config/schemas`.

use boon::{Compiler, Schemas, ValidationError};
use serde_json::{Map, Value};

use crate::list::repository;

/// One of the schemas in `config/schemas`.
pub(crate) fn schema(name: &str) -> Value {
    let path = repository(&format!("config/schemas/{name}.schema.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Everything in `value` that the schema does not allow, each with its place: what a reader finds who goes by it.
pub(crate) fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler
        .add_resource(PLACE, schema.clone())
        .expect("a place for a schema");
    let compiled = compiler
        .compile(PLACE, &mut schemas)
        .unwrap_or_else(|error| panic!("no schema: {error:#}"));
    let mut faults = Vec::new();
    if let Err(error) = schemas.validate(value, compiled) {
        gather(&error, &mut faults);
    }
    faults
}

/// The same, and every field that the schema does not describe: what this version writes has none.
pub(crate) fn faults_of_ours(schema: &Value, value: &Value) -> Vec<String> {
    let mut closed = schema.clone();
    close(&mut closed, "$");
    faults(&closed, value)
}

/// What the schema is called while it is compiled.
const PLACE: &str = "schema.json";

/// The faults that lead to no other.
fn gather(error: &ValidationError<'_, '_>, faults: &mut Vec<String>) {
    if error.causes.is_empty() {
        faults.push(format!("{}: {}", error.instance_location, error.kind));
    }
    for cause in &error.causes {
        gather(cause, faults);
    }
}

/// Keywords that our schemas use. One that is misspelt would hold nothing.
const KEYWORDS: [&str; 17] = [
    "$schema",
    "$id",
    "$defs",
    "$ref",
    "title",
    "description",
    "type",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "minimum",
    "maximum",
    "anyOf",
    "default",
];

/// Has a schema allow the fields that it describes, and no others.
///
/// # Panics
///
/// When it does already: readers that go by it would break with a later version.
fn close(schema: &mut Value, place: &str) {
    let Value::Object(keywords) = schema else {
        panic!("{place}: a schema is an object");
    };
    for keyword in keywords.keys() {
        let known = KEYWORDS.contains(&keyword.as_str());
        assert!(known, "{place}: `{keyword}` is no keyword that we use");
    }
    assert_ne!(
        keywords.get("additionalProperties"),
        Some(&Value::Bool(false)),
        "{place}: a schema that forbids further fields breaks its readers"
    );
    if keywords.get("type") == Some(&Value::from("object")) {
        keywords
            .entry("additionalProperties")
            .or_insert(Value::Bool(false));
    }
    for (keyword, inner) in keywords {
        let place = format!("{place}.{keyword}");
        match (keyword.as_str(), inner) {
            ("items" | "additionalProperties", inner @ Value::Object(_)) => close(inner, &place),
            ("properties" | "$defs", Value::Object(all)) => close_all(all, &place),
            ("anyOf", Value::Array(choices)) => {
                for choice in choices {
                    close(choice, &place);
                }
            }
            (_, _) => {}
        }
    }
}

fn close_all(schemas: &mut Map<String, Value>, place: &str) {
    for (name, schema) in schemas {
        close(schema, &format!("{place}.{name}"));
    }
}
