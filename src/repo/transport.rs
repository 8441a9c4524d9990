//! Getting one file from a URL: retries, redirects, limits.
//!
//! No server holds a run up: an answer's head must come within a time, its body at a least rate ([`Pace`]), and all tries of
//! one address together have an end. Who asks then goes on to the next address.
//!
//! The only place that makes HTTP requests. TLS is set up when the first https URL comes, so a process that only talks
//! http pays neither for it nor for reading the system's root certificates.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use reqwest::blocking::Response as HttpResponse;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{StatusCode, Url};

use super::Error;
use super::address::{same_origin, shown};
use super::credentials::Credentials;
use super::patience::{Pace, Patience, Slow};
use super::proxies::Proxies;
use crate::util::slots::{SlotKind, Slots};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 10;

/// A server that answers nothing in time is tried so often; a lost packet may have been the cause, and is not twice.
const SILENT_TRIES: u32 = 2;

/// How long a server that was too slow comes last among several.
const SLOW_FOR: Duration = Duration::from_secs(600);

/// A server that was too slow so often is not asked again by the same client.
const SLOW_TRIES: u32 = 3;

/// How to talk to servers.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Opens no network connection; `file:` URLs still work.
    pub offline: bool,
    /// How often a transfer is tried before a transient failure counts.
    pub tries: u32,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long a server may stay silent, and how long the head of an answer may take, redirects included.
    pub read_timeout: Duration,
    /// How fast a file must come, and when all tries end.
    pub pace: Pace,
    /// The pause before the second try; it doubles with each further one.
    pub pause: Duration,
    /// The longest pause, also when a server asks for a longer one.
    pub longest_pause: Duration,
    /// Which proxies to use.
    pub proxies: Proxies,
    /// Who we are to whom.
    pub credentials: Credentials,
    /// Where connections are counted, and how many one server may see from all processes that count there.
    pub slots: Option<(PathBuf, usize)>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            offline: false,
            tries: 4,
            connect_timeout: Duration::from_secs(20),
            read_timeout: Duration::from_secs(30),
            pace: Pace::default(),
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(20),
            proxies: Proxies::default(),
            credentials: Credentials::default(),
            slots: None,
        }
    }
}

/// How long a file may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Exactly that many bytes.
    Exactly(u64),
    /// No more than that.
    AtMost(u64),
}

/// Where a download goes. A transfer that breaks starts anew, so a sink must be able to forget.
pub trait Sink {
    /// Forgets everything written so far.
    fn restart(&mut self) -> io::Result<()>;
    /// Takes the next bytes.
    fn take(&mut self, bytes: &[u8]) -> io::Result<()>;
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn restart(&mut self) -> io::Result<()> {
        (**self).restart()
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        (**self).take(bytes)
    }
}

impl Sink for Vec<u8> {
    fn restart(&mut self) -> io::Result<()> {
        self.clear();
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// What lets a server say that a file has not changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// The `ETag` header.
    pub etag: Option<String>,
    /// The `Last-Modified` header.
    pub last_modified: Option<String>,
}

/// The answer to a conditional request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The file went into the sink.
    Body {
        /// How many bytes.
        size: u64,
        /// What to ask with next time.
        validators: Validators,
    },
    /// The file is what it was.
    NotModified,
}

/// Gets files from `http:`, `https:` and `file:` URLs. One is enough for a process; threads may share it.
#[derive(Debug)]
pub struct Client {
    options: ClientOptions,
    plain: OnceLock<reqwest::blocking::Client>,
    secure: OnceLock<reqwest::blocking::Client>,
    /// How often which server was too slow.
    slow: Mutex<BTreeMap<String, u32>>,
}

