//! A server on this machine whose replies a test decides.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// A request as it came.
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With parameters.
    pub(crate) path: String,
    pub(crate) kind: String,
    /// The header `Authorization`.
    pub(crate) key: String,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A server on loopback.
pub(crate) struct Loopback {
    pub(crate) port: u16,
    served: Arc<AtomicU64>,
}

impl Loopback {
    /// Answers with status and body; status 0 hangs up without a word.
    pub(crate) fn start(reply: impl Fn(&Asked) -> (u16, Vec<u8>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = Arc::new(AtomicU64::new(0));
        let (counted, reply) = (Arc::clone(&served), Arc::new(reply));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (counted, reply) = (Arc::clone(&counted), Arc::clone(&reply));
                thread::spawn(move || while serve(&stream, &counted, &*reply).is_some() {});
            }
        });
        Self { port, served }
    }

    pub(crate) fn served(&self) -> u64 {
        self.served.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }
}

/// Answers one request; nothing once the client hangs up.
fn serve(
    stream: &TcpStream,
    served: &AtomicU64,
    reply: &dyn Fn(&Asked) -> (u16, Vec<u8>),
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&n| n > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let (mut length, mut key, mut kind) = (0, String::new(), String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let header = line.trim();
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':') {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "content-type" => kind = value.to_owned(),
                "authorization" => key = value.to_owned(),
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    served.fetch_add(1, Ordering::SeqCst);
    let asked = Asked {
        method,
        path,
        kind,
        key,
        body,
    };
    let (status, reply) = reply(&asked);
    if status == 0 {
        let _ = stream.shutdown(std::net::Shutdown::Both);
        return None;
    }
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        reply.len()
    );
    let mut stream = stream;
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&reply).ok()
}
