//! `pintree diff`.

use super::Exit;
use super::args::{Diff, Format, Global};
use super::pager;
use super::ui::{Style, Ui};
use crate::diff::human::{self, Look};
use crate::diff::{self, Report, markdown};
use crate::ops::diff::Options;
use crate::ops::{self, Error};
use std::io::IsTerminal as _;

/// Columns where there is no terminal to ask.
const WIDTH: usize = 100;

/// Lines of each changelog; `--verbose` shows all that were kept.
const CHANGELOG: usize = 12;

/// Runs the verb.
pub fn run(global: &Global, args: &Diff, ui: &mut Ui) -> Result<Exit, Error> {
    let options = Options { old: args.old.clone(), new: args.new.clone() };
    let report = ops::diff::diff(&mut super::session(global, ui), &options)?;
    match ui.format() {
        Format::Json => ui.result(&super::pretty(&diff::json(&report))),
        Format::Markdown => ui.result(&markdown::render(&report, &markdown::Options::default())),
        Format::Human => show(&text(&report, ui), args, ui),
    }
    if report.is_empty() {
        ui.note(&format!("nothing changed between {} and {}", diff::plain(&report.old), diff::plain(&report.new)));
        return Ok(Exit::Done);
    }
    Ok(if args.exit_code { Exit::Findings } else { Exit::Done })
}

/// The report for people, as wide as the terminal.
pub(super) fn text(report: &Report, ui: &Ui) -> String {
    let stdout = std::io::stdout();
    let asked = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok()).flatten();
    let width = asked.map_or(WIDTH, |size| usize::from(size.ws_col)).max(40);
    let style = |look| match look {
        Look::Strong => Style::Strong,
        Look::Faint => Style::Faint,
        Look::Good => Style::Good,
        Look::Bad => Style::Bad,
    };
    let paint = |look, text: &str| ui.styled(style(look), text);
    let changelog = if ui.is_verbose() { usize::MAX } else { CHANGELOG };
    human::render(report, &human::Options { width, changelog, paint: &paint })
}

fn show(text: &str, args: &Diff, ui: &mut Ui) {
    if text.is_empty() || args.no_pager || !std::io::stdout().is_terminal() || !pager::show(text) {
        ui.result(text);
    }
}
