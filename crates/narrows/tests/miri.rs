//! Few small programs over all flavours, for miri: undefined behaviour, leaks, and drops.
//! Invariant: nothing here is forgotten on purpose, for miri counts what is left.

use std::{
    collections::VecDeque,
    future::IntoFuture,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use narrows::{
    Receiver, Select, Sender, TryRecvError,
    broadcast::{self, Lag, Start},
    oneshot,
};

const BOUNDS: [Option<usize>; 4] = [Some(0), Some(1), Some(3), None];

fn channel<T>(bound: Option<usize>) -> (Sender<T>, Receiver<T>) {
    bound.map_or_else(narrows::unbounded, narrows::bounded)
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// What is sent by two threads is received by two.
fn crosses_threads<T: Send + 'static>(make: fn(usize) -> T, number: fn(T) -> usize) {
    for bound in BOUNDS {
        let (s, r) = channel(bound);
        let senders = [s.clone(), s].map(|s| thread::spawn(move || (1..=2).for_each(|i| s.send(make(i)).unwrap())));
        let other = r.clone();
        let receiver = thread::spawn(move || other.into_iter().map(number).sum::<usize>());
        let sum: usize = r.into_iter().map(number).sum();
        for sender in senders {
            sender.join().unwrap();
        }
        assert_eq!(sum + receiver.join().unwrap(), 6);
    }
}

#[test]
fn boxes_cross_threads() {
    crosses_threads(Box::new, |number| *number);
}

#[repr(align(256))]
struct Aligned(u8);

#[test]
fn over_aligned_cross_threads() {
    let make = |i| Aligned(u8::try_from(i).unwrap());
    crosses_threads(make, |message| {
        assert_eq!(std::ptr::from_ref(&message).addr() % 256, 0);
        usize::from(message.0)
    });
}

#[test]
fn zero_sized_count() {
    for bound in BOUNDS {
        let (s, r) = channel(bound);
        let sender = thread::spawn(move || (0..3).for_each(|_| s.send(()).unwrap()));
        assert_eq!(r.iter().count(), 3);
        sender.join().unwrap();
    }
}

#[test]
fn references_are_lent() {
    let words = ["one".to_owned(), "two".to_owned()];
    let (s, r) = channel(Some(1));
    thread::scope(|scope| {
        scope.spawn(|| words.iter().for_each(|word| s.send(word).unwrap()));
        assert!(r.iter().take(2).eq(&words));
    });
}

/// Blocks are linked, emptied and freed at their edges; so many messages are inside when the channel goes.
#[test]
fn blocks_drop_at_their_edges() {
    for fill in [0, 1, 31, 32, 33, 65] {
        for taken in [0, 1, 32] {
            let (s, r) = channel(None);
            let mark = Arc::new(());
            for _ in 0..fill {
                s.send(mark.clone()).unwrap();
            }
            assert_eq!(r.try_iter().take(taken).count(), taken.min(fill));
            drop(s);
            drop(r);
            assert_eq!(Arc::strong_count(&mark), 1, "fill {fill}, taken {taken}");
        }
    }
}

#[test]
fn ring_drop_with_messages() {
    for fill in 0..=3 {
        let (s, r) = channel(Some(3));
        let mark = Arc::new(());
        // The second round goes round the end of the ring.
        for _ in 0..2 {
            s.send(mark.clone()).unwrap();
            drop(r.recv().unwrap());
        }
        for _ in 0..fill {
            s.send(mark.clone()).unwrap();
        }
        drop((s, r));
        assert_eq!(Arc::strong_count(&mark), 1);
    }
}

/// An emptied block comes back to the writer.
#[test]
fn blocks_are_used_again() {
    let (s, r) = channel(None);
    for round in 0..100 {
        s.send(Box::new(round)).unwrap();
        assert_eq!(*r.recv().unwrap(), round);
    }
}

/// A thread that used both ends long enough to be favoured by them is gone when another comes.
#[test]
fn favoured_thread_goes() {
    let (s, r) = channel(None);
    let (s_there, r_there) = (s.clone(), r.clone());
    let there = thread::spawn(move || {
        for i in 0..200 {
            s_there.send(Box::new(i)).unwrap();
            assert_eq!(*r_there.recv().unwrap(), i);
        }
    });
    there.join().unwrap();
    s.send(Box::new(200)).unwrap();
    assert_eq!(*r.recv().unwrap(), 200);
}

struct Panics<'a>(&'a AtomicUsize);

impl Drop for Panics<'_> {
    fn drop(&mut self) {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        assert!(before != 1, "the second drop panics");
    }
}

