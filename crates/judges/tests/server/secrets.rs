//! A key is in the one header that carries it and nowhere else, whatever a server does with it.

use crate::support::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use emotome_judges::server::{REDACTED, Secret};
use emotome_triplets::journal::{Journal, JournalError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const CANARY: &str = "sk-Canary/7+x&y=_Q9";

/// Whether a text holds the key in some form.
fn leaks(text: &str) -> bool {
    let hex: String = CANARY.bytes().map(|b| format!("{b:02x}")).collect();
    let text = text.to_lowercase();
    text.contains("canary")
        || text.contains(&hex[8..24])
        || text.contains(&STANDARD.encode(CANARY)[..20].to_lowercase())
}

#[test]
fn a_key_that_a_server_repeats_is_in_no_file_message_or_summary() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let design = design(240);
    let with_key = Arc::new(AtomicU64::new(0));
    let seen_key = Arc::clone(&with_key);
    let echo = TestServer::start(move |seen| {
        seen_key.fetch_add(
            u64::from(seen.text.contains(&format!("Bearer {CANARY}"))),
            Ordering::Relaxed,
        );
        let header = format!("authorization: Bearer {CANARY}");
        let percent: String = CANARY.bytes().map(|b| format!("%{b:02X}")).collect();
        let hex: String = CANARY.bytes().map(|b| format!("{b:02x}")).collect();
        let forms = [
            header.clone(),
            percent.clone(),
            STANDARD.encode(&header),
            serde_json::to_string(&header).unwrap().replace('/', "\\/"),
            hex,
            CANARY.replace('&', "&amp;"),
        ];
        let form = &forms[(seen.number % 6) as usize];
        let text = serde_json::json!({ "echo": form, "error": {"message": format!("no access for {form}")} }).to_string();
        match seen.number / 6 % 8 {
            0 => Act::Send(http(200, "", text.as_bytes())),
            1 => Act::Send(http(200, "", format!("<html><pre>{form}</pre>").as_bytes())),
            2 => Act::Send(http(400, "", text.as_bytes())),
            3 => Act::Send(http(422, "", text.as_bytes())),
            4 => Act::Send(http(500, "", format!("<html>{form}").as_bytes())),
            5 => Act::Send(http(
                302,
                &format!("location: http://127.0.0.1:1/?key={percent}\r\n"),
                b"",
            )),
            6 => Act::Cut(
                format!("HTTP/1.1 200 {CANARY}\r\n{header}\r\nbad line {CANARY}\r\n\r\n")
                    .into_bytes(),
            ),
            _ => chooses(seen.number),
        }
    });
    let key = Secret::new(CANARY).unwrap();
    let server = server(
        params(),
        vec![echo.endpoint().with_key(key)],
        limits(4, 8, 16),
    );
    let asked = ask_quietly(&path, &design, &server);
    assert_eq!(asked.counts.trials(), 240, "{:?}", asked.stopped);
    assert_eq!(
        with_key.load(Ordering::Relaxed),
        echo.count(),
        "the key was not sent"
    );
    let summary = serde_json::to_string(&asked).unwrap();
    assert!(
        !leaks(&summary) && !leaks(&format!("{asked:?} {:?}", echo.endpoint())),
        "{summary}"
    );
    // Replies are compressed in the journal: read them as well as the bytes of the files.
    let journal = Journal::open(&path).unwrap();
    let agent = journal.agent("plain").unwrap();
    let mut removed = 0;
    let mut visit = |row: &emotome_triplets::journal::Stored| {
        let reply = journal.reply(row.reply.unwrap())?;
        assert!(!leaks(&reply), "{reply}");
        removed += u32::from(reply.contains(REDACTED));
        Ok::<_, JournalError>(())
    };
    journal.for_each_choice(agent, &mut visit).unwrap();
    journal.for_each_attempt(agent, &mut visit).unwrap();
    assert!(removed >= 150, "{removed}");
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!leaks(&String::from_utf8_lossy(&bytes)));
    }
}

#[test]
fn the_line_that_ends_a_run_does_not_show_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    for status in [401, 403, 404, 400] {
        let echo = TestServer::start(move |_| {
            let body = format!(
                r#"{{"error":{{"message":"Incorrect API key provided: {CANARY} \u001b[31m"}}}}"#
            );
            Act::Send(http(status, "", body.as_bytes()))
        });
        let key = Secret::new(CANARY).unwrap();
        let server = server(
            params(),
            vec![echo.endpoint().with_key(key)],
            limits(1, 1, 2),
        );
        let asked = ask_quietly(&path, &design(240), &server);
        let stop = asked.stopped.unwrap().to_string();
        assert!(
            !leaks(&stop) && stop.contains(REDACTED) && !stop.contains('\x1b'),
            "{stop}"
        );
    }
}
