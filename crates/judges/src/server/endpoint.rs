//! Where requests go: addresses that are checked before anything is sent, and what may be sent there.

use super::secret::Secret;
use reqwest::Url;
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// A server that answers requests, at a checked address.
#[derive(Clone)]
pub struct Endpoint {
    base: Url,
    key: Option<Arc<Secret>>,
}

/// Why an address is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It is no address.
    #[error(
        "{address:?} is no address of a server ({found}); give one like http://127.0.0.1:8000/v1"
    )]
    NoAddress {
        /// What was given, without its credentials.
        address: String,
        /// What is wrong.
        found: String,
    },
    /// It carries a name, a password or parameters.
    #[error(
        "the address of {host} carries {found}, which would stand in logs on the way; give keys by environment \
         variable or file"
    )]
    Credentials {
        /// The host.
        host: String,
        /// What it carries.
        found: &'static str,
    },
    /// It is not encrypted.
    #[error(
        "requests to http://{host} would cross the network unencrypted, key included; use https, or allow plain http \
         explicitly where the network itself is trusted"
    )]
    Plain {
        /// The host.
        host: String,
    },
    /// Pictures and clips may not leave for it.
    #[error(
        "pictures or clips would be sent to {host}, which was not allowed; if the stimuli may be disclosed to whoever \
         runs it, say so with --allow-upload {host}"
    )]
    Upload {
        /// The host.
        host: String,
    },
}

impl Endpoint {
    /// The server whose paths lie below `base`, e.g. `https://api.openai.com/v1`.
    ///
    /// Plain http is for this machine (127.0.0.0/8, ::1, localhost), and for others only if `plain_http`
    /// says so. Addresses carry neither names nor passwords nor parameters.
    ///
    /// # Errors
    /// [`EndpointError`].
    ///
    /// ```
    /// use emotome_judges::server::Endpoint;
    /// let local = Endpoint::new("http://127.0.0.1:8000/v1", false)?;
    /// assert_eq!(local.url("chat/completions").as_str(), "http://127.0.0.1:8000/v1/chat/completions");
    /// assert!(Endpoint::new("http://gpu.example.org/v1", false).is_err());
    /// assert!(Endpoint::new("https://me:secret@example.org/v1", false).is_err());
    /// # Ok::<(), emotome_judges::server::EndpointError>(())
    /// ```
    pub fn new(base: &str, plain_http: bool) -> Result<Self, EndpointError> {
        let wrong = |found: &str| EndpointError::NoAddress {
            // Whatever stands before an @ may be a password, and a parameter may be a key.
            address: base
                .rsplit_once('@')
                .map_or(base, |(_, rest)| rest)
                .split(['?', '#'])
                .next()
                .unwrap_or_default()
                .to_owned(),
            found: found.to_owned(),
        };
        let mut url = Url::parse(base.trim()).map_err(|error| wrong(&error.to_string()))?;
        let host = url
            .host_str()
            .ok_or_else(|| wrong("it names no host"))?
            .to_owned();
        let carries = match &url {
            url if !url.username().is_empty() || url.password().is_some() => "a name or password",
            url if url.query().is_some() => "parameters after a question mark",
            url if url.fragment().is_some() => "a fragment after #",
            _ => "",
        };
        if !carries.is_empty() {
            return Err(EndpointError::Credentials {
                host,
                found: carries,
            });
        }
        match url.scheme() {
            "https" => {}
            "http" if plain_http || is_this_machine(&url) => {}
            "http" => return Err(EndpointError::Plain { host }),
            _ => return Err(wrong("it begins with neither https:// nor http://")),
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Self {
            base: url,
            key: None,
        })
    }

    /// The same server, asked with a key.
    #[must_use]
    pub fn with_key(mut self, key: Secret) -> Self {
        self.key = Some(Arc::new(key));
        self
    }

    /// The key, if it has one.
    pub(super) fn key(&self) -> Option<&Secret> {
        self.key.as_deref()
    }

