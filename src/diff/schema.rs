//! The JSON form.

use super::Report;
use serde_json::Value;

/// The JSON Schema of [`json`]'s result; published as `docs/diff.schema.json`.
pub const SCHEMA: &str = include_str!("../../docs/diff.schema.json");

/// The version of the form. Fields may be added to it; none changes its meaning or goes.
const VERSION: u32 = 1;

/// The report as JSON.
pub fn json(report: &Report) -> Value {
    let mut value = serde_json::to_value(report).expect("a report has only texts, numbers and lists");
    value["version"] = VERSION.into();
    value["counts"] = serde_json::to_value(report.counts()).expect("counts are numbers");
    value
}
