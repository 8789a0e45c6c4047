//! Programs made with narrows-rank, under `narrows run`. The program is this one once more: a test that does nothing unless it
//! is told what to do as a rank.

use std::{
    env,
    process::exit,
    thread,
    time::{Duration, Instant},
};

use narrows_rank::{Any, Error, Rank, Tag, Wire, World};
use rustix::process::{Signal, kill_process};

use super::{await_ranks, run};
use crate::harness::dice::{Dice, deep, seed};
use crate::harness::{Farm, Run};

#[allow(dead_code, reason = "its `main` is that of the example")]
#[path = "../../../narrows-rank/examples/processes.rs"]
mod example;

const PART: &str = "NARROWS_TEST_PART";

fn ranks(number: &str, part: &str) -> Farm {
    let me = env::current_exe().expect("this program");
    let me = me.to_str().expect("it is text");
    // Nobody is made to end who should end by himself, however slow the machine.
    let mut farm = run(&["-n", number, "--grace", "1h", me, "--exact", "ranks::as_a_rank", "--nocapture"]);
    farm.command().env(PART, part);
    farm
}

/// What the ranks said, in order of their lines.
fn said(run: &Run) -> Vec<&str> {
    let mut lines: Vec<&str> = run.stderr.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn as_a_rank() {
    let Ok(part) = env::var(PART) else { return };
    let program = match part.as_str() {
        "ring" => example::program::<Wire>,
        "waits" => waits,
        "mistaken" => mistaken,
        "early" => early,
        "again" => again,
        "busy" => busy,
        "circle" => circle,
        "queue" => queue,
        "slow" => slow,
        _ => panic!("there is no such part: {part}"),
    };
    let world = World::processes().unwrap_or_else(|error| {
        eprintln!("{error}");
        exit(3)
    });
    match world.run(program) {
        Ok(line) => eprintln!("{line}"),
        Err(error) => {
            eprintln!("{error}");
            exit(1);
        }
    }
    exit(0);
}

/// All wait for rank 2, each in another way, and it does nothing.
fn waits(me: &Rank<Wire>) -> Result<String, Error> {
    me.barrier()?;
    eprintln!("up {} {}", me.rank(), std::process::id());
    match me.rank() {
        // It waits, but for no message: so that is no deadlock.
        2 => loop {
            thread::park();
        },
        0 => me.recv::<u32>(2, Tag(1)).map(|_| String::new()),
        1 => me.ssend(2, 1, vec![0_u8; 3 << 20]).map(|()| String::new()).map_err(Error::from),
        _ => me.barrier().map(|()| String::new()),
    }
}

fn mistaken(me: &Rank<Wire>) -> Result<String, Error> {
    if me.rank() == 0 {
        me.send(1, 1, 5_u32)?;
        return Ok("sent".into());
    }
    let wrong = me.recv::<String>(0, Tag(1)).map_err(|error| error.to_string());
    let (right, _) = me.recv::<u32>(0, Tag(1))?;
    Ok(format!("{} {right}", wrong.unwrap_err()))
}

/// Rank 0 ends before rank 1 asks for what it has sent.
fn early(me: &Rank<Wire>) -> Result<String, Error> {
    if me.rank() == 0 {
        me.send(1, 1, "first".to_owned())?;
        me.send(1, 1, vec![1_u64; 200_000])?;
        return Ok("ended".into());
    }
    let gone = me.recv::<()>(0, Tag(2)).map(drop).unwrap_err();
    let (first, _) = me.recv::<String>(Any, Any)?;
    let (second, _) = me.recv::<Vec<u64>>(0, Any)?;
    let nothing = me.recv::<()>(Any, Any).map(drop).unwrap_err();
    Ok(format!("{gone}; {first}; {}; {nothing}", second.len()))
}

/// Sends what is short and what is long, until somebody is gone.
fn busy(me: &Rank<Wire>) -> Result<String, Error> {
    let (after, before) = ((me.rank() + 1) % me.size(), (me.rank() + me.size() - 1) % me.size());
    for round in 0_u64.. {
        if round == 3 {
            eprintln!("up {} {}", me.rank(), std::process::id());
        }
        let length = 10_usize.pow(u32::try_from(round % 6).expect("it is small"));
        me.send(after, 1, vec![round; length])?;
        let (theirs, _) = me.recv::<Vec<u64>>(before, Tag(1))?;
        assert!(theirs.len() == length && theirs.iter().all(|number| *number == round), "{round}");
        assert_eq!(me.all_reduce(round, u64::max)?, round);
    }
    Ok(String::new())
}

/// All but the last, which ends, wait for each other, in two ways.
fn circle(me: &Rank<Wire>) -> Result<String, Error> {
    let after = (me.rank() + 1) % (me.size() - 1);
    match me.rank() {
        3 => Ok("ended".into()),
        0 => me.ssend(after, 7, 0_u8).map(|()| String::new()).map_err(Error::from),
        _ => me.recv::<u8>(after, Tag(8)).map(|_| String::new()),
    }
}

/// All wait for the one before, who waits, but rank 0, which does not wait.
fn queue(me: &Rank<Wire>) -> Result<String, Error> {
    if me.rank() > 0 {
        let (word, _) = me.recv::<String>(me.rank() - 1, Tag(1))?;
        if me.rank() + 1 < me.size() {
            me.send(me.rank() + 1, 1, word.clone())?;
        }
        return Ok(word);
    }
    // Twice as long as ranks wait before they say so.
    let (begun, pause) = (Instant::now(), Duration::from_millis(200));
    while begun.elapsed() < pause {
        thread::park_timeout(pause);
    }
    me.send(1, 1, "come".to_owned())?;
    Ok("sent".to_owned())
}

/// Each holds a token until the others have waited for long enough to say so.
fn slow(me: &Rank<Wire>) -> Result<String, Error> {
    let (after, before) = ((me.rank() + 1) % me.size(), (me.rank() + me.size() - 1) % me.size());
    for _ in 0..deep(2, 100) {
        if me.rank() > 0 {
            me.recv::<()>(before, Tag(1))?;
        }
        let (begun, pause) = (Instant::now(), Duration::from_millis(102));
        while begun.elapsed() < pause {
            thread::park_timeout(pause);
        }
        me.send(after, 1, ())?;
        if me.rank() == 0 {
            me.recv::<()>(before, Tag(1))?;
        }
    }
    Ok("round".to_owned())
}

fn again(_: &Rank<Wire>) -> Result<String, Error> {
    World::processes().err().map(|error| error.to_string()).ok_or(Error::failed("it was possible twice"))
}

#[test]
fn a_ring_and_an_all_reduce_of_a_mebibyte() {
    let run = ranks("4", "ring").run(b"");
    run.assert_code(0);
    let told = |(rank, token): (usize, usize)| {
        format!("rank {rank} of 4: the token was {token} here, and 131072 sums are right")
    };
    assert_eq!(said(&run), [(0, 6), (1, 1), (2, 3), (3, 6)].map(told));
    // Neither a power of two nor more than one.
    for number in ["1", "3"] {
        ranks(number, "ring").run(b"").assert_code(0);
    }
}

#[test]
fn whoever_waits_for_a_rank_that_is_killed_hears_of_it_at_once() {
    let mut running = ranks("4", "waits").start();
    let pids = await_ranks(&mut running, 4);
    kill_process(pids[2], Signal::KILL).expect("it runs");
    running.await_stderr("error: rank 2 was ended by signal 9 (SIGKILL); ending the others");
    let run = running.finish();
    run.assert_code(128 + 9);
    run.assert_stderr("rank 0 failed: rank 2 is gone: it was ended by signal 9 (SIGKILL)");
    // Whoever is just sending is refused, perhaps before it hears why.
    run.assert_stderr("rank 1 failed: rank 2 is gone: it ");
    // In a barrier it may wait for rank 2 itself, or for one that has failed for want of it.
    run.assert_stderr("rank 3 failed: rank ");
    assert!(!run.stderr.contains("note: ending"), "{}", run.stderr);
}

#[test]
fn whatever_ranks_are_doing_when_one_is_killed_the_others_end_by_themselves() {
    let seed = seed();
    eprintln!("NARROWS_SEED={seed}");
    let mut dice = Dice::new(seed);
    for _ in 0..deep(3, 100) {
        let mut running = ranks("4", "busy").start();
        let pids = await_ranks(&mut running, 4);
        let victim = dice.pick(&[0, 1, 2, 3]);
        // Some more rounds, or none.
        thread::park_timeout(Duration::from_micros(dice.below(3000)));
        kill_process(pids[victim], Signal::KILL).expect("it runs");
        let run = running.finish();
        run.assert_code(128 + 9).assert_stderr(&format!("error: rank {victim} was ended by signal 9"));
        assert!(!run.stderr.contains("note: ending") && !run.stderr.contains("panicked"), "{}", run.stderr);
    }
}

#[test]
fn ranks_that_all_wait_for_each_other_are_told_who_waits_for_what() {
    let run = ranks("4", "circle").run(b"");
    run.assert_code(1);
    let report = "deadlock, every rank waits: rank 0 waits until rank 1 takes its message with tag 7; \
        rank 1 waits for a message from rank 2 with tag 8; rank 2 waits for a message from rank 0 with tag 8; rank 3 has returned";
    // The first of them ends by that, which another may hear before it is told itself.
    let told = |rank: usize| {
        run.stderr.lines().any(|line| line.starts_with(&format!("rank {rank} failed: ")) && line.ends_with(report))
    };
    assert!((0..3).all(told), "{}", run.stderr);
    run.assert_stderr(&format!(" failed: {report}\n"));
}

#[test]
fn ranks_that_wait_for_one_that_takes_its_time_are_left_alone() {
    assert_eq!(said(ranks("3", "queue").run(b"").assert_code(0)), ["come", "come", "sent"]);
    assert_eq!(said(ranks("3", "slow").run(b"").assert_code(0)), ["round"; 3]);
}

#[test]
fn a_wrong_type_is_an_error_that_names_both() {
    let run = ranks("2", "mistaken").run(b"");
    run.assert_code(0).assert_stderr("`u32`").assert_stderr("String`").assert_stderr(" 5\n");
}

#[test]
fn what_a_rank_has_sent_is_received_after_its_end() {
    let run = ranks("2", "early").run(b"");
    run.assert_code(0).assert_stderr("rank 0 is gone: it has ").assert_stderr("; first; 200000; ");
    run.assert_stderr("all other ranks are gone");
}

#[test]
fn who_is_no_rank_is_told_how_to_become_one() {
    let mut alone = crate::harness::marked(std::process::Command::new(env::current_exe().expect("this program")));
    alone.command().args(["--exact", "ranks::as_a_rank", "--nocapture"]).env(PART, "ring");
    alone.run(b"").assert_code(3).assert_stderr("start it by `narrows run -n 4 PROGRAM`");
    ranks("2", "again").run(b"").assert_code(0).assert_stderr("was taken already");
}