/// Each is dropped once though one drop panics (crossbeam 1121).
#[test]
fn a_drop_that_panics() {
    for bound in [Some(3), None] {
        let dropped = AtomicUsize::new(0);
        let (s, r) = channel(bound);
        for _ in 0..3 {
            s.send(Panics(&dropped)).unwrap();
        }
        assert!(catch_unwind(AssertUnwindSafe(|| drop(r))).is_err());
        assert_eq!(dropped.load(Ordering::Relaxed), 3);
        assert!(s.is_closed());
    }
}

#[test]
fn futures_are_cancelled() {
    for bound in [Some(0), Some(1)] {
        let (s, r) = channel(bound);
        for i in 0..bound.unwrap() {
            s.send(Box::new(i)).unwrap();
        }
        let mut sending = s.send_async(Box::new(7));
        assert!(poll_once(&mut sending).is_pending());
        drop(sending);
        assert_eq!(r.try_iter().count(), bound.unwrap());
        let mut receiving = r.recv_async();
        assert!(poll_once(&mut receiving).is_pending());
        s.try_send(Box::new(8)).unwrap(); // handed over, at capacity 0
        drop(receiving);
        assert_eq!(r.try_recv(), Ok(Box::new(8)));
        assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
    }
}

/// A message handed to a task that never came for it goes with the channel.
#[test]
fn handed_messages_are_dropped() {
    let mark = Arc::new(());
    let (s, r) = channel(Some(0));
    let mut receiving = r.recv_async();
    assert!(poll_once(&mut receiving).is_pending());
    s.try_send(mark.clone()).unwrap();
    drop(receiving);
    drop((s, r));
    assert_eq!(Arc::strong_count(&mark), 1);
}

#[test]
fn select_both_ways() {
    for bound in BOUNDS {
        let (s, r) = channel(bound);
        let (back, answers) = channel(bound);
        let there = thread::spawn(move || {
            for _ in 0..2 {
                let question: Box<u32> = r.recv().unwrap();
                back.send(question).unwrap();
            }
        });
        for i in 0..2 {
            let mut select = Select::new();
            let send = select.send(&s);
            let recv = select.recv(&answers);
            let mut question = Some(Box::new(i));
            loop {
                let operation = select.select();
                if operation.index() == send {
                    operation.send(&s, question.take().unwrap()).unwrap();
                    select.remove(send);
                } else {
                    assert_eq!(operation.index(), recv);
                    assert_eq!(operation.recv(&answers), Ok(Box::new(i)));
                    break;
                }
            }
        }
        there.join().unwrap();
    }
}

#[test]
fn select_gives_back() {
    for bound in [Some(1), None] {
        let (s, r) = channel(bound);
        s.send(Box::new(1)).unwrap();
        let mut select = Select::new();
        select.recv(&r);
        let operation = select.select();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(operation))).is_err());
        drop(select);
        assert_eq!(r.recv(), Ok(Box::new(1)));
    }
}

#[test]
fn a_chosen_message_outlives_the_receiver() {
    let mark = Arc::new(());
    let (s, r) = channel(Some(1));
    s.send(mark.clone()).unwrap();
    let mut select = Select::new();
    select.recv(&r);
    let operation = select.select();
    s.close();
    drop(operation.recv(&r).unwrap());
    drop(select);
    drop((s, r));
    assert_eq!(Arc::strong_count(&mark), 1);
}

#[test]
fn permits_are_used_and_given_back() {
    let (s, r) = channel(Some(3));
    let mut permits = s.reserve_many(2).unwrap();
    permits.send(Box::new(1)).unwrap();
    let owned = s.reserve().unwrap().into_owned();
    assert!(s.try_reserve().is_err());
    drop(permits);
    owned.send(Box::new(2)).unwrap();
    let late = s.reserve().unwrap();
    s.close();
    assert_eq!(late.send(Box::new(3)).unwrap_err().into_inner(), Box::new(3));
    assert!(r.iter().eq([Box::new(1), Box::new(2)]));
}

#[test]
fn close_now_returns_what_is_left() {
    for bound in [Some(40), None] {
        let (s, r) = channel(bound);
        for i in 0..40 {
            s.send(Box::new(i)).unwrap();
        }
        assert_eq!(r.recv(), Ok(Box::new(0)));
        assert_eq!(s.close_now().len(), 39);
    }
}

#[test]
fn timers_end() {
    assert!(narrows::after(Duration::from_millis(1)).recv().is_ok());
    assert!(narrows::never::<Box<u32>>().try_recv().is_err());
}

