//! Downloads over a server on this machine: cut, resumed, wrong, endless and silent ones.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use emotome_stimuli::digest::{Md5Sum, Sha256Sum};
use emotome_stimuli::fetch::{FetchError, Fetched, Verified, download, register, source};
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::run::{Interrupt, Progress, Run, Silent};
use emotome_stimuli::sources::{Source, SourceFile};
use tempfile::TempDir;

/// A server that answers one connection after another by a script, and notes what it was asked.
struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

/// Answers one request: its head, and where to write.
type Answer = Box<dyn FnOnce(&str, &mut TcpStream) + Send>;

impl Server {
    fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&requests);
        let thread = std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head: Vec<String> = lines
                    .map(Result::unwrap)
                    .take_while(|line| !line.is_empty())
                    .collect();
                let head = head.join("\n").to_ascii_lowercase();
                noted.lock().unwrap().push(head.clone());
                answer(&head, &mut stream);
            }
        });
        Self {
            port,
            requests,
            thread: Some(thread),
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/file", self.port)
    }

    /// The requests made, once all answers are given.
    fn requests(&mut self) -> Vec<String> {
        self.thread.take().unwrap().join().unwrap();
        self.requests.lock().unwrap().clone()
    }
}

fn answer(text: impl Into<String>, body: &[u8]) -> Answer {
    let (text, body) = (text.into(), body.to_vec());
    Box::new(move |_, stream| {
        let _ = stream.write_all(text.replace('\n', "\r\n").as_bytes());
        let _ = stream.write_all(&body);
    })
}

fn whole(body: &[u8], more: &str) -> Answer {
    let head = format!(
        "HTTP/1.1 200 OK\nContent-Length: {}\n{more}Connection: close\n\n",
        body.len()
    );
    answer(head, body)
}

/// Announces the whole body and sends a part of it.
fn cut(body: &[u8], sent: usize, more: &str) -> Answer {
    let head = format!(
        "HTTP/1.1 200 OK\nContent-Length: {}\n{more}Connection: close\n\n",
        body.len()
    );
    answer(head, &body[..sent])
}

fn rest(body: &[u8], from: usize) -> Answer {
    let (last, n) = (body.len() - 1, body.len());
    let head = format!(
        "HTTP/1.1 206 Partial Content\nContent-Range: bytes {from}-{last}/{n}\nContent-Length: {}\nConnection: close\n\n",
        n - from
    );
    answer(head, &body[from..])
}

fn body() -> Vec<u8> {
    (0..300_000_u32).map(|i| (i * 7 % 251) as u8).collect()
}

fn a_source(url: Option<String>, known: impl FnOnce(&mut SourceFile)) -> Source {
    let mut file = SourceFile {
        name: "data.bin".into(),
        url,
        bytes: None,
        sha256: None,
        md5: None,
    };
    known(&mut file);
    Source {
        id: "test".into(),
        title: "bytes".into(),
        citation: "us".into(),
        licence: "CC0-1.0".into(),
        landing: "https://example.org/data".into(),
        form: None,
        note: None,
        files: vec![file],
    }
}

fn get(source: &Source, dir: &TempDir) -> Result<Fetched, FetchError> {
    let run = Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    };
    download(source, &source.files[0], dir.path(), Overwrite::Refuse, run)
}

fn listing(dir: &TempDir) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn message(result: Result<Fetched, FetchError>, server: &Server) -> String {
    result
        .unwrap_err()
        .to_string()
        .replace(&server.port.to_string(), "PORT")
}

#[test]
fn a_whole_file_is_checked_named_and_not_fetched_twice() {
    let (dir, body) = (TempDir::new().unwrap(), body());
    let mut server = Server::start(vec![whole(&body, "")]);
    let source = a_source(Some(server.url()), |file| {
        file.sha256 = Some(Sha256Sum::of(&body));
    });
    let first = get(&source, &dir).unwrap();
    assert_eq!(fs::read(&first.path).unwrap(), body);
    assert_eq!(
        (first.origin.verified, first.transferred),
        (Verified::Sha256, 300_000)
    );
    assert_eq!(first.origin.sha256, Sha256Sum::of(&body));
    assert_eq!(listing(&dir), ["data.bin", "data.bin.source.json"]);
    assert_eq!(server.requests().len(), 1);
    // The server is gone; the file is there.
    let again = get(&source, &dir).unwrap();
    assert_eq!((again.origin, again.transferred), (first.origin, 0));
}