enum Failure {
    /// Trying again cannot help.
    Final(Error),
    /// Trying again may help, after the pause that the server asks for.
    Transient(Box<Error>, Option<Duration>),
    /// The server stayed silent: trying again may help, but each try takes long.
    Silent(Box<Error>),
    /// The server is too slow: trying again would only take as long again.
    Slow(Slow),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl Client {
    /// Makes a client; opens nothing yet.
    pub fn new(options: ClientOptions) -> Self {
        Self { options, plain: OnceLock::new(), secure: OnceLock::new(), slow: Mutex::default() }
    }

    /// What the client was made with.
    pub fn options(&self) -> &ClientOptions {
        &self.options
    }

    /// Gets a file into `sink`.
    pub fn get(&self, url: &Url, limit: Limit, sink: &mut dyn Sink) -> Result<Answer, Error> {
        self.get_if_changed(url, limit, &Validators::default(), sink)
    }

    /// Gets a file into `sink`, unless the server says that it is the one `validators` came with.
    ///
    /// The sink's contents are only meaningful when the answer is a body. A server can say so only to one who asked: without
    /// validators [`Answer::NotModified`] does not occur.
    pub fn get_if_changed(&self, url: &Url, limit: Limit, validators: &Validators, sink: &mut dyn Sink) -> Result<Answer, Error> {
        match url.scheme() {
            "file" => read_file(url, limit, sink),
            "http" | "https" if self.options.offline => Err(Error::Offline { what: format!("`{}`", shown(url)) }),
            "http" | "https" => self.retry(url, limit, validators, sink),
            _ => Err(Error::Scheme { url: shown(url) }),
        }
    }

    fn retry(&self, url: &Url, limit: Limit, validators: &Validators, sink: &mut dyn Sink) -> Result<Answer, Error> {
        let slow = |slow: Slow| Error::Slow { url: shown(url), bytes: slow.bytes, seconds: slow.time.as_secs() };
        if self.times_slow(url) >= SLOW_TRIES {
            return Err(Error::SlowServer { url: shown(url) });
        }
        let mut patience = Patience::new(self.options.pace);
        let (mut tried, mut silent) = (0, 0);
        loop {
            let (error, pause) = match self.attempt(url, limit, validators, sink, &mut patience) {
                Ok(answer) => return Ok(answer),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Slow(found)) => {
                    self.note_slow(url);
                    return Err(slow(found));
                }
                Err(Failure::Silent(error)) => {
                    silent += 1;
                    (*error, None)
                }
                Err(Failure::Transient(error, pause)) => (*error, pause),
            };
            tried += 1;
            if silent >= SILENT_TRIES {
                self.note_slow(url);
            }
            if tried >= self.options.tries || silent >= SILENT_TRIES {
                return Err(error);
            }
            let pause = self.pause(tried, pause);
            if patience.wait(pause).is_err() {
                return Err(error);
            }
            std::thread::sleep(pause);
        }
    }

    /// Tells whether the server of `url` was too slow lately, for this client or another one that counts at the same place.
    pub(super) fn is_slow(&self, url: &Url) -> bool {
        let lately = |path: PathBuf| std::fs::metadata(path)?.modified()?.elapsed().map_err(io::Error::other);
        self.times_slow(url) > 0 || self.slow_mark(url).and_then(|path| lately(path).ok()).is_some_and(|age| age < SLOW_FOR)
    }

    fn times_slow(&self, url: &Url) -> u32 {
        let slow = self.slow.lock().expect("no thread panics while it counts");
        slow.get(&url.origin().ascii_serialization()).copied().unwrap_or_default()
    }

    fn note_slow(&self, url: &Url) {
        let mut slow = self.slow.lock().expect("no thread panics while it counts");
        *slow.entry(url.origin().ascii_serialization()).or_default() += 1;
        if let Some(path) = self.slow_mark(url) {
            // Without the mark the next process finds out by itself.
            let _unused = std::fs::File::create(path).and_then(|file| file.set_modified(SystemTime::now()));
        }
    }

    /// Where processes that count at the same place tell each other of a slow server.
    fn slow_mark(&self, url: &Url) -> Option<PathBuf> {
        let (directory, _) = self.options.slots.as_ref()?;
        let host: String = url.host_str()?.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
        Some(directory.join(format!("slow-{host}-{}", url.port_or_known_default()?)))
    }

    /// The pause after the `tried`th failure: what the server asks for, or twice the last one, somewhat scattered.
    fn pause(&self, tried: u32, asked: Option<Duration>) -> Duration {
        let pause = asked.unwrap_or_else(|| {
            let full = self.options.pause.saturating_mul(1 << (tried - 1).min(16));
            full.mul_f64(0.5 + crate::util::slots::scatter(1000) as f64 / 2000.0)
        });
        pause.min(self.options.longest_pause)
    }

