//! A web server on loopback that serves a directory and can misbehave in every way a mirror does.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use crate::pkg::Sha256;

/// What the server does instead of its duty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with this status, and with `Retry-After` where a text is given.
    Status(u16, Option<String>),
    /// Sends only so many bytes of the body and closes.
    Truncate(usize),
    /// Waits before it answers.
    Delay(Duration),
    /// Flips a bit in the first byte of the body.
    Corrupt,
    /// Sends these bytes instead of the file.
    Replace(Vec<u8>),
    /// Sends the client elsewhere.
    Redirect(u16, String),
    /// Sends the client elsewhere after a while.
    Hop(Duration, String),
    /// Closes the connection without an answer.
    Hangup,
    /// Sends the body in chunks, so that its length is not declared.
    Chunked,
    /// Sends only so many bytes of the body and then nothing, until [`Server::behave`] or the client's end.
    Stall(usize),
    /// Sends so many bytes of the body each time such a while has passed.
    Drip(usize, Duration),
    /// Sends one more header line each time such a while has passed, and never ends them.
    Headers(Duration),
    /// Sends a body that never ends, so many bytes each time such a while has passed.
    Endless(usize, Duration),
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The path, or the whole URL where the client takes us for a proxy.
    pub path: String,
    /// Header names in lower case, with values.
    pub headers: HashMap<String, String>,
    /// The status it was answered with; 0 where the connection was closed instead.
    pub status: u16,
}

#[derive(Debug, Default)]
struct Shared {
    /// By path: how often it still happens (`usize::MAX`: always), and what.
    faults: Mutex<HashMap<String, Vec<(usize, Fault)>>>,
    log: Mutex<Vec<Request>>,
    /// Told whenever the log grows.
    logged: Condvar,
    authorization: Mutex<Option<String>>,
    stopped: AtomicBool,
    connections: AtomicUsize,
    busy: AtomicUsize,
    most_busy: AtomicUsize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running server; it stops when it is dropped.
#[derive(Debug)]
pub struct Server {
    port: u16,
    shared: Arc<Shared>,
}

impl Server {
    /// Serves `directory` on a free port.
    pub fn start(directory: &Path) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared::default());
        let (root, state) = (directory.to_owned(), Arc::clone(&shared));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if state.stopped.load(Ordering::SeqCst) {
                    break;
                }
                state.connections.fetch_add(1, Ordering::SeqCst);
                let (root, state) = (root.clone(), Arc::clone(&state));
                // A client that goes away is its own affair.
                std::thread::spawn(move || drop(serve(&stream, &root, &state)));
            }
        });
        Self { port, shared }
    }

    /// The server's URL without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The server's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Misbehaves at `path` the next `times` times it is asked for; faults of one path queue up.
    pub fn fault(&self, path: &str, times: usize, fault: Fault) {
        locked(&self.shared.faults).entry(path.to_owned()).or_default().push((times, fault));
    }

    /// Forgets all faults.
    pub fn behave(&self) {
        locked(&self.shared.faults).clear();
    }

    /// Answers 401 to whoever does not send this `Authorization` header.
    pub fn demand(&self, authorization: &str) {
        *locked(&self.shared.authorization) = Some(authorization.to_owned());
    }

    /// Waits until the requests since the last [`Self::take_log`] are as `enough` wants them; gives up after a minute.
    ///
    /// # Panics
    /// When it gives up.
    pub fn wait_for(&self, mut enough: impl FnMut(&[Request]) -> bool) {
        let log = locked(&self.shared.log);
        let waited = self.shared.logged.wait_timeout_while(log, Duration::from_secs(60), |log| !enough(log));
        let (_log, result) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!result.timed_out(), "the requests that were waited for did not come");
    }

    /// The requests since the last call.
    pub fn take_log(&self) -> Vec<Request> {
        std::mem::take(&mut *locked(&self.shared.log))
    }

    /// The requests since the last call, as `STATUS PATH`, sorted.
    pub fn take_lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.take_log().iter().map(|request| format!("{} {}", request.status, request.path)).collect();
        lines.sort();
        lines
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The most requests that were being answered at one time.
    pub fn most_busy(&self) -> usize {
        self.shared.most_busy.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn serve(stream: &TcpStream, root: &Path, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || shared.stopped.load(Ordering::SeqCst) {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = HashMap::new();
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':') {
                headers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
            }
        }
        shared.most_busy.fetch_max(shared.busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let keep = reply(stream, root, shared, path, headers);
        shared.busy.fetch_sub(1, Ordering::SeqCst);
        if !keep? {
            return stream.shutdown(Shutdown::Both);
        }
    }
}

