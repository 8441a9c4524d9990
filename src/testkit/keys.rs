//! Throw-away OpenPGP keys and signatures, made by real `gpg`.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::util::command::run_checked;

/// A GnuPG home directory of its own; the keys in it have no passphrase and are gone with it.
#[derive(Debug)]
pub struct Gpg {
    home: PathBuf,
    /// What ends the agent and removes the directory. It waits for its input to end, which it does when this is dropped, and also
    /// with the process: a key store that tests share is a static, and statics are never dropped.
    sweeper: Child,
    /// One gpg at a time: two that start the agent together, or write the keyring together, fail now and then.
    alone: Mutex<()>,
}

/// How a signature is made, where it is not the ordinary way.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignOptions<'a> {
    /// The clock to sign by (`20260101T000000`); now if empty.
    pub at: &'a str,
    /// How long the signature is good for (`1d`); for ever if empty.
    pub expires: &'a str,
    /// The digest algorithm (`SHA1`); SHA-512 if empty.
    pub digest: &'a str,
    /// A binary signature instead of an armored one, where it is detached.
    pub binary: bool,
}

impl Default for Gpg {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        drop(self.sweeper.stdin.take());
        // What it could not do is seen by the next look into the temporary directory.
        let _swept = self.sweeper.wait();
    }
}

impl Gpg {
    /// An empty key store.
    pub fn new() -> Self {
        let home = tempfile::Builder::new().prefix("gpg").tempdir().expect("a temporary directory can be made").keep();
        let mut sweeper = Command::new("sh");
        sweeper.args(["-c", "cat; gpgconf --homedir \"$0\" --kill all; rm -rf -- \"$0\""]).arg(&home);
        sweeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Ctrl-C is for the tests: the sweeper has its work then.
        let sweeper = sweeper.process_group(0).spawn().expect("a shell can be started");
        Self { home, sweeper, alone: Mutex::new(()) }
    }

    fn command(&self, at: &str) -> Command {
        let mut command = Command::new("gpg");
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C");
        command.arg("--homedir").arg(&self.home);
        command.args([
            "--batch",
            "--yes",
            "--quiet",
            "--no-tty",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
            "--trust-model",
            "always",
        ]);
        command.args(["--allow-weak-digest-algos", "--no-auto-check-trustdb"]);
        if !at.is_empty() {
            command.args(["--faked-system-time", &format!("{at}!")]);
        }
        command
    }

    fn run(&self, command: &mut Command) -> Vec<u8> {
        let _alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        run_checked(command).expect("gpg does what the test asks").stdout
    }

    fn run_with_input(&self, mut command: Command, input: &[u8]) -> Vec<u8> {
        use std::io::Write as _;
        let _alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("gpg can be started");
        let mut stdin = child.stdin.take().expect("it is a pipe");
        let input = input.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().expect("gpg ends");
        writer.join().expect("the writer does not panic").expect("gpg reads its input");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// An Ed25519 signing key made today, without end; gives its fingerprint.
    pub fn key(&self, name: &str) -> String {
        self.key_with(name, "ed25519", "never", "")
    }

    /// A signing key of some algorithm (`ed25519`, `rsa2048`), lifetime (`1d`, `never`) and birthday (`20200101T000000`,
    /// now if empty); gives its fingerprint.
    pub fn key_with(&self, name: &str, algorithm: &str, expires: &str, at: &str) -> String {
        let user = format!("{name} <{name}@example.org>");
        self.created(at, &["--quick-gen-key", &user, algorithm, "sign", expires])
    }

    /// Adds a subkey that signs from then on; gives its fingerprint.
    pub fn signing_subkey(&self, primary: &str, expires: &str, at: &str) -> String {
        self.created(at, &["--quick-add-key", primary, "ed25519", "sign", expires])
    }

    /// Runs what makes a key, and reads its fingerprint from gpg's status lines: `KEY_CREATED P FINGERPRINT`.
    fn created(&self, at: &str, arguments: &[&str]) -> String {
        let status = self.run(self.command(at).args(["--status-fd", "1"]).args(arguments));
        let status = String::from_utf8_lossy(&status).into_owned();
        let line = status.lines().find(|line| line.contains(" KEY_CREATED ")).expect("gpg has made a key");
        line.split_ascii_whitespace().nth(3).expect("the fingerprint stands third").to_owned()
    }

    /// Revokes a whole certificate.
    pub fn revoke(&self, primary: &str) {
        let path = self.home.join("openpgp-revocs.d").join(format!("{primary}.rev"));
        let text = std::fs::read_to_string(path).expect("gpg makes a revocation with each key");
        let armored = text.replace(":-----BEGIN", "-----BEGIN");
        let block = &armored[armored.find("-----BEGIN").expect("it holds an armored block")..];
        let mut command = self.command("");
        command.arg("--import");
        self.run_with_input(command, block.as_bytes());
    }

    /// Revokes the first subkey.
    pub fn revoke_subkey(&self, primary: &str) {
        let mut command = self.command("");
        command.args(["--command-fd", "0", "--expert", "--edit-key", primary]);
        // The key, the deed, yes, no reason, no text, yes, done.
        self.run_with_input(command, b"key 1\nrevkey\ny\n0\n\ny\nsave\n");
    }

    /// The certificates, armored.
    pub fn export(&self, keys: &[&str]) -> Vec<u8> {
        self.run(self.command("").args(["--armor", "--export"]).args(keys))
    }

    /// The certificates as a binary keyring.
    pub fn export_binary(&self, keys: &[&str]) -> Vec<u8> {
        self.run(self.command("").arg("--export").args(keys))
    }

    /// Writes the certificates, armored, to `path`.
    pub fn export_to(&self, keys: &[&str], path: &Path) {
        std::fs::write(path, self.export(keys)).expect("the key file can be written");
    }

    fn signing(&self, signers: &[&str], options: SignOptions<'_>) -> Command {
        let mut command = self.command(options.at);
        for signer in signers {
            command.args(["--local-user", signer]);
        }
        command.args(["--digest-algo", if options.digest.is_empty() { "SHA512" } else { options.digest }]);
        if !options.expires.is_empty() {
            command.args(["--default-sig-expire", options.expires]);
        }
        command
    }

    /// A cleartext-signed message (`InRelease`).
    pub fn sign_cleartext(&self, signers: &[&str], text: &[u8], options: SignOptions<'_>) -> Vec<u8> {
        let mut command = self.signing(signers, options);
        command.arg("--clearsign");
        self.run_with_input(command, text)
    }

    /// A detached signature (`Release.gpg`).
    pub fn sign_detached(&self, signers: &[&str], text: &[u8], options: SignOptions<'_>) -> Vec<u8> {
        let mut command = self.signing(signers, options);
        if !options.binary {
            command.arg("--armor");
        }
        command.arg("--detach-sign");
        self.run_with_input(command, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_directory_nor_agent_stays() {
        let gpg = Gpg::new();
        gpg.key("archive");
        let home = gpg.home.clone();
        drop(gpg);
        assert!(!home.exists());
        let commands = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        let home = home.to_str().unwrap();
        assert_eq!(commands.filter(|command| String::from_utf8_lossy(command).contains(home)).count(), 0);
    }
}
