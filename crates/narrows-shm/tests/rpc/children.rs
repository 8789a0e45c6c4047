//! Other processes: this program again, in the role that its environment names. What they say to the test stands behind
//! a `> ` in a line; what the test says to them are lines, too.

use std::{
    env,
    io::{BufRead, BufReader, Write, stdin},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use narrows_shm::{
    RecvError, options,
    rpc::{CallError, Client, ReplyError, Server},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::Name;

const ROLE: &str = "NARROWS_RPC_ROLE";
const PATH: &str = "NARROWS_RPC_PATH";

/// Request: who asks, and what. Reply: the same, and the length of what was sent along.
pub(crate) type Request = (u32, u64, Vec<u8>);
pub(crate) type Reply = (u32, u64, usize);

pub(crate) fn client(path: &str) -> Client<Request, Reply> {
    options().capacity(16).max_len(8000).client(path).expect("a client")
}

pub(crate) fn server(path: &str) -> Server<Request, Reply> {
    options().capacity(16).max_len(8000).server(path).expect("a server")
}

/// A process in a role; killed at the latest when this is dropped.
pub(crate) struct Other {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Other {
    pub(crate) fn new(role: &str, name: &Name) -> Other {
        let mut child = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", "children::other_process", "--nocapture", "--test-threads=1"])
            .envs([(ROLE, role), (PATH, &name.path())])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Other { child, input, output: BufReader::new(output) }
    }

    /// Waits for what it says next.
    pub(crate) fn hear(&mut self) -> String {
        let mut line = String::new();
        while self.output.read_line(&mut line).expect("it is UTF-8") > 0 {
            // What runs the tests may have begun a line of its own.
            if let Some((_, said)) = line.trim_end().split_once("> ") {
                return said.to_owned();
            }
            line.clear();
        }
        panic!("it has ended and said nothing more");
    }

    /// Whether it says something within this time.
    pub(crate) fn says_within(&self, time: Duration) -> bool {
        let time = Timespec::try_from(time).expect("short");
        let output = self.output.get_ref();
        !self.output.buffer().is_empty()
            || poll(&mut [PollFd::new(output, PollFlags::IN)], Some(&time)).expect("it can be waited for") > 0
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("it listens");
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is ours");
    }

    /// Stops it, and waits until it has stopped; or lets it go on.
    pub(crate) fn set_stopped(&self, is_stopped: bool) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let signal = if is_stopped { rustix::process::Signal::STOP } else { rustix::process::Signal::CONT };
        rustix::process::kill_process(pid, signal).expect("it is ours");
        let stat = || std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it is there");
        while is_stopped && !stat().rsplit(')').next().is_some_and(|rest| rest.starts_with(" T")) {
            std::thread::yield_now();
        }
    }

    /// Waits until it ends well.
    pub(crate) fn join(mut self) {
        assert!(self.child.wait().expect("it is ours").success());
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(what: &str) {
    println!("> {what}");
}

fn listen() -> String {
    let mut line = String::new();
    stdin().read_line(&mut line).expect("it is UTF-8");
    line.trim_end().to_owned()
}

pub(crate) fn answer((who, what, bytes): Request) -> Reply {
    assert!(bytes.iter().all(|&byte| u64::from(byte) == what % 251), "a request is whole");
    (who, what, bytes.len())
}

pub(crate) fn request(who: u32, what: u64) -> Request {
    let len = usize::try_from(what * 37 % 7000).expect("small");
    (who, what, vec![u8::try_from(what % 251).expect("small"); len])
}

/// Takes ten calls, answers the third and the first, and keeps the others.
fn hold(path: &str) {
    let server = server(path);
    say("ready");
    let mut held: Vec<_> = (0..10).map(|_| Some(server.next().expect("a call"))).collect();
    for index in [2, 0] {
        let (request, to) = held[index].take().expect("once").into_parts();
        to.reply(answer(request)).expect("somebody waits");
    }
    say("took");
    listen();
}

/// Takes one call, answers it when it is told to, says what became of the answer; then serves on.
fn slow(path: &str) {
    let server = server(path);
    say("ready");
    let (request, to) = server.next().expect("a call").into_parts();
    say("took");
    listen();
    say(match to.reply(answer(request)) {
        Ok(()) => "answered",
        Err(ReplyError::Cancelled(_)) => "cancelled",
        Err(_) => "fault",
    });
    server.serve(answer).expect("no fault");
}

/// Takes a call and works until it is cancelled.
fn busy(path: &str) {
    let server = server(path);
    say("ready");
    let incoming = server.next().expect("a call");
    say("took");
    while !incoming.is_cancelled() {
        std::thread::yield_now();
    }
    say("cancelled");
}

fn serve(path: &str) {
    let server = server(path);
    say("ready");
    server.serve(answer).expect("no fault");
}

/// Begins three calls, and waits for the first.
fn begin(path: &str) {
    let client = client(path);
    let calls: Vec<_> = (0..3).map(|what| client.begin(request(1, what)).expect("room")).collect();
    say("begun");
    let _ = calls.into_iter().next().expect("three").wait();
}

/// Calls and calls, one after the other and several at a time, and checks every answer; until it is closed.
fn call(path: &str) {
    let (client, who) = (client(path), std::process::id());
    let (mut answered, mut failed) = (0, 0);
    for what in (0..).step_by(3) {
        let begun: Vec<_> = (what..what + 3).map(|what| (what, client.begin(request(who, what)))).collect();
        for (what, call) in begun {
            match call.and_then(narrows_shm::rpc::Call::wait) {
                Ok(reply) => {
                    assert_eq!(reply, answer(request(who, what)));
                    answered += 1;
                }
                Err(CallError::ServerDied) => failed += 1,
                Err(CallError::NoServer(back)) => {
                    assert_eq!(back, request(who, what));
                    failed += 1;
                }
                Err(CallError::Disconnected(_)) => {
                    say(&format!("{answered} {failed}"));
                    return;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Not a test: what another process does, if it is told to be one.
#[test]
fn other_process() {
    let (Ok(role), Ok(path)) = (env::var(ROLE), env::var(PATH)) else { return };
    match role.as_str() {
        "hold" => hold(&path),
        "slow" => slow(&path),
        "busy" => busy(&path),
        "serve" => serve(&path),
        "begin" => begin(&path),
        "call" => call(&path),
        other => panic!("there is no role {other}"),
    }
}

/// The end of what a server is asked, for the checks of a test.
pub(crate) fn is_end<T>(next: &Result<T, RecvError>) -> bool {
    matches!(next, Err(RecvError::Disconnected))
}
