//! `pintree util`: man pages, completions and references, generated from the definitions; and what git runs.

use super::args::{Cli, Global, SchemaOf, Util, UtilKind};
use super::ui::Ui;
use super::{Exit, git, reference};
use crate::ops::Error;
use clap::CommandFactory as _;
use std::path::Path;

/// Runs the verb.
pub fn run(global: &Global, util: &Util, ui: &mut Ui) -> Result<Exit, Error> {
    match &util.util {
        UtilKind::Man { directory } => man(directory)?,
        UtilKind::Completions { shell } => {
            let mut script = vec![];
            clap_complete::generate(*shell, &mut Cli::command(), "pintree", &mut script);
            ui.result(&String::from_utf8_lossy(&script));
        }
        UtilKind::Schema { of: SchemaOf::Manifest } => ui.result(&crate::manifest::schema_text()),
        UtilKind::Schema { of: SchemaOf::Diff } => ui.result(crate::diff::SCHEMA),
        UtilKind::CliMarkdown => ui.result(&reference::markdown(&Cli::command())),
        UtilKind::GitMerge(args) => return git::merge(global, args, ui),
        UtilKind::GitDiff { arguments } => git::diff(global, arguments, ui),
        UtilKind::GitText { file } => git::text(file, ui)?,
    }
    Ok(Exit::Done)
}

fn man(directory: &Path) -> Result<(), Error> {
    let io = |source| Error::Io { doing: "write man pages to", path: directory.to_owned(), source };
    std::fs::create_dir_all(directory).map_err(io)?;
    clap_mangen::generate_to(Cli::command(), directory).map_err(io)
}
