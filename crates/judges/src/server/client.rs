//! One request, one reply: what leaves, what comes back, and what went wrong in between.

use super::endpoint::Endpoint;
use super::retry::asked_pause;
use super::secret::Redactor;
use crate::dialogue::{Fault, Reply, Request};
use crate::printable::one_line;
use bytes::{Bytes, BytesMut};
use emotome_triplets::Cause;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Certificate, Client, Method, Proxy, RequestBuilder, Response, redirect};
use std::borrow::Cow;
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// How requests are carried.
///
/// | parameter | default | meaning |
/// |---|---|---|
/// | `time_limit` | 300 s | from the first byte sent to the last received |
/// | `connect_limit` | 10 s | until a connection stands |
/// | `longest_reply` | 4 MiB | bytes of a reply; a longer one is not read to its end |
/// | `proxy` | none | an HTTP proxy. Proxies of the environment are not used: whoever runs one sees what passes, so it has to be stated. Servers on this machine are asked directly |
/// | `authority` | none | a PEM file of certificate authorities to trust beside those of this machine |
#[derive(Debug, Clone, PartialEq)]
pub struct ClientParams {
    /// From the first byte sent to the last received.
    pub time_limit: Duration,
    /// Until a connection stands.
    pub connect_limit: Duration,
    /// Bytes of a reply.
    pub longest_reply: usize,
    /// An HTTP proxy.
    pub proxy: Option<String>,
    /// A PEM file of certificate authorities to trust.
    pub authority: Option<PathBuf>,
}

impl Default for ClientParams {
    fn default() -> Self {
        Self {
            time_limit: Duration::from_secs(300),
            connect_limit: Duration::from_secs(10),
            longest_reply: 4 << 20,
            proxy: None,
            authority: None,
        }
    }
}

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The certificate file cannot be used.
    #[error("the certificates in {}: {found}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        found: String,
    },
    /// The proxy is none.
    #[error(
        "the proxy cannot be used: {found}; give its address, e.g. http://proxy.example.org:3128"
    )]
    Proxy {
        /// What is wrong.
        found: String,
    },
    /// TLS or the resolver cannot be set up.
    #[error(
        "no connections can be made from here: {found}; https needs the certificates of the system (Debian: `apt install ca-certificates`)"
    )]
    Setup {
        /// What is wrong.
        found: String,
    },
}

/// One request and what came of it.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The whole reply, or why there is none. Keys are removed from either.
    pub result: Result<Reply, Fault>,
    /// From the first byte sent to the last received.
    pub latency: Duration,
    /// How long the server asks to be left alone.
    pub pause: Option<Duration>,
    /// Whether the encryption itself failed, as with an expired certificate.
    pub untrusted: bool,
}

/// The longest line of a file that is downloaded.
const LONGEST_LINE: usize = 64 << 20;

/// What a request carries.
pub(super) struct Body {
    pub(super) kind: HeaderValue,
    pub(super) bytes: Bytes,
}

impl Body {
    pub(super) const fn json(bytes: Bytes) -> Self {
        Self {
            kind: HeaderValue::from_static("application/json"),
            bytes,
        }
    }
}

/// Sends requests over a pool of connections.
pub struct Carrier {
    client: Client,
    params: ClientParams,
    redactor: Redactor,
}