/// A channel for one message, in every order of its ends, and a question.
#[test]
fn one_message_crosses() {
    for waits_first in [true, false] {
        let (s, r) = oneshot::channel();
        let mut future = r.recv_async();
        if waits_first {
            assert!(poll_once(&mut future).is_pending());
        }
        let sender = thread::spawn(move || s.send(Box::new(1)).unwrap());
        drop(future);
        assert_eq!(r.recv(), Ok(Box::new(1)));
        sender.join().unwrap();
    }
    let mark = Arc::new(());
    let (s, r) = oneshot::channel();
    s.send(mark.clone()).unwrap();
    drop(r);
    let (s, r) = oneshot::channel();
    let receiver = thread::spawn(move || drop(r));
    drop(s.send(mark.clone()));
    receiver.join().unwrap();
    assert_eq!(Arc::strong_count(&mark), 1);

    let (s, r) = channel::<(u8, oneshot::Sender<u8>)>(Some(1));
    let server = thread::spawn(move || r.iter().for_each(|(number, reply)| reply.send(2 * number).unwrap()));
    assert_eq!(s.ask(|reply| (3, reply)).unwrap(), 6);
    drop(s);
    server.join().unwrap();
}

/// An executor may poll a task while it is woken, and that ends with the receiver: the sender has then not done yet.
#[test]
fn a_waker_may_end_the_receiver() {
    type Answer = oneshot::RecvFuture<Box<u8>, oneshot::Receiver<Box<u8>>>;
    struct OnTheSpot(Mutex<Option<Answer>>);
    impl Wake for OnTheSpot {
        fn wake(self: Arc<Self>) {
            let future = self.0.lock().unwrap().take();
            assert_eq!(poll_once(&mut future.unwrap()), Poll::Ready(Ok(Box::new(1))));
        }
    }

    let (s, r) = oneshot::channel();
    let task = Arc::new(OnTheSpot(Mutex::new(None)));
    let mut future = r.into_future();
    let waker = Waker::from(task.clone());
    assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
    *task.0.lock().unwrap() = Some(future);
    s.send(Box::new(1)).unwrap();
    assert!(task.0.lock().unwrap().is_none());
}

/// Who ends one end may still be inside the step that says so when the other end frees it all.
#[test]
fn the_ends_of_one_message_part() {
    for round in 0..12 {
        let (s, r) = oneshot::channel();
        let sender = thread::spawn(move || if round % 3 == 0 { drop(s) } else { drop(s.send(Box::new(1))) });
        if round % 2 == 0 {
            assert_eq!(r.recv().is_ok(), round % 3 != 0);
        } else {
            drop(r);
        }
        sender.join().unwrap();
    }
}

/// Nobody keeps a waker beside a message that was received, however the two met.
#[test]
fn no_waker_stays_behind() {
    struct Sends(Mutex<Option<oneshot::Sender<u8>>>);
    impl Wake for Sends {
        fn wake(self: Arc<Self>) {}
    }
    let task = Arc::new(Sends(Mutex::new(None)));
    let (s, r) = oneshot::channel();
    *task.0.lock().unwrap() = Some(s);
    let other = task.clone();
    let sender = thread::spawn(move || other.0.lock().unwrap().take().unwrap().send(1).unwrap());
    let waker = Waker::from(task.clone());
    let mut future = r.recv_async();
    while Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending() {
        thread::yield_now();
    }
    sender.join().unwrap();
    drop(future);
    drop(waker);
    assert_eq!(Arc::strong_count(&task), 1);
    drop(r);
}

/// Batches go round the end of a ring, and over several blocks; what is left inside is dropped with the channel.
#[test]
fn batches_of_boxes() {
    for bound in [Some(1), Some(3), None] {
        let (s, r) = channel(bound);
        let mut got = Vec::new();
        for turn in 0..3 {
            let mut batch: VecDeque<_> = (1..50).map(Box::new).collect();
            batch.push_front(Box::new(0)); // it lies in two pieces
            while !batch.is_empty() {
                s.try_send_many(&mut batch).unwrap();
                assert!(r.try_recv_many(&mut got, 2 + turn).unwrap() > 0);
            }
            got.extend(r.try_iter());
            assert!(got.drain(..).map(|number| *number).eq(0..50));
        }
        s.try_send_many(&mut (0..40).map(Box::new).collect()).unwrap();
    }
}

#[test]
fn batches_of_nothing() {
    let (s, r) = channel(None);
    s.send_many(&mut VecDeque::from([(); 50])).unwrap();
    let mut got = Vec::new();
    assert_eq!((r.try_recv_many(&mut got, 20), r.drain_into(&mut got), got.len()), (Ok(20), 30, 50));
}

#[test]
fn batches_cross_threads() {
    for bound in [Some(3), None] {
        let (s, r) = channel(bound);
        let sender = thread::spawn(move || s.send_many(&mut (0..40).map(Box::new).collect()).unwrap());
        let mut got = Vec::new();
        while r.recv_many(&mut got, 5).is_ok() {}
        assert!(got.into_iter().map(|number| *number).eq(0..40));
        sender.join().unwrap();
    }
}

