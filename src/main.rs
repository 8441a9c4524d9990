//! The `pintree` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    pintree::cli::run().into()
}
