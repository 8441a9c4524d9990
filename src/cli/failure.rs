//! A failure in words: the form for people and the one for programs.

use crate::ops::Error;
use crate::ops::blame::{self, Exit};
use crate::util::text;
use serde_json::json;
use std::error::Error as StdError;

/// A failure for programs, on one line of stdout.
pub fn json(error: &Error) -> String {
    let mut value =
        json!({"kind": kind(error), "exit": blame::of(error).exit as u8, "message": plain(error), "hints": blame::hints(error)});
    if let Error::Unsolvable { manifest, image, source, .. } = error {
        value["manifest"] = json!(manifest);
        value["image"] = json!(image);
        value["arch"] = json!(source.architecture);
        value["causes"] = json!(source.causes);
    }
    super::pretty(&json!({"error": value}))
}

fn kind(error: &Error) -> &'static str {
    match blame::of(error).exit {
        Exit::Done => "none",
        Exit::Findings => "findings",
        Exit::Usage => "usage",
        Exit::NoSolution => "unsolvable",
        Exit::Network => "network",
        Exit::Integrity => "integrity",
        Exit::Step => "step",
        Exit::Host => "host",
        Exit::Other => "other",
        Exit::Interrupted => "interrupted",
    }
}

/// The error and its causes as plain text, in the form that [`super::ui::Ui::error`] prints.
pub fn plain(error: &dyn StdError) -> String {
    let mut lines = vec![format!("error: {}", text::lines(&error.to_string()))];
    let mut last = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if text != last {
            lines.push(format!("  caused by: {}", text::lines(&text)));
        }
        last = text;
        source = cause.source();
    }
    lines.join("\n")
}
