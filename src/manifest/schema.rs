//! The JSON Schema of a manifest, made from the same table of keys that the reader goes by.

use super::keys::{ABSOLUTE, Form, ID_NAME, IMAGE, Key, MAX_ID, NAME, PER_ARCHITECTURE, REPO, Shape, Support, TOP};
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
        Shape::BySuite(form) => {
            json!({ "oneOf": [text(form), { "type": "object", "additionalProperties": text(form) }] })
        }
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Integer(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Date => json!({ "type": "string", "format": "date" }),
        Shape::Named(keys) => json!({ "type": "object", "propertyNames": { "pattern": NAME }, "additionalProperties": table(keys) }),
        Shape::Tables(keys) => json!({ "type": "array", "items": table(keys) }),
        Shape::Table(keys) => Value::Object(table(keys)),
        Shape::ByPath(form) => {
            json!({ "type": "object", "propertyNames": { "pattern": ABSOLUTE }, "additionalProperties": text(form) })
        }
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

#[cfg(test)]
mod tests {
    use super::super::keys::{CHECKS, HOLD, LIMITS};
    use super::*;
    use std::io::Write as _;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};

    fn document(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
    }

    #[test]
    fn the_published_schema_is_this_one() {
        let path = document("manifest.schema.json");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            crate::util::fs::write_if_changed(&path, schema_text().as_bytes()).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(published == schema_text(), "{} is out of date; run this test with UPDATE_DOCS=1", path.display());
    }

    #[test]
    fn the_reference_page_has_every_key_and_only_them() {
        let page = std::fs::read_to_string(document("manifest.md")).unwrap();
        let mut headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("### `")?.split('`').next()).collect();
        let mut keys: Vec<&str> = [TOP, LIMITS, REPO, IMAGE, CHECKS, HOLD].into_iter().flatten().map(|key| key.name).collect();
        headings.sort_unstable();
        keys.sort_unstable();
        assert_eq!(headings, keys);
    }

    /// The TOML blocks of the reference page; one that begins with `# not yet` is for later.
    fn examples() -> Vec<String> {
        let page = std::fs::read_to_string(document("manifest.md")).unwrap();
        let blocks = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned());
        blocks.collect()
    }

    /// What a fragment of the reference page needs around it.
    fn completed(example: &str) -> String {
        let mut text = example.to_owned();
        let has = |what: &str| example.lines().any(|line| line.starts_with(what));
        if !has("arches") {
            text = format!("arches = [\"armhf\", \"amd64\"]\n{text}");
        }
        if !has("[repo") {
            text +=
                "\n[repo.debian]\ndeb = \"debian\"\nsuites = [\"bookworm\"]\ncomponents = [\"main\"]\nkey = \"builtin:debian-bookworm\"\n";
        }
        if !has("[image") {
            text += "\n[image.base]\n";
        }
        text
    }

    #[test]
    fn the_examples_of_the_reference_page_parse() {
        let examples = examples();
        assert!(examples.len() > 10, "{}", examples.len());
        for example in &examples {
            let text = completed(example);
            let read = crate::manifest::parse(&text, Path::new("edge.toml"));
            assert_eq!(read.is_err(), example.starts_with("# not yet"), "{text}\n{:?}", read.map_err(|error| error.to_string()));
        }
        let smallest = &examples[0];
        assert_eq!(smallest.lines().filter(|line| !line.trim().is_empty()).count(), 8);
        crate::manifest::parse(smallest, Path::new("edge.toml")).unwrap();
    }

    /// Judges each of `manifests` by the schema with Python's jsonschema; `None` where that is not installed.
    fn judged(manifests: &[String]) -> Option<Vec<bool>> {
        const SCRIPT: &str = "
import datetime, json, sys, tomllib
import jsonschema
job = json.load(sys.stdin)
jsonschema.Draft202012Validator.check_schema(job['schema'])
validator = jsonschema.Draft202012Validator(job['schema'])
def plain(value):
    if isinstance(value, dict): return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list): return [plain(v) for v in value]
    return value.isoformat() if isinstance(value, datetime.date) else value
print(json.dumps([validator.is_valid(plain(tomllib.loads(text))) for text in job['manifests']]))
";
        let present = Command::new("python3").args(["-c", "import jsonschema, tomllib"]).stderr(Stdio::null()).status();
        if !present.is_ok_and(|status| status.success()) {
            return None;
        }
        let mut child = Command::new("python3").args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let job = json!({ "schema": schema(), "manifests": manifests }).to_string();
        child.stdin.take().unwrap().write_all(job.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        Some(serde_json::from_slice(&output.stdout).unwrap())
    }

    #[test]
    fn the_schema_judges_as_it_should() {
        let mut good: Vec<String> = examples().iter().map(|example| completed(example)).collect();
        good.push(super::super::tests::TOUR.to_owned());
        let base = completed("");
        let changes = [
            ("arches = [\"armhf\", \"amd64\"]\n", "arches = [\"armhf\"]\nunknown = 1\n"),
            ("arches = [\"armhf\", \"amd64\"]\n", ""),
            ("[image.base]\n", "[image.base]\npakages = [\"nginx\"]\n"),
            ("[image.base]\n", "[image.base]\npackages = \"nginx\"\n"),
            ("[image.base]\n", "[image.base]\nvariant = \"minbas\"\n"),
            ("[image.base]\n", "[image.base]\nref = \"acme/{image}\"\n"),
            ("[image.base]\n", "[image.\"../base\"]\n"),
            ("[image.base]\n", "[image.base]\noverlay = [\"/etc\"]\n"),
            ("deb = \"debian\"\n", "deb = \"debian\"\npriority = 100\n"),
            ("deb = \"debian\"\n", ""),
            ("deb = \"debian\"\n", "deb = \"debian\"\nrpm = \"https://mirror.example.org/\"\n"),
        ];
        let bad = changes.map(|(old, new)| base.replacen(old, new, 1));
        for text in &bad {
            assert!(crate::manifest::parse(text, Path::new("edge.toml")).is_err(), "{text}");
        }
        let all: Vec<String> = good.iter().chain(&bad).cloned().collect();
        // Without a validator at hand there is nothing to compare with.
        let Some(verdicts) = judged(&all) else { return };
        for (text, verdict) in all.iter().zip(verdicts) {
            assert_eq!(verdict, good.contains(text), "{text}");
        }
    }
}
