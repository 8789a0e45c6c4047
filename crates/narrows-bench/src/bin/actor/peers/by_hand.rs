//! What people write who use no crate for it: an enum, a channel of narrows with a bound, and a loop. A question carries the
//! sender of its answer. It supervises nobody and has no deadlines, so it is what the others are held against and no peer.

use std::marker::PhantomData;

use narrows::{Receiver, Sender, bounded, oneshot};

use crate::beside::Peer;
use crate::beside::host::{self, Narrows, Tokio};
use crate::counter::{Add, Counter, Report};
use crate::load::{Hosted, Threaded, tasks, threads};
use crate::row::{Host, Job, PLACES};

pub(super) fn peer() -> Peer<Job> {
    let play = |job: &Job, count| match job.host {
        Host::Threads => threads::<OnThread>(job, count),
        Host::Tokio => tasks::<Tokio, OnTask<Tokio>>(job, count),
        Host::Tasks => tasks::<Narrows, OnTask<Narrows>>(job, count),
    };
    Peer { counted: false, ..Peer::here("enum by hand", play) }
}

enum Message {
    Add(Add),
    Ask(Add, oneshot::Sender<u64>),
    Get(oneshot::Sender<Report>),
}

fn handle(counter: &mut Counter, message: Message) {
    match message {
        Message::Add(add) => {
            counter.add(add);
        }
        Message::Ask(add, reply) => {
            let _ = reply.send(counter.add(add));
        }
        Message::Get(reply) => {
            let _ = reply.send(counter.report());
        }
    }
}

const LIVES: &str = "the actor lives";

#[derive(Clone)]
struct OnThread(Sender<Message>);

impl OnThread {
    fn question<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> T {
        let (reply, answer) = oneshot::channel();
        self.0.send(message(reply)).expect(LIVES);
        answer.recv().expect(LIVES)
    }
}

impl Threaded for OnThread {
    fn start(mut counter: Counter) -> Self {
        let (tx, rx): (_, Receiver<Message>) = bounded(PLACES);
        std::thread::spawn(move || {
            while let Ok(message) = rx.recv() {
                handle(&mut counter, message);
            }
        });
        OnThread(tx)
    }

    fn tell(&self, add: Add) {
        self.0.send(Message::Add(add)).expect(LIVES);
    }

    fn ask(&self, add: Add) -> u64 {
        self.question(|reply| Message::Ask(add, reply))
    }

    fn report(&self) -> Report {
        self.question(Message::Get)
    }
}

#[derive(Clone)]
struct OnTask<H>(Sender<Message>, PhantomData<H>);

impl<H: host::Host> OnTask<H> {
    async fn question<T: Send>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message + Send) -> T {
        let (reply, answer) = oneshot::channel();
        self.0.send_async(message(reply)).await.expect(LIVES);
        answer.recv_async().await.expect(LIVES)
    }
}

impl<H: host::Host> Hosted for OnTask<H> {
    async fn start(mut counter: Counter) -> Self {
        let (tx, rx): (_, Receiver<Message>) = bounded(PLACES);
        H::spawn(async move {
            while let Ok(message) = rx.recv_async().await {
                handle(&mut counter, message);
            }
        });
        OnTask(tx, PhantomData)
    }

    async fn tell(&self, add: Add) {
        self.0.send_async(Message::Add(add)).await.expect(LIVES);
    }

    async fn ask(&self, add: Add) -> u64 {
        self.question(|reply| Message::Ask(add, reply)).await
    }

    async fn report(&self) -> Report {
        self.question(Message::Get).await
    }
}