fn reply(mut stream: &TcpStream, root: &Path, shared: &Shared, path: String, headers: HashMap<String, String>) -> std::io::Result<bool> {
    // A proxy's client asks for a whole URL.
    let local = path.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| rest[at..].to_owned())).unwrap_or(path.clone());
    let fault = next_fault(shared, &local);
    let demanded = locked(&shared.authorization).clone();
    let mut answer = match &fault {
        _ if demanded.is_some() && headers.get("authorization") != demanded.as_ref() => plain(401),
        Some(Fault::Status(status, retry)) => {
            let mut answer = plain(*status);
            answer.headers.extend(retry.iter().map(|text| ("Retry-After", text.clone())));
            answer
        }
        Some(Fault::Hop(time, to)) => {
            std::thread::sleep(*time);
            let mut answer = plain(302);
            answer.headers.push(("Location", to.clone()));
            answer
        }
        Some(Fault::Redirect(status, to)) => {
            let mut answer = plain(*status);
            answer.headers.push(("Location", to.clone()));
            answer
        }
        _ => file(root, &local, &headers),
    };
    match &fault {
        Some(Fault::Replace(bytes)) => answer.body.clone_from(bytes),
        Some(Fault::Corrupt) => answer.body.iter_mut().take(1).for_each(|byte| *byte ^= 1),
        Some(Fault::Delay(time)) => std::thread::sleep(*time),
        _ => {}
    }
    let hangup = fault == Some(Fault::Hangup);
    locked(&shared.log).push(Request { path, headers, status: if hangup { 0 } else { answer.status } });
    shared.logged.notify_all();
    if hangup {
        return Ok(false);
    }
    match fault {
        Some(Fault::Headers(every)) => {
            stream.write_all(b"HTTP/1.1 200 X\r\n")?;
            return drip(stream, shared, every, |_| Some(b"X-More: and more\r\n".to_vec()));
        }
        Some(Fault::Endless(count, every)) => {
            stream.write_all(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            return drip(stream, shared, every, |_| Some(format!("{count:x}\r\n{}\r\n", "x".repeat(count)).into_bytes()));
        }
        _ => {}
    }
    let chunked = fault == Some(Fault::Chunked);
    let mut head = format!("HTTP/1.1 {} X\r\n", answer.status);
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    if chunked {
        stream.write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes())?;
        for chunk in answer.body.chunks(1000) {
            stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
            stream.write_all(chunk)?;
            stream.write_all(b"\r\n")?;
        }
        stream.write_all(b"0\r\n\r\n")?;
        return Ok(true);
    }
    if answer.status != 304 {
        head += &format!("Content-Length: {}\r\n", answer.body.len());
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    match fault {
        Some(Fault::Truncate(count)) => {
            stream.write_all(&answer.body[..count.min(answer.body.len())])?;
            Ok(false)
        }
        Some(Fault::Stall(count)) => {
            stream.write_all(&answer.body[..count.min(answer.body.len())])?;
            let rest = &answer.body[count.min(answer.body.len())..];
            if stalled(stream, shared, &local)? { stream.write_all(rest).map(|()| true) } else { Ok(false) }
        }
        Some(Fault::Drip(count, every)) => {
            drip(stream, shared, every, |turn| answer.body.chunks(count.max(1)).nth(turn).map(<[u8]>::to_vec))
        }
        _ => stream.write_all(&answer.body).map(|()| true),
    }
}

/// Sends what `next` gives, one piece after each while, until there is none or nobody takes it; tells whether it came to an end.
fn drip(mut stream: &TcpStream, shared: &Shared, every: Duration, next: impl Fn(usize) -> Option<Vec<u8>>) -> std::io::Result<bool> {
    let mut turn = 0;
    while let Some(piece) = next(turn) {
        if shared.stopped.load(Ordering::SeqCst) {
            return Ok(false);
        }
        std::thread::sleep(every);
        stream.write_all(&piece)?;
        turn += 1;
    }
    Ok(true)
}

/// Waits until faults of `path` are forgotten; tells whether the client is still there.
fn stalled(mut stream: &TcpStream, shared: &Shared, path: &str) -> std::io::Result<bool> {
    stream.set_read_timeout(Some(Duration::from_millis(20)))?;
    while locked(&shared.faults).contains_key(path) {
        // Nothing comes from a client that waits for us, but its end does.
        match stream.read(&mut [0]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            _ => return Ok(false),
        }
    }
    stream.set_read_timeout(None)?;
    Ok(true)
}

fn next_fault(shared: &Shared, path: &str) -> Option<Fault> {
    let mut faults = locked(&shared.faults);
    let queue = faults.get_mut(path)?;
    let (times, fault) = queue.first_mut()?;
    let fault = fault.clone();
    if *times != usize::MAX {
        *times -= 1;
        if *times == 0 {
            queue.remove(0);
        }
    }
    Some(fault)
}

fn plain(status: u16) -> Answer {
    Answer { status, headers: Vec::new(), body: format!("{status}\n").into_bytes() }
}

fn file(root: &Path, path: &str, headers: &HashMap<String, String>) -> Answer {
    let path = PathBuf::from(decoded(path.split('?').next().unwrap_or_default()));
    let safe = path.components().all(|part| !matches!(part, std::path::Component::ParentDir));
    let path = root.join(path.strip_prefix("/").unwrap_or(&path));
    let Some(body) = Some(&path).filter(|path| safe && path.is_file()).and_then(|path| std::fs::read(path).ok()) else {
        return plain(404);
    };
    let etag = format!("\"{}\"", &Sha256::of(&body).to_hex()[..16]);
    let modified = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).unwrap_or(UNIX_EPOCH);
    let modified = httpdate::fmt_http_date(modified);
    let same = match headers.get("if-none-match") {
        Some(known) => *known == etag,
        None => headers.get("if-modified-since") == Some(&modified),
    };
    let validators = vec![("ETag", etag), ("Last-Modified", modified)];
    if same { Answer { status: 304, headers: validators, body: Vec::new() } } else { Answer { status: 200, headers: validators, body } }
}

fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let pair = if byte == b'%' { rest.next().zip(rest.next()) } else { None };
        let hex = pair.and_then(|(high, low)| u8::from_str_radix(&format!("{}{}", char::from(high), char::from(low)), 16).ok());
        bytes.push(hex.unwrap_or(byte));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