#[test]
fn a_broken_connection_is_taken_up_where_it_broke() {
    let (dir, body) = (TempDir::new().unwrap(), body());
    let mut server = Server::start(vec![
        cut(&body, 100_000, "ETag: \"v1\"\n"),
        rest(&body, 100_000),
    ]);
    let fetched = get(&a_source(Some(server.url()), |_| {}), &dir).unwrap();
    assert_eq!(fs::read(&fetched.path).unwrap(), body);
    assert_eq!(
        (fetched.origin.verified, fetched.transferred),
        (Verified::Length, 300_000)
    );
    let requests = server.requests();
    assert!(!requests[0].contains("range:"), "{}", requests[0]);
    assert!(
        requests[1].contains("range: bytes=100000-"),
        "{}",
        requests[1]
    );
    assert!(requests[1].contains("if-range: \"v1\""), "{}", requests[1]);
    assert_eq!(listing(&dir), ["data.bin", "data.bin.source.json"]);
}

/// Asks to stop once so many bytes have come.
struct StopAt(u64, Mutex<u64>, Interrupt);

impl Progress for StopAt {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, units: u64) {
        let mut seen = self.1.lock().unwrap();
        *seen += units;
        if *seen >= self.0 {
            self.2.request();
        }
    }
    fn note(&self, _: &str) {}
    fn end(&self) {}
}

#[test]
fn a_stopped_download_goes_on_later() {
    let (dir, body) = (TempDir::new().unwrap(), body());
    let server = Server::start(vec![whole(&body, "ETag: \"v1\"\n")]);
    let source = a_source(Some(server.url()), |file| {
        file.md5 = Some(Md5Sum::of(&body));
    });
    let interrupt = Interrupt::default();
    let progress = StopAt(100_000, Mutex::default(), interrupt.clone());
    let run = Run {
        progress: &progress,
        interrupt: &interrupt,
    };
    let stopped = download(
        &source,
        &source.files[0],
        dir.path(),
        Overwrite::Refuse,
        run,
    )
    .unwrap_err();
    let have = fs::metadata(dir.path().join("data.bin.partial"))
        .unwrap()
        .len();
    assert!((100_000..300_000).contains(&have), "{have}");
    assert!(stopped.to_string().ends_with(&format!(
        "stopped after {have} bytes, which are kept: run the same command to go on"
    )));
    assert!(!dir.path().join("data.bin").exists());

    let mut server = Server::start(vec![rest(&body, have as usize)]);
    let source = a_source(Some(server.url()), |file| {
        file.md5 = Some(Md5Sum::of(&body));
    });
    let fetched = get(&source, &dir).unwrap();
    assert_eq!(
        (fetched.origin.verified, fetched.transferred),
        (Verified::Md5, 300_000 - have)
    );
    assert_eq!(fs::read(&fetched.path).unwrap(), body);
    assert!(server.requests()[0].contains(&format!("range: bytes={have}-")));
}

#[test]
fn a_server_that_ignores_ranges_is_read_from_the_start() {
    let (dir, body) = (TempDir::new().unwrap(), body());
    let mut server = Server::start(vec![
        cut(&body, 100_000, "ETag: \"v1\"\n"),
        whole(&body, "ETag: \"v1\"\n"),
    ]);
    let fetched = get(&a_source(Some(server.url()), |_| {}), &dir).unwrap();
    assert_eq!(fs::read(&fetched.path).unwrap(), body);
    assert_eq!(fetched.transferred, 400_000);
    assert!(server.requests()[1].contains("range: bytes=100000-"));
}

