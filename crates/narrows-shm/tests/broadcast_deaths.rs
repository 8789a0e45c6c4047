//! The broadcast between processes, of which some are killed: this test once more, as a child that sends or receives.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use narrows_shm::{
    RecvError, TryRecvError,
    broadcast::{Broadcast, Lag, Receiver, Start},
    options,
};

type Message = Vec<u8>;
type Codec = narrows_shm::Bytes;

/// Long enough for any machine, and no test waits so long but one that fails.
const LONG: Duration = Duration::from_secs(30);

const CAPACITY: u32 = 3;

fn open(path: &str) -> Broadcast<Message, Codec> {
    let options = options().bytes().capacity(CAPACITY).max_len(3000).memory(3000).participants(8).keep_open();
    options.broadcast(path).expect("a channel")
}

/// Every third is long, and lies in blocks, of which there are enough for one.
fn message(sender: u64, i: u64) -> Message {
    let bytes = [sender.to_ne_bytes(), i.to_ne_bytes()].concat();
    bytes.into_iter().cycle().take(if i.is_multiple_of(3) { 2500 } else { 64 }).collect()
}

fn parse(bytes: &[u8]) -> (u64, u64) {
    let word = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
    let (sender, i) = (word(0), word(8));
    assert!(bytes == message(sender, i), "no mixture");
    (sender, i)
}

struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Place {
        let folder = std::env::temp_dir().join(format!("narrows-shm-{}-deaths-{test}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Place(folder)
    }

    fn path(&self) -> String {
        self.0.join("channel").to_str().expect("a path in UTF-8").to_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A child that is killed when this is dropped.
struct Other(Child, BufReader<ChildStdout>);

impl Other {
    fn start(path: &str, role: &str) -> Other {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env("NARROWS_DEATHS", format!("{role} {path}"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        while !line.ends_with("ready\n") {
            line.clear();
            assert!(output.read_line(&mut line).expect("a line") > 0, "it gets ready");
        }
        Other(child, output)
    }

    /// Kills it: the rest of what it wrote.
    fn kill(mut self) -> Vec<u8> {
        self.0.kill().expect("it is ours");
        self.0.wait().expect("it is ours");
        let mut rest = Vec::new();
        self.1.read_to_end(&mut rest).expect("it is a pipe");
        rest
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn child() {
    let Ok(role) = std::env::var("NARROWS_DEATHS") else { return };
    let (role, path) = role.split_once(' ').expect("a role and a path");
    let channel = open(path);
    let mut out = std::io::stdout().lock();
    let mut say = |bytes: &[u8]| out.write_all(bytes).and_then(|()| out.flush()).expect("the parent reads");
    match role {
        "receiver" => {
            let receiver = channel.subscribe(Start::Now, Lag::Wait).expect("room");
            say(b"ready\n");
            receiver.iter().for_each(|message| assert!(parse(&message.expect("no fault")).1 < 100));
        }
        "sleeper" => {
            let _receiver = channel.subscribe(Start::Now, Lag::Wait).expect("room");
            say(b"ready\n");
            loop {
                thread::park();
            }
        }
        number => {
            let (sender, number) = (channel.sender(), number.parse().expect("a number"));
            say(b"ready\n");
            // What is confirmed is written: a byte each.
            for i in 0.. {
                sender.send(message(number, i)).expect("open");
                say(b".");
            }
        }
    }
}

/// Numbers that differ from run to run.
struct Random(u64);

impl Random {
    fn new() -> Random {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
        Random(u64::from(now.subsec_nanos()) << 20 | 1)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// The next message of that sender, and how many of others came before.
fn next(receiver: &Receiver<Message, Codec>) -> (u64, u64) {
    parse(&receiver.recv_timeout(LONG).expect("somebody sends"))
}

#[test]
fn a_killed_sender_leaves_whole_messages_and_holds_nobody_up() {
    let place = Place::new("senders");
    let channel = open(&place.path());
    let receivers: Vec<_> = (0..2).map(|_| channel.subscribe(Start::Now, Lag::Wait).expect("room")).collect();
    let mut random = Random::new();
    let sender = channel.sender();
    // The figures that every sender has come to, at each receiver.
    let mut seen = vec![vec![]; receivers.len()];
    for round in 0..rounds() {
        let other = Other::start(&place.path(), &round.to_string());
        let enough = random.below(60);
        thread::scope(|scope| {
            for (receiver, seen) in receivers.iter().zip(&mut seen) {
                scope.spawn(move || {
                    for i in 0..=enough {
                        assert_eq!(next(receiver), (round, i));
                    }
                    seen.push(enough + 1);
                });
            }
        });
        // It sends on until all places are full: it is in the middle of that, or waits.
        (0..random.below(2000)).for_each(|_| std::hint::spin_loop());
        let confirmed = other.kill().iter().map(|byte| u64::from(*byte == b'.')).sum::<u64>();
        // Ours comes after its last: nobody is held up by what it had not finished.
        thread::scope(|scope| {
            scope.spawn(|| sender.send_timeout(message(u64::MAX, round), LONG).expect("the dead are noticed"));
            for (receiver, seen) in receivers.iter().zip(&mut seen) {
                scope.spawn(move || {
                    let count = seen.last_mut().expect("of this round");
                    loop {
                        match next(receiver) {
                            (u64::MAX, i) => break assert_eq!(i, round),
                            one => assert_eq!(one, (round, *count)),
                        }
                        *count += 1;
                    }
                });
            }
        });
        let counts: Vec<_> = seen.iter().map(|seen| *seen.last().expect("of this round")).collect();
        assert!(counts.iter().all(|&count| count >= confirmed), "none is lost: {counts:?}, {confirmed} were confirmed");
        assert!(counts.iter().all(|&count| count <= confirmed + 1 && count == counts[0]), "{counts:?} {confirmed}");
    }
    assert!(receivers.iter().all(|receiver| receiver.missed() == 0 && receiver.try_recv() == Err(TryRecvError::Empty)));
    channel.inspect().sweep().expect("the system allows it");
    (0..u64::from(CAPACITY)).for_each(|_| {
        sender.try_send(vec![0; 16]).expect("all was seen");
        assert!(receivers.iter().all(|receiver| receiver.recv().is_ok()));
    });
    let (bytes, free) = channel.inspect().memory();
    assert_eq!(bytes, free, "no block is left behind");
    channel.inspect().close();
    assert_eq!(receivers[0].recv(), Err(RecvError::Disconnected));
}

#[test]
fn a_killed_receiver_is_not_waited_for() {
    let place = Place::new("receivers");
    let channel = open(&place.path());
    let (sender, ours) = (channel.sender(), channel.subscribe(Start::Now, Lag::Wait).expect("room"));
    let mut random = Random::new();
    for round in 0..rounds() {
        let other = Other::start(&place.path(), if round % 2 == 0 { "receiver" } else { "sleeper" });
        if round % 2 == 0 {
            for i in 0..random.below(60) {
                sender.send_timeout(message(round, i), LONG).expect("both receive");
                assert_eq!(next(&ours), (round, i));
            }
            other.kill();
        } else {
            for i in 0..u64::from(CAPACITY) {
                sender.try_send(message(round, i)).expect("room");
                assert_eq!(next(&ours), (round, i));
            }
            assert!(sender.try_send(message(round, 0)).expect_err("it is waited for").is_full());
            let waiting = thread::scope(|scope| {
                let waiting = scope.spawn(|| sender.send_timeout(message(round, 9), LONG));
                other.kill();
                waiting.join().expect("no panic")
            });
            waiting.expect("the dead are noticed");
            assert_eq!(next(&ours), (round, 9));
        }
        for i in 0..10 {
            sender.send_timeout(message(round, i), LONG).expect("the dead are noticed");
            assert_eq!(next(&ours), (round, i));
        }
    }
    // Who only tries hears of it too.
    let other = Other::start(&place.path(), "sleeper");
    while sender.try_send(message(0, 0)).is_ok() {
        assert_eq!(next(&ours), (0, 0));
    }
    other.kill();
    let began = Instant::now();
    while sender.try_send(message(0, 0)).is_err() {
        assert!(began.elapsed() < LONG, "the dead are noticed");
        thread::yield_now();
    }
    assert_eq!(channel.inspect().participants().len(), 2);
}

#[test]
fn a_stopped_receiver_that_skips_holds_nobody_up() {
    use rustix::process::{Pid, Signal, kill_process};
    let place = Place::new("stopped");
    let channel = open(&place.path());
    let (sender, skips) = (channel.sender(), channel.subscribe(Start::Now, Lag::Skip).expect("room"));
    let other = Other::start(&place.path(), "sleeper");
    let pid = Pid::from_child(&other.0);
    kill_process(pid, Signal::STOP).expect("it is ours");
    let mut sent = 0;
    while sender.try_send(message(1, sent)).is_ok() {
        sent += 1;
    }
    assert_eq!(sent, u64::from(CAPACITY), "who is stopped is not dead");
    assert!(
        sender.send_timeout(message(1, sent), Duration::from_millis(20)).expect_err("it is waited for").is_timeout()
    );
    other.kill();
    // From now on only `skips` is there, which takes nothing.
    for i in sent..100 {
        sender.send_timeout(message(1, i), LONG).expect("nobody is waited for");
    }
    let (_, first) = next(&skips);
    assert_eq!((first, skips.missed()), (100 - u64::from(CAPACITY), 100 - u64::from(CAPACITY)));
}

fn rounds() -> u64 {
    std::env::var("NARROWS_SHM_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(12)
}
