//! What channels made of lanes promise alike: `narrows::priority` and `narrows::fan_in`, in every way of receiving.

use crate::actor::{Actor, Host};
use crate::deadline::{times, until};
use crate::hand::{Bell, Hand, poll};
use crate::load::Ledger;
use crate::receiving::{LONG, WAYS, Way};
use narrows::arm::Arm;
use narrows::{RecvError, RecvTimeoutError, Select, SelectedOperation, Sender, TryRecvError, fan_in, priority};
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// The sender of a lane.
pub type Tx<T> = Box<dyn Deref<Target = Sender<T>> + Send>;
type Received<T> = Result<T, RecvError>;

/// A receiver of lanes.
pub trait Lanes<T>: Arm + Send + Sync + Sized + 'static {
    /// A channel of `n` lanes.
    fn make(n: usize) -> (Vec<Tx<T>>, Self);
    /// The verbs.
    fn recv(&mut self) -> Received<T>;
    /// Without waiting.
    fn try_recv(&mut self) -> Result<T, TryRecvError>;
    /// With a time limit.
    fn recv_timeout(&mut self, timeout: Duration) -> Result<T, RecvTimeoutError>;
    /// As a future.
    fn recv_async(&mut self) -> Pin<Box<dyn Future<Output = Received<T>> + Send + '_>>;
    /// By `select!`.
    fn recv_by_macro(&self) -> Received<T>;
    /// What a `Select` has chosen.
    fn recv_selected(&self, operation: SelectedOperation<'_>) -> Received<T>;
    /// What is inside.
    fn inside(&self) -> usize;
    /// Ends every lane.
    fn close(&self) -> bool;
    /// Whether it has ended, and whether nothing is left.
    fn ended(&self) -> (bool, bool);
}

macro_rules! lanes {
    ($kind:ident, $make:expr) => {
        impl<T: Send + 'static> Lanes<T> for $kind::Receiver<T> {
            fn make(n: usize) -> (Vec<Tx<T>>, Self) {
                let make: fn(usize) -> (Vec<Tx<T>>, Self) = $make;
                make(n)
            }
            fn recv(&mut self) -> Received<T> {
                $kind::Receiver::recv(self)
            }
            fn try_recv(&mut self) -> Result<T, TryRecvError> {
                $kind::Receiver::try_recv(self)
            }
            fn recv_timeout(&mut self, timeout: Duration) -> Result<T, RecvTimeoutError> {
                $kind::Receiver::recv_timeout(self, timeout)
            }
            fn recv_async(&mut self) -> Pin<Box<dyn Future<Output = Received<T>> + Send + '_>> {
                Box::pin($kind::Receiver::recv_async(self))
            }
            fn recv_by_macro(&self) -> Received<T> {
                narrows::select! {
                    recv(self) -> message => message,
                    recv(narrows::never::<T>()) -> _ => unreachable!("it is never ready"),
                }
            }
            fn recv_selected(&self, operation: SelectedOperation<'_>) -> Received<T> {
                $kind::Receiver::recv_selected(self, operation)
            }
            fn inside(&self) -> usize {
                assert_eq!($kind::Receiver::is_empty(self), $kind::Receiver::len(self) == 0);
                $kind::Receiver::len(self)
            }
            fn close(&self) -> bool {
                $kind::Receiver::close(self)
            }
            fn ended(&self) -> (bool, bool) {
                ($kind::Receiver::is_closed(self), $kind::Receiver::is_disconnected(self))
            }
        }
    };
}

lanes!(priority, |n| {
    let (senders, r) = priority::lanes((0..n).map(|_| Some(8)), 4);
    (senders.into_iter().map(|s| Box::new(Box::new(s)) as Tx<T>).collect(), r)
});
lanes!(fan_in, |n| {
    let (s, r) = fan_in::channel(8);
    let mut senders: Vec<Tx<T>> = (1..n).map(|_| Box::new(s.clone()) as Tx<T>).collect();
    senders.push(Box::new(s));
    (senders, r)
});

impl Way {
    async fn recv_lanes<T, R: Lanes<T>>(self, r: &mut R) -> Received<T> {
        match self {
            Way::Blocked => r.recv(),
            Way::Timed => r.recv_timeout(LONG).map_err(|why| {
                assert_eq!(why, RecvTimeoutError::Disconnected, "an hour has not passed");
                RecvError
            }),
            Way::Macro => r.recv_by_macro(),
            Way::OnPool | Way::OnTokio => r.recv_async().await,
            Way::Selected => {
                let mut select = Select::new();
                select.arm(r);
                r.recv_selected(select.select())
            }
            Way::SelectAwaited => {
                let mut select = Select::new();
                select.arm(r);
                r.recv_selected(select.select_async().await)
            }
        }
    }

