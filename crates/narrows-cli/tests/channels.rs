//! `send` and `recv`: records between processes, in pipelines of real ones.

mod harness;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use harness::dice::{Dice, deep, seed};
use harness::system::{Barrier, Folder, eventually};
use harness::{Farm, Run, Running, marked, narrows};
use narrows_shm::Inspection;
use rustix::process::Signal;

/// Channels in a folder of their own.
struct Channels(Folder);

impl Channels {
    fn new() -> Channels {
        let channels = Channels(Folder::new());
        fs::create_dir(channels.folder()).expect("a folder can be made");
        fs::set_permissions(channels.folder(), PermissionsExt::from_mode(0o700)).expect("it is ours");
        channels
    }

    fn folder(&self) -> std::path::PathBuf {
        self.0.path().join("channels")
    }

    fn program(&self, verb: &str, args: &[&str]) -> Farm {
        let mut program = narrows();
        program.command().arg(verb).args(args).env("NARROWS_DIR", self.folder());
        program
    }

    fn send(&self, args: &[&str], input: &[u8]) -> Run {
        self.program("send", args).run(input)
    }

    fn recv(&self, args: &[&str]) -> Run {
        self.program("recv", args).start().finish()
    }

    /// A script for sh, in which `narrows` is the program.
    fn shell(&self, script: &str) -> Run {
        let mut shell = marked(Command::new("sh"));
        let program = env!("CARGO_BIN_EXE_narrows");
        shell.command().args(["-c", &format!("narrows() {{ {program} \"$@\"; }}; {script}")]);
        shell.command().env("NARROWS_DIR", self.folder()).current_dir(self.0.path());
        shell.start().finish()
    }