#[test]
fn a_part_is_not_joined_to_a_file_it_may_not_belong_to() {
    let (dir, body) = (TempDir::new().unwrap(), body());
    // Neither version nor checksum: the second connection must not ask for a range.
    let mut server = Server::start(vec![cut(&body, 100_000, ""), whole(&body, "")]);
    assert_eq!(
        fs::read(
            get(&a_source(Some(server.url()), |_| {}), &dir)
                .unwrap()
                .path
        )
        .unwrap(),
        body
    );
    assert!(!server.requests()[1].contains("range:"));

    // A range other than the one asked for.
    let dir = TempDir::new().unwrap();
    let server = Server::start(vec![
        cut(&body, 100_000, "ETag: \"v1\"\n"),
        rest(&body, 5),
        whole(&body, ""),
    ]);
    assert_eq!(
        fs::read(
            get(&a_source(Some(server.url()), |_| {}), &dir)
                .unwrap()
                .path
        )
        .unwrap(),
        body
    );
}

#[test]
fn a_part_that_is_whole_already_is_recognised() {
    let (dir, body) = (TempDir::new().unwrap(), body());
    fs::write(dir.path().join("data.bin.partial"), &body).unwrap();
    let head = format!(
        "HTTP/1.1 416 Range Not Satisfiable\nContent-Range: bytes */{}\nContent-Length: 0\n\n",
        body.len()
    );
    let server = Server::start(vec![answer(head, b"")]);
    let fetched = get(
        &a_source(Some(server.url()), |file| {
            file.md5 = Some(Md5Sum::of(&body));
        }),
        &dir,
    )
    .unwrap();
    assert_eq!(
        (fetched.origin.verified, fetched.transferred),
        (Verified::Md5, 0)
    );
}

#[test]
fn a_connection_that_keeps_breaking_leaves_its_part() {
    let (dir, body) = (TempDir::new().unwrap(), body());
    let none = |body: &[u8]| cut(body, 0, "ETag: \"v1\"\n");
    let server = Server::start(vec![none(&body)]);
    let text = message(
        get(
            &a_source(Some(server.url()), |file| file.bytes = Some(300_000)),
            &dir,
        ),
        &server,
    );
    assert!(
        text.starts_with(
            "http://127.0.0.1:PORT/file: the connection broke after 0 of 300000 bytes ("
        ),
        "{text}"
    );
    assert!(
        text.ends_with("what came is kept: run the same command to go on"),
        "{text}"
    );
    assert_eq!(listing(&dir), Vec::<String>::new());
}

#[test]
fn a_wrong_checksum_discards_the_file() {
    let (dir, body) = (TempDir::new().unwrap(), body());
    let server = Server::start(vec![whole(b"something else", "")]);
    let source = a_source(Some(server.url()), |file| {
        file.md5 = Some(Md5Sum::of(&body));
    });
    assert_eq!(
        message(get(&source, &dir), &server),
        format!(
            "http://127.0.0.1:PORT/file: its md5 is {}, expected {}; what came is discarded: run the command again",
            Md5Sum::of(b"something else"),
            Md5Sum::of(&body)
        )
    );
    assert_eq!(listing(&dir), Vec::<String>::new());
}

#[test]
fn a_wrong_size_is_refused_before_anything_is_taken() {
    let dir = TempDir::new().unwrap();
    let server = Server::start(vec![whole(&[0; 50], "")]);
    let text = message(
        get(
            &a_source(Some(server.url()), |file| file.bytes = Some(49)),
            &dir,
        ),
        &server,
    );
    assert_eq!(
        text,
        "http://127.0.0.1:PORT/file: 50 bytes, expected 49; the server has another version of the file, and nothing \
         was taken: see the landing page"
    );
    assert_eq!(listing(&dir), Vec::<String>::new());
}

#[test]
fn a_missing_file_names_the_page_to_look_at() {
    let dir = TempDir::new().unwrap();
    let server = Server::start(vec![answer(
        "HTTP/1.1 404 Not Found\nContent-Length: 4\n\n",
        b"none",
    )]);
    assert_eq!(
        message(get(&a_source(Some(server.url()), |_| {}), &dir), &server),
        "http://127.0.0.1:PORT/file: the server answers 404 Not Found; the file may have moved: see \
         https://example.org/data"
    );
    assert_eq!(listing(&dir), Vec::<String>::new());
}

