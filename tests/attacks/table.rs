//! How rows are chosen, run and judged.

use crate::apt;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Mutex;

/// How many rows run at once.
const PARALLEL: usize = 3;

/// What came of an attack, or of its twin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The attack did no harm; the twin did what its user wants. With the figure or message that shows it.
    Held(String),
    /// The attack worked, or the twin failed.
    Broke(String),
    /// This host cannot run it.
    Skipped(String),
}

/// One attack with its twin.
pub struct Row {
    /// Its name, unique in the table.
    pub name: &'static str,
    /// What stops it. Rows of one guard are variations; `make test` runs the first of them.
    pub guard: &'static str,
    /// Plays the attack.
    pub attack: fn() -> Verdict,
    /// Does the honest thing that looks most like it.
    pub twin: fn() -> Verdict,
}

/// A row whose effect is accepted on purpose, with the reason.
pub struct Accepted {
    pub name: &'static str,
    pub reason: &'static str,
}

impl Verdict {
    /// `Held` if `condition` is true.
    pub fn of(condition: bool, figure: impl Into<String>) -> Self {
        if condition { Self::Held(figure.into()) } else { Self::Broke(figure.into()) }
    }
}

/// Runs the rows that this run asks for, prints what came of each, and fails unless all of them held.
///
/// With `PINTREE_ATTACKS_REPORT=FILE` the lines are appended to that file as well and nothing fails: for builds of which
/// some rows are known to break. With `PINTREE_ATTACKS_APT=1` lines `attack by pintree`, `attack by apt` and the same for the
/// twin follow, for each side of a row that can be put to apt: what either answered to the same server.
pub fn run(table: &str, rows: &[Row], accepted: &[Accepted]) {
    let names: BTreeSet<_> = rows.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), rows.len(), "two rows of table `{table}` have the same name");
    let wanted: Vec<&Row> = chosen(rows);
    let lines = Mutex::new(vec![]);
    let next = Mutex::new(wanted.iter().enumerate());
    let take = || next.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..PARALLEL.min(wanted.len()) {
            scope.spawn(|| {
                while let Some((index, row)) = take() {
                    let (attack, at_attack) = apt::beside(table, || played(row.attack));
                    let (twin, at_twin) = apt::beside(table, || played(row.twin));
                    let done =
                        (index, *row, attack, twin, answers(table, row, "attack", at_attack) + &answers(table, row, "twin", at_twin));
                    lines.lock().unwrap().push(done);
                }
            });
        }
    });
    let mut lines = lines.into_inner().unwrap();
    lines.sort_by_key(|(index, ..)| *index);
    report(&lines.iter().map(|line| line.4.as_str()).collect::<String>());
    let results: Vec<_> = lines.into_iter().map(|(_, row, attack, twin, _)| (row.name, row.guard, attack, twin)).collect();
    judge(table, &results, accepted);
}

/// The lines of what the program and apt answered.
fn answers(table: &str, row: &Row, side: &str, answers: Option<(apt::Answer, apt::Answer)>) -> String {
    let both = answers.into_iter().flat_map(|(ours, theirs)| [("pintree", ours), ("apt", theirs)]);
    both.map(|(who, answer)| line(table, row.name, row.guard, &format!("{side} by {who}"), answer.word, &answer.figure)).collect()
}

fn line(table: &str, name: &str, guard: &str, side: &str, word: &str, figure: &str) -> String {
    let figure: String = figure.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    format!("{table}\t{name}\t{guard}\t{side}\t{word}\t{figure}\n")
}

/// Prints lines and appends them to the file that is asked for; tells whether there is one.
fn report(text: &str) -> bool {
    eprint!("{text}");
    let path = std::env::var_os("PINTREE_ATTACKS_REPORT");
    if let Some(path) = &path {
        use std::io::Write as _;
        let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
    path.is_some()
}

/// The rows that this run asks for.
pub fn chosen(rows: &[Row]) -> Vec<&Row> {
    let mut guards = BTreeSet::new();
    match std::env::var("PINTREE_ATTACKS").ok().as_deref() {
        Some("all") => rows.iter().collect(),
        Some(names) => rows.iter().filter(|row| names.split(',').any(|name| name == row.name)).collect(),
        None => rows.iter().filter(|row| guards.insert(row.guard)).collect(),
    }
}

/// Prints one line for each result and fails unless all held; for tables that play several rows in one go.
pub fn judge(table: &str, results: &[(&str, &str, Verdict, Verdict)], accepted: &[Accepted]) {
    let mut text = String::new();
    let mut broken = vec![];
    for (name, guard, attack, twin) in results {
        for (side, verdict) in [("attack", attack), ("twin", twin)] {
            let (word, figure) = match verdict {
                Verdict::Held(figure) => ("held", figure),
                Verdict::Broke(figure) => ("BROKE", figure),
                Verdict::Skipped(figure) => ("skipped", figure),
            };
            text += &line(table, name, guard, side, word, figure);
            match verdict {
                Verdict::Held(_) => {}
                Verdict::Skipped(reason) => crate::fixture::skip(&format!("{table}/{name}: {reason}")),
                Verdict::Broke(_) => broken.push(format!("{table}/{name} ({side}, guard {guard}): {figure}")),
            }
        }
    }
    for row in accepted {
        writeln!(text, "{table}\t{}\t-\taccepted\t-\t{}", row.name, row.reason).unwrap();
    }
    if !report(&text) {
        assert!(broken.is_empty(), "{} of table `{table}` broke:\n{}", broken.len(), broken.join("\n"));
    }
}

/// Runs one side of a row; a panic of the fixture means that what should work does not.
fn played(side: fn() -> Verdict) -> Verdict {
    std::panic::catch_unwind(side).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Verdict::Broke(format!("panicked: {}", text.unwrap_or_default()))
    })
}
