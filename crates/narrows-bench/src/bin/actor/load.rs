//! The work of a sample: senders that tell and ask, and what the actor says in the end.

use std::future::Future;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::beside::clock::now;
use crate::beside::host::Host;
use crate::beside::{Found, LONGEST};
use crate::counter::{Add, Counter, Report};
use crate::row::{Job, Load};

/// An actor on a thread of its own, and threads that send to it.
pub(crate) trait Threaded: Clone + Send + 'static {
    fn start(counter: Counter) -> Self;
    fn tell(&self, add: Add);
    fn ask(&self, add: Add) -> u64;
    fn report(&self) -> Report;
}

/// An actor on a runtime, and tasks that send to it.
pub(crate) trait Hosted: Clone + Send + Sync + 'static {
    fn start(counter: Counter) -> impl Future<Output = Self> + Send;
    fn tell(&self, add: Add) -> impl Future<Output = ()> + Send;
    fn ask(&self, add: Add) -> impl Future<Output = u64> + Send;
    fn report(&self) -> impl Future<Output = Report> + Send;
}

/// How often who waits for the last message looks whether it has come.
const LOOK: Duration = Duration::from_micros(200);

fn adds(job: &Job, count: u64, sender: u64) -> impl Iterator<Item = Add> + use<> {
    let share = count / job.senders + u64::from(sender < count % job.senders);
    let sender = usize::try_from(sender).unwrap_or(0);
    (1..=share).map(move |number| Add { sender, number })
}

pub(crate) fn threads<A: Threaded>(job: &Job, count: u64) -> Result<Found> {
    let actor = A::start(Counter::new(count));
    // It runs, and has seen its first message: it is not among those that are counted.
    ensure!(actor.report().count == 0, "it begins with messages");
    let began = now();
    let senders: Vec<_> = (0..job.senders)
        .map(|sender| {
            let (actor, adds, load) = (actor.clone(), adds(job, count, sender), job.load);
            thread::spawn(move || {
                let mut answers = 0_u64;
                for add in adds {
                    match load {
                        Load::Tell => actor.tell(add),
                        Load::Ask => answers = answers.wrapping_add(actor.ask(add)),
                    }
                }
                answers
            })
        })
        .collect();
    let mut answers = 0_u64;
    for sender in senders {
        let Ok(mine) = sender.join() else { anyhow::bail!("a sender failed") };
        answers = answers.wrapping_add(mine);
    }
    let deadline = now() + u64::try_from(LONGEST.as_nanos())?;
    loop {
        let report = actor.report();
        if report.count == count {
            return judge(job, count, began, answers, report);
        }
        ensure!(now() < deadline, "{} of {count} messages came", report.count);
        thread::sleep(LOOK);
    }
}

pub(crate) fn tasks<H: Host, A: Hosted>(job: &Job, count: u64) -> Result<Found> {
    let (tell, told) = mpsc::channel();
    let job = *job;
    // Everything in tasks: what runs on a thread that blocks for it is slow to be woken.
    H::start(None, async move {
        let _ = tell.send(in_tasks::<H, A>(job, count).await);
    })?;
    told.recv_timeout(LONGEST).context("its tasks told nothing")?
}

async fn in_tasks<H: Host, A: Hosted>(job: Job, count: u64) -> Result<Found> {
    let actor = A::start(Counter::new(count)).await;
    ensure!(actor.report().await.count == 0, "it begins with messages");
    let (done, all) = narrows::unbounded();
    let began = now();
    for sender in 0..job.senders {
        let (actor, done) = (actor.clone(), done.clone());
        H::spawn(async move {
            let mut answers = 0_u64;
            for add in adds(&job, count, sender) {
                match job.load {
                    Load::Tell => actor.tell(add).await,
                    Load::Ask => answers = answers.wrapping_add(actor.ask(add).await),
                }
            }
            let _ = done.send(answers);
        });
    }
    drop(done);
    let mut answers = 0_u64;
    for _ in 0..job.senders {
        answers = answers.wrapping_add(all.recv_async().await.context("a sender failed")?);
    }
    let deadline = now() + u64::try_from(LONGEST.as_nanos())?;
    loop {
        let report = actor.report().await;
        if report.count == count {
            return judge(&job, count, began, answers, report);
        }
        ensure!(now() < deadline, "{} of {count} messages came", report.count);
        H::sleep(LOOK).await;
    }
}

/// Every message came once, and every question had the answer that was its own.
fn judge(job: &Job, count: u64, began: u64, answers: u64, report: Report) -> Result<Found> {
    let triangle = |n: u64| n * (n + 1) / 2;
    let wanted: u64 = (0..job.senders).map(|sender| triangle(adds(job, count, sender).count() as u64)).sum();
    ensure!(report.sum == wanted, "the messages make {}, not {wanted}", report.sum);
    let wanted = if job.load == Load::Ask { triangle(count) } else { 0 };
    ensure!(answers == wanted, "the answers make {answers}, not {wanted}");
    let ns = (report.ended - began) as f64 / count as f64;
    Ok(vec![("ns", Some(ns)), ("overtaken", Some(report.overtaken as f64))])
}