#[test]
fn without_length_only_a_checksum_tells_that_a_file_is_whole() {
    let body = body();
    let open_ended = || vec![answer("HTTP/1.1 200 OK\nConnection: close\n\n", &body)];
    let dir = TempDir::new().unwrap();
    let server = Server::start(open_ended());
    assert_eq!(
        message(get(&a_source(Some(server.url()), |_| {}), &dir), &server),
        "http://127.0.0.1:PORT/file: the server does not say how long the file is and no checksum is known, so 300000 \
         bytes may be all or a part; not accepted: download it by hand and register it with: emotome fetch test --from \
         FILE"
    );
    assert_eq!(listing(&dir), Vec::<String>::new());
    let server = Server::start(open_ended());
    let source = a_source(Some(server.url()), |file| {
        file.sha256 = Some(Sha256Sum::of(&body));
    });
    assert_eq!(
        get(&source, &dir).unwrap().origin.verified,
        Verified::Sha256
    );
}

#[test]
fn a_chunked_body_is_whole_when_its_last_chunk_came() {
    let dir = TempDir::new().unwrap();
    let head = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nConnection: close\n\n";
    let server = Server::start(vec![answer(head, b"4\r\nfog \r\n4\r\nkiss\r\n0\r\n\r\n")]);
    let fetched = get(&a_source(Some(server.url()), |_| {}), &dir).unwrap();
    assert_eq!(fs::read(&fetched.path).unwrap(), b"fog kiss");
    assert_eq!(fetched.origin.verified, Verified::Length);

    let dir = TempDir::new().unwrap();
    let torn = || answer(head, b"4\r\nfog \r\n4\r\nki");
    let server = Server::start(vec![torn(), torn(), torn(), torn(), torn()]);
    let text = message(get(&a_source(Some(server.url()), |_| {}), &dir), &server);
    assert!(text.contains("the connection broke after"), "{text}");
    assert!(!dir.path().join("data.bin").exists());
}

#[test]
fn a_server_that_sends_without_end_is_stopped() {
    let dir = TempDir::new().unwrap();
    let endless: Answer = Box::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        while stream.write_all(&[0; 65_536]).is_ok() {}
    });
    let server = Server::start(vec![endless]);
    let text = message(
        get(
            &a_source(Some(server.url()), |file| file.bytes = Some(1_000_000)),
            &dir,
        ),
        &server,
    );
    assert_eq!(
        text,
        "http://127.0.0.1:PORT/file: 1000001 bytes, expected 1000000; the server sends more than it should; what came \
         is discarded"
    );
    assert_eq!(listing(&dir), Vec::<String>::new());
}

#[test]
fn only_https_is_followed() {
    let dir = TempDir::new().unwrap();
    for url in [
        "http://example.org/data.bin",
        "ftp://127.0.0.1/x",
        "file:///etc/hostname",
        "no url",
    ] {
        let text = get(&a_source(Some(url.into()), |_| {}), &dir)
            .unwrap_err()
            .to_string();
        assert_eq!(
            text,
            format!("{url}: only https addresses are followed; the download was not begun")
        );
    }
    let server = Server::start(vec![answer(
        "HTTP/1.1 302 Found\nLocation: http://127.0.0.1:1/x\nContent-Length: 0\n\n",
        b"",
    )]);
    let text = message(get(&a_source(Some(server.url()), |_| {}), &dir), &server);
    assert!(text.contains("the server answers 302 Found; "), "{text}");
    assert_eq!(listing(&dir), Vec::<String>::new());
}