    fn attempt(
        &self,
        url: &Url,
        limit: Limit,
        validators: &Validators,
        sink: &mut dyn Sink,
        patience: &mut Patience,
    ) -> Result<Answer, Failure> {
        let _slot = self.slot(url)?;
        let start = Instant::now();
        let response = self.follow(url, validators);
        patience.wait(start.elapsed()).map_err(Failure::Slow)?;
        let response = response?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(Answer::NotModified);
        }
        let validators = Validators {
            etag: text_of(response.headers(), &header::ETAG),
            last_modified: text_of(response.headers(), &header::LAST_MODIFIED),
        };
        let declared = response.content_length();
        check_size(url, limit, declared)?;
        let write = |source| Error::Write { url: shown(url), source };
        sink.restart().map_err(write)?;
        let size = copy(response, url, limit, sink, Some(patience))?;
        Ok(Answer::Body { size, validators })
    }

    fn slot(&self, url: &Url) -> Result<Option<crate::util::slots::Guard>, Error> {
        let Some((directory, count)) = &self.options.slots else { return Ok(None) };
        let host = url.host_str().unwrap_or_default();
        let slots = Slots { directory: directory.clone(), kind: SlotKind::Connection(host.to_owned()), count: *count };
        slots.acquire().map(Some).map_err(|source| Error::Io { action: "lock a connection slot in", path: directory.clone(), source })
    }

    /// Sends the request and follows redirects until there is a file, or the word that it has not changed.
    fn follow(&self, url: &Url, validators: &Validators) -> Result<HttpResponse, Failure> {
        let mut credential = self.options.credentials.header_for(url);
        let mut current = url.clone();
        let _unused = current.set_username("");
        let _unused = current.set_password(None);
        let start = Instant::now();
        for _ in 0..=MAX_REDIRECTS {
            if start.elapsed() > self.options.read_timeout {
                let source = "redirects took too long".into();
                return Err(Failure::Silent(Box::new(Error::Network { url: shown(url), source })));
            }
            let client = self.http(current.scheme() == "https")?;
            let mut headers = HeaderMap::new();
            let mut put = |name: header::HeaderName, text: &Option<String>| {
                if let Some(value) = text.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
                    headers.insert(name, value);
                }
            };
            put(header::IF_NONE_MATCH, &validators.etag);
            put(header::IF_MODIFIED_SINCE, &validators.last_modified);
            let conditional = !headers.is_empty();
            if let Some(value) = &credential {
                headers.insert(header::AUTHORIZATION, value.clone());
            }
            let response = client.get(current.clone()).headers(headers).send().map_err(|error| failure(url, error))?;
            let status = response.status();
            if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return judge(url, response, conditional);
            }
            let next = redirect_target(&current, response.headers())?;
            if !same_origin(&current, &next) {
                credential = None;
            }
            current = next;
        }
        Err(Error::Redirect { url: shown(url), problem: "more than 10 redirects" }.into())
    }

    fn http(&self, secure: bool) -> Result<&reqwest::blocking::Client, Error> {
        let secure = secure || self.options.proxies.need_tls();
        let cell = if secure { &self.secure } else { &self.plain };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let client = self.build(secure)?;
        Ok(cell.get_or_init(|| client))
    }

    fn build(&self, secure: bool) -> Result<reqwest::blocking::Client, Error> {
        // TLS judges certificates by the clock, and takes it for granted that this is a later year.
        if secure && SystemTime::now() < SystemTime::UNIX_EPOCH {
            return Err(Error::Clock { now: jiff::Timestamp::try_from(SystemTime::now()).unwrap_or(jiff::Timestamp::MIN) });
        }
        let builder = reqwest::blocking::Client::builder()
            .user_agent(concat!("pintree/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(self.options.connect_timeout)
            .timeout(self.options.read_timeout);
        let provider = rustls::crypto::ring::default_provider();
        let builder = if secure {
            // A second installation says so, and is as good as the first.
            let _unused = provider.install_default();
            builder.tls_backend_rustls()
        } else {
            let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
                .with_safe_default_protocol_versions()
                .expect("ring has the algorithms of TLS 1.2 and 1.3")
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
            builder.tls_backend_preconfigured(config)
        };
        let builder = self.options.proxies.apply(builder)?;
        builder.build().map_err(|error| match refusal(&error) {
            Some(refusal) => Error::Tls { source: Box::new(refusal.clone()) },
            None => Error::Tls { source: Box::new(error.without_url()) },
        })
    }
}

fn text_of(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    // The cache keeps it, so it must be short.
    headers.get(name)?.to_str().ok().filter(|text| text.len() <= 256).map(str::to_owned)
}

fn redirect_target(from: &Url, headers: &HeaderMap) -> Result<Url, Error> {
    let refuse = |problem| Error::Redirect { url: shown(from), problem };
    let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).ok_or(refuse("a redirect to nowhere"))?;
    let mut next = from.join(location).map_err(|_| refuse("a redirect to something that is no URL"))?;
    match (from.scheme(), next.scheme()) {
        ("https", "http") => return Err(refuse("a redirect from https to http is not followed")),
        (_, "http" | "https") => {}
        _ => return Err(refuse("a redirect to something else than http or https is not followed")),
    }
    // A server does not get to choose what we log in with.
    let _unused = next.set_username("");
    let _unused = next.set_password(None);
    Ok(next)
}

