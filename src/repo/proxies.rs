//! Proxies, as the environment names them.

use super::Error;

/// Which proxy serves which scheme; read once, where the program starts.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    http: Option<(&'static str, String)>,
    https: Option<(&'static str, String)>,
    except: Option<String>,
}

impl std::fmt::Debug for Proxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The addresses may carry passwords.
        let variable = |proxy: &Option<(&'static str, String)>| proxy.as_ref().map(|(variable, _)| *variable);
        f.debug_struct("Proxies").field("http", &variable(&self.http)).field("https", &variable(&self.https)).finish_non_exhaustive()
    }
}

impl Proxies {
    /// Reads `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in lower case or else in upper case.
    ///
    /// `HTTP_PROXY` in upper case is not read: a web server's CGI programs get it from the request's `Proxy` header.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| variable(name).filter(|value| !value.trim().is_empty()).map(|value| (*name, value)))
        };
        Self {
            http: first(&["http_proxy", "all_proxy", "ALL_PROXY"]),
            https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            except: first(&["no_proxy", "NO_PROXY"]).map(|(_, value)| value),
        }
    }

    /// Tells whether even http needs TLS, because the proxy is talked to with it.
    pub(super) fn need_tls(&self) -> bool {
        self.http.as_ref().is_some_and(|(_, address)| address.starts_with("https://"))
    }

    pub(super) fn apply(&self, mut builder: reqwest::blocking::ClientBuilder) -> Result<reqwest::blocking::ClientBuilder, Error> {
        // Nothing but what was read at the start counts.
        builder = builder.no_proxy();
        let except = || self.except.as_deref().and_then(reqwest::NoProxy::from_string);
        if let Some((variable, address)) = &self.http {
            let proxy = with_scheme(address).and_then(|address| reqwest::Proxy::http(address).ok()).ok_or(Error::Proxy { variable })?;
            builder = builder.proxy(proxy.no_proxy(except()));
        }
        if let Some((variable, address)) = &self.https {
            let proxy = with_scheme(address).and_then(|address| reqwest::Proxy::https(address).ok()).ok_or(Error::Proxy { variable })?;
            builder = builder.proxy(proxy.no_proxy(except()));
        }
        return Ok(builder);

        /// `proxy:3128` means http, as everywhere; a SOCKS proxy is none that we can talk to.
        fn with_scheme(text: &str) -> Option<String> {
            match text.trim().split_once("://") {
                Some(("http" | "https", _)) => Some(text.trim().to_owned()),
                Some(_) => None,
                None => Some(format!("http://{}", text.trim())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Proxies {
        Proxies::from_environment(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn lower_case_comes_first_and_all_proxy_fills_gaps() {
        let proxies = from(&[("https_proxy", "https://b:1"), ("HTTPS_PROXY", "x:1"), ("ALL_PROXY", "c:1"), ("HTTP_PROXY", "evil:1")]);
        assert_eq!(proxies.http, Some(("ALL_PROXY", "c:1".to_owned())));
        assert_eq!(proxies.https, Some(("https_proxy", "https://b:1".to_owned())));
        assert!(!proxies.need_tls());
        assert_eq!(from(&[("http_proxy", " ")]), Proxies::default());
    }

    #[test]
    fn shows_no_password_and_names_a_bad_setting() {
        let proxies = from(&[("http_proxy", "http://me:secret@[bad")]);
        assert!(!format!("{proxies:?}").contains("secret"));
        let error = proxies.apply(reqwest::blocking::Client::builder()).unwrap_err();
        assert_eq!(error.to_string(), "the proxy in `http_proxy` is not usable");
    }

    #[test]
    fn refuses_socks_at_once() {
        let error = from(&[("all_proxy", "socks5h://127.0.0.1:1080")]).apply(reqwest::blocking::Client::builder()).unwrap_err();
        assert_eq!(error.hint().unwrap(), "only proxies with `http:` or `https:` are supported");
    }
}
