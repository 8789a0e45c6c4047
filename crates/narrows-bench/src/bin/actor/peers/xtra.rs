//! xtra, on tokio, with a bound. A message that nobody answers is sent detached: it waits for a place and no longer.

use xtra::{Actor, Address, Context, Handler, Mailbox};

use super::on_tokio;
use crate::beside::Peer;
use crate::beside::host::Tokio;
use crate::counter::{Add, Counter, Report};
use crate::load::{Hosted, tasks};
use crate::row::{Job, PLACES};

pub(super) fn peer() -> Peer<Job> {
    Peer { knows: on_tokio, ..Peer::here("xtra", tasks::<Tokio, At>) }
}

struct Counting(Counter);

impl Actor for Counting {
    type Stop = ();

    async fn stopped(self) {}
}

struct Tell(Add);
struct Ask(Add);
struct Get;

impl Handler<Tell> for Counting {
    type Return = ();

    async fn handle(&mut self, Tell(add): Tell, _: &mut Context<Self>) {
        self.0.add(add);
    }
}

impl Handler<Ask> for Counting {
    type Return = u64;

    async fn handle(&mut self, Ask(add): Ask, _: &mut Context<Self>) -> u64 {
        self.0.add(add)
    }
}

impl Handler<Get> for Counting {
    type Return = Report;

    async fn handle(&mut self, _: Get, _: &mut Context<Self>) -> Report {
        self.0.report()
    }
}

const LIVES: &str = "the actor lives";

#[derive(Clone)]
struct At(Address<Counting>);

impl Hosted for At {
    async fn start(counter: Counter) -> Self {
        At(xtra::spawn_tokio(Counting(counter), Mailbox::bounded(PLACES)))
    }

    async fn tell(&self, add: Add) {
        // What it gives is the answer to come, which nobody waits for.
        drop(self.0.send(Tell(add)).detach().await.expect(LIVES));
    }

    async fn ask(&self, add: Add) -> u64 {
        self.0.send(Ask(add)).await.expect(LIVES)
    }

    async fn report(&self) -> Report {
        self.0.send(Get).await.expect(LIVES)
    }
}