    fn spawn_lanes<T: Send + 'static, R: Lanes<T>>(self, mut r: R) -> Actor<(Received<T>, R)> {
        self.host().spawn(async move { (self.recv_lanes(&mut r).await, r) })
    }
}

fn every_message_arrives<R: Lanes<crate::load::Load>>() {
    const EACH: u64 = times(400) as u64;
    for way in WAYS {
        let ledger = Ledger::new(4 * times(400));
        let (senders, mut r) = R::make(4);
        let writers: Vec<_> = (0..)
            .zip(senders)
            .map(|(lane, s)| {
                let ledger = ledger.clone();
                thread::spawn(move || (0..EACH).for_each(|i| s.send(ledger.load(lane * EACH + i)).expect("it is open")))
            })
            .collect();
        let reader = way.host().spawn(async move {
            let mut next = [0; 4];
            while let Ok(load) = way.recv_lanes(&mut r).await {
                let (lane, i) = (load.number() / EACH, load.number() % EACH);
                let next = &mut next[usize::try_from(lane).expect("a lane")];
                assert_eq!(*next, i, "{way:?}: in order within a lane");
                *next += 1;
            }
            assert_eq!(next, [EACH; 4], "{way:?}");
        });
        reader.join();
        for writer in writers {
            writer.join().expect("no panic");
        }
        ledger.settle();
    }
}

/// Every message arrives once, in order within its lane, in every way of receiving.
pub fn rule_01_lanes_deliver_every_message_once() {
    every_message_arrives::<priority::Receiver<_>>();
    every_message_arrives::<fan_in::Receiver<_>>();
}

