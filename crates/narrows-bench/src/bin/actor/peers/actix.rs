//! actix: each actor is on an arbiter, a thread with a runtime of tokio; who sends is a task on another. A message that
//! nobody answers is sent by `do_send`, which knows no bound: `send` that waits for a place waits for the answer too.

use std::sync::mpsc;
use std::thread;

use actix::{Actor, Addr, Arbiter, Context, Handler, Message, MessageResult, System};

use super::on_tokio;
use crate::beside::Peer;
use crate::beside::host::Tokio;
use crate::counter::{Add, Counter, Report};
use crate::load::{Hosted, tasks};
use crate::row::{Job, PLACES};

pub(super) fn peer() -> Peer<Job> {
    Peer { knows: on_tokio, ..Peer::here("actix", tasks::<Tokio, Address>) }
}

struct Tell(Add);

impl Message for Tell {
    type Result = ();
}

struct Ask(Add);

impl Message for Ask {
    type Result = u64;
}

struct Get;

impl Message for Get {
    type Result = Report;
}

struct Counting(Counter);

impl Actor for Counting {
    type Context = Context<Counting>;
}

impl Handler<Tell> for Counting {
    type Result = ();

    fn handle(&mut self, Tell(add): Tell, _: &mut Context<Counting>) {
        self.0.add(add);
    }
}

impl Handler<Ask> for Counting {
    type Result = u64;

    fn handle(&mut self, Ask(add): Ask, _: &mut Context<Counting>) -> u64 {
        self.0.add(add)
    }
}

impl Handler<Get> for Counting {
    type Result = MessageResult<Get>;

    fn handle(&mut self, _: Get, _: &mut Context<Counting>) -> MessageResult<Get> {
        MessageResult(self.0.report())
    }
}

const LIVES: &str = "the actor lives";

#[derive(Clone)]
struct Address(Addr<Counting>);

impl Hosted for Address {
    async fn start(counter: Counter) -> Self {
        let (tell, told) = mpsc::channel();
        // An arbiter belongs to a system, which is a thread's.
        thread::spawn(move || {
            let system = System::new();
            let arbiter = Arbiter::new();
            let actor = Counting::start_in_arbiter(&arbiter.handle(), |context| {
                context.set_mailbox_capacity(PLACES);
                Counting(counter)
            });
            let _ = tell.send(actor);
            let _ = system.run();
        });
        Address(told.recv().expect("a system can begin"))
    }

    async fn tell(&self, add: Add) {
        self.0.do_send(Tell(add));
    }

    async fn ask(&self, add: Add) -> u64 {
        self.0.send(Ask(add)).await.expect(LIVES)
    }

    async fn report(&self) -> Report {
        self.0.send(Get).await.expect(LIVES)
    }
}
