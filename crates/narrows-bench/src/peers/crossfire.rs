//! crossfire: a type per shape and per store; each is a peer here, and a row asks the narrowest that fits it.
//! `detect_backoff_cfg` was called before the first row, as its documentation advises for virtual machines.

use crossfire::oneshot::{RxOneshot, TxOneshot, oneshot};
use crossfire::{AsyncRx, AsyncTx, MAsyncRx, MAsyncTx, MRx, MTx, Rx, Tx, mpmc, mpsc, select, spsc};

use crate::message::Message;
use crate::peer::{Ends, OncePeer, Peer, Select, Shape, TaskEnds, TaskPeer};

const LIVES: &str = "the other end lives";

const ONE_TO_ONE: fn(Shape) -> bool = |shape| shape.senders == 1 && shape.receivers == 1;
const MANY_TO_ONE: fn(Shape) -> bool = |shape| shape.senders > 1 && shape.receivers == 1;
/// `mpmc::One` hangs in four to four, in most runs.
const ONE_TO_MANY: fn(Shape) -> bool = |shape| shape.senders == 1 && shape.receivers > 1;
const TO_MANY: fn(Shape) -> bool = |shape| shape.receivers > 1;

/// One flavour: twenty types that differ in names alone, so a macro.
macro_rules! flavour {
    (
        $peer:ident $name:literal $suits:ident $module:ident::$store:ident
        ($tx:ident $($more_tx:ident)?) ($rx:ident $($more_rx:ident)?) ($task_tx:ident) ($task_rx:ident)
        $capacity:ident => $new:expr
    ) => {
        #[derive(Debug)]
        pub(crate) struct $peer;

        impl Peer for $peer {
            const NAME: &'static str = $name;
            const SELECT: Select = Select::Receive;
            type Tx<M: Message> = $tx<$module::$store<M>>;
            type Rx<M: Message> = $rx<$module::$store<M>>;

            fn suits(shape: Shape) -> bool {
                $suits(shape)
            }

            fn channel<M: Message>($capacity: Option<usize>) -> Option<Ends<Self, M>> {
                $new.map($module::build)
            }

            $(fn another_tx<M: Message>($more_tx: &Self::Tx<M>) -> Option<Self::Tx<M>> {
                Some($more_tx.clone())
            })?

            $(fn another_rx<M: Message>($more_rx: &Self::Rx<M>) -> Option<Self::Rx<M>> {
                Some($more_rx.clone())
            })?

            fn send<M: Message>(tx: &mut Self::Tx<M>, message: M) {
                tx.send(message).expect(LIVES);
            }

            fn recv<M: Message>(rx: &mut Self::Rx<M>) -> M {
                rx.recv().expect(LIVES)
            }

            fn try_send<M: Message>(tx: &mut Self::Tx<M>, message: M) -> bool {
                tx.try_send(message).is_ok()
            }

            fn try_recv<M: Message>(rx: &mut Self::Rx<M>) -> Option<M> {
                rx.try_recv().ok()
            }

            fn recv_any<M: Message>(rxs: &mut [Self::Rx<M>], count: u64, mut take: impl FnMut(M)) {
                let mut select = select::Select::new();
                for rx in &*rxs {
                    select.add(rx);
                }
                for _ in 0..count {
                    let chosen = select.select().expect(LIVES);
                    let from = rxs.iter().find(|rx| chosen.is_from(*rx)).expect("it is one of them");
                    take(from.read_select(chosen).expect(LIVES));
                }
            }
        }

        impl TaskPeer for $peer {
            type Tx<M: Message> = $task_tx<$module::$store<M>>;
            type Rx<M: Message> = $task_rx<$module::$store<M>>;

            fn suits(shape: Shape) -> bool {
                $suits(shape)
            }

            fn channel<M: Message>($capacity: Option<usize>) -> Option<TaskEnds<Self, M>> {
                $new.map($module::build)
            }

            $(fn another_tx<M: Message>($more_tx: &Self::Tx<M>) -> Option<Self::Tx<M>> {
                Some($more_tx.clone())
            })?

            $(fn another_rx<M: Message>($more_rx: &Self::Rx<M>) -> Option<Self::Rx<M>> {
                Some($more_rx.clone())
            })?

            async fn send<M: Message>(tx: &mut Self::Tx<M>, message: M) {
                tx.send(message).await.expect(LIVES);
            }

            async fn recv<M: Message>(rx: &mut Self::Rx<M>) -> M {
                rx.recv().await.expect(LIVES)
            }
        }
    };
}

fn one<T>(capacity: Option<usize>, new: fn() -> T) -> Option<T> {
    capacity.filter(|&places| places == 1).map(|_| new())
}

fn many<T>(capacity: Option<usize>, new: fn(usize) -> T) -> Option<T> {
    capacity.filter(|&places| places > 1).map(new)
}

fn any<T>(capacity: Option<usize>, new: fn() -> T) -> Option<T> {
    capacity.is_none().then(new)
}

flavour!(SpscOne "crossfire spsc::One" ONE_TO_ONE spsc::One (Tx) (Rx) (AsyncTx) (AsyncRx)
    capacity => one(capacity, spsc::One::new));
flavour!(SpscArray "crossfire spsc::Array" ONE_TO_ONE spsc::Array (Tx) (Rx) (AsyncTx) (AsyncRx)
    capacity => many(capacity, spsc::Array::new));
flavour!(SpscList "crossfire spsc::List" ONE_TO_ONE spsc::List (Tx) (Rx) (AsyncTx) (AsyncRx)
    capacity => any(capacity, spsc::List::new));
flavour!(MpscOne "crossfire mpsc::One" MANY_TO_ONE mpsc::One (MTx tx) (Rx) (MAsyncTx) (AsyncRx)
    capacity => one(capacity, mpsc::One::new));
flavour!(MpscArray "crossfire mpsc::Array" MANY_TO_ONE mpsc::Array (MTx tx) (Rx) (MAsyncTx) (AsyncRx)
    capacity => many(capacity, mpsc::Array::new));
flavour!(MpscList "crossfire mpsc::List" MANY_TO_ONE mpsc::List (MTx tx) (Rx) (MAsyncTx) (AsyncRx)
    capacity => any(capacity, mpsc::List::new));
flavour!(MpmcOne "crossfire mpmc::One" ONE_TO_MANY mpmc::One (MTx tx) (MRx rx) (MAsyncTx) (MAsyncRx)
    capacity => one(capacity, mpmc::One::new));
flavour!(MpmcArray "crossfire mpmc::Array" TO_MANY mpmc::Array (MTx tx) (MRx rx) (MAsyncTx) (MAsyncRx)
    capacity => many(capacity, mpmc::Array::new));
flavour!(MpmcList "crossfire mpmc::List" TO_MANY mpmc::List (MTx tx) (MRx rx) (MAsyncTx) (MAsyncRx)
    capacity => any(capacity, mpmc::List::new));

/// Its channel for one message.
#[derive(Debug)]
pub(crate) struct Oneshot;

impl OncePeer for Oneshot {
    type Tx<M: Message> = TxOneshot<M>;
    type Rx<M: Message> = RxOneshot<M>;

    fn pair<M: Message>() -> (TxOneshot<M>, RxOneshot<M>) {
        oneshot()
    }

    fn send<M: Message>(tx: TxOneshot<M>, message: M) {
        tx.send(message);
    }

    fn recv<M: Message>(rx: RxOneshot<M>) -> M {
        rx.recv().expect(LIVES)
    }

    async fn recv_async<M: Message>(rx: RxOneshot<M>) -> M {
        rx.await.expect(LIVES)
    }
}
