//! The part of JSON Schema (draft 2020-12) that `config/schemas` uses, so that what the program writes can be held
//! against it.

use serde_json::Value;

use crate::list::repository;

/// One of the schemas in `config/schemas`.
pub(crate) fn schema(name: &str) -> Value {
    let path = repository(&format!("config/schemas/{name}.schema.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What is made of fields that a schema does not describe.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Further {
    /// Nothing, as a reader does: a later version may write them.
    Passed,
    /// A fault, for the program of this version writes none.
    Faults,
}

/// Everything in `value` that the schema does not allow, each with its place: what a reader finds who goes by it.
pub(crate) fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let root = (schema, Further::Passed);
    check(root, schema, value, "$", &mut faults);
    faults
}

/// The same, and every field that the schema does not describe: what this version writes has none.
pub(crate) fn faults_of_ours(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check((schema, Further::Faults), schema, value, "$", &mut faults);
    faults
}

const KNOWN: [&str; 17] = [
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

fn check(
    root: (&Value, Further),
    schema: &Value,
    value: &Value,
    place: &str,
    faults: &mut Vec<String>,
) {
    for keyword in schema.as_object().expect("a schema is an object").keys() {
        assert!(
            KNOWN.contains(&keyword.as_str()),
            "{place}: `{keyword}` is not checked"
        );
    }
    if let Some(name) = schema["$ref"].as_str() {
        let target = root
            .0
            .pointer(name.trim_start_matches('#'))
            .expect("a reference leads somewhere");
        check(root, target, value, place, faults);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let fits = |choice: &&Value| {
            let mut inner = Vec::new();
            check(root, choice, value, place, &mut inner);
            inner.is_empty()
        };
        if !choices.iter().any(|choice| fits(&choice)) {
            faults.push(format!("{place}: fits none of the choices"));
        }
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|name| is(value, name)) {
        faults.push(format!("{place}: {value} is no {}", types.join(" or ")));
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        faults.push(format!("{place}: {value} is none of {allowed:?}"));
    }
    if !schema["const"].is_null() && schema["const"] != *value {
        faults.push(format!("{place}: {value} is not {}", schema["const"]));
    }
    if let Some(number) = value.as_f64() {
        if schema["minimum"]
            .as_f64()
            .is_some_and(|least| number < least)
        {
            faults.push(format!("{place}: {number} is too small"));
        }
        if schema["maximum"].as_f64().is_some_and(|most| number > most) {
            faults.push(format!("{place}: {number} is too large"));
        }
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for (at, value) in values.iter().enumerate() {
            check(root, items, value, &format!("{place}[{at}]"), faults);
        }
    }
    if let Some(fields) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().expect("a name");
            if !fields.contains_key(name) {
                faults.push(format!("{place}: {name} is missing"));
            }
        }
        for (name, value) in fields {
            let place = format!("{place}.{name}");
            match (
                schema["properties"].get(name),
                &schema["additionalProperties"],
            ) {
                (Some(inner), _) => check(root, inner, value, &place, faults),
                (None, Value::Bool(false)) => {
                    panic!("{place}: a schema that forbids further fields breaks its readers")
                }
                (None, inner @ Value::Object(_)) => check(root, inner, value, &place, faults),
                (None, _) if root.1 == Further::Faults && schema["type"] == "object" => {
                    faults.push(format!("{place}: not in the schema"));
                }
                (None, _) => {}
            }
        }
    }
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        _ => panic!("`{name}` is no type of JSON Schema"),
    }
}
