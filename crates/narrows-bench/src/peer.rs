//! What the bench asks of a channel: a few verbs, each in the peer's own best way. Knows nothing of rows or clocks.

use std::collections::VecDeque;
use std::future::Future;

use crate::message::Message;

/// Which selects a peer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Select {
    None,
    /// Over receivers.
    Receive,
    /// Over receivers, and over senders.
    Both,
}

/// How many of each end a row uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) senders: u64,
    pub(crate) receivers: u64,
}

pub(crate) type Ends<P, M> = (<P as Peer>::Tx<M>, <P as Peer>::Rx<M>);
pub(crate) type TaskEnds<P, M> = (<P as TaskPeer>::Tx<M>, <P as TaskPeer>::Rx<M>);

/// A channel between threads. Ends are taken by `&mut`, because some peers need that.
pub(crate) trait Peer: 'static {
    /// The crate, and after a blank its flavour: `crossfire spsc`.
    const NAME: &'static str;
    const SELECT: Select = Select::None;

    type Tx<M: Message>: Send + 'static;
    type Rx<M: Message>: Send + 'static;

    /// False where another flavour of the same crate is for this shape.
    fn suits(_: Shape) -> bool {
        true
    }

    /// `None` as the capacity is no bound; `None` as the answer: this peer has no such channel.
    fn channel<M: Message>(capacity: Option<usize>) -> Option<Ends<Self, M>>;

    /// `None`: there is only one.
    fn another_tx<M: Message>(_: &Self::Tx<M>) -> Option<Self::Tx<M>> {
        None
    }

    /// `None`: there is only one.
    fn another_rx<M: Message>(_: &Self::Rx<M>) -> Option<Self::Rx<M>> {
        None
    }

    fn send<M: Message>(tx: &mut Self::Tx<M>, message: M);
    fn recv<M: Message>(rx: &mut Self::Rx<M>) -> M;
    /// True when the message went in.
    fn try_send<M: Message>(tx: &mut Self::Tx<M>, message: M) -> bool;
    fn try_recv<M: Message>(rx: &mut Self::Rx<M>) -> Option<M>;

    /// Receives `count` messages from whichever has one; each goes to `take`. Asked if `SELECT` is not `None`.
    fn recv_any<M: Message>(_rxs: &mut [Self::Rx<M>], _count: u64, _take: impl FnMut(M)) {
        unreachable!("{} does not select", Self::NAME)
    }

    /// Sends each message to whichever has room. Asked if `SELECT` is `Both`.
    fn send_any<M: Message>(_txs: &mut [Self::Tx<M>], _messages: impl Iterator<Item = M>) {
        unreachable!("{} does not select a sender", Self::NAME)
    }
}

/// A channel between tasks.
pub(crate) trait TaskPeer: 'static {
    type Tx<M: Message>: Send + 'static;
    type Rx<M: Message>: Send + 'static;

    fn suits(_: Shape) -> bool {
        true
    }

    fn channel<M: Message>(capacity: Option<usize>) -> Option<TaskEnds<Self, M>>;

    fn another_tx<M: Message>(_: &Self::Tx<M>) -> Option<Self::Tx<M>> {
        None
    }

    fn another_rx<M: Message>(_: &Self::Rx<M>) -> Option<Self::Rx<M>> {
        None
    }

    fn send<M: Message>(tx: &mut Self::Tx<M>, message: M) -> impl Future<Output = ()> + Send;
    fn recv<M: Message>(rx: &mut Self::Rx<M>) -> impl Future<Output = M> + Send;
}

/// A channel for one message.
pub(crate) trait OncePeer: 'static {
    type Tx<M: Message>: Send + 'static;
    type Rx<M: Message>: Send + 'static;

    fn pair<M: Message>() -> (Self::Tx<M>, Self::Rx<M>);
    fn send<M: Message>(tx: Self::Tx<M>, message: M);
    fn recv<M: Message>(rx: Self::Rx<M>) -> M;
    fn recv_async<M: Message>(rx: Self::Rx<M>) -> impl Future<Output = M> + Send;
}

/// A channel that gives every message to every receiver.
pub(crate) trait BroadcastPeer: 'static {
    type Tx<M: Message>: Send + 'static;
    type Rx<M: Message>: Send + 'static;

    /// With so many receivers.
    fn channel<M: Message>(places: usize, receivers: u64) -> (Self::Tx<M>, Vec<Self::Rx<M>>);
    fn send<M: Message>(tx: &mut Self::Tx<M>, message: M);
    fn recv<M: Message>(rx: &mut Self::Rx<M>) -> M;
    fn send_async<M: Message>(tx: &mut Self::Tx<M>, message: M) -> impl Future<Output = ()> + Send;
    fn recv_async<M: Message>(rx: &mut Self::Rx<M>) -> impl Future<Output = M> + Send;
}

/// A channel that keeps the latest value alone.
pub(crate) trait WatchPeer: 'static {
    type Tx<M: Message>: Send + 'static;
    type Rx<M: Message>: Send + 'static;

    fn pair<M: Message>(first: M) -> (Self::Tx<M>, Self::Rx<M>);
    fn send<M: Message>(tx: &mut Self::Tx<M>, value: M);
    fn borrow<M: Message>(rx: &mut Self::Rx<M>) -> M;
    /// Waits for a value that was not seen.
    fn changed<M: Message>(rx: &mut Self::Rx<M>) -> impl Future<Output = M> + Send;
}

/// A channel with permits: a place is had before the message.
pub(crate) trait PermitPeer: Peer + TaskPeer {
    /// There is a place.
    fn try_permit<M: Message>(tx: &mut <Self as Peer>::Tx<M>, message: M);
    fn permit<M: Message>(tx: &mut <Self as TaskPeer>::Tx<M>, message: M) -> impl Future<Output = ()> + Send;
}

/// A channel whose oldest message goes when a new one has no place.
pub(crate) trait ForcePeer: 'static {
    type Tx<M: Message>;
    type Rx<M: Message>;

    fn channel<M: Message>(places: usize) -> (Self::Tx<M>, Self::Rx<M>);
    fn force_send<M: Message>(tx: &mut Self::Tx<M>, message: M);
    fn try_recv<M: Message>(rx: &mut Self::Rx<M>) -> Option<M>;
}

/// A channel that takes or gives several messages at once. What it cannot do at once it does one by one.
pub(crate) trait BatchPeer: Peer {
    /// Sends all of them, waiting where it must.
    fn send_many<M: Message>(tx: &mut Self::Tx<M>, batch: &mut VecDeque<M>);
    /// Adds what is there, about `most`, and waits for one if there is none.
    fn recv_many<M: Message>(rx: &mut Self::Rx<M>, into: &mut Vec<M>, most: usize);
}
