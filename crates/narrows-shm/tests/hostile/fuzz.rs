//! A segment that somebody writes over: whatever stands in it, every operation comes back with an answer in time. No panic, no access
//! outside, no hang. The numbers come from a seed, which a failure tells; `NARROWS_ROUNDS` asks for more rounds, `NARROWS_SEED` for others.
#![allow(clippy::cast_possible_truncation)] // of random numbers any part will do

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use narrows_shm::{Bytes, Channel, Codec, Inspection, Options, Plain, inspect, options};

use super::Scratch;

/// Much longer than any round takes, on a busy machine too.
const HANGS: Duration = Duration::from_secs(90);
/// How long an operation is to wait.
const SHORT: Duration = Duration::from_micros(300);
/// How late it may be: a thread of a busy machine may rest so long.
const LATE: Duration = Duration::from_secs(30);

/// An xorshift generator (Marsaglia, 2003).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 20) % n
    }
}

fn number_of(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Writes something somewhere: bits, bytes, words, rows of them; more often where every message passes.
fn spoil(file: &File, len: u64, dice: &mut Dice) {
    let at = match dice.below(8) {
        0 => dice.below(256),                       // what is read once
        1 => 256 + dice.below(768),                 // status, hints, bells
        2 => 4096 + dice.below(4 * 256),            // the first participants
        3 | 4 => 4096 + 4 * 256 + dice.below(1024), // the first slots, and the words of blocks
        _ => dice.below(len),
    }
    .min(len - 8);
    let word_at = at & !7;
    let mut word = [0; 8];
    file.read_exact_at(&mut word, word_at).expect("within the file");
    let before = u64::from_le_bytes(word);
    match dice.below(6) {
        0 | 1 => {
            let bit = before ^ 1 << dice.below(64);
            file.write_all_at(&bit.to_le_bytes(), word_at).expect("within the file");
        }
        2 => file.write_all_at(&[dice.next() as u8], at).expect("within the file"),
        3 => file.write_all_at(&dice.next().to_le_bytes(), word_at).expect("within the file"),
        4 => {
            let telling = [0, u64::MAX, 1 << 63, before.wrapping_add(1), before.wrapping_add(1 << 32), before >> 32];
            let word = telling[dice.below(6) as usize];
            file.write_all_at(&word.to_le_bytes(), word_at).expect("within the file");
        }
        _ => {
            let filler = [dice.next() as u8; 64];
            let many = (len - at).min(64) as usize;
            file.write_all_at(&filler[..many], at).expect("within the file");
        }
    }
}

/// A type of channel that is fuzzed.
trait Fuzzed: 'static {
    type Message: Send;
    type Codec: Codec<Self::Message>;
    fn options() -> Options<Self::Codec>;
    fn message(dice: &mut Dice) -> Self::Message;
}

struct ShortBytes;
struct LongBytes;
struct Words;
struct Pages;

impl Fuzzed for ShortBytes {
    type Message = Vec<u8>;
    type Codec = Bytes;
    fn options() -> Options<Bytes> {
        options().bytes().capacity(3).max_len(64).participants(4)
    }
    fn message(dice: &mut Dice) -> Vec<u8> {
        vec![7; dice.below(70) as usize]
    }
}

impl Fuzzed for LongBytes {
    type Message = Vec<u8>;
    type Codec = Bytes;
    fn options() -> Options<Bytes> {
        options().bytes().capacity(4).max_len(3000).memory(6000).participants(4)
    }
    fn message(dice: &mut Dice) -> Vec<u8> {
        vec![7; dice.below(3100) as usize]
    }
}

impl Fuzzed for Words {
    type Message = (u32, String, Vec<u64>);
    type Codec = narrows_shm::Postcard;
    fn options() -> Options {
        options().capacity(2).max_len(500).participants(4)
    }
    fn message(dice: &mut Dice) -> Self::Message {
        (7, "x".repeat(dice.below(100) as usize), vec![1; dice.below(20) as usize])
    }
}

impl Fuzzed for Pages {
    type Message = [u64; 1024];
    type Codec = Plain;
    fn options() -> Options<Plain> {
        options().plain().capacity(2).memory(1 << 14).participants(4)
    }
    fn message(dice: &mut Dice) -> [u64; 1024] {
        [dice.next(); 1024]
    }
}

/// Whatever comes, it comes in time.
fn in_time<R>(what: &str, seed: u64, operation: impl FnOnce() -> R) -> R {
    let began = Instant::now();
    let answer = operation();
    assert!(began.elapsed() < LATE, "seed {seed}: {what} took {:?}", began.elapsed());
    answer
}

/// One operation of those that there are; the answer may be any.
fn operate<F: Fuzzed>(channel: &Channel<F::Message, F::Codec>, seed: u64, dice: &mut Dice) {
    let (sender, receiver) = (channel.sender(), channel.receiver());
    match dice.below(10) {
        0 | 1 => drop(in_time("try_send", seed, || sender.try_send(F::message(dice)))),
        2 => drop(in_time("send_timeout", seed, || sender.send_timeout(F::message(dice), SHORT))),
        3 => drop(in_time("send_sync_timeout", seed, || sender.send_sync_timeout(F::message(dice), SHORT))),
        4 | 5 => drop(in_time("try_recv", seed, || receiver.try_recv())),
        6 => drop(in_time("recv_timeout", seed, || receiver.recv_timeout(SHORT))),
        7 => in_time("lease", seed, || {
            if let Ok(lease) = receiver.lease_timeout(SHORT) {
                if dice.below(2) == 0 { drop(lease) } else { drop(lease.accept()) }
            }
        }),
        8 => in_time("select", seed, || {
            let mut select = narrows::Select::new();
            select.arm(&receiver);
            if let Ok(chosen) = select.select_timeout(SHORT) {
                let _ = receiver.complete(chosen);
            }
        }),
        _ => in_time("look", seed, || look(&channel.inspect(), dice)),
    }
}

