//! `pintree log`.

use super::Exit;
use super::args::{self, Format, Global};
use super::ui::{Style, Ui};
use crate::ops::log::{self, ImageLog, Script};
use crate::ops::{Choice, Error};
use crate::util::text::plain;
use serde_json::{Value, json};

/// Runs the verb.
pub fn run(global: &Global, args: &args::Log, ui: &mut Ui) -> Result<Exit, Error> {
    let choice = Choice { images: vec![args.image.clone()], arches: super::architectures(args.arch.as_slice())? };
    let logs = log::log(&mut super::session(global, ui), &choice, args.package.as_deref())?;
    let text = match ui.format() {
        Format::Json => super::pretty(&json!({"images": logs.iter().map(image_json).collect::<Vec<_>>()})),
        Format::Markdown | Format::Human => logs.iter().map(|log| image(log, args, ui)).collect::<Vec<_>>().join("\n"),
    };
    ui.result(&text);
    Ok(Exit::Done)
}

fn image(log: &ImageLog, args: &args::Log, ui: &Ui) -> String {
    let title = ui.styled(Style::Strong, &format!("{}/{} for {}", log.manifest, log.image, log.architecture));
    let ran = log.scripts.iter().filter(|script| script.in_commit).count();
    let of = args.package.as_ref().map(|package| format!(" of `{package}`")).unwrap_or_default();
    let mut text = match &log.commit {
        None => format!("{title}: not configured yet\n"),
        Some(commit) => {
            let scripts = if ran == 1 { "script" } else { "scripts" };
            format!("{title}: {ran} {scripts}{of} in commit {}\n", &commit.to_hex()[..12])
        }
    };
    if log.files.is_empty() && !log.scripts.is_empty() {
        text.push_str("what they printed is not here: the log is written where they run\n");
    }
    if ui.format() == Format::Markdown {
        text.push_str("\n```\n");
    }
    log.scripts.iter().for_each(|one| script(one, ui, &mut text));
    if ui.format() == Format::Markdown {
        text.push_str("```\n");
    }
    text
}

fn script(script: &Script, ui: &Ui, text: &mut String) {
    let title = format!("{} {}", script.package, script.call);
    let end = match &script.output {
        None => String::new(),
        Some(output) if output.end.is_empty() => " (killed)".to_owned(),
        Some(output) => format!(" ({})", output.end),
    };
    let style = if script.in_commit { Style::Strong } else { Style::Bad };
    text.push_str(&format!("{}{}\n", ui.styled(style, &title), ui.styled(Style::Faint, &end)));
    for line in script.output.iter().flat_map(|output| output.text.lines()) {
        text.push_str(&format!("    {}\n", plain(line.trim_end_matches('\r'))));
    }
}

fn image_json(log: &ImageLog) -> Value {
    let scripts: Vec<Value> = log
        .scripts
        .iter()
        .map(|script| {
            json!({
                "package": script.package,
                "script": script.call,
                "in-commit": script.in_commit,
                "end": script.output.as_ref().map(|output| &output.end),
                "output": script.output.as_ref().map(|output| &output.text),
            })
        })
        .collect();
    json!({
        "manifest": log.manifest,
        "image": log.image,
        "arch": log.architecture.deb_name(),
        "commit": log.commit.map(|commit| commit.to_hex()),
        "logs": log.files,
        "scripts": scripts,
    })
}
