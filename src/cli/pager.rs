//! The user's pager, for results that are longer than a screen.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Shows a text with `$PAGER`, or `less`; tells whether it could.
///
/// `less` ends by itself where the text fits the screen, keeps colours, and leaves the text on the terminal. A user's own
/// `LESS` says otherwise.
pub fn show(text: &str) -> bool {
    let Some(command) = command(std::env::var_os("PAGER")) else { return false };
    let mut child = Command::new("sh");
    child.arg("-c").arg(command).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        child.env("LESS", "FRX");
    }
    let Ok(mut child) = child.spawn() else { return false };
    if let Some(mut stdin) = child.stdin.take() {
        // Who leaves the pager early has read enough.
        let _closed = stdin.write_all(text.as_bytes());
    }
    // The shell says 127 where there is no such program.
    child.wait().is_ok_and(|status| status.code() != Some(127))
}

/// What is run; nothing where the user wants no pager.
fn command(pager: Option<OsString>) -> Option<OsString> {
    match pager {
        None => Some("less".into()),
        Some(pager) if pager.is_empty() || pager == "cat" => None,
        Some(pager) => Some(pager),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_chooses() {
        let of = |pager: Option<&str>| command(pager.map(OsString::from)).map(|command| command.into_string().unwrap());
        assert_eq!(of(None).as_deref(), Some("less"));
        assert_eq!(of(Some("more -s")).as_deref(), Some("more -s"));
        assert_eq!([of(Some("")), of(Some("cat"))], [None, None]);
    }
}
