//! The JSON Schema of a manifest, made from the same table of keys that the reader goes by.

use super::keys::{Form, ID_NAME, IMAGE, Key, MAX_ID, NAME, PER_ARCHITECTURE, REPO, Shape, Support, TOP};
use serde_json::{Map, Value, json};

/// The JSON Schema (draft 2020-12) of a manifest, as editors use it.
///
/// A manifest that it refuses, [`super::parse`] refuses too. The reverse does not hold: a schema cannot see across keys,
/// and it has keys that this version refuses as not supported yet; their descriptions say so. Dates are strings here,
/// since JSON has none.
pub fn schema() -> Value {
    let mut schema = table(TOP);
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!("pintree manifest"));
    Value::Object(schema)
}

/// [`schema`] as pretty printed text with a final newline.
pub fn schema_text() -> String {
    format!("{:#}\n", schema())
}

fn table(keys: &[Key]) -> Map<String, Value> {
    let mut properties = Map::new();
    for key in keys {
        properties.insert(key.name.to_owned(), Value::Object(property(key)));
    }
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("additionalProperties".to_owned(), json!(false));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    if keys == REPO {
        schema.insert("oneOf".to_owned(), json!([{ "required": ["deb"] }, { "required": ["rpm"] }]));
    }
    if keys == IMAGE
        && let Some(Value::Object(mut packages)) = properties.get(PER_ARCHITECTURE).cloned()
    {
        packages.insert("description".to_owned(), json!("Requests for one architecture only."));
        let pattern = format!("^{PER_ARCHITECTURE}-[a-z][a-z0-9_-]*$");
        schema.insert("patternProperties".to_owned(), json!({ pattern: packages }));
    }
    schema.insert("properties".to_owned(), Value::Object(properties));
    schema
}

fn property(key: &Key) -> Map<String, Value> {
    let mut property = match key.shape {
        Shape::Text(form) => text(form),
        Shape::List(form) => list(form),
        Shape::TextOrList(form) => json!({ "oneOf": [text(form), list(form)] }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Integer(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Date => json!({ "type": "string", "format": "date" }),
        Shape::Named(keys) => json!({ "type": "object", "propertyNames": { "pattern": NAME }, "additionalProperties": table(keys) }),
        Shape::Tables(keys) => json!({ "type": "array", "items": table(keys) }),
        Shape::Ids => json!({
            "type": "object",
            "propertyNames": { "pattern": ID_NAME },
            "additionalProperties": { "type": "integer", "minimum": 1, "maximum": MAX_ID },
        }),
    };
    let fields = property.as_object_mut().expect("every arm above makes an object");
    let description = match key.support {
        Support::Now => key.summary.to_owned(),
        Support::Later(why) | Support::OnlyEmpty(why) => format!("{} Not supported yet: {why}.", key.summary),
    };
    fields.insert("description".to_owned(), json!(description));
    if !key.default.is_empty() {
        let default: Value = serde_json::from_str(key.default).expect("the key table's defaults are JSON");
        fields.insert("default".to_owned(), default);
    }
    std::mem::take(fields)
}

fn text(form: Form) -> Value {
    match form {
        Form::Any => json!({ "type": "string", "minLength": 1 }),
        Form::Pattern(pattern) => json!({ "type": "string", "pattern": pattern }),
        Form::OneOf(words) => json!({ "enum": words }),
    }
}

fn list(form: Form) -> Value {
    json!({ "type": "array", "items": text(form), "uniqueItems": true })
}