fn answers_truly<R: Lanes<u32>>() {
    let (senders, mut r) = R::make(3);
    assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(r.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
    assert_eq!(r.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
    for (i, s) in (0..).zip(&senders) {
        assert_eq!(s.try_send(i), Ok(()));
        assert_eq!((r.inside(), r.ended()), (1, (false, false)));
        assert_eq!(r.recv_timeout(Duration::ZERO), Ok(i));
    }
    for i in 0..8 {
        senders[2].send(i).expect("it has room");
    }
    assert!(senders[2].try_send(8).expect_err("full").is_full());
    senders[1].send(8).expect("another lane has room");
    assert_eq!(r.inside(), 9);
    drop(senders);
    assert_eq!(r.ended(), (true, false));
    let got: Vec<u32> = (0..9).map(|_| r.recv_timeout(Duration::MAX).expect("it is inside")).collect();
    let within: Vec<u32> = got.into_iter().filter(|i| *i < 8).collect();
    assert_eq!(within, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!((r.inside(), r.ended()), (0, (true, true)));
    assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(r.recv_timeout(LONG), Err(RecvTimeoutError::Disconnected));
    assert_eq!(r.recv(), Err(RecvError));
    assert_eq!(r.recv_by_macro(), Err(RecvError));
}

/// Empty, Full, Disconnected and the time-out are answered when they are so.
pub fn rule_04_lanes_answer_truly() {
    answers_truly::<priority::Receiver<_>>();
    answers_truly::<fan_in::Receiver<_>>();
}

fn ends<R: Lanes<crate::load::Load>>() {
    let ledger = Ledger::new(4);
    let (senders, r) = R::make(2);
    senders[0].send(ledger.load(0)).expect("it is open");
    senders[1].send(ledger.load(1)).expect("it is open");
    drop(r);
    assert!(ledger.is_dropped(0) && ledger.is_dropped(1));
    assert_eq!(senders[1].send(ledger.load(2)).expect_err("nobody receives it").into_inner().number(), 2);
    assert!(senders[0].is_closed());
    drop(senders);
    for way in WAYS {
        let (senders, r) = R::make(2);
        let receiver = way.spawn_lanes(r);
        receiver.until_waiting();
        drop(senders);
        assert!(receiver.join().0.is_err(), "{way:?}");
    }
    ledger.settle();
}

/// Without a receiver messages go, and come back; without senders it is heard of.
pub fn rule_06_lanes_end_with_their_handles() {
    ends::<priority::Receiver<_>>();
    ends::<fan_in::Receiver<_>>();
}

fn closes<R: Lanes<u32>>() {
    let (senders, mut r) = R::make(2);
    senders[1].send(1).expect("it is open");
    assert!(r.close());
    assert!(!r.close());
    assert!(senders.iter().all(|s| s.send(2).is_err()));
    assert_eq!((r.recv(), r.recv()), (Ok(1), Err(RecvError)));
    let (senders, r) = R::make(2);
    let r = Arc::new(r);
    let other = r.clone();
    let waiting = Host::Thread.spawn(async move { other.recv_by_macro() });
    waiting.until_waiting();
    r.close();
    assert_eq!(waiting.join(), Err(RecvError));
    drop(senders);
}

/// `close` ends every lane, keeps what is inside, and wakes who waits.
pub fn rule_07_lanes_are_closed_together() {
    closes::<priority::Receiver<_>>();
    closes::<fan_in::Receiver<_>>();
}

fn wakes<R: Lanes<u32>>() {
    for way in WAYS {
        let (mut senders, mut r) = R::make(3);
        for lane in [2, 0, 1] {
            let receiver = way.spawn_lanes(r);
            receiver.until_waiting();
            assert_eq!(senders[lane].send(7), Ok(()));
            let received;
            (received, r) = receiver.join();
            assert_eq!(received, Ok(7), "{way:?}, lane {lane}");
        }
        // A lane at its end looks ready for ever, and is not to keep the receiver awake.
        drop(senders.remove(0));
        let receiver = way.spawn_lanes(r);
        receiver.until_waiting();
        assert_eq!(senders[1].send(8), Ok(()));
        assert_eq!(receiver.join().0, Ok(8), "{way:?}");
    }
}

/// A message in any lane wakes the receiver, also beside lanes that have ended.
pub fn rule_09_every_lane_wakes_its_receiver() {
    wakes::<priority::Receiver<_>>();
    wakes::<fan_in::Receiver<_>>();
}

fn futures<R: Lanes<u32>>() {
    let (senders, mut r) = R::make(2);
    let waiting = Hand::waiting(r.recv_async());
    senders[1].send(3).expect("it is open");
    assert!(waiting.is_woken());
    drop(waiting);
    assert_eq!(Hand::new(r.recv_async()).ready(), Ok(3));
    let mut forgotten = Box::pin(r.recv_async());
    assert!(poll(&mut forgotten, &Bell::new()).is_pending());
    std::mem::forget(forgotten);
    let waiting = Hand::waiting(r.recv_async());
    // The first may wake the one that was forgotten.
    senders[1].send(4).expect("it is open");
    senders[1].send(5).expect("it is open");
    assert!(waiting.is_woken());
    assert_eq!(waiting.ready(), Ok(4));
    assert_eq!(r.recv(), Ok(5));
    let mut future = r.recv_async();
    let bells: Vec<_> = (0..100).map(|_| Bell::new()).collect();
    for bell in &bells {
        assert!(poll(&mut future, bell).is_pending());
        assert!(poll(&mut future, bell).is_pending());
    }
    let (last, others) = bells.split_last().expect("a hundred");
    assert!(others.iter().all(|bell| Arc::strong_count(bell) == 1), "an old waker is kept");
    senders[0].send(6).expect("it is open");
    assert!(others.iter().all(|bell| bell.rings() == 0));
    assert!(last.rings() >= 1);
}

/// A receive that is given up, or forgotten, or polled again and again, loses nothing and keeps nothing.
pub fn rule_13_given_up_receives_lose_nothing_in_lanes() {
    futures::<priority::Receiver<_>>();
    futures::<fan_in::Receiver<_>>();
}

fn is_an_arm<R: Lanes<u32>>() {
    let (numbers, from_numbers) = narrows::unbounded();
    for round in 0..100 {
        let (senders, mut r) = R::make(2);
        let mut select = Select::new();
        let lanes = select.arm(&r);
        let number = select.recv(&from_numbers);
        assert!(select.try_select().is_err() && select.try_ready().is_err());
        numbers.send(round).expect("it is open");
        let chosen = select.select();
        assert_eq!((chosen.index(), chosen.recv(&from_numbers)), (number, Ok(round)));
        assert!(select.select_timeout(Duration::ZERO).is_err());
        senders[1].send(round).expect("it is open");
        senders[1].send(round + 1).expect("it is open");
        assert_eq!(select.ready(), lanes);
        // Dropped, it gives the message back.
        let chosen = select.select();
        assert_eq!(chosen.index(), lanes);
        let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(chosen)));
        assert!(dropped.is_err());
        assert_eq!(r.inside(), 2);
        let chosen = select.select();
        assert_eq!((r.inside(), r.recv_selected(chosen)), (1, Ok(round)));
        drop(select);
        assert_eq!((r.recv(), r.try_recv()), (Ok(round + 1), Err(TryRecvError::Empty)));
    }
}

/// Beside a channel with room and one without, the arm that is ready is chosen; a choice that is dropped is undone.
pub fn rule_16_lanes_are_an_arm_of_a_select() {
    is_an_arm::<priority::Receiver<_>>();
    is_an_arm::<fan_in::Receiver<_>>();
}

fn piles_up<R: Lanes<u32>>() {
    let (senders, mut r) = R::make(2);
    let bell = Bell::new();
    for _ in 0..1000 {
        let mut select = Select::new();
        select.arm(&r);
        // Used more than once it leaves its tickets out.
        for _ in 0..3 {
            let mut future = Box::pin(select.select_async());
            let waker = Waker::from(bell.clone());
            assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
    }
    assert!(Arc::strong_count(&bell) < 10, "{} wakers are kept", Arc::strong_count(&bell));
    senders[0].send(1).expect("it is open");
    assert_eq!(r.recv(), Ok(1));
}

/// Selectors that are gone leave nothing behind, however many come and go.
pub fn rule_16_dropped_selects_do_not_pile_up_at_lanes() {
    piles_up::<priority::Receiver<_>>();
    piles_up::<fan_in::Receiver<_>>();
}

/// Two messages lie in the lanes at any time, while several take one and put one back: nobody hears Empty.
pub fn rule_04_lanes_are_empty_only_all_at_once() {
    let (senders, r) = priority::lanes((0..3).map(|_| Some(8)), 2);
    (0..3).for_each(|i| senders[0].send(i).expect("it has room"));
    thread::scope(|scope| {
        for first in 0..2 {
            let (r, senders) = (r.clone(), &senders);
            scope.spawn(move || {
                for round in 0..times(20_000) {
                    let message = r.try_recv().expect("another is inside");
                    assert!(round % 64 > 0 || !r.is_empty());
                    senders[(round + first) % 3].send(message).expect("it has room");
                }
            });
        }
    });
    assert_eq!(r.len(), 3);
}

/// The time limit is kept, also where others take what comes.
pub fn rule_12_lanes_keep_to_the_time() {
    let limit = Duration::from_millis(20);
    let ([_high, low], r) = priority::channel([4, 4]);
    let (begin, other) = (Instant::now(), r.clone());
    let waiting = Host::Thread.spawn(async move { (other.recv_timeout(limit), begin.elapsed()) });
    until("time is up", || {
        // It may be woken for this and find it gone.
        low.try_send(()).expect("it has room");
        let _ = r.try_recv();
        waiting.is_done()
    });
    let (received, after) = waiting.join();
    assert!(received == Ok(()) || (received == Err(RecvTimeoutError::Timeout) && after >= limit), "{received:?}");
    assert_eq!(r.recv_deadline(Instant::now()), Err(RecvTimeoutError::Timeout));
    assert_eq!(low.send(()), Ok(()));
    assert_eq!(r.recv_deadline(begin), Ok(()));
}

/// Handles and futures may go where their messages may, and no further: see the examples.
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(narrows::fan_in::channel::<std::rc::Rc<u8>>(1));
/// ```
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(narrows::priority::channel::<std::rc::Rc<u8>, 1>([1]));
/// ```
/// ```compile_fail,E0277
/// fn clone<T: Clone>(_: T) {}
/// clone(narrows::fan_in::channel::<u8>(1).1);
/// ```
pub fn rule_20_lanes_are_send_if_their_message_is() {
    fn everywhere<T: Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    fn send<T: Send + Unpin>(_: T) {}
    fn all<T: Send + 'static>() {
        everywhere::<priority::Receiver<T>>();
        everywhere::<fan_in::Sender<T>>();
        everywhere::<fan_in::Receiver<T>>();
        send(priority::channel::<T, 1>([1]).1.recv_async());
        send(fan_in::channel::<T>(1).1.recv_async());
        send(fan_in::channel::<T>(1).1.iter());
    }
    all::<std::cell::Cell<u8>>();
}
