//! ractor: on tokio, with mailboxes that have no bound. It has no actors on threads.

use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

use super::on_tokio;
use crate::beside::Peer;
use crate::beside::host::Tokio;
use crate::counter::{Add, Counter, Report};
use crate::load::{Hosted, tasks};
use crate::row::Job;

pub(super) fn peer() -> Peer<Job> {
    Peer { knows: on_tokio, ..Peer::here("ractor", tasks::<Tokio, Address>) }
}

enum Message {
    Add(Add),
    Ask(Add, RpcReplyPort<u64>),
    Get(RpcReplyPort<Report>),
}

struct Counting;

impl Actor for Counting {
    type Msg = Message;
    type State = Counter;
    type Arguments = Counter;

    async fn pre_start(&self, _: ActorRef<Message>, counter: Counter) -> Result<Counter, ActorProcessingErr> {
        Ok(counter)
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        counter: &mut Counter,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Add(add) => {
                counter.add(add);
            }
            Message::Ask(add, reply) => reply.send(counter.add(add))?,
            Message::Get(reply) => reply.send(counter.report())?,
        }
        Ok(())
    }
}

const LIVES: &str = "the actor lives";

#[derive(Clone)]
struct Address(ActorRef<Message>);

impl Address {
    async fn question<T: Send + 'static>(&self, message: impl FnOnce(RpcReplyPort<T>) -> Message + Send) -> T {
        match self.0.call(message, None).await {
            Ok(CallResult::Success(answer)) => answer,
            _ => panic!("{LIVES}"),
        }
    }
}

impl Hosted for Address {
    async fn start(counter: Counter) -> Self {
        Address(Actor::spawn(None, Counting, counter).await.expect("it can begin").0)
    }

    async fn tell(&self, add: Add) {
        self.0.cast(Message::Add(add)).expect(LIVES);
    }

    async fn ask(&self, add: Add) -> u64 {
        self.question(|reply| Message::Ask(add, reply)).await
    }

    async fn report(&self) -> Report {
        self.question(Message::Get).await
    }
}