impl Carrier {
    /// A carrier for these endpoints; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn new(endpoints: &[Endpoint], params: ClientParams) -> Result<Self, ClientError> {
        // The same cryptography as elsewhere in the program. A second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let redactor = Redactor::new(endpoints.iter().filter_map(Endpoint::key));
        let mut builder = Client::builder()
            .user_agent(concat!("emotome/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(params.connect_limit)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(usize::MAX)
            // Common servers hang up after five idle seconds.
            .pool_idle_timeout(Duration::from_secs(4));
        if let Some(proxy) = &params.proxy {
            let here = endpoints
                .iter()
                .filter(|endpoint| endpoint.is_this_machine());
            let here = here.map(Endpoint::host).collect::<Vec<_>>().join(",");
            let proxy = Proxy::all(proxy.as_str()).map_err(|error| ClientError::Proxy {
                found: explain(&error.without_url()),
            })?;
            builder = builder.proxy(proxy.no_proxy(reqwest::NoProxy::from_string(&here)));
        }
        if let Some(path) = &params.authority {
            let wrong = |found: String| ClientError::Authority {
                path: path.clone(),
                found,
            };
            let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
            let certificates =
                Certificate::from_pem_bundle(&pem).map_err(|error| wrong(explain(&error)))?;
            if certificates.is_empty() {
                return Err(wrong("it holds none in PEM form".to_owned()));
            }
            builder = builder.tls_certs_merge(certificates);
        } else if !endpoints.iter().any(Endpoint::is_encrypted) {
            // Nothing to trust: a machine without certificates can still ask itself.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| ClientError::Setup {
            found: explain(&error),
        })?;
        Ok(Self {
            client,
            params,
            redactor,
        })
    }

    /// Removes keys from texts that may leave.
    #[must_use]
    pub const fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Posts a request.
    pub async fn post(&self, endpoint: &Endpoint, request: &Request) -> Sent {
        let body = Body::json(request.body.clone());
        self.send(endpoint, Method::POST, request.path, Some(body))
            .await
    }

    /// Gets what lies at a path, e.g. `models`.
    pub async fn get(&self, endpoint: &Endpoint, path: &str) -> Sent {
        self.send(endpoint, Method::GET, path, None).await
    }

    fn request(
        &self,
        endpoint: &Endpoint,
        method: Method,
        path: &str,
        body: Option<Body>,
    ) -> RequestBuilder {
        let mut builder = self.client.request(method, endpoint.url(path));
        if let Some(Body { kind, bytes }) = body {
            builder = builder.header(CONTENT_TYPE, kind).body(bytes);
        }
        if let Some(key) = endpoint.key() {
            let bearer = zeroize::Zeroizing::new(format!("Bearer {}", key.expose()));
            let mut bearer = HeaderValue::from_str(&bearer).expect("keys are visible ASCII");
            bearer.set_sensitive(true);
            builder = builder.header(AUTHORIZATION, bearer);
        }
        builder
    }

    pub(super) async fn send(
        &self,
        endpoint: &Endpoint,
        method: Method,
        path: &str,
        body: Option<Body>,
    ) -> Sent {
        let builder = self.request(endpoint, method, path, body);
        let (mut pause, mut untrusted) = (None, false);
        let start = Instant::now();
        let exchange = async {
            let response = builder.send().await.map_err(|error| {
                untrusted = is_tls(&error);
                self.fault(error)
            })?;
            pause = asked_pause(response.headers(), SystemTime::now());
            self.read(response).await
        };
        let result = tokio::time::timeout(self.params.time_limit, exchange)
            .await
            .unwrap_or_else(|_| Err(self.too_late()));
        Sent {
            result,
            latency: start.elapsed(),
            pause,
            untrusted,
        }
    }

