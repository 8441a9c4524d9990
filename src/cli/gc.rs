//! `pintree gc`.

use super::Exit;
use super::args::{Format, Gc, Global};
use super::ui::Ui;
use crate::ops::Error;
use crate::ops::gc::{self, Options};
use crate::store::RefName;
use crate::util::size;
use serde_json::json;

/// Runs the verb.
pub fn run(global: &Global, args: &Gc, ui: &mut Ui) -> Result<Exit, Error> {
    let options = Options { dry_run: args.dry_run, older_than: args.older_than };
    let report = gc::gc(&mut super::session(global, ui), &options)?;
    let (packages, others): (Vec<&RefName>, Vec<&RefName>) = report.refs.iter().partition(|name| name.package_digest().is_some());
    let (stages, images): (Vec<&RefName>, Vec<&RefName>) = others.into_iter().partition(|name| name.as_str().starts_with("stage/"));
    let files: Vec<String> = report.files.iter().map(|path| path.display().to_string()).collect();
    let refs = images.iter().chain(&stages).chain(&packages).map(|name| name.as_str());
    for name in refs.chain(files.iter().map(String::as_str)) {
        ui.detail(if args.dry_run { "Would drop" } else { "Dropped" }, name);
    }
    let text = match ui.format() {
        Format::Json => super::pretty(&json!({
            "dry-run": args.dry_run,
            "lockfiles": report.lockfiles,
            "refs": report.refs.iter().map(RefName::as_str).collect::<Vec<_>>(),
            "objects": report.store.objects,
            "kept": report.store.kept,
            "bytes": report.store.bytes,
            "cache": report.cache,
            "files": files,
        })),
        Format::Markdown | Format::Human => {
            let would = if args.dry_run { "would drop" } else { "dropped" };
            let mut dropped = format!("{} and {}", count(packages.len(), "package"), count(images.len(), "image"));
            if !stages.is_empty() {
                dropped = format!("{}, {dropped}", count(stages.len(), "checkpoint"));
            }
            let scratch = match files.len() {
                0 => String::new(),
                number => format!("{would} {} of images that are gone\n", count(number, "log, scratch or state file")),
            };
            let (objects, bytes) = (count(report.store.objects, "object"), size::human(report.store.bytes));
            let (kept, cache) = (count(report.store.kept, "object"), size::human(report.cache));
            format!("{would} {dropped}: {objects}, {bytes}; {kept} stay\n{scratch}{would} {cache} of cached indexes\n")
        }
    };
    ui.result(&text);
    Ok(Exit::Done)
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