/// Messages are taken back from everywhere, in a ring and in several blocks; tombstones are passed, or go with the channel.
#[test]
fn messages_are_taken_back() {
    for (bound, n) in [(Some(3), 3), (None, 70)] {
        for passed in [false, true] {
            let (s, r) = channel(bound);
            for _ in 0..2 {
                let mut gone = Vec::new();
                for i in 0..n {
                    if i % 5 == 2 {
                        s.send(Box::new(i)).unwrap();
                    } else {
                        let mut send = s.send_sync_async(Box::new(i));
                        assert!(poll_once(&mut send).is_pending());
                        gone.push(send);
                    }
                }
                let kept = gone.remove(0);
                drop(gone);
                if passed {
                    assert!(r.try_iter().map(|i| *i).eq((0..n).filter(|i| *i == 0 || i % 5 == 2)));
                } else {
                    assert_eq!(*r.try_lease().unwrap(), Box::new(0));
                    drop(r.close_now());
                }
                drop(kept);
                if !passed {
                    break;
                }
            }
        }
    }
}

/// A channel goes with tombstones, a lease that came back, and what was put back inside.
#[test]
fn tombstones_go_with_the_channel() {
    for bound in [Some(4), None] {
        let (s, mut r) = channel(bound);
        let mark = Arc::new(());
        s.send(mark.clone()).unwrap();
        let mut gone = s.send_sync_async(mark.clone());
        assert!(poll_once(&mut gone).is_pending());
        s.send(mark.clone()).unwrap();
        drop(gone);
        assert_eq!(Arc::strong_count(&mark), 3);
        drop(r.lease().unwrap());
        let message = r.recv().unwrap();
        r.try_exclusive().unwrap().unrecv(message).unwrap();
        assert_eq!(r.len(), 2);
        drop(r);
        assert_eq!(Arc::strong_count(&mark), 1);
        drop(s);
    }
}
/// A message is lent to those who clone it: it stays when its place is needed meanwhile, or all handles go.
#[test]
fn broadcasts_outlive_their_places() {
    for capacity in [1, 2] {
        let (s, r) = broadcast::channel(capacity);
        let r = r.with_lag(Lag::Skip);
        let receivers =
            [r.clone(), r].map(|r| thread::spawn(move || r.iter().map(|message: Box<usize>| *message).sum::<usize>()));
        let last = s.subscribe(Start::Now, Lag::Wait);
        for message in 0..4 {
            s.send(Box::new(message)).unwrap();
            assert_eq!(last.recv(), Ok(Box::new(message)));
        }
        drop(last);
        drop(s.send(Box::new(4)));
        drop(s);
        assert!(receivers.into_iter().all(|receiver| receiver.join().unwrap() <= 10));
    }
}

/// What is cloned while its place is needed, or while its channel goes, is dropped once, also if that clone panics.
#[test]
fn broadcasts_are_cloned_in_peace() {
    struct Busy(Mutex<Vec<Box<dyn FnOnce() + Send>>>, Box<u8>);
    impl Clone for Busy {
        fn clone(&self) -> Busy {
            let all = std::mem::take(&mut *self.0.lock().unwrap());
            for act in all {
                act();
            }
            Busy(Mutex::default(), self.1.clone())
        }
    }
    let message = |acts| Busy(Mutex::new(acts), Box::new(1));
    let receive = |r: &broadcast::Receiver<Busy>| catch_unwind(AssertUnwindSafe(|| *r.recv().unwrap().1));

    let (s, r) = broadcast::channel(1);
    let r = r.with_lag(Lag::Skip);
    let sender = s.clone();
    s.send(message(vec![Box::new(move || sender.send(message(vec![])).unwrap())])).unwrap();
    assert_eq!((receive(&r).unwrap(), receive(&r).unwrap()), (1, 1));
    let sender = s.clone();
    let send = move || sender.send(message(vec![])).unwrap();
    s.send(message(vec![Box::new(send), Box::new(|| panic!("a loud clone"))])).unwrap();
    assert!(receive(&r).is_err());
    assert_eq!(receive(&r).unwrap(), 1);
    // Two have it when the last sender goes, and one of them is told while it clones.
    let other = Mutex::new(Some(s.subscribe(Start::Now, Lag::Skip)));
    let act = move || assert_eq!(*other.lock().unwrap().take().unwrap().recv().unwrap().1, 1);
    s.send(message(vec![Box::new(act)])).unwrap();
    drop(s);
    assert_eq!(receive(&r).unwrap(), 1);
}
