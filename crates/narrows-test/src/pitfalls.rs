//! Bugs that other channels had, where no rule's test is the test for it already.

use crate::actor::{Actor, Host};
use crate::deadline::{times, until};
use crate::ends::{Pairs, RecvEnd};
use crate::hand::Hand;
use crate::kind::Kind;
use crate::load::{Ledger, Load};
use crate::traffic::{Gate, breathe, number};
use crate::way::Way;
use narrows::{RecvError, SendError, TryRecvError, TrySendError};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread;

/// Between finding nothing, a send, and the sender's end: never Disconnected before the message.
/// (Pitfall 4: crossfire 70, std 34711, flume 120.)
pub fn pitfall_04_no_end_before_the_last_message(kind: impl Pairs<usize>, way: &'static Way) {
    let rounds = times(15);
    // Not all at once: elsewhere a channel is an open file.
    for _ in 0..kind.crowds() {
        let (pairs, comes): (Vec<_>, Vec<_>) = (0..rounds).map(|_| kind.pair()).unzip();
        let gate = Gate::new(2);
        let (send, recv, mine) = (way.send, way.recv, gate.clone());
        let sender = send.spawn(async move {
            for (i, s) in pairs.into_iter().enumerate() {
                mine.pass().await;
                assert_eq!(send.send(&s, i).await, Ok(()));
                drop(s);
            }
        });
        let receiver = recv.spawn(async move {
            for (i, r) in comes.into_iter().enumerate() {
                gate.pass().await;
                loop {
                    match r.try_recv() {
                        Ok(got) => break assert_eq!(got, i),
                        Err(TryRecvError::Empty) => breathe().await,
                        Err(TryRecvError::Disconnected) => panic!("the end came before message {i}"),
                    }
                }
                assert_eq!(recv.recv(&r).await, Err(RecvError));
            }
        });
        sender.join();
        receiver.join();
    }
}

/// A waker that does not come back from its call until it is let go.
#[derive(Default)]
struct Stuck {
    inside: AtomicBool,
    go: AtomicBool,
}

impl Wake for Stuck {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.inside.store(true, Ordering::SeqCst);
        until("the waker is let go", || self.go.load(Ordering::SeqCst));
    }
}

/// Lets a stuck waker go, also when the test fails.
struct LetGo(Arc<Stuck>);

impl Drop for LetGo {
    fn drop(&mut self) {
        self.0.go.store(true, Ordering::SeqCst);
    }
}

/// A sender that is stopped in the middle (here: in the waker of whom it wakes) stops nobody else.
/// (Pitfall 6, crossbeam 997.)
pub fn pitfall_06_a_sender_stopped_in_the_middle_stops_nobody(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let stuck = Arc::new(Stuck::default());
    let waker = Waker::from(Arc::clone(&stuck));
    let mut task = pin!(r.recv_async());
    assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let (s2, side) = (s.clone(), way.send);
    let let_go = LetGo(Arc::clone(&stuck));
    let sender = Host::Thread.spawn(async move { crate::actor::block_on(side.send(&s2, 1)) });
    until("the sender is in the waker", || stuck.inside.load(Ordering::SeqCst));
    // What it has published is there, and both ends work.
    assert_eq!(r.try_recv(), Ok(1));
    assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
    let room = kind.holds(3);
    for i in 0..room {
        assert_eq!(s.try_send(i), Ok(()));
        assert_eq!(r.len(), i + 1);
    }
    if kind.capacity() == Some(room) {
        assert_eq!(s.try_send(9), Err(TrySendError::Full(9)));
    }
    for i in 0..room {
        assert_eq!(way.recv.recv_here(&r), Ok(i));
    }
    let other = Hand::waiting(r.recv_async());
    assert_eq!(s.try_send(7), Ok(()));
    assert_eq!(other.ready(), Ok(7));
    assert!(r.close());
    assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
    drop(let_go);
    assert_eq!(sender.join(), Ok(()));
}

/// The same for a receiver that is stopped while it makes room.
pub fn pitfall_06_a_receiver_stopped_in_the_middle_stops_nobody(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    kind.fill(&s, |_| 0);
    let stuck = Arc::new(Stuck::default());
    let waker = Waker::from(Arc::clone(&stuck));
    let mut task = pin!(s.send_async(1));
    assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let (r2, side) = (r.clone(), way.recv);
    let let_go = LetGo(Arc::clone(&stuck));
    let receiver = Host::Thread.spawn(async move { crate::actor::block_on(side.recv(&r2)) });
    until("the receiver is in the waker", || stuck.inside.load(Ordering::SeqCst));
    // The place is free, or has the message that waited.
    if s.try_send(9) != Err(TrySendError::Full(9)) {
        assert_eq!(s.try_send(9), Err(TrySendError::Full(9)));
    }
    if kind.capacity() != Some(0) {
        assert!(r.try_recv().is_ok());
        assert_eq!(way.send.send_here(&s, 9), Ok(()));
        assert_eq!(r.len(), kind.holds(usize::MAX));
    }
    assert!(s.close());
    assert_eq!(s.try_send(9), Err(TrySendError::Disconnected(9)));
    drop(let_go);
    assert!(receiver.join().is_ok());
}