    /// The file of a channel goes with the last who uses it, if no record is left.
    #[track_caller]
    fn assert_gone(&self) {
        let left: Vec<_> =
            fs::read_dir(self.folder()).expect("it is there").flatten().map(|file| file.path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }

    fn try_inspect(&self, name: &str) -> Option<Inspection> {
        let path = self.folder().join(format!("{name}.channel"));
        narrows_shm::inspect(path.to_str().expect("text")).ok()
    }

    fn is_there(&self, name: &str) -> bool {
        self.try_inspect(name).is_some_and(|seen| !seen.participants().is_empty())
    }

    fn await_participants(&self, name: &str, count: usize) {
        let all_there = || self.try_inspect(name).is_some_and(|seen| seen.participants().len() == count);
        eventually("all take part", all_there);
    }

    fn await_messages(&self, name: &str, count: u32) {
        eventually("there are messages", || self.try_inspect(name).is_some_and(|seen| seen.len() == count));
    }
}

/// The line with this number, of about `longest` bytes: no two neighbours are alike or equally long.
fn line(writer: &str, number: usize, longest: usize) -> Vec<u8> {
    let head = format!("{writer} {number} ");
    let letter = b'a' + u8::try_from(number % 26).expect("a letter");
    let mut line = head.into_bytes();
    line.resize(longest - 1 - number % 7, letter);
    line.push(b'\n');
    line
}

fn lines(writer: &str, count: usize, longest: usize) -> Vec<u8> {
    (0..count).flat_map(|number| line(writer, number, longest)).collect()
}

/// The writer and the number of a line, if it is as it was made.
fn parse(read: &[u8], longest: usize) -> Option<(String, usize)> {
    let text = std::str::from_utf8(read).ok()?;
    let mut words = text.split(' ');
    let (writer, number) = (words.next()?, words.next()?.parse().ok()?);
    (read == line(writer, number, longest)).then(|| (writer.to_owned(), number))
}

#[test]
fn what_is_sent_is_received_in_order_and_the_channel_goes() {
    let channels = Channels::new();
    let input = lines("w", 3000, 200);
    let receiver = channels.program("recv", &["q"]).start();
    let receiving = thread::spawn(|| receiver.finish());
    channels.send(&["q"], &input).assert_code(0);
    let run = receiving.join().expect("no panic");
    assert!(run.assert_code(0).stdout == input, "the output differs");
    assert_eq!(run.stderr, "");
    channels.assert_gone();
}

#[test]
fn a_channel_stays_while_records_are_left_in_it() {
    let channels = Channels::new();
    channels.send(&["q"], b"a\n").assert_code(0);
    channels.send(&["q"], b"b").assert_code(0);
    assert_eq!(channels.recv(&["q"]).assert_code(0).text(), "a\nb\n");
    channels.assert_gone();
}

#[test]
fn records_are_lines_or_end_with_nul_or_follow_their_length() {
    let channels = Channels::new();
    let frames = b"\0\0\0\x03a\nb\0\0\0\0\0\0\0\x01\0";
    let cases: [(&[&str], &[u8], &[u8]); 6] = [
        (&[], b"a\n\n\r\nb", b"a\n\n\r\nb\n"),
        (&["-0"], b"a\nb\0\0c\0", b"a\nb\0\0c\0"),
        (&["-d", ","], b"a,b\n,c", b"a,b\n,c,"),
        (&["--frame"], frames, frames),
        (&[], b"", b""),
        (&[], b"\n", b"\n"),
    ];
    for (options, input, output) in cases {
        let args = [options, &["q"]].concat();
        // One byte at a time, as a slow program writes.
        let mut sender = channels.program("send", &args).start();
        let mut stdin = sender.stdin.take().expect("stdin is open");
        for byte in input {
            stdin.write_all(&[*byte]).expect("it is read");
        }
        drop(stdin);
        sender.finish().assert_code(0);
        if !input.is_empty() {
            assert_eq!(channels.recv(&args).assert_code(0).stdout, output, "{options:?}");
        }
        channels.assert_gone();
    }
    let run = channels.send(&["--frame", "q"], b"\0\0\0\x01a\0\0\0\x05bc");
    run.assert_code(125).assert_stderr("the input ends in the middle of a frame");
    assert_eq!(channels.recv(&["--frame", "q"]).stdout, b"\0\0\0\x01a");
}

#[test]
fn words_are_records_and_a_number_of_them_is_taken() {
    let channels = Channels::new();
    channels.send(&["q", "--", "a", "b c", "", "-n"], b"not read").assert_code(0);
    assert_eq!(channels.recv(&["-n", "1", "q"]).assert_code(0).text(), "a\n");
    assert_eq!(channels.recv(&["-n2", "q"]).assert_code(0).text(), "b c\n\n");
    assert_eq!(channels.recv(&["q"]).assert_code(0).text(), "-n\n");
}

/// Sends so many lines, one after the other, through its own `narrows send`.
fn sending(channels: &Channels, writer: &'static str, count: usize, longest: usize) -> JoinHandle<()> {
    let mut sender = channels.program("send", &["q"]).start();
    let mut stdin = sender.stdin.take().expect("stdin is open");
    thread::spawn(move || {
        (0..count).for_each(|n| stdin.write_all(&line(writer, n, longest)).expect("it is read"));
        drop(stdin);
        sender.finish().assert_code(0);
    })
}

/// Reads lines to the end: those of each writer, and how many were torn.
fn reading(mut receiver: Running, longest: usize) -> JoinHandle<(BTreeMap<String, Vec<usize>>, usize)> {
    let mut output = receiver.stdout.take().expect("stdout is open");
    thread::spawn(move || {
        let (mut seen, mut torn, mut read) = (BTreeMap::<String, Vec<usize>>::new(), 0, Vec::new());
        while output.read_until(b'\n', &mut read).expect("a pipe can be read") > 0 {
            match parse(&read, longest) {
                Some((writer, number)) => seen.entry(writer).or_default().push(number),
                None => torn += 1,
            }
            read.clear();
        }
        receiver.finish().assert_code(0);
        (seen, torn)
    })
}

#[test]
fn two_senders_and_two_receivers_tear_no_long_line() {
    let (count, longest) = (deep(300, 200_000), 70_000);
    let channels = Channels::new();
    // A sender that has ended before the other begins would end the channel.
    let keeper = channels.program("send", &["q"]).start();
    eventually("the channel is made", || channels.is_there("q"));
    let receivers = [(); 2].map(|()| reading(channels.program("recv", &["q"]).start(), longest));
    // One that comes when all is over waits for another channel of that name.
    channels.await_participants("q", 3);
    let senders = ["a", "b"].map(|writer| sending(&channels, writer, count, longest));
    for sender in senders {
        sender.join().expect("it sent all");
    }
    keeper.finish().assert_code(0);
    let (mut all, mut torn) = (BTreeMap::<String, Vec<usize>>::new(), 0);
    for receiver in receivers {
        let (seen, of_one) = receiver.join().expect("it received");
        torn += of_one;
        for (writer, numbers) in seen {
            assert!(numbers.is_sorted(), "a receiver sees the lines of a sender in order");
            all.entry(writer).or_default().extend(numbers);
        }
    }
    println!("{} lines of {longest} bytes: {torn} torn", all.values().map(Vec::len).sum::<usize>());
    for numbers in all.values_mut() {
        numbers.sort_unstable();
    }
    let each_once: Vec<usize> = (0..count).collect();
    assert_eq!(torn, 0);
    assert!(all == BTreeMap::from([("a".into(), each_once.clone()), ("b".into(), each_once)]), "each line comes once");
    channels.assert_gone();
}

#[test]
fn what_a_killed_sender_has_sent_is_received_and_the_channel_ends() {
    let mut dice = Dice::new(seed());
    for _ in 0..deep(5, 200) {
        let channels = Channels::new();
        let mut sender = channels.program("send", &["q"]).start();
        let mut stdin = sender.stdin.take().expect("stdin is open");
        let feeding = thread::spawn(move || (0..).try_for_each(|n| stdin.write_all(&line("w", n, 100 + n % 300))));
        let mut receiver = channels.program("recv", &["q"]).start();
        let mut output = receiver.stdout.take().expect("stdout is open");
        let (mut read, mut number) = (Vec::new(), 0);
        let mut next = |number: &mut usize| {
            read.clear();
            let is_line = output.read_until(b'\n', &mut read).expect("a pipe can be read") > 0;
            if is_line {
                let longest = 100 + *number % 300;
                assert_eq!(parse(&read, longest), Some(("w".into(), *number)), "the next line, whole");
                *number += 1;
            }
            is_line
        };
        (0..=dice.below(5000)).for_each(|_| assert!(next(&mut number)));
        sender.signal(Signal::KILL);
        // It may be gone with its dead already; as long as it is there it tells how many were sent.
        let sent = channels
            .try_inspect("q")
            .map(|seen| seen.participants().iter().filter(|one| one.is_sender).map(|one| one.sent).sum::<u64>());
        while next(&mut number) {}
        assert!(sent.is_none_or(|sent| number as u64 >= sent), "{number} of {sent:?}");
        receiver.finish().assert_code(0);
        sender.finish().assert_signal(Signal::KILL);
        assert!(feeding.join().expect("no panic").is_err(), "nobody reads");
        channels.assert_gone();
    }
}

#[test]
fn what_a_killed_receiver_had_in_hand_is_received_by_another() {
    let (count, longest) = (3000, 200);
    let mut dice = Dice::new(seed());
    for _ in 0..deep(5, 200) {
        let channels = Channels::new();
        let feeding = sending(&channels, "w", count, longest);
        let mut first = channels.program("recv", &["q"]).start();
        let mut output = first.stdout.take().expect("stdout is open");
        let mut seen = vec![0; count];
        let mut count_line = |read: &[u8]| {
            let (_, number) = parse(read, longest).expect("the line is whole");
            seen[number] += 1;
        };
        let mut read = Vec::new();
        for _ in 0..=dice.below(2000) {
            read.clear();
            output.read_until(b'\n', &mut read).expect("a pipe can be read");
            count_line(&read);
        }
        first.signal(Signal::KILL);
        let mut rest = Vec::new();
        output.read_to_end(&mut rest).expect("a pipe can be read");
        rest.split_inclusive(|&byte| byte == b'\n').for_each(&mut count_line);
        let second = channels.recv(&["q"]);
        second.assert_code(0).stdout.split_inclusive(|&byte| byte == b'\n').for_each(&mut count_line);
        feeding.join().expect("it sent all");
        let twice = seen.iter().filter(|&&times| times == 2).count();
        assert!(seen.iter().all(|&times| times == 1 || times == 2), "lost, or more than twice");
        assert!(twice <= 256, "{twice} came twice: more than are on lease at a time");
        first.finish().assert_signal(Signal::KILL);
        channels.assert_gone();
    }
}

#[test]
fn a_record_that_its_command_failed_on_is_given_back() {
    let channels = Channels::new();
    channels.send(&["q", "--", "a", "b"], b"").assert_code(0);
    let run = channels.recv(&["q", "--ack", "read -r x; echo \"no $x\"; exit 3"]);
    run.assert_code(1).assert_stderr("exit status 3; its record was given back").assert_stderr("hint: ");
    assert_eq!(run.text(), "no a\n");
    let run = channels.recv(&["q", "--ack", "echo \"no {}\"; false", "--retries", "2"]);
    assert_eq!(run.assert_code(1).text(), "no a\n".repeat(3));
    let run = channels.recv(&["q", "--ack", "cat; echo {} >&2", "-n1"]);
    assert_eq!((run.assert_code(0).text(), run.stderr.as_str()), ("", "a\n"));
    assert_eq!(channels.recv(&["q", "--ack", "cat"]).assert_code(0).text(), "b\n");
    channels.assert_gone();
    // A record is never a part of the script.
    channels.send(&["q", "--", "$(echo no); echo 'no'"], b"").assert_code(0);
    assert_eq!(channels.recv(&["q", "--ack", "printf %s {}"]).text(), "$(echo no); echo 'no'");
}

#[test]
fn a_record_whose_receiver_is_killed_while_its_command_works_is_done_by_another() {
    let channels = Channels::new();
    let barrier = Barrier::new();
    channels.send(&["q", "--", "a"], b"").assert_code(0);
    let command = format!("echo got {{}} >&2; read -r go < {}; echo done {{}}", barrier.path().display());
    let mut first = channels.program("recv", &["q", "--ack", &command]).start();
    first.await_stderr("got a");
    first.signal(Signal::KILL);
    // The command is killed with it.
    assert_eq!(first.finish().assert_signal(Signal::KILL).text(), "");
    let mut second = channels.program("recv", &["q", "--ack", &command]).start();
    second.await_stderr("got a");
    barrier.release();
    assert_eq!(second.finish().assert_code(0).text(), "done a\n");
    channels.assert_gone();
}

#[test]
fn a_signal_lets_the_command_finish_and_a_second_ends_it() {
    let channels = Channels::new();
    let barrier = Barrier::new();
    channels.send(&["q", "--", "a", "b"], b"").assert_code(0);
    let command = format!("echo got {{}} >&2; read -r go < {}; echo done {{}}", barrier.path().display());
    let start = || {
        let mut running = channels.program("recv", &["q", "--ack", &command]).start();
        running.await_stderr("got ");
        running
    };
    let mut running = start();
    running.signal(Signal::INT);
    running.await_stderr("finishing what is in hand");
    barrier.release();
    let run = running.finish();
    assert_eq!(run.assert_signal(Signal::INT).assert_stderr("stopped: 1 record was received").text(), "done a\n");
    let mut running = start();
    running.signal(Signal::TERM);
    running.await_stderr("finishing what is in hand");
    running.signal(Signal::TERM);
    assert_eq!(running.finish().assert_signal(Signal::TERM).text(), "");
    let mut running = channels.program("recv", &["q", "--grace", "0", "--ack", &command]).start();
    running.await_stderr("got b");
    running.signal(Signal::TERM);
    assert_eq!(running.finish().assert_signal(Signal::TERM).text(), "");
    assert_eq!(channels.recv(&["q"]).text(), "b\n", "it was given back");
}

#[test]
fn a_signal_ends_whoever_waits_and_what_was_sent_stays() {
    let channels = Channels::new();
    // For input, for room, for a receiver.
    let cases: [(&[&str], &str, u32); 3] =
        [(&["q"], "1\n2\n", 2), (&["q", "--capacity", "3"], "1\n2\n3\n4\n5\n", 3), (&["q", "--sync"], "1\n2\n", 1)];
    for (args, input, sent) in cases {
        let mut sender = channels.program("send", args).start();
        sender.write(input);
        channels.await_messages("q", sent);
        sender.signal(Signal::INT);
        let stdin = sender.stdin.take();
        sender.finish().assert_signal(Signal::INT).assert_stderr("note: stopped: ");
        drop(stdin);
        let received = channels.recv(&["q"]);
        assert_eq!(received.assert_code(0).text().lines().count(), sent as usize, "{args:?}");
        channels.assert_gone();
    }
    let receiver = channels.program("recv", &["q"]).start();
    eventually("it takes part", || channels.is_there("q"));
    receiver.signal(Signal::TERM);
    receiver.finish().assert_signal(Signal::TERM).assert_stderr("stopped: no record was received");
    channels.assert_gone();
    // Killed, it is put right by who comes next.
    let receiver = channels.program("recv", &["q"]).start();
    eventually("it takes part", || channels.is_there("q"));
    receiver.signal(Signal::KILL);
    receiver.finish().assert_signal(Signal::KILL);
    channels.recv(&["--timeout", "1ms", "q"]).assert_code(124);
    channels.assert_gone();
}

#[test]
fn what_cannot_be_written_is_given_back() {
    let channels = Channels::new();
    channels.send(&["q", "--", "a", "b"], b"").assert_code(0);
    let mut full = channels.program("recv", &["q"]);
    full.command().stdout(File::options().write(true).open("/dev/full").expect("Linux has it"));
    let run = full.start().finish();
    run.assert_code(125).assert_stderr("cannot write: No space left").assert_stderr("those in hand were given back");
    // So it is with an output that nobody reads, also while nothing comes.
    let keeper = channels.program("send", &["q"]).start();
    eventually("it takes part", || channels.is_there("q"));
    let mut closed = channels.program("recv", &["q"]).start();
    assert_eq!((closed.read_line(), closed.read_line()), ("a\n".into(), "b\n".into()));
    drop(closed.stdout.take());
    closed.finish().assert_signal(Signal::PIPE);
    keeper.finish().assert_code(0);
    channels.shell("narrows recv q >&-").assert_code(125).assert_stderr("stdout is closed");
    channels.shell("narrows send q <&-").assert_code(125).assert_stderr("stdin is closed");
    channels.shell("narrows send q <&- -- x; narrows recv q <&-").assert_code(0);
    channels.assert_gone();
}

#[test]
fn a_variable_for_an_option_that_needs_another_stands_aside() {
    let channels = Channels::new();
    let mut receiver = channels.program("recv", &["--timeout", "1ms", "q"]);
    receiver.command().envs([("NARROWS_RETRIES", "2"), ("NARROWS_GRACE", "1s"), ("NARROWS_QUIET", "1")]);
    assert_eq!(receiver.run(b"").assert_code(124).stderr, "");
    channels.send(&["q", "--", "a"], b"").assert_code(0);
    let mut receiver = channels.program("recv", &["--ack", "echo {}; false", "q"]);
    receiver.command().env("NARROWS_RETRIES", "1");
    assert_eq!(receiver.run(b"").assert_code(1).text(), "a\na\n");
}

#[test]
fn who_waits_too_long_says_so() {
    let channels = Channels::new();
    channels.recv(&["--timeout", "1ms", "q"]).assert_code(124).assert_stderr("note: nothing has come from q");
    assert_eq!(channels.recv(&["-q", "--timeout", "1ms", "q"]).assert_code(124).stderr, "");
    let run = channels.send(&["--timeout", "1ms", "--capacity", "2", "q"], b"1\n2\n3\n4\n");
    run.assert_code(124).assert_stderr("record 3 for q has waited too long (there was no room)");
    run.assert_stderr("hint: 2 records were sent before it, and none that follows");
    assert_eq!(channels.recv(&["q"]).text(), "1\n2\n");
    let run = channels.send(&["--timeout", "1ms", "--sync", "q"], b"1\n");
    run.assert_code(124).assert_stderr("nobody received it").assert_stderr("hint: no record was sent before it");
    channels.assert_gone();
}

#[test]
fn with_sync_a_sender_waits_for_its_receivers() {
    let channels = Channels::new();
    let mut sender = channels.program("send", &["q", "--sync"]).start();
    sender.write("a\nb\n");
    channels.await_messages("q", 1);
    assert_eq!(channels.recv(&["-n1", "q"]).text(), "a\n");
    channels.await_messages("q", 1);
    assert_eq!(channels.recv(&["-n1", "q"]).text(), "b\n");
    sender.finish().assert_code(0);
    channels.assert_gone();
}

#[test]
fn a_record_that_is_too_long_is_named_and_what_came_before_is_sent() {
    let channels = Channels::new();
    let long = [b"a\nb\n".to_vec(), b"x".repeat(11)].concat();
    for end in [&b""[..], b"\nc\n"] {
        let run = channels.send(&["--max-record", "10", "q"], &[&long[..], end].concat());
        run.assert_code(1).assert_stderr("record 3 is too long: the channel q takes 10 bytes");
        run.assert_stderr("2 records were sent before it, and none that follows");
        assert_eq!(channels.recv(&["q"]).text(), "a\nb\n");
    }
    channels.send(&["--max-record", "10", "--frame", "q"], b"\0\0\0\x0b").assert_code(1).assert_stderr("record 1");
    channels.send(&["--max-record", "10", "q", "--", "12345678901"], b"").assert_code(1).assert_stderr("it has 11");
    channels.assert_gone();
}

#[test]
fn who_finds_a_channel_takes_it_as_it_is_and_one_that_is_kept_open_ends_when_it_is_closed() {
    let channels = Channels::new();
    channels.send(&["--keep-open", "--capacity", "5", "q"], b"a\n").assert_code(0);
    let run = channels.send(&["--capacity", "7", "--max-record", "1K", "q"], b"b\n");
    run.assert_code(0)
        .assert_stderr("note: the channel q was made before: --capacity is 5, not 7; --max-record is 131072, not 1024");
    assert_eq!(channels.send(&["--capacity", "5", "--keep-open", "q"], b"c\n").assert_code(0).stderr, "");
    let mut receiver = channels.program("recv", &["q"]).start();
    let lines: String = (0..3).map(|_| receiver.read_line()).collect();
    assert_eq!(lines, "a\nb\nc\n");
    channels.send(&["q"], b"d\n").assert_code(0);
    assert_eq!(receiver.read_line(), "d\n", "it goes on");
    assert!(channels.try_inspect("q").expect("it is there").close());
    receiver.finish().assert_code(0);
    let run = channels.send(&["q"], b"e\n");
    run.assert_code(1)
        .assert_stderr("the channel q was closed at record 1")
        .assert_stderr("hint: no record was sent before it");
}

#[test]
fn an_error_is_two_lines() {
    let channels = Channels::new();
    let file = |name: &str| channels.folder().join(format!("{name}.channel"));
    fs::write(file("broken"), [7; 9000]).expect("it can be written");
    std::os::unix::fs::symlink("/etc/passwd", file("link")).expect("it can be made");
    narrows_shm::options()
        .bytes()
        .keep_open()
        .sender::<Vec<u8>>(file("foreign").to_str().expect("text"))
        .expect("a channel");
    // Only root can give a file away.
    let is_given = std::os::unix::fs::chown(file("foreign"), Some(65534), None).is_ok();
    let other = file("typed").to_str().expect("text").to_owned();
    let _typed = narrows_shm::options().keep_open().sender::<u32>(&other).expect("a channel");
    let closed = file("closed").to_str().expect("text").to_owned();
    let kept = narrows_shm::options().bytes().keep_open().sender::<Vec<u8>>(&closed).expect("a channel");
    kept.close();
    let wrong: [(&[&str], i32, &str); 8] = [
        (&["send", "--no-such", "q"], 2, "unexpected argument"),
        (&["send"], 2, "required arguments"),
        (&["send", "--capacity", "0", "q"], 2, "invalid value"),
        (&["send", ".q"], 2, "names no channel"),
        (&["recv", "q", "--retries", "3"], 2, "--ack"),
        (&["recv", "q", "--ack", "echo `echo {}`"], 2, "cannot put a record"),
        (&["send", "typed"], 125, "u32"),
        (&["send", "closed", "--", "a"], 1, "closed"),
    ];
    let more: [(&[&str], i32, &str); 4] = [
        (&["send", "broken"], 125, "broken"),
        (&["recv", "link"], 125, "link"),
        (&["recv", "/no/such/folder/q"], 125, "No such file"),
        (&["send", "--memory", "9999999G", "--capacity", "4000000", "big"], 125, "room"),
    ];
    let foreign: Option<(&[&str], i32, &str)> =
        is_given.then_some((&["recv", "foreign"], 125, "belongs to another user"));
    for (args, code, error) in wrong.into_iter().chain(more).chain(foreign) {
        let run = channels.program(args[0], &args[1..]).run(b"");
        let lines: Vec<&str> = run.assert_code(code).stderr.lines().collect();
        assert_eq!(lines.len(), 2, "{args:?}: {}", run.stderr);
        assert!(lines[0].starts_with("error: ") && lines[0].contains(error), "{args:?}: {}", run.stderr);
        assert!(lines[1].starts_with("hint: ") && lines[1].len() > 6, "{args:?}: {}", run.stderr);
    }
    assert!(!file("big").exists(), "nothing is left of it");
}

#[test]
fn a_waiting_receiver_uses_no_processor_time() {
    let channels = Channels::new();
    let keeper = channels.program("send", &["q"]).start();
    eventually("the channel is made", || channels.is_there("q"));
    // One of two has the last record in hand, the sender has left: the other waits for what becomes of it.
    let barrier = Barrier::new();
    channels.send(&["q"], b"a\n").assert_code(0);
    let command = format!("echo got >&2; read -r go < {}", barrier.path().display());
    let mut worker = channels.program("recv", &["q", "--ack", &command]).start();
    worker.await_stderr("got");
    keeper.finish().assert_code(0);
    let waiting = channels.program("recv", &["q"]).start();
    let ticks = || ticks_of(waiting.pid());
    channels.await_participants("q", 2);
    // It may still be getting there, and a machine with much else to do counts its own time as that of who is there: the best of
    // several looks tells.
    let mut looks = (0..10).map(|_| {
        let before = ticks();
        assert!(!waiting.ends_within(Duration::from_millis(300)));
        ticks() - before
    });
    assert!(looks.any(|used| used <= 3), "3 hundredths of a second of 30, each time");
    barrier.release();
    worker.finish().assert_code(0);
    assert_eq!(waiting.finish().assert_code(0).text(), "");
}

/// The processor time of a process, in hundredths of a second.
fn ticks_of(pid: rustix::process::Pid) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).expect("it runs");
    let after_name = stat.rsplit(')').next().expect("a name");
    after_name.split_whitespace().skip(11).take(2).map(|word| word.parse::<u64>().expect("a number")).sum()
}

#[test]
fn the_pipelines_of_the_examples_do_what_they_say() {
    let channels = Channels::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/pipelines.sh");
    let run = channels.shell(&format!(". {script}"));
    let said: Vec<&str> = run.assert_code(0).text().lines().collect();
    assert_eq!(said, ["1000 lines, each once", "done by somebody: 20", "kept: a b"], "{}", run.stderr);
    channels.assert_gone();
}