    async fn read(&self, mut response: Response) -> Result<Reply, Fault> {
        let status = response.status();
        if status.is_redirection() {
            let to = response
                .headers()
                .get(LOCATION)
                .map_or(Cow::Borrowed("nowhere"), |to| {
                    String::from_utf8_lossy(to.as_bytes())
                });
            return Err(Fault {
                cause: Cause::Redirected,
                what: self.redactor.line(&format!(
                    "HTTP {} to {to}, which is not followed",
                    status.as_u16()
                )),
            });
        }
        let most = self.params.longest_reply;
        let too_long = |found: u64| Fault {
            cause: Cause::TooLong,
            what: format!(
                "HTTP {} with a reply of at least {found} bytes, at most {most} are read",
                status.as_u16()
            ),
        };
        if let Some(length) = response
            .content_length()
            .filter(|&length| length > most as u64)
        {
            return Err(too_long(length));
        }
        let mut body = Bytes::new();
        let mut more = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.fault(error))? {
            if body.len() + more.len() + chunk.len() > most {
                return Err(too_long((body.len() + more.len() + chunk.len()) as u64));
            }
            // Most replies come in one piece, which need not be copied.
            if body.is_empty() {
                body = chunk;
            } else {
                more.extend_from_slice(&chunk);
            }
        }
        if !more.is_empty() {
            let mut whole = BytesMut::from(body);
            whole.unsplit(more);
            body = whole.freeze();
        }
        if let Cow::Owned(cleaned) = self.redactor.clean(&body) {
            body = Bytes::from(cleaned);
        }
        Ok(Reply {
            status: status.as_u16(),
            body,
        })
    }

    /// Gets a file of lines, whatever its length, and writes it without keys; the number of its bytes.
    /// `Ok(Err(…))` if it cannot be written.
    pub(super) async fn download(
        &self,
        endpoint: &Endpoint,
        path: &str,
        to: &mut dyn Write,
    ) -> Result<io::Result<u64>, Box<Sent>> {
        let start = Instant::now();
        let ended = |result, pause| {
            Box::new(Sent {
                result,
                latency: start.elapsed(),
                pause,
                untrusted: false,
            })
        };
        let builder = self.request(endpoint, Method::GET, path, None);
        let exchange = async {
            let mut response = match builder.send().await {
                Err(error) => return Err(ended(Err(self.fault(error)), None)),
                Ok(response) if response.status().is_success() => response,
                Ok(response) => {
                    let pause = asked_pause(response.headers(), SystemTime::now());
                    return Err(ended(self.read(response).await, pause));
                }
            };
            let (mut line, mut bytes) = (Vec::new(), 0);
            loop {
                let chunk = response.chunk().await;
                let chunk = chunk.map_err(|error| ended(Err(self.fault(error)), None))?;
                let Some(chunk) = chunk else { break };
                bytes += chunk.len() as u64;
                line.extend_from_slice(&chunk);
                // Keys hold no line breaks, so that none stands across two lines.
                if let Some(end) = chunk.iter().rposition(|&byte| byte == b'\n') {
                    let rest = line.split_off(line.len() - chunk.len() + end + 1);
                    if let Err(error) = to.write_all(&self.redactor.clean(&line)) {
                        return Ok(Err(error));
                    }
                    line = rest;
                }
                if line.len() > LONGEST_LINE {
                    let fault = Fault {
                        cause: Cause::TooLong,
                        what: format!("a line of more than {LONGEST_LINE} bytes"),
                    };
                    return Err(ended(Err(fault), None));
                }
            }
            Ok(to.write_all(&self.redactor.clean(&line)).map(|()| bytes))
        };
        tokio::time::timeout(self.params.time_limit, exchange)
            .await
            .unwrap_or_else(|_| Err(ended(Err(self.too_late()), None)))
    }

    fn too_late(&self) -> Fault {
        Fault {
            cause: Cause::NoReply,
            what: format!(
                "no whole reply within {} s",
                self.params.time_limit.as_secs_f64()
            ),
        }
    }

    fn fault(&self, error: reqwest::Error) -> Fault {
        let cause = if error.is_connect() {
            Cause::Unreachable
        } else if error.is_timeout() {
            Cause::NoReply
        } else {
            Cause::Broken
        };
        Fault {
            cause,
            what: self.redactor.line(&explain(&error.without_url())),
        }
    }
}

/// An error with everything behind it.
fn explain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    one_line(&text)
}

/// Whether the encryption failed, not the connection below it.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let within = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>()
        || within.is_some_and(|within| is_tls(within))
        || error.source().is_some_and(is_tls)
}
