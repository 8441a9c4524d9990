//! One way to run a child process and to tell what went wrong with it.

use std::io::Write as _;
use std::process::{Command, ExitStatus, Output, Stdio};

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
    checked(command, output)
}

/// As [`run_checked`], with `input` on the child's standard input, which must be a pipe. A child that does not read it all is
/// judged by how it ends.
pub fn run_fed(command: &mut Command, input: &[u8]) -> Result<Output, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let start = |source| Error::Start { program: program.clone(), source };
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(start)?;
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        child.wait_with_output()
    });
    checked(command, output.map_err(start)?)
}

fn checked(command: &Command, output: Output) -> Result<Output, Error> {
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
