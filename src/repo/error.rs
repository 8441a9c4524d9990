//! What can go wrong between us and a repository.

use std::path::PathBuf;

use jiff::Timestamp;

use super::{aptsources, credentials, keys, openpgp};
use crate::index::release;
use crate::pkg::Sha256;

/// A repository could not be used. URLs in it carry no user name or password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server does not have the file (404, 410), or the `file:` URL names none.
    #[error("`{url}` does not exist")]
    Missing {
        /// What was asked for.
        url: String,
    },
    /// The server answered with something else than the file.
    #[error("`{url}`: the server answered {status}{}", credentials_word(*.status))]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The server could not be reached, or the transfer broke, as often as it was tried.
    #[error("cannot get `{url}`")]
    Network {
        /// What was asked for.
        url: String,
        /// The last failure.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server showed a certificate that nobody vouches for, or that is another server's.
    #[error("the certificate of `{url}` is not accepted")]
    Certificate {
        /// What was asked for.
        url: String,
        /// Why.
        source: rustls::Error,
    },
    /// TLS cannot be set up, most often because this host trusts no certificate authority.
    #[error("cannot get anything by https from this host")]
    Tls {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A redirect that is not followed.
    #[error("`{url}`: {problem}")]
    Redirect {
        /// Where the redirect came from.
        url: String,
        /// Why it is not followed.
        problem: &'static str,
    },
    /// The network is needed and `--offline` forbids it.
    #[error("{what} is not in the cache, and `--offline` forbids to get it")]
    Offline {
        /// What is needed.
        what: String,
    },
    /// The URL is of a kind that is not supported.
    #[error("`{url}` is neither an http, an https nor a file URL")]
    Scheme {
        /// The URL.
        url: String,
    },
    /// The address of a proxy cannot be used.
    #[error("the proxy in `{variable}` is not usable")]
    Proxy {
        /// The environment variable it came from.
        variable: &'static str,
    },

    /// A file is longer or shorter than it must be.
    #[error("`{url}` has {}{actual} bytes, expected {expected}{}", prefix(*.at_least), sync_word(*.by_release))]
    Size {
        /// The file.
        url: String,
        /// How long it must be.
        expected: u64,
        /// How long it is.
        actual: u64,
        /// Whether `actual` is where reading stopped.
        at_least: bool,
        /// Whether a signed `Release` says so, as against a lockfile.
        by_release: bool,
    },
    /// A file is longer than anything of its kind may be.
    #[error("`{url}` is longer than the {limit} bytes allowed")]
    TooLarge {
        /// The file.
        url: String,
        /// How long it may be.
        limit: u64,
    },
    /// A file has other contents than it must have.
    #[error("`{url}` has SHA-256 {actual}, expected {expected}{}", sync_word(*.by_release))]
    Digest {
        /// The file.
        url: String,
        /// What it must be.
        expected: Sha256,
        /// What it is.
        actual: Sha256,
        /// Whether a signed `Release` says so, as against a lockfile.
        by_release: bool,
    },
    /// An index unpacks to something else than the `Release` says.
    #[error("`{}` unpacks to SHA-256 {actual}, expected {expected} by the signed Release", .path.display())]
    Unpacked {
        /// The file in the cache.
        path: PathBuf,
        /// What its text must be.
        expected: Sha256,
        /// What it is.
        actual: Sha256,
    },
    /// A verified package index cannot be read.
    #[error("cannot read the index of repository `{repo}`, suite `{suite}`")]
    Index {
        /// The manifest's name of the repository.
        repo: String,
        /// The suite.
        suite: String,
        /// What is wrong with it.
        source: crate::index::packages::Error,
    },
    /// A file of the cache is not what it was when it was stored.
    #[error("`{}` is damaged; it was removed", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The signature is not accepted.
    #[error("cannot trust `{url}` of repository `{repo}`")]
    Signature {
        /// The manifest's name of the repository.
        repo: String,
        /// The signed file.
        url: String,
        /// Why.
        source: openpgp::Error,
    },
    /// There is no signed `Release`, and the repository's trust asks for one.
    #[error("repository `{repo}` has no signed `{url}`")]
    Unsigned {
        /// The manifest's name of the repository.
        repo: String,
        /// The `Release` file.
        url: String,
    },
    /// The manifest gives no key to judge the signature by.
    #[error("repository `{repo}` has no `key`")]
    NoKey {
        /// The manifest's name of the repository.
        repo: String,
    },
    /// The `Release` file cannot be read.
    #[error("cannot read `{url}`")]
    Release {
        /// The file.
        url: String,
        /// What is wrong with it.
        source: release::Error,
    },
    /// The `Release` file's time is up.
    #[error("`{url}` was valid until {until}")]
    Expired {
        /// The file.
        url: String,
        /// Its `Valid-Until`.
        until: Timestamp,
    },
    /// The `Release` file was made in what is the future here.
    #[error("`{url}` is dated {date}, and it is {now} here")]
    Future {
        /// The file.
        url: String,
        /// Its `Date`.
        date: Timestamp,
        /// Our clock.
        now: Timestamp,
    },
    /// The `Release` file is older than one that was seen before.
    #[error("`{url}` is dated {date}, older than the {seen} seen before")]
    Rollback {
        /// The file.
        url: String,
        /// Its `Date`.
        date: Timestamp,
        /// The newest `Date` seen.
        seen: Timestamp,
        /// Where that is remembered.
        memory: PathBuf,
    },
    /// The `Release` file has no date that can be read, and one with a date was seen before.
    #[error("`{url}` has {}; one dated {seen} was seen before", date_word(.value.as_deref()))]
    Undated {
        /// The file.
        url: String,
        /// Its `Date`, if it has one.
        value: Option<String>,
        /// The newest `Date` seen.
        seen: Timestamp,
        /// Where that is remembered.
        memory: PathBuf,
    },
    /// The `Release` file is older than the manifest allows.
    #[error("{}", super::warning::too_old(.url, *.age, *.allowed))]
    TooOld {
        /// The file.
        url: String,
        /// Its age in days; none if it has no date.
        age: Option<u64>,
        /// How old it may be.
        allowed: std::time::Duration,
    },
    /// The `Release` file gives itself another name than it did before.
    #[error("`{url}` changed its `{field}` from `{before}` to `{after}`")]
    Changed {
        /// The file.
        url: String,
        /// The field.
        field: &'static str,
        /// Its value before.
        before: String,
        /// Its value now.
        after: String,
        /// Where that is remembered.
        memory: PathBuf,
    },
    /// The `Release` file is of another suite than the one asked for.
    #[error("`{url}` is of suite `{suite}`, code name `{codename}`, not of `{asked}`")]
    Misnamed {
        /// The file.
        url: String,
        /// What was asked for.
        asked: String,
        /// Its `Suite`.
        suite: String,
        /// Its `Codename`.
        codename: String,
    },

    /// There is no such suite at this address.
    #[error("repository `{repo}` has no suite `{suite}`: `{url}` does not exist")]
    NoSuite {
        /// The manifest's name of the repository.
        repo: String,
        /// The suite.
        suite: String,
        /// The file that should be there.
        url: String,
    },
    /// The suite lacks a component.
    #[error("suite `{suite}` of repository `{repo}` has no component `{component}`; it has {}", list(.available))]
    NoComponent {
        /// The manifest's name of the repository.
        repo: String,
        /// The suite.
        suite: String,
        /// What was asked for.
        component: String,
        /// What there is.
        available: Vec<String>,
    },
    /// The suite has none of the architectures.
    #[error("suite `{suite}` of repository `{repo}` has no packages for {}; it has {}", list(.architectures), list(.available))]
    NoArchitecture {
        /// The manifest's name of the repository.
        repo: String,
        /// The suite.
        suite: String,
        /// What was asked for.
        architectures: Vec<String>,
        /// What there is.
        available: Vec<String>,
    },
    /// The `Release` file lists no package index where there should be one.
    #[error("`{url}` lists no `{path}` in any compression")]
    NoIndex {
        /// The `Release` file.
        url: String,
        /// The index without suffix.
        path: String,
    },
    /// A repository has no base address.
    #[error("repository `{repo}` has no address")]
    NoBase {
        /// The manifest's name of the repository.
        repo: String,
    },

    /// No address has the file with the right contents.
    #[error("none of {} addresses has a usable `{name}`", .others.len() + 1)]
    Everywhere {
        /// The file.
        name: String,
        /// The failure that weighs most.
        source: Box<Error>,
        /// The other failures, in the order of the addresses.
        others: Vec<Error>,
    },

    /// A mirror setting cannot be used.
    #[error("{origin}: {problem}")]
    Mirror {
        /// Where the setting stands.
        origin: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Nothing says where a named archive is.
    #[error("nothing says where the archive `{archive}` is")]
    NoMirror {
        /// The archive.
        archive: String,
    },
    /// The host's apt configuration cannot be read.
    #[error(transparent)]
    AptSources(#[from] aptsources::Error),
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] keys::Error),
    /// A file operation failed.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// What was downloaded could not be written.
    #[error("cannot write what comes from `{url}`")]
    Write {
        /// What was being fetched.
        url: String,
        /// Why.
        source: std::io::Error,
    },
    /// The server sends a file so slowly that waiting for it makes no sense.
    #[error("`{url}` is too slow: {bytes} bytes came in {seconds} seconds")]
    Slow {
        /// What was asked for.
        url: String,
        /// How many bytes came.
        bytes: u64,
        /// How long they took.
        seconds: u64,
    },
    /// The server was too slow several times, and is not asked again.
    #[error("`{url}` was not tried: its server was too slow before")]
    SlowServer {
        /// What would have been asked for.
        url: String,
    },
    /// This machine's clock cannot be right, so nothing can be judged by it.
    #[error("it is {} by this machine's clock", clock(*.now))]
    Clock {
        /// The clock.
        now: Timestamp,
    },
}

/// The sort of an [`Error`], for exit codes and for the choice between several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorKind {
    /// A package or index file is not there (exit 4).
    Missing,
    /// The network failed or is forbidden (exit 4).
    Network,
    /// What the manifest or the configuration asks for does not exist (exit 2).
    Usage,
    /// This host lacks something (exit 7).
    Host,
    /// A checksum, a signature, a date or a name is wrong (exit 5).
    Integrity,
    /// The local disk failed (exit 8).
    Io,
}