/// A message whose drop is stopped in the middle, with the last receiver: senders hear the end, and are not stopped.
pub fn pitfall_06_a_drop_stopped_in_the_middle_stops_no_sender(kind: Kind) {
    struct Slow(Option<Arc<Stuck>>);
    impl Drop for Slow {
        fn drop(&mut self) {
            if let Some(stuck) = self.0.take() {
                stuck.wake();
            }
        }
    }
    let (s, r) = kind.pair();
    let stuck = Arc::new(Stuck::default());
    let let_go = LetGo(Arc::clone(&stuck));
    assert!(s.send(Slow(Some(Arc::clone(&stuck)))).is_ok());
    let dropper = thread::spawn(move || drop(r));
    until("the receiver drops the message", || stuck.inside.load(Ordering::SeqCst));
    assert!(s.is_closed());
    assert_eq!(s.len(), 0);
    assert!(matches!(s.send(Slow(None)), Err(SendError(_))));
    assert!(matches!(s.try_send(Slow(None)), Err(TrySendError::Disconnected(_))));
    drop(s);
    drop(let_go);
    dropper.join().expect("no panic");
}

/// Dropped with each number of messages around the sizes of blocks, some taken before: no leak, no double drop.
/// (Pitfall 8: crossbeam 971, 1084, 1187 = RUSTSEC-2025-0024.)
pub fn pitfall_08_dropped_at_every_fill(kind: Kind) {
    let around = [0, 1, 30, 31, 32, 33, 62, 63, 64, 65, 95, 96, 97, 127, 128, 129, 511, 512, 513];
    let large = [543, 544, 545, 992, 1023, 1024, 1025, 2048];
    let counts = around.iter().chain(if cfg!(miri) { &[][..] } else { &large });
    for &count in counts {
        let inside = kind.holds(count);
        for taken in [0, 1, 31, 32, inside / 2, inside] {
            let ledger = Ledger::new(inside);
            let (s, r) = kind.pair::<Load>();
            for i in 0..inside {
                assert!(s.send(ledger.load(number(i))).is_ok());
            }
            for i in 0..taken.min(inside) {
                assert!(r.try_recv().is_ok_and(|load| load.number() == number(i)));
            }
            if count % 2 == 0 {
                drop(s);
                drop(r);
            } else {
                drop(r);
                assert_eq!(ledger.alive(), 0);
                drop(s);
            }
            ledger.settle();
        }
    }
}

/// The last receiver goes while the first messages, and with them the first block, are on their way. (Pitfall 8.)
pub fn pitfall_08_the_receiver_goes_while_the_first_block_comes(kind: Kind, way: &'static Way) {
    let rounds = times(100);
    let ledger = Ledger::new(3 * rounds);
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..rounds).map(|_| kind.pair::<Load>()).unzip();
    let gate = Gate::new(3);
    let mut actors = Vec::new();
    for k in 0..2 {
        let (lines, ledger, gate) = (senders.clone(), ledger.clone(), gate.clone());
        let side = way.send;
        actors.push(side.spawn(async move {
            for (i, s) in lines.into_iter().enumerate() {
                gate.pass().await;
                // Into the channel or back; it is the ledger that tells.
                drop(side.send(&s, ledger.load(number(3 * i + k))).await);
            }
        }));
    }
    actors.push(way.recv.spawn(async move {
        for r in receivers {
            gate.pass().await;
            drop(r);
        }
    }));
    drop(senders);
    actors.into_iter().for_each(Actor::join);
    ledger.settle();
}

/// With one processor a peer cannot run while this one spins. (Pitfall 16: kanal 11, 12; std 106668.)
/// Runs a test of this binary again, on one processor.
pub fn pitfall_16_one_processor_is_enough(test: &str) {
    let me = std::env::current_exe().expect("a test binary");
    let args = ["-c", "0", &me.to_string_lossy(), "--exact", test];
    let Ok(run) = std::process::Command::new("taskset").args(args).output() else {
        println!("not run: there is no taskset here");
        return;
    };
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains("1 passed"), "{test} is not a test: {said}");
}

/// More threads than processors, all of them busy waiting their turn. (Pitfall 16: an overloaded machine.)
pub fn pitfall_16_overload_is_no_standstill(kind: Kind, way: &'static Way) {
    let crew = crate::traffic::Crew { senders: 12, receivers: 12, each: times(20) };
    let ledger = Ledger::new(crew.messages());
    let got = crate::traffic::traffic(kind, way, crew, &ledger).concat();
    assert_eq!(got.len(), crew.messages());
    ledger.settle();
}
