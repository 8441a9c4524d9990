//! One way to run a child process and to tell what went wrong with it.

use std::process::{Command, ExitStatus, Output};

/// A child process that could not be started or did not exit with 0.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program could not be started.
    #[error("cannot start `{program}`")]
    Start {
        /// The program's name.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// The program ran and said no.
    #[error("`{command}` ended with {status}{}", tail(.stderr))]
    Status {
        /// The command as one could paste it into a shell.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of what it wrote to stderr.
        stderr: String,
    },
}

fn tail(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(":\n{stderr}") }
}

/// Runs `command`, captures its output, and turns any end but exit 0 into an [`Error`].
pub fn run_checked(command: &mut Command) -> Result<Output, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|source| Error::Start { program, source })?;
    if output.status.success() {
        return Ok(output);
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().collect();
    let stderr = lines[lines.len().saturating_sub(20)..].join("\n");
    Err(Error::Status { command: shell_line(command), status: output.status, stderr })
}

/// The command as one could paste it into a shell.
pub fn shell_line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| {
            let word = word.to_string_lossy();
            let plain = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./=:,+@%".contains(&b));
            if plain { word.into_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_command_status_and_stderr() {
        let error = run_checked(Command::new("sh").args(["-c", "echo oh no >&2; exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c 'echo oh no >&2; exit 3'` ended with exit status: 3:\noh no");
    }
}