    /// The address of a path, which may have parameters after a question mark.
    #[must_use]
    pub fn url(&self, path: &str) -> Url {
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        url.set_query(query);
        url
    }

    /// Host, and port where it is not the usual one.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        self.base
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Whether the server is on this machine.
    #[must_use]
    pub fn is_this_machine(&self) -> bool {
        is_this_machine(&self.base)
    }

    /// Whether the way to it is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.base.scheme() == "https"
    }
}

/// Shows the address; there is nothing secret in it.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    address
        .parse::<IpAddr>()
        .map_or(host == "localhost", |address| address.is_loopback())
}

/// To whom pictures and clips may be sent: to nobody but this machine and the hosts named.
///
/// This machine is exempt because nothing leaves it. (A port forwarded to elsewhere looks like this
/// machine: whoever forwards it decides.)
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UploadPolicy {
    hosts: BTreeSet<String>,
}

impl UploadPolicy {
    /// Allows the named hosts (`api.openai.com`, or with a port `gpu.example.org:8000`).
    pub fn new(hosts: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let hosts = hosts
            .into_iter()
            .map(|host| host.as_ref().trim().to_ascii_lowercase());
        Self {
            hosts: hosts.collect(),
        }
    }

    /// Checks that pictures and clips may be sent to a server.
    ///
    /// # Errors
    /// [`EndpointError::Upload`].
    pub fn check(&self, endpoint: &Endpoint) -> Result<(), EndpointError> {
        let host = endpoint
            .base
            .host_str()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let named = self.hosts.contains(&host) || self.hosts.contains(&endpoint.host());
        if named || endpoint.is_this_machine() {
            return Ok(());
        }
        Err(EndpointError::Upload { host })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_before_anything_is_sent() {
        for good in [
            "http://127.0.0.1:8000/v1",
            "http://localhost:1234",
            "http://[::1]:80/v1/",
            "https://example.org/api/v1",
        ] {
            let endpoint = Endpoint::new(good, false).unwrap();
            assert!(
                endpoint.url("models").as_str().ends_with("/models"),
                "{endpoint}"
            );
        }
        let refused = |address: &str| Endpoint::new(address, false).unwrap_err();
        assert!(matches!(
            refused("http://10.0.0.7:8000/v1"),
            EndpointError::Plain { .. }
        ));
        assert!(matches!(
            refused("http://127.0.0.1.example.org/v1"),
            EndpointError::Plain { .. }
        ));
        assert!(Endpoint::new("http://10.0.0.7:8000/v1", true).is_ok());
        for bad in [
            "ftp://example.org",
            "example.org/v1",
            "",
            "file:///etc/passwd",
            "https://",
        ] {
            assert!(
                matches!(refused(bad), EndpointError::NoAddress { .. }),
                "{bad}"
            );
        }
        for bad in [
            "https://u:canary@example.org/v1",
            "https://example.org/v1?api_key=canary",
            "https://canary@example.org",
        ] {
            let error = refused(bad);
            assert!(
                matches!(error, EndpointError::Credentials { .. }),
                "{error}"
            );
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        for bad in [
            "ftp://u:canary@example.org",
            "example.org/v1?key=canary",
            "example.org#canary",
        ] {
            let error = refused(bad).to_string();
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn media_leave_for_named_hosts_only() {
        let policy = UploadPolicy::new(["API.example.org", "gpu.example.org:8000"]);
        let check = |address| policy.check(&Endpoint::new(address, false).unwrap());
        assert!(check("https://api.example.org/v1").is_ok());
        assert!(check("https://gpu.example.org:8000/v1").is_ok());
        assert!(check("http://127.0.0.1:9/v1").is_ok());
        for other in [
            "https://gpu.example.org/v1",
            "https://example.org/v1",
            "https://api.example.org.evil.com/v1",
        ] {
            let error = check(other).unwrap_err().to_string();
            assert!(error.contains("--allow-upload"), "{error}");
        }
    }
}
