//! URLs: joining, comparing, and showing them without what is secret in them.

use reqwest::Url;

/// The URL without user name, password, query and fragment, fit for messages and records.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both only fail for URLs that cannot have such a part.
    let _unused = url.set_username("");
    let _unused = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// The URL of `path` below `base`; `.` parts are dropped, every other character is kept by quoting.
pub fn join(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.split('/').filter(|part| !matches!(*part, "" | ".")));
    }
    url
}

/// Tells whether both lead to the same scheme, host and port, so that what is secret for one may go to the other.
pub fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme() && one.host_str() == other.host_str() && one.port_or_known_default() == other.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn shows_no_secret() {
        assert_eq!(shown(&url("https://me:secret@host:8443/a?token=x#y")), "https://host:8443/a");
        assert_eq!(shown(&url("file:///srv/a b")), "file:///srv/a%20b");
    }

    #[test]
    fn joins_below_the_base() {
        for (base, path, expected) in [
            ("http://h/debian", "dists/x/InRelease", "http://h/debian/dists/x/InRelease"),
            ("http://h/debian/", "./a_1%3a2~b+c.deb", "http://h/debian/a_1%253a2~b+c.deb"),
            ("http://h", "p", "http://h/p"),
            ("file:///srv/r/", "p q", "file:///srv/r/p%20q"),
            ("http://h/d", "a?b#c", "http://h/d/a%3Fb%23c"),
        ] {
            assert_eq!(join(&url(base), path).as_str(), expected);
        }
    }

    #[test]
    fn tells_origins_apart() {
        let base = url("http://h/x");
        assert!(same_origin(&base, &url("http://h:80/y")));
        for other in ["https://h/x", "http://h:81/x", "http://g/x"] {
            assert!(!same_origin(&base, &url(other)));
        }
    }
}
