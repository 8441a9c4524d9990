//! The terminal: results on stdout, talk on stderr.

use super::args::{Color, Format, Global};
use crate::util::text;
use std::error::Error;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How the program talks.
pub struct Ui {
    quiet: bool,
    verbose: bool,
    color: bool,
    /// The same for results on stdout.
    result_color: bool,
    /// Whether a line may be drawn over: stderr is a terminal.
    terminal: bool,
    format: Format,
    progress: Option<Progress>,
    /// Why a result did not get to where it should.
    lost: Option<std::io::Error>,
}

struct Progress {
    drawn: Instant,
    visible: bool,
}

/// How part of a result stands out.
#[derive(Clone, Copy, Debug)]
pub enum Style {
    /// What was asked about.
    Strong,
    /// What explains it.
    Faint,
    /// What is well.
    Good,
    /// What is not.
    Bad,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Bad => "1;31",
        }
    }
}

/// A terminal is redrawn at most this often; a build of cached packages would otherwise be slowed by its own progress.
const REDRAW: Duration = Duration::from_millis(40);

impl Ui {
    /// Reads the options and looks at the terminal.
    pub fn new(global: &Global) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let color = |terminal: bool| match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !no_color && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        };
        let result_color = color(std::io::stdout().is_terminal()) && global.format == Format::Human;
        let (quiet, verbose, format) = (global.quiet, global.verbose, global.format);
        Self { quiet, verbose, color: color(terminal), result_color, terminal, format, progress: None, lost: None }
    }

    /// How results are printed.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether `--verbose` was given.
    pub fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Prints a result on stdout. A reader that has gone away ends the output silently; anything else that keeps a result
    /// from its place is kept for [`Ui::take_lost`].
    pub fn result(&mut self, text: &str) {
        self.end_progress();
        let mut stdout = std::io::stdout().lock();
        // `pintree tree | head` closes the pipe early: that is no failure of ours.
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        self.lost = self.lost.take().or(written.err().filter(|error| error.kind() != std::io::ErrorKind::BrokenPipe));
    }

    /// Why a result could not be written: most often a disk that is full.
    pub fn take_lost(&mut self) -> Option<std::io::Error> {
        self.lost.take()
    }

    /// Prints a line of talk: a right-aligned verb and what it is done to.
    pub fn status(&mut self, verb: &str, text: &str) {
        if !self.quiet {
            let line = format!("{} {}", self.paint("1;32", &format!("{verb:>10}")), text::lines(text));
            self.talk(&line);
        }
    }

    /// Prints a line of talk with `--verbose` only.
    pub fn detail(&mut self, verb: &str, text: &str) {
        if self.verbose {
            self.status(verb, text);
        }
    }

    /// Prints a plain line of talk.
    pub fn note(&mut self, text: &str) {
        if !self.quiet {
            self.talk(&text::lines(text));
        }
    }

    /// Prints a plain line that `--quiet` does not hide.
    pub fn always(&mut self, text: &str) {
        self.talk(&text::lines(text));
    }

    /// Prints a warning; `--quiet` does not hide it.
    pub fn warn(&mut self, text: &str) {
        let line = format!("{} {}", self.paint("1;33", "warning:"), text::lines(text));
        self.talk(&line);
    }

    /// Shows how far long work is. On a terminal the line is drawn over; elsewhere each call is a line.
    pub fn progress(&mut self, finished: usize, total: usize, text: &str) {
        if self.quiet {
            return;
        }
        let text = text::plain(text);
        if !self.terminal {
            self.talk(&format!("[{finished}/{total}] {text}"));
            return;
        }
        let fresh = self.progress.as_ref().is_some_and(|progress| progress.drawn.elapsed() < REDRAW);
        if fresh && finished != total {
            return;
        }
        let width = rustix::termios::tcgetwinsize(std::io::stderr()).map_or(80, |size| usize::from(size.ws_col.max(20)));
        let line: String = format!("[{finished}/{total}] {text}").chars().take(width - 1).collect();
        self.write(&format!("\r{line}\x1b[K"));
        self.progress = Some(Progress { drawn: Instant::now(), visible: true });
    }

    /// Prints an error: `error:`, then `caused by:` for each inner cause, then `hint:` lines.
    pub fn error(&mut self, error: &dyn Error, hints: &[String]) {
        let mut lines = vec![format!("{} {}", self.paint("1;31", "error:"), text::lines(&error.to_string()))];
        let mut last = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // A transparent wrapper repeats its inner text; once is enough.
            if text != last {
                lines.push(format!("  {} {}", self.paint("1", "caused by:"), text::lines(&text)));
            }
            last = text;
            source = cause.source();
        }
        lines.extend(hints.iter().map(|hint| format!("{} {}", self.paint("1;36", "hint:"), text::lines(hint))));
        self.talk(&lines.join("\n"));
    }

    fn talk(&mut self, line: &str) {
        self.end_progress();
        self.write(&format!("{line}\n"));
    }

    fn end_progress(&mut self) {
        if self.progress.take_if(|progress| progress.visible).is_some() {
            self.write("\r\x1b[K");
        }
    }

    fn write(&self, text: &str) {
        // With stderr gone there is nobody left to tell.
        let _gone = std::io::stderr().lock().write_all(text.as_bytes());
    }

    /// Text of a result, coloured where results are.
    pub fn styled(&self, style: Style, text: &str) -> String {
        if self.result_color { format!("\x1b[{}m{text}\x1b[0m", style.code()) } else { text.to_owned() }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
