//! The log of what programs in the sandbox wrote: all of it in a file, the end of it for an error message.

use super::layer;
use crate::sandbox::{self, Command, Ended, Root, Sandbox};
use crate::util::place;
use rustix::time::{ClockId, clock_gettime};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Lines of a failed program that an error message shows.
const TAIL: usize = 15;

/// One line longer than this is cut in an error message; the file has it whole.
const MAX_LINE: usize = 1000;

/// With less room than this, in bytes, a program that writes cannot work.
const FULL: u64 = 1 << 20;

/// With less room than this a program that says so is believed: it has removed what it could not write whole.
const SCARCE: u64 = 1 << 29;

/// With fewer inodes than this a program that makes files cannot work.
const FEW_FILES: u64 = 16;

/// `strerror(ENOSPC)` in the locale that scripts run in.
const NO_SPACE: &str = "No space left on device";

/// A log file, and the last lines of the last program.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    tail: VecDeque<String>,
    /// The beginning of the line that is being written.
    partial: Vec<u8>,
    /// Whether that line has any bytes yet.
    in_line: bool,
    /// What ran, and when it started by the clock that the kernel gives files their times from.
    ran: Vec<(String, Duration)>,
}

impl Log {
    /// Starts the log anew.
    pub fn create(path: &Path) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            place::make_directory(parent)?;
        }
        Ok(Self { path: path.to_owned(), file: place::create(path)?, tail: VecDeque::new(), partial: vec![], in_line: false, ran: vec![] })
    }

    /// Where it is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn note(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.file, "{line}")
    }

    /// The last lines of the program that ran last.
    pub fn tail(&self) -> String {
        let lines: Vec<String> = self.tail.iter().cloned().chain(Some(line(&self.partial)).filter(|line| !line.is_empty())).collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }

    /// Says so where the program that ran last failed because the disk is full, which is not the program's fault; unless the
    /// program took more than it may.
    ///
    /// # Errors
    /// [`layer::Error::Full`].
    pub fn refuse_full(&self, ended: &Ended) -> Result<(), layer::Error> {
        if matches!(ended, Ended::Exceeded(_)) {
            return Ok(());
        }
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let Ok(disk) = rustix::fs::statvfs(directory) else { return Ok(()) };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        // A file system without a fixed number of inodes has none at all.
        let no_files = disk.f_files > 0 && disk.f_favail < FEW_FILES;
        let tail = self.tail();
        if free < FULL || no_files || (free < SCARCE && tail.contains(NO_SPACE)) {
            let program = self.ran.last().map(|(title, _)| title.clone()).unwrap_or_default();
            let output = if tail.is_empty() { tail } else { format!(":\n{tail}") };
            return Err(layer::Error::Full { directory: directory.to_owned(), program, output });
        }
        Ok(())
    }

    /// The title of the program that ran at a moment of that clock.
    pub fn running_at(&self, moment: Duration) -> Option<&str> {
        self.ran.iter().rev().find(|(_, start)| *start <= moment).map(|(title, _)| title.as_str())
    }

    /// Runs a program and keeps what it writes, between a line `==> TITLE` and a line that tells how it ended.
    pub fn run<E>(&mut self, title: &str, sandbox: &Sandbox, root: &Root, command: &Command<'_>) -> Result<Ended, E>
    where
        E: From<sandbox::Error> + From<WriteError>,
    {
        self.tail.clear();
        self.partial.clear();
        self.in_line = false;
        let start = Instant::now();
        let moment = clock_gettime(ClockId::RealtimeCoarse);
        let moment = Duration::new(moment.tv_sec.try_into().unwrap_or_default(), moment.tv_nsec.try_into().unwrap_or_default());
        self.ran.push((title.to_owned(), moment));
        let mut failed = self.note(&format!("==> {title}")).err();
        let ended = sandbox.run(root, command, &mut |bytes| {
            if failed.is_none() {
                failed = self.take(bytes).err();
            }
        })?;
        let end_of_line = if self.in_line { "\n" } else { "" };
        let line = format!("{end_of_line}<== {ended}, {:.2} s", start.elapsed().as_secs_f64());
        if let Some(source) = failed.or_else(|| self.note(&line).err()) {
            return Err(WriteError { path: self.path.clone(), source }.into());
        }
        Ok(ended)
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            // A line without end must not take memory without end.
            self.partial.extend_from_slice(&part[..part.len().min(MAX_LINE.saturating_sub(self.partial.len()))]);
            self.in_line = !part.ends_with(b"\n");
            if part.ends_with(b"\n") {
                self.tail.push_back(line(&self.partial));
                self.partial.clear();
                if self.tail.len() > TAIL {
                    self.tail.pop_front();
                }
            }
        }
        Ok(())
    }
}

fn line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_LINE)]);
    text.trim_end().chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// The log could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the log `{}`", path.display())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}
