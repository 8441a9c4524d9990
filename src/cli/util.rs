//! `pintree util`: man pages, completions and references, generated from the definitions; and what git runs.

use super::args::{Cli, Global, SchemaOf, Util, UtilKind};
use super::ui::Ui;
use super::{Exit, git, reference};
use crate::ops::Error;
use clap::CommandFactory as _;
use std::io::Write as _;
use std::path::Path;

/// Runs the verb.
pub fn run(global: &Global, util: &Util, ui: &mut Ui) -> Result<Exit, Error> {
    let done = match &util.util {
        UtilKind::Man { directory } => man(directory),
        UtilKind::Completions { shell } => {
            let mut script = vec![];
            clap_complete::generate(*shell, &mut Cli::command(), "pintree", &mut script);
            print(&script)
        }
        UtilKind::Schema { of: SchemaOf::Manifest } => print(crate::manifest::schema_text().as_bytes()),
        UtilKind::Schema { of: SchemaOf::Diff } => print(crate::diff::SCHEMA.as_bytes()),
        UtilKind::CliMarkdown => print(reference::markdown(&Cli::command()).as_bytes()),
        UtilKind::GitMerge(args) => return git::merge(global, args, ui),
        UtilKind::GitDiff { arguments } => {
            git::diff(global, arguments, ui);
            Ok(())
        }
        UtilKind::GitText { file } => git::text(file, ui),
    };
    done.map(|()| Exit::Done)
}

fn man(directory: &Path) -> Result<(), Error> {
    let io = |source| Error::Io { doing: "write man pages to", path: directory.to_owned(), source };
    std::fs::create_dir_all(directory).map_err(io)?;
    clap_mangen::generate_to(Cli::command(), directory).map_err(io)
}

fn print(bytes: &[u8]) -> Result<(), Error> {
    std::io::stdout().lock().write_all(bytes).map_err(|source| Error::Io { doing: "write to", path: "stdout".into(), source })
}
