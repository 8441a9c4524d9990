//! `pintree doctor`.

use super::Exit;
use super::args::{Format, Global};
use super::ui::{Style, Ui};
use crate::ops::{Error, doctor};
use crate::sandbox::{Finding, State};
use serde_json::{Value, json};

/// Runs the verb.
pub fn run(global: &Global, ui: &mut Ui) -> Result<Exit, Error> {
    let found = doctor::doctor(&mut super::session(global, ui));
    let exit = if found.iter().any(|finding| finding.state == State::Missing) { Exit::Host } else { Exit::Done };
    let text = match ui.format() {
        Format::Json => super::pretty(&json!({"ok": exit == Exit::Done, "checks": found.iter().map(json).collect::<Vec<_>>()})),
        Format::Markdown => {
            let row =
                |finding: &Finding| format!("| {} | {} | {}{} |\n", finding.subject, word(finding.state), finding.text, mend(finding));
            "| check | state | |\n|---|---|---|\n".chars().chain(found.iter().map(row).collect::<String>().chars()).collect()
        }
        Format::Human => found.iter().map(|finding| human(finding, ui)).collect(),
    };
    ui.result(&text);
    Ok(exit)
}

fn word(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Note => "note",
        State::Missing => "missing",
    }
}

fn mend(finding: &Finding) -> String {
    if finding.mend.is_empty() { String::new() } else { format!(" ► {}", finding.mend) }
}

fn human(finding: &Finding, ui: &Ui) -> String {
    let style = match finding.state {
        State::Ok => Style::Good,
        State::Note => Style::Faint,
        State::Missing => Style::Bad,
    };
    let mark = ui.styled(style, &format!("{:<7}", word(finding.state)));
    format!("{mark}  {}: {}{}\n", finding.subject, finding.text, mend(finding))
}

fn json(finding: &Finding) -> Value {
    json!({"check": finding.subject, "state": word(finding.state), "text": finding.text, "mend": finding.mend})
}