fn look(inspection: &Inspection, dice: &mut Dice) {
    let _ = (inspection.participants(), inspection.len(), inspection.capacity(), inspection.memory());
    let _ = inspection.sweep();
    match dice.below(8) {
        0 => drop(inspection.close()),
        1 => drop(inspection.set_capacity(1)),
        2 => drop(inspection.remove_if_idle()),
        _ => {}
    }
}

/// Threads of two openings use a channel while somebody writes over it.
fn live<F: Fuzzed>(seed: u64, rounds: u64) {
    let scratch = Scratch::new("live");
    for round in 0..rounds {
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(round);
        let path = scratch.path(&format!("{}-{round}", std::any::type_name::<F>().rsplit(':').next().expect("a name")));
        let channel = F::options().open::<F::Message>(&path).expect("a channel");
        let file = File::options().read(true).write(true).open(&path).expect("its file");
        let len = file.metadata().expect("its size").len();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for user in 0..2 {
                // The second has opened it for itself.
                let channel = if user == 0 { &channel } else { &F::options().open(&path).expect("not spoiled yet") };
                let channel = channel.sender().channel();
                let is_over = &is_over;
                scope.spawn(move || {
                    let mut dice = Dice::new(seed ^ (user + 1));
                    for _ in 0..60 {
                        operate::<F>(&channel, seed, &mut dice);
                    }
                    is_over.store(true, Ordering::Relaxed);
                });
            }
            let mut dice = Dice::new(!seed);
            while !is_over.load(Ordering::Relaxed) {
                spoil(&file, len, &mut dice);
                for _ in 0..dice.below(3) {
                    thread::yield_now();
                }
            }
        });
        in_time("leaving", seed, || drop(channel));
        let _ = std::fs::remove_file(&path);
    }
}

/// A file that was written over before it is opened, and its head made to fit.
fn still<F: Fuzzed>(seed: u64, rounds: u64) {
    let scratch = Scratch::new("still");
    let path = scratch.path("channel");
    for round in 0..rounds {
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(round);
        let mut dice = Dice::new(seed);
        let keeps = F::options().keep_open().open::<F::Message>(&path).expect("a channel");
        for _ in 0..dice.below(5) {
            let _ = keeps.sender().try_send(F::message(&mut dice));
        }
        drop(keeps);
        let file = File::options().read(true).write(true).open(&path).expect("its file");
        let len = file.metadata().expect("its size").len();
        for _ in 0..=dice.below(12) {
            spoil(&file, len, &mut dice);
        }
        if dice.below(2) == 0 {
            mend_head(&file);
        }
        if let Ok(inspection) = in_time("inspect", seed, || inspect(&path)) {
            in_time("look", seed, || look(&inspection, &mut dice));
        }
        if let Ok(channel) = in_time("open", seed, || F::options().open::<F::Message>(&path)) {
            for _ in 0..12 {
                operate::<F>(&channel, seed, &mut dice);
            }
            in_time("leaving", seed, || drop(channel));
        }
        let _ = std::fs::remove_file(&path);
    }
}

/// Whoever means it can make the check sum right: FNV-1a over the head, with zeros in its own place.
fn mend_head(file: &File) {
    let mut head = [0; 224];
    file.read_exact_at(&mut head, 0).expect("a head");
    head[56..64].fill(0);
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let sum = head.iter().fold(start, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    file.write_all_at(&sum.to_le_bytes(), 56).expect("a head");
}

/// In a thread that is given up if it hangs, with the seed.
fn within(what: &'static str, body: impl FnOnce(u64, u64) + Send + 'static) {
    let (seed, rounds) = (number_of("NARROWS_SEED", 1), number_of("NARROWS_ROUNDS", 12));
    let (tell, told) = mpsc::channel();
    let running = thread::spawn(move || {
        body(seed, rounds);
        let _ = tell.send(());
    });
    match told.recv_timeout(HANGS + Duration::from_millis(50 * rounds)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{what} hangs, seed {seed}, {rounds} rounds"),
        _ => running.join().expect("no panic"),
    }
}

#[test]
fn short_messages_while_it_is_written_over() {
    within("live", live::<ShortBytes>);
}

#[test]
fn long_messages_while_it_is_written_over() {
    within("live", live::<LongBytes>);
}

#[test]
fn serialized_messages_while_it_is_written_over() {
    within("live", live::<Words>);
}

#[test]
fn plain_pages_while_it_is_written_over() {
    within("live", live::<Pages>);
}

#[test]
fn files_that_were_written_over() {
    within("still", |seed, rounds| {
        still::<ShortBytes>(seed, 3 * rounds);
        still::<LongBytes>(seed, 3 * rounds);
        still::<Words>(seed, 3 * rounds);
        still::<Pages>(seed, 3 * rounds);
    });
}
