//! `pintree build` and `pintree ninja`.

use super::Exit;
use super::args::{Build, Format, Global, Images, Until};
use super::ui::Ui;
use crate::ops::{Choice, Error, build};
use crate::util::size;
use serde_json::json;

/// Runs `pintree build`.
pub fn run(global: &Global, args: &Build, ui: &mut Ui) -> Result<Exit, Error> {
    let options = build::Options {
        choice: choice(&args.images)?,
        until: stage(args.until),
        locked: is_locked(global),
        jobs: args.jobs,
        archives: args.keep_archives.clone(),
    };
    let report = build::build(&mut super::session(global, ui), &options)?;
    for warning in &report.warnings {
        ui.warn(warning);
    }
    if report.steps == 0 {
        ui.note("nothing to do");
    } else {
        let downloaded = if report.downloaded > 0 { format!(", {} downloaded", size::human(report.downloaded)) } else { String::new() };
        ui.status("Finished", &format!("{} steps in {:.1} s{downloaded}", report.steps, report.time.as_secs_f64()));
    }
    let text = match ui.format() {
        Format::Json => {
            let images: Vec<_> = report
                .images
                .iter()
                .map(|built| {
                    json!({
                        "manifest": built.manifest,
                        "image": built.image,
                        "arch": built.architecture.deb_name(),
                        "ref": built.reference.as_str(),
                        "commit": built.commit.to_hex(),
                        "packages": built.packages,
                        "size": built.size,
                    })
                })
                .collect();
            super::pretty(
                &json!({"images": images, "steps": report.steps, "downloaded": report.downloaded, "warnings": report.warnings, "seconds": report.time.as_secs_f64()}),
            )
        }
        Format::Markdown => {
            let rows = report.images.iter().map(|built| {
                format!(
                    "| {}/{} | {} | `{}` | `{}` | {} |\n",
                    built.manifest, built.image, built.architecture, built.reference, built.commit, built.packages
                )
            });
            let head = "| image | architecture | ref | commit | packages |\n|---|---|---|---|---|\n".to_owned();
            std::iter::once(head).chain(rows).collect()
        }
        Format::Human => report
            .images
            .iter()
            .map(|built| {
                let (packages, size) = (built.packages, size::human(built.size));
                format!("{} {} {packages} packages, {size}, {:.1} s\n", built.reference, built.commit, report.time.as_secs_f64())
            })
            .collect(),
    };
    ui.result(&text);
    Ok(Exit::Done)
}

/// Runs `pintree ninja`.
pub fn ninja(global: &Global, images: &Images, ui: &mut Ui) -> Result<Exit, Error> {
    let options = build::Options { choice: choice(images)?, locked: is_locked(global), ..build::Options::default() };
    let path = build::generate(&mut super::session(global, ui), &options)?;
    ui.result(&format!("{}\n", path.display()));
    Ok(Exit::Done)
}

/// The stage that an option names.
pub(super) fn stage(until: Until) -> build::Stage {
    match until {
        Until::Composed => build::Stage::Composed,
        Until::Configured => build::Stage::Configured,
        Until::Sealed => build::Stage::Sealed,
    }
}

fn choice(images: &Images) -> Result<Choice, Error> {
    Ok(Choice { images: images.images.clone(), arches: super::architectures(&images.arches)? })
}

fn is_locked(global: &Global) -> bool {
    global.is_locked() || std::env::var_os("CI").is_some_and(|ci| ci == "true")
}
