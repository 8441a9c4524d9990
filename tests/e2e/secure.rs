//! Archives behind https: who vouches for the server decides, before anything that it sends counts.

use crate::fixture::{Archive, Project, Ran, manifest_at, needs};
use crate::universe;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A certificate authority that nobody but this test knows.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// What a server called `name` needs to be believed by who believes the authority.
    fn certify(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], secret).unwrap())
    }

    /// Puts the authority's certificate where the program can be told to look.
    fn save(&self, project: &Project) -> PathBuf {
        let path = project.home("authority.pem");
        std::fs::write(&path, self.issuer.pem()).unwrap();
        path
    }
}

/// Serves a directory by https; one answer a connection, until the test ends.
struct SecureServer {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl SecureServer {
    fn start(directory: &Path, config: Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let (root, count) = (directory.to_owned(), Arc::clone(&connections));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let (root, config) = (root.clone(), Arc::clone(&config));
                // A client that does not believe us goes away.
                std::thread::spawn(move || drop(answer(stream, &root, config)));
            }
        });
        Self { port, connections }
    }

    fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }
}

fn answer(stream: TcpStream, root: &Path, config: Arc<ServerConfig>) -> std::io::Result<()> {
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(config).unwrap(), stream));
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") && stream.read_line(&mut request)? > 0 {}
    let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').replace("%2B", "+");
    let (status, body) = std::fs::read(root.join(path)).map_or((404, Vec::new()), |body| (200, body));
    let stream = stream.get_mut();
    stream.write_all(format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).as_bytes())?;
    stream.write_all(&body)?;
    stream.conn.send_close_notify();
    stream.flush()?;
    stream.sock.shutdown(std::net::Shutdown::Write)?;
    stream.sock.read_to_end(&mut Vec::new()).map(drop)
}

/// A project whose archive is at `server` alone.
fn project(archive: &Archive, server: &SecureServer) -> Project {
    let project = Project::new(archive, universe::ONE);
    project.write("manifests/main.toml", &manifest_at(&[server.url()], &["armhf"], universe::ONE));
    project
}

/// Runs with these authorities instead of the host's.
fn believing(project: &Project, authorities: &Path, arguments: &[&str]) -> Ran {
    project.finish(project.pintree(arguments).env("SSL_CERT_FILE", authorities))
}

/// What was said, without ports, which change.
fn said(ran: &Ran, server: &SecureServer) -> String {
    ran.stderr.replace(&format!(":{}", server.port), "")
}

#[test]
fn believes_an_authority_that_it_is_told_of() {
    needs!("ninja", "ostree");
    let archive = Archive::new(&[universe::one("1.0")]);
    let authority = Authority::new("authority");
    let server = SecureServer::start(archive.directory.path(), authority.certify("127.0.0.1"));
    let project = project(&archive, &server);
    let authorities = authority.save(&project);
    believing(&project, &authorities, &["lock"]).exits(0);
    believing(&project, &authorities, &["build"]).exits(0);
    assert!(archive.server.take_log().is_empty(), "all of it came by https");
}

#[test]
fn refuses_a_server_that_nobody_vouches_for() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let server = SecureServer::start(archive.directory.path(), Authority::new("authority").certify("127.0.0.1"));
    let project = project(&archive, &server);
    let authorities = Authority::new("another").save(&project);
    let ran = believing(&project, &authorities, &["lock"]).exits(5);
    insta::assert_snapshot!(said(&ran, &server), @"
       Reading `debian` stable
    error: the certificate of `https://127.0.0.1/dists/stable/InRelease` is not accepted
      caused by: invalid peer certificate: UnknownIssuer
    hint: if the server is the right one, add the authority that vouches for it to the host's, or name a file with it in `SSL_CERT_FILE`
    ");
    assert_eq!(server.connections.load(Ordering::SeqCst), 1, "what is refused once is not tried again");
    assert!(!project.path("lockfiles/main.lock").exists());
}

#[test]
fn refuses_the_certificate_of_another_server() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let authority = Authority::new("authority");
    let server = SecureServer::start(archive.directory.path(), authority.certify("packages.example.org"));
    let project = project(&archive, &server);
    let ran = believing(&project, &authority.save(&project), &["lock"]).exits(5);
    insta::assert_snapshot!(said(&ran, &server), @r#"
       Reading `debian` stable
    error: the certificate of `https://127.0.0.1/dists/stable/InRelease` is not accepted
      caused by: invalid peer certificate: certificate not valid for name "127.0.0.1"; certificate is only valid for DnsName("packages.example.org")
    hint: look at the address, or use another one (`--mirror`)
    "#);
}

#[test]
fn says_what_a_host_without_authorities_lacks() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let server = SecureServer::start(archive.directory.path(), Authority::new("authority").certify("127.0.0.1"));
    let project = project(&archive, &server);
    let ran = believing(&project, &project.home("nothing.pem"), &["lock"]).exits(7);
    insta::assert_snapshot!(said(&ran, &server), @"
       Reading `debian` stable
    error: cannot get anything by https from this host
      caused by: unexpected error: No CA certificates were loaded from the system
    hint: install the package `ca-certificates`, or name a file of trusted authorities in `SSL_CERT_FILE`
    ");
}