impl Error {
    /// What sort of failure this is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing { .. } | Self::NoSuite { .. } => ErrorKind::Missing,
            Self::Status { .. } | Self::Network { .. } | Self::Offline { .. } | Self::Slow { .. } | Self::SlowServer { .. } => {
                ErrorKind::Network
            }
            Self::Size { .. }
            | Self::TooLarge { .. }
            | Self::Digest { .. }
            | Self::Unpacked { .. }
            | Self::Damaged { .. }
            | Self::Signature { .. }
            | Self::Unsigned { .. }
            | Self::Release { .. }
            | Self::Certificate { .. }
            | Self::Redirect { .. }
            | Self::Expired { .. }
            | Self::Future { .. }
            | Self::Rollback { .. }
            | Self::Undated { .. }
            | Self::TooOld { .. }
            | Self::Index { .. }
            | Self::Changed { .. }
            | Self::Misnamed { .. }
            | Self::NoIndex { .. } => ErrorKind::Integrity,
            Self::Scheme { .. }
            | Self::Proxy { .. }
            | Self::NoKey { .. }
            | Self::NoComponent { .. }
            | Self::NoArchitecture { .. }
            | Self::NoBase { .. }
            | Self::Mirror { .. }
            | Self::NoMirror { .. }
            | Self::AptSources(_)
            | Self::Key(_) => ErrorKind::Usage,
            Self::Tls { .. } | Self::Clock { .. } => ErrorKind::Host,
            Self::Everywhere { source, .. } => source.kind(),
            Self::Io { .. } | Self::Write { .. } => ErrorKind::Io,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Size { by_release: true, .. } | Self::Digest { by_release: true, .. } => {
                Some("the mirror may be in the middle of an update: try again later, or use another one (`--mirror`)".to_owned())
            }
            Self::Damaged { .. } => Some("run it again: the file is fetched anew".to_owned()),
            Self::Expired { .. } => Some("the mirror is out of date, or this machine's clock is wrong".to_owned()),
            Self::Future { .. } | Self::Clock { .. } => Some("set this machine's clock".to_owned()),
            Self::Rollback { memory, .. } => {
                Some(format!("use a mirror that is up to date; if the archive really went back, delete `{}`", memory.display()))
            }
            Self::Undated { memory, .. } => Some(format!(
                "use another mirror (`--mirror`); if the archive really stopped dating its files, delete `{}`",
                memory.display()
            )),
            Self::TooOld { .. } => {
                Some("use a mirror that is up to date (`--mirror`); if the archive really stands still, raise `max-age`".to_owned())
            }
            Self::Changed { memory, .. } => {
                Some(format!("look at what the archive announced; to accept the change, delete `{}`", memory.display()))
            }
            Self::Misnamed { suite, codename, .. } => {
                let name = if codename.is_empty() { suite } else { codename };
                Some(format!("if this is the repository that you mean, write `suite-name = \"{name}\"` beside its `suites`"))
            }
            Self::Unsigned { .. } => Some("if nothing else is to be had, write `trust = \"none\"` in the manifest".to_owned()),
            Self::NoKey { .. } => Some("write `key = \"builtin:debian-bookworm\"` or `key = \"FILE\"` in the manifest".to_owned()),
            Self::Signature { source: openpgp::Error::Refused { .. }, .. } => {
                Some("compare the repository's published key with the `key` in the manifest".to_owned())
            }
            Self::NoSuite { .. } => Some("look at the suite's name in the manifest, and at the address (`--mirror`)".to_owned()),
            Self::NoMirror { archive } => Some(format!("write `{archive} = \"https://mirror.example.org/{archive}\"` in `mirrors.toml`")),
            Self::Status { status: 401 | 403, url } => {
                let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(credentials::variable));
                let variable = host.unwrap_or_else(|| "PINTREE_TOKEN_HOST".to_owned());
                Some(format!("credentials come from `~/.netrc` or from `{variable}`"))
            }
            Self::Status { status: 407, .. } => {
                Some("a proxy's credentials stand in its address: `http_proxy=http://USER:PASSWORD@proxy.example.org:3128`".to_owned())
            }
            Self::Certificate { source, .. } => Some(certificate_hint(source).to_owned()),
            Self::Tls { .. } => {
                Some("install the package `ca-certificates`, or name a file of trusted authorities in `SSL_CERT_FILE`".to_owned())
            }
            Self::Proxy { .. } => Some("only proxies with `http:` or `https:` are supported".to_owned()),
            Self::Key(keys::Error::Read { .. } | keys::Error::NoCertificate { .. }) => {
                Some("save the repository's public key there, or name another file as the manifest's `key`".to_owned())
            }
            Self::Offline { .. } => Some("run once without `--offline`".to_owned()),
            Self::Everywhere { source, .. } => source.hint(),
            _ if self.kind() == ErrorKind::Network => Some(
                "look at the network and the proxy; `--mirror ARCHIVE=URL` takes another address, `--offline` only what is here already"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// Of several failures the one that weighs most, the others beside it.
    pub(super) fn gather(name: &str, mut failures: Vec<Self>) -> Self {
        let worst = failures.iter().enumerate().max_by_key(|(index, error)| (error.kind(), std::cmp::Reverse(*index)));
        let Some(index) = worst.map(|(index, _)| index) else { return Self::NoBase { repo: name.to_owned() } };
        let worst = failures.remove(index);
        if failures.is_empty() {
            return worst;
        }
        Self::Everywhere { name: name.to_owned(), source: Box::new(worst), others: failures }
    }
}