/// Turns an answer that is neither the file nor, to a conditional request, the word that it has not changed into a failure.
fn judge(url: &Url, response: HttpResponse, conditional: bool) -> Result<HttpResponse, Failure> {
    let status = response.status();
    match status.as_u16() {
        200 => Ok(response),
        304 if conditional => Ok(response),
        404 | 410 => Err(Error::Missing { url: shown(url) }.into()),
        408 | 425 | 429 | 500..=599 => {
            let pause = response.headers().get(header::RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, SystemTime::now()));
            Err(Failure::Transient(Box::new(Error::Status { url: shown(url), status: status.as_u16() }), pause))
        }
        status => Err(Error::Status { url: shown(url), status }.into()),
    }
}

/// Reads a `Retry-After` header: seconds, or a date.
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    match text.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(httpdate::parse_http_date(text.trim()).ok()?.duration_since(now).unwrap_or_default()),
    }
}

/// A request that got no answer; only what TLS refuses is final.
fn failure(url: &Url, error: reqwest::Error) -> Failure {
    let error = error.without_url();
    match refusal(&error) {
        Some(refusal @ rustls::Error::InvalidCertificate(_)) => {
            Failure::Final(Error::Certificate { url: shown(url), source: refusal.clone() })
        }
        Some(_) => Failure::Final(Error::Network { url: shown(url), source: Box::new(error) }),
        None if error.is_timeout() => Failure::Silent(Box::new(Error::Network { url: shown(url), source: Box::new(error) })),
        None => Failure::Transient(Box::new(Error::Network { url: shown(url), source: Box::new(error) }), None),
    }
}

