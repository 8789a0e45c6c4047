//! One question and one answer over a Unix socket, each a line of JSON. Neither side waits long for the other.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::net::sockopt::socket_peercred;
use rustix::process::getuid;
use serde_json::{Value, json};

/// Whoever asks has the question ready.
const ASK_WITHIN: Duration = Duration::from_millis(500);
/// An answer takes microseconds, unless the machine has much else to do or the process is stopped.
const ANSWER_WITHIN: Duration = Duration::from_millis(1500);
const AFTER_AN_ERROR: Duration = Duration::from_millis(20);
const LONGEST_QUESTION: u64 = 4096;
const LONGEST_ANSWER: u64 = 16 << 20;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// Nobody listens any more.
    Dead,
    /// Somebody does, and does not answer, or refuses.
    Mute(String),
}

/// Answers one question after the other, for ever.
pub(super) fn serve(listener: &UnixListener, answer: impl Fn(&Value) -> Result<Value, String>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // A client that went away, or too many open files: the next one may have more luck, in a while.
            thread::sleep(AFTER_AN_ERROR);
            continue;
        };
        let _ = attend(stream, &answer);
    }
}

fn attend(mut stream: UnixStream, answer: impl Fn(&Value) -> Result<Value, String>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(ASK_WITHIN))?;
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;
    if !is_ours(&stream) {
        return Ok(());
    }
    let mut line = String::new();
    BufReader::new(Read::take(&stream, LONGEST_QUESTION)).read_line(&mut line)?;
    let question = serde_json::from_str(&line).map_err(|error| format!("the question is not JSON: {error}"));
    let answer = question.and_then(|question| answer(&question)).unwrap_or_else(|error| json!({ "error": error }));
    stream.write_all(format!("{answer}\n").as_bytes())
}

pub(super) fn ask(path: &Path, question: &Value) -> Result<Value, Silence> {
    let mut stream = UnixStream::connect(path).map_err(|error| match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::NotFound => Silence::Dead,
        _ => mute(&error),
    })?;
    if !is_ours(&stream) {
        return Err(Silence::Mute("it is another user's".into()));
    }
    let mut exchange = || {
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        stream.set_write_timeout(Some(ASK_WITHIN))?;
        stream.write_all(format!("{question}\n").as_bytes())?;
        let mut line = String::new();
        BufReader::new(Read::take(&stream, LONGEST_ANSWER)).read_line(&mut line)?;
        Ok(line)
    };
    let line = exchange().map_err(|error: std::io::Error| mute(&error))?;
    let answer: Value = serde_json::from_str(&line).map_err(|error| Silence::Mute(error.to_string()))?;
    match answer.get("error").and_then(Value::as_str) {
        Some(error) => Err(Silence::Mute(error.to_owned())),
        None => Ok(answer),
    }
}

fn mute(error: &std::io::Error) -> Silence {
    Silence::Mute(error.to_string())
}

fn is_ours(stream: &UnixStream) -> bool {
    socket_peercred(stream).is_ok_and(|peer| peer.uid == getuid())
}
