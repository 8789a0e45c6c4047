//! kameo, with a bound: on tokio, and on a thread of its own, where threads send to it.

use std::convert::Infallible;

use kameo::actor::{Actor, ActorRef, Spawn};
use kameo::mailbox;
use kameo::message::{Context, Message};
use tokio::runtime::{Builder, Runtime};

use crate::beside::Peer;
use crate::beside::host::Tokio;
use crate::counter::{Add, Counter, Report};
use crate::load::{Hosted, Threaded, tasks, threads};
use crate::row::{Host, Job, PLACES};

pub(super) fn peer() -> Peer<Job> {
    let play = |job: &Job, count| match job.host {
        Host::Threads => threads::<OnThread>(job, count),
        _ => tasks::<Tokio, OnTask>(job, count),
    };
    Peer { knows: |job| job.host != Host::Tasks, ..Peer::here("kameo", play) }
}

struct Counting(Counter);

impl Actor for Counting {
    type Args = Counting;
    type Error = Infallible;

    async fn on_start(counting: Counting, _: ActorRef<Counting>) -> Result<Counting, Infallible> {
        Ok(counting)
    }
}

struct Tell(Add);
struct Ask(Add);
struct Get;

impl Message<Tell> for Counting {
    type Reply = ();

    async fn handle(&mut self, Tell(add): Tell, _: &mut Context<Self, ()>) {
        self.0.add(add);
    }
}

impl Message<Ask> for Counting {
    type Reply = u64;

    async fn handle(&mut self, Ask(add): Ask, _: &mut Context<Self, u64>) -> u64 {
        self.0.add(add)
    }
}

impl Message<Get> for Counting {
    type Reply = Result<Report, Infallible>;

    async fn handle(&mut self, _: Get, _: &mut Context<Self, Self::Reply>) -> Self::Reply {
        Ok(self.0.report())
    }
}

const LIVES: &str = "the actor lives";

#[derive(Clone)]
struct OnThread(ActorRef<Counting>);

impl Threaded for OnThread {
    fn start(counter: Counter) -> Self {
        // It runs on a thread of its own, but wants to be started by one that is tokio's.
        let runtime: Runtime =
            Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread can be had");
        let _inside = runtime.enter();
        let actor = Counting::spawn_in_thread_with_mailbox(Counting(counter), mailbox::bounded(PLACES));
        std::mem::forget(runtime);
        OnThread(actor)
    }

    fn tell(&self, add: Add) {
        self.0.tell(Tell(add)).blocking_send().expect(LIVES);
    }

    fn ask(&self, add: Add) -> u64 {
        self.0.ask(Ask(add)).blocking_send().expect(LIVES)
    }

    fn report(&self) -> Report {
        self.0.ask(Get).blocking_send().expect(LIVES)
    }
}

#[derive(Clone)]
struct OnTask(ActorRef<Counting>);

impl Hosted for OnTask {
    async fn start(counter: Counter) -> Self {
        OnTask(Counting::spawn_with_mailbox(Counting(counter), mailbox::bounded(PLACES)))
    }

    async fn tell(&self, add: Add) {
        self.0.tell(Tell(add)).send().await.expect(LIVES);
    }

    async fn ask(&self, add: Add) -> u64 {
        self.0.ask(Ask(add)).send().await.expect(LIVES)
    }

    async fn report(&self) -> Report {
        self.0.ask(Get).send().await.expect(LIVES)
    }
}