#[test]
fn without_network_the_user_is_told_what_to_do() {
    let dir = TempDir::new().unwrap();
    // A port that was free a moment ago refuses connections.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}/file");
    let text = get(&a_source(Some(url.clone()), |_| {}), &dir)
        .unwrap_err()
        .to_string();
    assert!(
        text.starts_with(&format!("{url}: the server cannot be reached (")),
        "{text}"
    );
    assert!(
        text.ends_with(
            "check the network (and HTTPS_PROXY), or download the file on another machine and register it with: emotome \
             fetch test --from FILE"
        ),
        "{text}"
    );
    let ck2017 = source("ck2017").unwrap();
    assert_eq!(
        get(ck2017, &dir).unwrap_err().to_string(),
        "ck2017_ratings48.csv: there is no direct address; download it by hand from \
         https://doi.org/10.1073/pnas.1702247114 (request it by the form https://goo.gl/forms/XErJw9sBeyuOyp5Q2), then \
         register it with: emotome fetch ck2017 --from FILE"
    );
    let unknown = source("ck2018").unwrap_err().to_string();
    assert!(
        unknown.starts_with(
            "no source is called \"ck2018\"; known are ck2017, mindcaptioning-captions, "
        ),
        "{unknown}"
    );
}

#[test]
fn a_file_that_the_user_has_is_registered_by_content() {
    let (dir, theirs) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let source = a_source(None, |file| file.sha256 = Some(Sha256Sum::of(b"right")));
    let put = |name: &str, bytes: &str| {
        fs::write(theirs.path().join(name), bytes).unwrap();
        theirs.path().join(name)
    };
    let place = |from: &std::path::Path| register(&source, from, dir.path(), Overwrite::Refuse);
    let renamed = place(&put("download (1).bin", "right")).unwrap();
    assert_eq!(renamed.path, dir.path().join("data.bin"));
    assert_eq!(
        (renamed.origin.verified, renamed.origin.url),
        (Verified::Sha256, None)
    );
    assert_eq!(listing(&dir), ["data.bin", "data.bin.source.json"]);
    fs::remove_file(&renamed.path).unwrap();

    let wrong = place(&put("data.bin", "wrong")).unwrap_err().to_string();
    assert!(
        wrong.contains(&format!(
            "data.bin: its sha256 is {}",
            Sha256Sum::of(b"wrong")
        )),
        "{wrong}"
    );
    assert!(
        wrong.ends_with("it is not registered: fetch it again"),
        "{wrong}"
    );
    let unknown = place(&put("other.bin", "wrong")).unwrap_err().to_string();
    assert_eq!(
        unknown,
        "source test has no file \"other.bin\"; it has data.bin; give the file its original name"
    );
}

#[test]
fn another_file_of_that_name_is_left_alone() {
    let (dir, body) = (TempDir::new().unwrap(), body());
    fs::write(dir.path().join("data.bin"), "mine").unwrap();
    let source =
        |known: fn(&mut SourceFile)| a_source(Some("http://127.0.0.1:1/file".into()), known);
    let text = get(&source(|file| file.md5 = Some(Md5Sum::of(b"theirs"))), &dir)
        .unwrap_err()
        .to_string();
    assert!(
        text.ends_with("it is left as it is: use --force to replace it"),
        "{text}"
    );
    let text = get(&source(|_| {}), &dir).unwrap_err().to_string();
    assert!(
        text.ends_with(
            "data.bin exists and is left as it is; use --force to replace it, or write elsewhere"
        ),
        "{text}"
    );

    let server = Server::start(vec![whole(&body, "")]);
    let run = Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    };
    let source = a_source(Some(server.url()), |_| {});
    download(
        &source,
        &source.files[0],
        dir.path(),
        Overwrite::Replace,
        run,
    )
    .unwrap();
    assert_eq!(fs::read(dir.path().join("data.bin")).unwrap(), body);
}

#[test]
fn two_downloads_of_one_file_do_not_mix() {
    let dir = TempDir::new().unwrap();
    let held = fs::File::create(dir.path().join("data.bin.partial")).unwrap();
    held.lock().unwrap();
    let text = get(
        &a_source(Some("http://127.0.0.1:1/file".into()), |_| {}),
        &dir,
    )
    .unwrap_err()
    .to_string();
    assert!(
        text.ends_with("data.bin.partial: another process is downloading this file; wait for it"),
        "{text}"
    );
}
