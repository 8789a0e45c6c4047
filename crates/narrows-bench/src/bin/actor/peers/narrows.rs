//! narrows-actor: on a thread of its own, on tokio, and on narrows-task.

use std::marker::PhantomData;
use std::mem;
use std::time::Duration;

use narrows_actor::{Actor, Addr, Cx, Flow, Reply, System};

use crate::beside::host::{self, Narrows, Tokio};
use crate::beside::{LONGEST, OURS, Peer};
use crate::counter::{Add, Counter, Report};
use crate::load::{Hosted, Threaded, tasks, threads};
use crate::row::{Host, Job, PLACES};

pub(super) fn peer() -> Peer<Job> {
    Peer::here(OURS, |job, count| match job.host {
        Host::Threads => threads::<OnThread>(job, count),
        Host::Tokio => tasks::<Tokio, OnTask<Tokio>>(job, count),
        Host::Tasks => tasks::<Narrows, OnTask<Narrows>>(job, count),
    })
}

enum Message {
    Add(Add),
    Ask(Add, Reply<u64>),
    Get(Reply<Report>),
}

struct Counting(Counter);

impl Actor for Counting {
    type Msg = Message;

    fn handle(&mut self, message: Message, _: &Cx<Message>) -> Flow {
        match message {
            Message::Add(add) => {
                self.0.add(add);
            }
            Message::Ask(add, reply) => reply.send(self.0.add(add)),
            Message::Get(reply) => reply.send(self.0.report()),
        }
        Flow::Next
    }
}

fn begin(system: System, counter: Counter) -> Addr<Message> {
    let mut counter = Some(counter);
    let actor = system.actor(PLACES, move || Counting(counter.take().expect("it lives once")));
    // To drop it would end the actor.
    mem::forget(system);
    actor
}

const LIVES: &str = "the actor lives";
/// A question is asked with a deadline, as its users do.
const PATIENCE: Duration = LONGEST;

#[derive(Clone)]
struct OnThread(Addr<Message>);

impl Threaded for OnThread {
    fn start(counter: Counter) -> Self {
        OnThread(begin(System::new(), counter))
    }

    fn tell(&self, add: Add) {
        self.0.tell(Message::Add(add)).expect(LIVES);
    }

    fn ask(&self, add: Add) -> u64 {
        self.0.ask(|reply| Message::Ask(add, reply), PATIENCE).expect(LIVES)
    }

    fn report(&self) -> Report {
        self.0.ask(Message::Get, PATIENCE).expect(LIVES)
    }
}

#[derive(Clone)]
struct OnTask<H>(Addr<Message>, PhantomData<H>);

impl<H: host::Host> Hosted for OnTask<H> {
    async fn start(counter: Counter) -> Self {
        let system = System::on_tasks(|_, actor| H::spawn(actor));
        OnTask(begin(system, counter), PhantomData)
    }

    async fn tell(&self, add: Add) {
        self.0.tell_async(Message::Add(add)).await.expect(LIVES);
    }

    async fn ask(&self, add: Add) -> u64 {
        self.0.ask_async(|reply| Message::Ask(add, reply), PATIENCE).await.expect(LIVES)
    }

    async fn report(&self) -> Report {
        self.0.ask_async(Message::Get, PATIENCE).await.expect(LIVES)
    }
}