fn certificate_hint(refusal: &rustls::Error) -> &'static str {
    use rustls::CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext, UnknownIssuer};
    match refusal {
        rustls::Error::InvalidCertificate(UnknownIssuer) => {
            "if the server is the right one, add the authority that vouches for it to the host's, or name a file with it in `SSL_CERT_FILE`"
        }
        rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. }) => {
            "the server's certificate is out of date, or this machine's clock is wrong"
        }
        _ => "look at the address, or use another one (`--mirror`)",
    }
}

fn credentials_word(status: u16) -> &'static str {
    match status {
        401 => " (credentials are missing or wrong)",
        403 => " (access is forbidden)",
        304 => " (not modified) to a request without a condition",
        407 => " (the proxy wants credentials)",
        _ => "",
    }
}

/// A moment that may be outside of what people or formats think of.
fn clock(now: Timestamp) -> String {
    if now == Timestamp::MAX { "after the year 9999".to_owned() } else { now.strftime("%Y-%m-%d").to_string() }
}

fn date_word(value: Option<&str>) -> String {
    value.map_or_else(|| "no `Date`".to_owned(), |value| format!("the unreadable `Date` `{value}`"))
}

fn prefix(yes: bool) -> &'static str {
    if yes { "at least " } else { "" }
}

fn sync_word(by_release: bool) -> &'static str {
    if by_release { " by the signed Release (mirror sync in progress?)" } else { "" }
}

fn list(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ") }
}
