//! Watch: one value that is always there. A configuration is changed while workers use it; each takes the latest at the
//! beginning of a piece of work, and what it looks at stays as it is meanwhile. None waits for another.
//! Use it for what is so, not for what happens: a value in between may never be looked at.

use std::thread;

use narrows::{select, watch};

#[derive(Debug)]
struct Config {
    revision: u32,
    factor: u64,
}

fn main() {
    let (config, latest) = watch::channel(Config { revision: 0, factor: 1 });
    let (jobs, inbox) = narrows::bounded(4);
    let (answers, results) = narrows::unbounded();

    let worker = thread::spawn(move || {
        let mut reloads = 0;
        loop {
            select! {
                recv(latest) -> changed => match changed {
                    Ok(()) => reloads += 1, // it has been seen, so the next is news again
                    Err(_) => break, // nobody is left to change it
                },
                recv(inbox) -> job => {
                    let Ok(job) = job else { break };
                    let config = latest.borrow(); // pinned, whatever is sent meanwhile
                    answers.send((config.revision, job * config.factor)).unwrap();
                }
            }
        }
        reloads
    });

    for revision in 1..=3 {
        let factor = 10_u64.pow(revision);
        config.send(Config { revision, factor }).unwrap(); // never waits
        jobs.send(7).unwrap();
        let (used, answer) = results.recv().unwrap();
        println!("revision {used}: {answer}");
        assert_eq!((used, answer), (revision, 7 * factor));
    }
    drop(config);
    let reloads = worker.join().unwrap();
    println!("the worker heard of {reloads} changes");
    assert!(reloads <= 3);
}
