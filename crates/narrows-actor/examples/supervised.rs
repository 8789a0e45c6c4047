//! A worker that fails on some of its jobs, is restarted, and loses none of the others; who asks for such a job hears at once.

use std::{error::Error, time::Duration};

use narrows_actor::{Actor, AskError, Backoff, Cx, Flow, How, Reply, System};

/// Square roots, of squares only.
struct Roots {
    found: u32,
}

enum Job {
    Root(u32, Reply<u32>),
    /// How many this life has found.
    Found(Reply<u32>),
}

impl Actor for Roots {
    type Msg = Job;

    fn handle(&mut self, job: Job, _: &Cx<Job>) -> Flow {
        match job {
            Job::Root(n, reply) => {
                if n.isqrt().pow(2) != n {
                    return Flow::fail(format!("{n} is no square"));
                }
                self.found += 1;
                reply.send(n.isqrt());
            }
            Job::Found(reply) => reply.send(self.found),
        }
        Flow::Next
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    const LONG: Duration = Duration::from_secs(60);
    let system = System::new();
    let workers = system
        .supervisor("workers")
        .intensity(10, Duration::from_secs(1))
        .backoff(Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(10), reset: LONG })
        .start();
    let roots = workers.build(|| Roots { found: 0 }).name("roots").capacity(16).start();

    let news = roots.monitor();
    for n in [49, 50, 64] {
        match roots.ask(|reply| Job::Root(n, reply), LONG) {
            Ok(root) => println!("the root of {n} is {root}"),
            Err(AskError::Unanswered) => println!("no answer for {n}: the worker has {}", news.recv()?.reason),
            Err(error) => return Err(error.into()),
        }
    }
    assert_eq!(roots.ask(Job::Found, LONG)?, 1, "of 49 and 64, one was found by the life before");
    print!("{}", system.tree());

    system.stop(How::Drain);
    system.join().map_err(|reason| reason.to_string())?;
    println!("at last it was {}", news.recv()?.reason);
    Ok(())
}
