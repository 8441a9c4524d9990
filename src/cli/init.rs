//! `pintree init`: a commented starting manifest.

use super::Exit;
use super::args::{Global, Init};
use super::ui::Ui;
use crate::manifest;
use crate::ops::{Error, drivers};
use std::io::Write as _;

/// Runs the verb. A file that is there already is never changed.
pub fn run(global: &Global, init: &Init, ui: &mut Ui) -> Result<Exit, Error> {
    if init.git_drivers {
        drivers::configure(&super::session(global, ui))?;
        attributes(global, true, ui)?;
        ui.status("Configured", "git merges and shows lockfiles with pintree in this checkout");
        return Ok(Exit::Done);
    }
    let arches = super::architectures(&init.arches)?;
    let text = manifest::starter(&init.distro, &arches)?;
    let path = global.project().join(&init.file);
    let io = |doing| {
        let path = path.clone();
        move |source| Error::Io { doing, path, source }
    };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(io("create the directory of"))?;
    }
    let mut file = match std::fs::OpenOptions::new().write(true).create_new(true).open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(Error::Exists { path }),
        opened => opened.map_err(io("create"))?,
    };
    file.write_all(text.as_bytes()).map_err(io("write"))?;
    ui.status("Created", &path.display().to_string());
    attributes(global, false, ui)?;
    ui.note("next: put your packages in, then run `pintree build`");
    Ok(Exit::Done)
}

/// Tells git which files are lockfiles and which are generated.
fn attributes(global: &Global, configures: bool, ui: &mut Ui) -> Result<(), Error> {
    let written = drivers::write_files(&super::session(global, ui))?;
    written.iter().for_each(|path| ui.status("Wrote", &path.display().to_string()));
    if drivers::is_configured(&super::session(global, ui))? == Some(false) && !configures {
        ui.note("to let git merge and show lockfiles in this checkout, run `pintree init --git-drivers`");
    }
    Ok(())
}