/// What TLS says, in whatever it is wrapped.
fn refusal<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    if let Some(refusal) = error.downcast_ref() {
        return Some(refusal);
    }
    // The source of an I/O error is not what it wraps, but the source of that.
    let wrapped = error.downcast_ref().and_then(io::Error::get_ref).map(|wrapped| wrapped as &(dyn std::error::Error + 'static));
    wrapped.or(error.source()).and_then(refusal)
}

fn check_size(url: &Url, limit: Limit, declared: Option<u64>) -> Result<(), Error> {
    match (limit, declared) {
        (Limit::Exactly(expected), Some(actual)) if actual != expected => {
            Err(Error::Size { url: shown(url), expected, actual, at_least: false, by_release: false })
        }
        (Limit::AtMost(limit), Some(actual)) if actual > limit => Err(Error::TooLarge { url: shown(url), limit }),
        _ => Ok(()),
    }
}

/// Copies a body, never more than a buffer beyond what it may be, and no longer than it may take.
fn copy(
    mut from: impl io::Read,
    url: &Url,
    limit: Limit,
    sink: &mut dyn Sink,
    mut patience: Option<&mut Patience>,
) -> Result<u64, Failure> {
    let mut buffer = vec![0; 128 << 10];
    let mut size = 0u64;
    if let Some(patience) = &mut patience {
        patience.begin();
    }
    loop {
        let start = Instant::now();
        let read = from.read(&mut buffer);
        let time = start.elapsed();
        let count = match read {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => {
                if let Some(patience) = &mut patience {
                    patience.take(time, 0).map_err(Failure::Slow)?;
                }
                let (source, is_silent) = plain(source);
                let error = Box::new(Error::Network { url: shown(url), source });
                return Err(if is_silent { Failure::Silent(error) } else { Failure::Transient(error, None) });
            }
        };
        size += count as u64;
        match limit {
            Limit::Exactly(expected) if size > expected => {
                return Err(Error::Size { url: shown(url), expected, actual: size, at_least: true, by_release: false }.into());
            }
            Limit::AtMost(limit) if size > limit => return Err(Error::TooLarge { url: shown(url), limit }.into()),
            _ => {}
        }
        sink.take(&buffer[..count]).map_err(|source| Error::Write { url: shown(url), source })?;
        if limit == Limit::Exactly(size) {
            // All of it is here: how long it took no longer matters.
            continue;
        }
        if let Some(patience) = &mut patience {
            patience.take(time, count as u64).map_err(Failure::Slow)?;
        }
    }
    check_size(url, limit, Some(size))?;
    Ok(size)
}

/// Takes the URL out of an error, as it may carry a password; tells whether it is that nothing came in time.
fn plain(error: io::Error) -> (Box<dyn std::error::Error + Send + Sync>, bool) {
    let timed_out = error.kind() == io::ErrorKind::TimedOut;
    match error.into_inner().map(|inner| inner.downcast::<reqwest::Error>()) {
        Some(Ok(error)) => {
            let is_silent = timed_out || error.is_timeout();
            (Box::new(error.without_url()), is_silent)
        }
        Some(Err(other)) => (other, timed_out),
        None => ("the transfer broke off".into(), timed_out),
    }
}

fn read_file(url: &Url, limit: Limit, sink: &mut dyn Sink) -> Result<Answer, Error> {
    let path = url.to_file_path().map_err(|()| Error::Scheme { url: shown(url) })?;
    let read = |source| Error::Io { action: "read", path: path.clone(), source };
    // A pipe that nobody writes to must not be waited for.
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = std::fs::File::options().read(true).custom_flags(flags).open(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::Missing { url: shown(url) },
        _ => read(source),
    })?;
    let metadata = file.metadata().map_err(read)?;
    if !metadata.is_file() {
        return Err(Error::Missing { url: shown(url) });
    }
    check_size(url, limit, Some(metadata.len()))?;
    sink.restart().map_err(|source| Error::Write { url: shown(url), source })?;
    match copy(file, url, limit, sink, None) {
        Ok(size) => Ok(Answer::Body { size, validators: Validators::default() }),
        Err(Failure::Final(error)) => Err(error),
        Err(Failure::Transient(error, _) | Failure::Silent(error)) => Err(*error),
        Err(Failure::Slow(slow)) => Err(Error::Slow { url: shown(url), bytes: slow.bytes, seconds: slow.time.as_secs() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_retry_after() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(retry_after("7", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), Some(Duration::from_secs(10)));
        assert_eq!(retry_after("Sat, 06 Nov 1993 08:49:47 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }

    #[test]
    fn pauses_grow_and_have_an_end() {
        let client = Client::new(ClientOptions { longest_pause: Duration::from_secs(3), ..ClientOptions::default() });
        for (tried, low, high) in [(1, 250, 500), (2, 500, 1000), (3, 1000, 2000), (9, 3000, 3000)] {
            let pause = client.pause(tried, None).as_millis();
            assert!((low..=high).contains(&pause), "{tried}: {pause}");
        }
        assert_eq!(client.pause(1, Some(Duration::from_secs(600))), Duration::from_secs(3));
    }

    #[test]
    fn judges_redirects() {
        let target = |from: &str, to: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, HeaderValue::from_static(to));
            redirect_target(&Url::parse(from).unwrap(), &headers).map_err(|error| error.to_string()).map(String::from)
        };
        assert_eq!(target("http://a/x/y", "../z").unwrap(), "http://a/z");
        assert_eq!(target("http://a/x", "https://me:pw@b/x").unwrap(), "https://b/x");
        assert_eq!(target("https://u:p@a/x", "http://a/x").unwrap_err(), "`https://a/x`: a redirect from https to http is not followed");
        assert!(target("http://a/x", "file:///etc/passwd").is_err());
        assert!(redirect_target(&Url::parse("http://a/").unwrap(), &HeaderMap::new()).is_err());
    }
}
