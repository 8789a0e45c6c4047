//! What only channels with rules can do: overflow policies, the hook for what nobody receives, weights, and a capacity that
//! changes. That they do all that others do is asked by the other files, which run on them too.

use crate::actor::{Actor, Host};
use crate::deadline::{DEADLINE, times, until};
use crate::hand::Hand;
use crate::load::{Ledger, Load};
use crate::way::{Side, WAYS, Way};
use narrows::Overflow::{Block, DropNewest, DropOldest, Fail};
use narrows::{Overflow, Receiver, Select, SendError, SendTimeoutError, Sender, SetCapacityError, TrySendError};
use std::collections::BTreeSet;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

type Ends<T> = (Sender<T>, Receiver<T>);

/// What the hook got, in order.
type Lost<T> = Arc<Mutex<Vec<T>>>;

fn taken<T>(lost: &Lost<T>) -> Vec<T> {
    mem::take(&mut *lost.lock().expect("no panic under it"))
}

/// A channel whose hook writes down what it gets.
fn with_hook<T: Send + 'static>(overflow: Overflow, capacity: usize) -> (Ends<T>, Lost<T>) {
    let lost = Lost::default();
    let book = Arc::clone(&lost);
    let hook = move |message| book.lock().expect("no panic under it").push(message);
    (narrows::builder().overflow(overflow).on_undelivered(hook).bounded(capacity), lost)
}

/// A channel in which a number weighs as much as it says, up to 100: 101 weighs 1 again.
fn weighed(overflow: Overflow, capacity: usize) -> (Ends<usize>, Lost<usize>) {
    let lost = Lost::default();
    let book = Arc::clone(&lost);
    let hook = move |message| book.lock().expect("no panic under it").push(message);
    let builder = narrows::builder().weigher(|number: &usize| number % 100).overflow(overflow);
    (builder.on_undelivered(hook).bounded(capacity), lost)
}

/// The five ways to send without waiting long, each of which must do the same under a policy that sheds.
fn send_somehow(s: &Sender<usize>, way: usize, message: usize) -> bool {
    match way % 6 {
        0 => s.send(message).is_ok(),
        1 => s.try_send(message).is_ok(),
        2 => s.send_timeout(message, Duration::MAX).is_ok(),
        3 => Hand::new(s.send_async(message)).ready().is_ok(),
        4 => {
            let mut select = Select::new();
            select.send(s);
            select.try_select().expect("an arm under such a policy is always ready").send(s, message).is_ok()
        }
        _ => narrows::select! { send(s, message) -> sent => sent.is_ok(), default => false },
    }
}

/// The oldest go, the newest stay, in order; the hook gets the others, and each is counted.
pub fn rule_01_drop_oldest_keeps_the_newest() {
    for capacity in [1, 2, 5] {
        let ((s, r), lost) = with_hook(DropOldest, capacity);
        for i in 0..60 {
            assert!(send_somehow(&s, i, i));
            assert!(s.len() <= capacity);
        }
        assert_eq!(r.try_iter().collect::<Vec<_>>(), (60 - capacity..60).collect::<Vec<_>>());
        assert_eq!(taken(&lost), (0..60 - capacity).collect::<Vec<_>>());
        assert_eq!((s.dropped(), r.dropped()), (60 - capacity as u64, 60 - capacity as u64));
    }
}

/// The first stay; the hook gets the others.
pub fn rule_01_drop_newest_keeps_the_oldest() {
    for capacity in [1, 2, 5] {
        let ((s, r), lost) = with_hook(DropNewest, capacity);
        for i in 0..60 {
            assert!(send_somehow(&s, i, i));
        }
        assert_eq!(r.try_iter().collect::<Vec<_>>(), (0..capacity).collect::<Vec<_>>());
        assert_eq!(taken(&lost), (capacity..60).collect::<Vec<_>>());
        assert_eq!(s.dropped(), 60 - capacity as u64);
    }
}

/// Every message that was sent is received or comes to the hook; none does both; and none that came back does either.
pub fn rule_01_each_is_received_or_undelivered() {
    for overflow in [Block, Fail, DropNewest, DropOldest] {
        for way in WAYS {
            each_is_received_or_undelivered(overflow, way);
        }
    }
}

fn each_is_received_or_undelivered(overflow: Overflow, way: &'static Way) {
    // Whoever tries again until there is a place does what a policy is to spare.
    let (send, each) = (way.send, times(60));
    let ledger = Ledger::new(3 * each);
    let ((s, r), lost) = with_hook::<Load>(overflow, 3);
    let senders: Vec<Actor<usize>> = (0..3)
        .map(|k| {
            let (s, ledger) = (s.clone(), ledger.clone());
            send.spawn(async move {
                let mut sent = 0;
                for i in k * each..(k + 1) * each {
                    let load = ledger.load(i as u64);
                    sent += usize::from(send_once(send, &s, load, overflow).await);
                }
                sent
            })
        })
        .collect();
    drop(s);
    let recv = way.recv;
    let receiver = recv.spawn(async move {
        let mut got = Vec::new();
        // The rest is left for the hook.
        while got.len() < each
            && let Ok(load) = recv.recv(&r).await
        {
            got.push(load.number());
        }
        got
    });
    let got = receiver.join();
    let sent: usize = senders.into_iter().map(Actor::join).sum();
    let lost: Vec<u64> = taken(&lost).iter().map(Load::number).collect();
    assert_eq!(got.len() + lost.len(), sent, "{overflow:?}, {}", way.name);
    let different: BTreeSet<&u64> = got.iter().chain(&lost).collect();
    assert_eq!(different.len(), sent, "received and undelivered");
    ledger.settle();
}

/// Under `Fail` a plain send may be refused while the channel is open, which the ways of the suite take for a fault.
async fn send_once(side: Side, s: &Sender<Load>, load: Load, overflow: Overflow) -> bool {
    if overflow == Fail && matches!(side.verb, crate::way::Verb::Plain | crate::way::Verb::Timed) {
        return s.send(load).is_ok();
    }
    if overflow == Fail && side.is_task() {
        return s.send_async(load).await.is_ok();
    }
    side.send(s, load).await.is_ok()
}

/// A full channel that fails does not wait, whatever the time limit, and each error says what is true.
pub fn rule_12_fail_fails_at_once() {
    let ((s, r), lost) = with_hook(Fail, 1);
    assert_eq!(s.send(1), Ok(()));
    let start = Instant::now();
    assert_eq!(s.send(2), Err(SendError(2)));
    assert_eq!(s.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!(s.send_timeout(4, Duration::MAX), Err(SendTimeoutError::Timeout(4)));
    assert_eq!(s.send_deadline(5, start + Duration::from_secs(3600)), Err(SendTimeoutError::Timeout(5)));
    assert_eq!(Hand::new(s.send_async(6)).ready(), Err(SendError(6)));
    assert!(start.elapsed() < Duration::from_secs(600));
    assert!(!s.is_closed());
    // An arm waits for a place.
    let mut select = Select::new();
    select.send(&s);
    assert!(select.try_select().is_err() && select.try_ready().is_err());
    let sender = Host::Thread.spawn({
        let s = s.clone();
        async move {
            narrows::select! { send(s, 7) -> sent => sent }
        }
    });
    sender.until_waiting();
    assert_eq!(r.recv(), Ok(1));
    assert_eq!((sender.join(), r.recv()), (Ok(()), Ok(7)));
    drop(r);
    assert_eq!(s.send_timeout(8, Duration::MAX), Err(SendTimeoutError::Disconnected(8)));
    assert_eq!((taken(&lost), s.dropped()), (vec![], 0), "all were given back");
}

/// What permits and selects have is never shed, and what they have taken counts.
pub fn rule_23_no_policy_touches_what_is_promised() {
    for overflow in [DropNewest, DropOldest] {
        let ((s, r), lost) = with_hook(overflow, 2);
        let permit = s.reserve().expect("open");
        assert_eq!(s.send(1), Ok(()));
        // One place is the permit's, so one of these goes.
        assert_eq!(s.send(2), Ok(()));
        assert_eq!(taken(&lost), if overflow == DropOldest { [1] } else { [2] });
        // No place is to be had by a policy.
        assert!(s.try_reserve().is_err_and(|why| why.is_full()));
        let mut waits = Hand::waiting(s.reserve_async());
        // Nothing is old enough to go where all places are promised.
        let stays = r.try_recv().expect("one is inside");
        let second = waits.poll().map(Result::unwrap);
        let Poll::Ready(second) = second else { panic!("a place was free") };
        assert_eq!((s.send(3), taken(&lost)), (Ok(()), vec![3]));
        drop(second);
        assert_eq!((permit.send(4), s.send(5)), (Ok(()), Ok(())));
        // Chosen by a select, the oldest stays.
        let mut select = Select::new();
        select.recv(&r);
        let chosen = select.select();
        assert_eq!((s.send(6), s.send(7)), (Ok(()), Ok(())));
        assert_eq!(chosen.recv(&r), Ok(4));
        assert_eq!(taken(&lost), if overflow == DropOldest { [5, 6] } else { [6, 7] });
        assert_eq!(r.try_recv(), Ok(if overflow == DropOldest { 7 } else { 5 }));
        assert!((1..3).contains(&stays));
    }
}

/// Send arms under a policy that sheds are always ready, also for who only asks; what is chosen and dropped sends nothing.
pub fn rule_16_an_arm_that_sheds_is_always_ready() {
    for overflow in [DropNewest, DropOldest] {
        let ((s, r), lost) = with_hook(overflow, 1);
        assert_eq!(s.send(1), Ok(()));
        let mut select = Select::new();
        let arm = select.send(&s);
        for _ in 0..2 {
            assert_eq!(select.try_ready(), Ok(arm));
            assert_eq!(Hand::new(select.ready_async()).ready(), arm);
            let chosen = select.try_select().expect("ready");
            assert!(catch_unwind(AssertUnwindSafe(|| drop(chosen))).is_err());
        }
        assert_eq!((taken(&lost), s.len()), (vec![], 1));
        let chosen = Hand::new(select.select_async()).ready();
        assert_eq!(s.close(), r.is_closed());
        assert_eq!(chosen.send(&s, 2), Err(SendError(2)));
        assert_eq!((r.recv(), taken(&lost)), (Ok(1), vec![]));
    }
}

/// What is left goes to the hook with the last receiver, in order; what `close_now` returns does not.
pub fn rule_06_what_is_left_is_undelivered() {
    let ((s, r), lost) = with_hook(Block, 3);
    s.send(1).expect("open");
    s.send(2).expect("open");
    let second = r.clone();
    drop(r);
    assert_eq!(taken(&lost), [], "there is still a receiver");
    drop(second);
    assert_eq!(taken(&lost), [1, 2]);
    assert_eq!((s.send(3), taken(&lost)), (Err(SendError(3)), vec![]));

    let ((s, r), lost) = with_hook(Block, 3);
    s.send(1).expect("open");
    assert_eq!((r.close_now(), s.send(2)), (vec![1], Err(SendError(2))));
    drop((s, r));
    assert_eq!(taken(&lost), []);

    // The senders first, and one that was chosen and leaked, which only the end of the channel sets free.
    let ((s, r), lost) = with_hook(Block, 3);
    for i in 1..4 {
        s.send(i).expect("open");
    }
    drop(s);
    let mut select = Select::new();
    select.recv(&r);
    mem::forget(select.select());
    drop(select);
    drop(r);
    let mut all = taken(&lost);
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3]);

    // Without a bound.
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let hook = move |message: usize| {
        counter.fetch_add(message, Ordering::SeqCst);
    };
    let (s, r) = narrows::builder().on_undelivered(hook).unbounded();
    (0..100).for_each(|i| s.send(i).expect("open"));
    assert_eq!((s.capacity(), s.set_capacity(5)), (None, Err(SetCapacityError::Fixed)));
    drop((s, r));
    assert_eq!(count.load(Ordering::SeqCst), 99 * 50);
}

/// A hook that panics spares no other message, and the send that shed has happened.
pub fn rule_06_a_hook_that_panics_spares_no_other() {
    let lost = Lost::default();
    let book = Arc::clone(&lost);
    let hook = move |message: usize| {
        book.lock().expect("no panic under it").push(message);
        assert!(message.is_multiple_of(2), "a hook that panics, on purpose");
    };
    let builder = narrows::builder().weigher(|number: &usize| number % 100).overflow(DropOldest);
    let (s, r) = builder.on_undelivered(hook).bounded(20);
    for message in [1, 3, 2, 5, 7] {
        s.send(message).expect("open");
    }
    assert_eq!(s.weight(), 18);
    let sent = catch_unwind(AssertUnwindSafe(|| s.send(10)));
    assert!(sent.is_err());
    assert_eq!((taken(&lost), s.len(), s.dropped()), (vec![1, 3, 2, 5], 2, 4));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(r))).is_err());
    assert_eq!(taken(&lost), [7, 10]);
    assert_eq!(s.send(1), Err(SendError(1)));
}

/// A hook may use the channel that called it: it runs under no lock.
pub fn rule_06_a_hook_may_use_its_channel() {
    let ends: Arc<OnceLock<Ends<usize>>> = Arc::default();
    let own = Arc::clone(&ends);
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    let hook = move |message: usize| {
        counter.fetch_add(1, Ordering::SeqCst);
        let (s, r) = own.get().expect("made before the first send");
        assert!(s.len() <= 2 && r.is_full());
        if message > 0 {
            s.send(message - 1).expect("open");
        }
    };
    let pair = narrows::builder().overflow(DropOldest).on_undelivered(hook).bounded(2);
    let (s, r) = ends.get_or_init(|| pair);
    for message in [3, 3, 3] {
        s.send(message).expect("open");
    }
    // 3 was pushed out, and sent again as 2; that pushed out the next, and so on, until only 0 was left to push out.
    assert_eq!(seen.load(Ordering::SeqCst) as u64, s.dropped());
    assert!(seen.load(Ordering::SeqCst) > 3);
    assert_eq!(r.try_iter().count(), 2);
}

/// Weights add up; `len` counts; a message of weight 0 needs no room; one that is too heavy goes alone.
pub fn rule_05_weights_add_up() {
    let ((s, r), _) = weighed(Block, 10);
    for message in [4, 0, 5] {
        s.try_send(message).expect("there is room");
    }
    assert_eq!((s.len(), s.weight(), s.capacity(), s.is_full()), (3, 9, Some(10), false));
    assert_eq!(s.try_send(2), Err(TrySendError::Full(2)));
    s.try_send(1).expect("there is room");
    assert!(s.is_full());
    s.try_send(0).expect("it needs none");
    assert_eq!(s.try_send(99), Err(TrySendError::Full(99)));
    assert_eq!(r.try_iter().collect::<Vec<_>>(), [4, 0, 5, 1, 0]);
    // Too heavy for ever, so alone.
    s.try_send(99).expect("it is alone");
    assert_eq!((s.weight(), s.is_full()), (99, true));
    assert_eq!((s.try_send(1), s.try_send(0)), (Err(TrySendError::Full(1)), Err(TrySendError::Full(0))));
    let mut heavy = Hand::waiting(s.send_async(98));
    assert_eq!(r.recv(), Ok(99));
    assert!(heavy.is_woken() && heavy.poll().is_ready());
    assert_eq!((r.recv(), r.weight()), (Ok(98), 0));
    // A permit is 1, whatever its message weighs; a chosen message keeps its weight.
    let permit = s.reserve_many(3).expect("there is room");
    assert_eq!((s.try_send(8), s.try_send(7)), (Err(TrySendError::Full(8)), Ok(())));
    let mut permit = permit;
    permit.send(20).expect("open");
    drop(permit);
    assert_eq!((s.weight(), s.try_send(1)), (27, Err(TrySendError::Full(1))));
    let mut select = Select::new();
    select.recv(&r);
    let chosen = select.select();
    assert_eq!((s.weight(), s.len(), s.is_full()), (20, 1, true));
    assert_eq!((chosen.recv(&r), r.recv()), (Ok(7), Ok(20)));
    s.try_send(10).expect("it is empty");
    // The oldest that weigh enough go, and no more.
    let ((s, r), lost) = weighed(DropOldest, 10);
    for message in [3, 3, 3, 1, 5, 99, 4] {
        s.send(message).expect("it sheds");
    }
    assert_eq!((taken(&lost), r.try_iter().collect::<Vec<_>>()), (vec![3, 3, 3, 1, 5, 99], vec![4]));
}

/// Each message is weighed once, however long it waits, and under no lock.
pub fn rule_05_a_message_is_weighed_once() {
    for way in WAYS {
        let weighings = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&weighings);
        let ends: Arc<OnceLock<Sender<usize>>> = Arc::default();
        let own = Arc::clone(&ends);
        let weigher = move |_: &usize| {
            counter.fetch_add(1, Ordering::SeqCst);
            usize::from(own.get().is_none_or(|s| s.len() < 100))
        };
        let (s, r) = narrows::builder().weigher(weigher).bounded(1);
        ends.set(s.clone()).expect("once");
        let side = way.send;
        let sender = side.spawn(async move {
            for i in 0..times(100) {
                side.send(&s, i).await.expect("open");
            }
        });
        for _ in 0..times(100) {
            until("it is full", || r.is_full());
            assert!(way.recv.recv_here(&r).is_ok());
        }
        sender.join();
        assert_eq!(weighings.load(Ordering::SeqCst), times(100), "{}", way.name);
    }
}

/// A heavy message that waits is not overtaken: what is free is held for it, and it goes in as soon as it fits.
pub fn rule_10_the_heavy_are_not_overtaken() {
    for host in [Host::Thread, Host::Pool, Host::Tokio] {
        let ((s, r), _) = weighed(Block, 10);
        for message in [5, 4] {
            s.try_send(message).expect("there is room");
        }
        let other = s.clone();
        let heavy =
            host.spawn(async move { if host == Host::Thread { other.send(7) } else { other.send_async(7).await } });
        heavy.until_waiting();
        // One unit is free, and nobody gets it: not a message, not a permit, not a select.
        assert_eq!(s.try_send(1), Err(TrySendError::Full(1)));
        assert!(s.is_full() && s.try_reserve().is_err());
        let mut select = Select::new();
        select.send(&s);
        assert!(select.try_select().is_err());
        let mut light = Hand::waiting(s.send_async(101));
        let mut place = Hand::waiting(s.reserve_async());
        assert_eq!(r.recv(), Ok(5));
        assert!(!light.is_woken() && !place.is_woken());
        assert_eq!(r.recv(), Ok(4));
        // Now it is in, and so are those behind it.
        assert_eq!(heavy.join(), Ok(()));
        assert!(light.poll().is_ready() && place.is_woken());
        assert!(matches!(place.poll(), Poll::Ready(Ok(_))));
        assert_eq!((r.recv(), r.recv()), (Ok(7), Ok(101)));
    }
}

/// A heavy message that gives up lets those behind it go on; one whose future is forgotten goes in by itself.
pub fn rule_14_a_forgotten_heavy_message_holds_up_nobody() {
    let ((s, r), _) = weighed(Block, 10);
    s.try_send(8).expect("there is room");
    let heavy = Hand::waiting(s.send_async(7));
    let mut light = Hand::waiting(s.send_async(1));
    let mut place = Hand::waiting(s.reserve_async());
    drop(heavy);
    assert!(light.is_woken() && light.poll().is_ready());
    assert!(place.is_woken());
    let Poll::Ready(Ok(permit)) = place.poll() else { panic!("a unit is free") };
    assert!(s.is_full());
    drop(permit);
    mem::forget(Hand::waiting(s.send_async(6)));
    let mut light = Hand::waiting(s.send_async(102));
    assert_eq!(r.recv(), Ok(8));
    assert!(light.is_woken() && light.poll().is_ready());
    assert_eq!(r.try_iter().collect::<Vec<_>>(), [1, 6, 102]);
    // A timed send gives up, too. It has so much time that the light one comes before that is over.
    let mut patience = Duration::from_millis(50);
    loop {
        s.try_send(8).expect("there is room");
        let timed = Host::Thread.spawn({
            let s = s.clone();
            async move { s.send_timeout(7, patience) }
        });
        let is_first = timed.comes_to_wait();
        let mut light = Hand::new(s.send_async(1));
        let is_behind = light.poll().is_pending();
        assert_eq!(timed.join(), Err(SendTimeoutError::Timeout(7)));
        if is_first && is_behind {
            assert!(light.is_woken() && light.poll().is_ready());
            return;
        }
        patience *= 4;
        assert!(patience < DEADLINE, "the light one did not wait");
        drop(light);
        r.try_iter().for_each(drop);
    }
}

/// One that wants a unit and stands before a heavy message is not held up by it.
pub fn rule_09_permits_and_heavy_messages_take_turns() {
    let ((s, r), _) = weighed(Block, 5);
    s.try_send(5).expect("there is room");
    let mut place = Hand::waiting(s.reserve_async());
    let owner = Host::Thread.spawn({
        let s = s.clone();
        async move { s.reserve().map(narrows::Permit::into_owned) }
    });
    owner.until_waiting();
    let mut heavy = Hand::waiting(s.send_async(105));
    assert_eq!(r.recv(), Ok(5));
    let Poll::Ready(Ok(permit)) = place.poll() else { panic!("it was first") };
    let owned = owner.join().expect("open");
    heavy.still_waits();
    drop(permit);
    heavy.still_waits();
    owned.send(1).expect("open");
    assert_eq!(r.recv(), Ok(1));
    assert!(heavy.is_woken() && heavy.poll().is_ready());
    // Many of both, from all sides.
    let ((s, r), _) = weighed(Block, 7);
    let (each, total) = (times(200), 4 * times(200));
    for (k, host) in [Host::Thread, Host::Thread, Host::Pool, Host::Tokio].into_iter().enumerate() {
        let s = s.clone();
        drop(host.spawn(async move {
            for i in 0..each {
                let weight = [1, 3, 7, 9][(i + k) % 4];
                match (host, i % 3) {
                    (Host::Thread, 0) => s.reserve().expect("open").send(weight).expect("open"),
                    (Host::Thread, _) => s.send(weight).expect("open"),
                    (_, 0) => s.reserve_async().await.expect("open").send(weight).expect("open"),
                    (..) => s.send_async(weight).await.expect("open"),
                }
            }
        }));
    }
    for _ in 0..total {
        r.recv().expect("each comes");
    }
    assert_eq!((r.weight(), r.len()), (0, 0));
}

/// More capacity lets in as many as now fit, and wakes them; less keeps others out until there is room below it.
pub fn rule_09_more_capacity_lets_more_in() {
    for way in WAYS {
        let (s, r) = narrows::builder().resizable().bounded(1);
        s.send(0).expect("open");
        let side = way.send;
        let senders: Vec<_> = (1..5)
            .map(|i| {
                let s = s.clone();
                let sender = side.spawn(async move { side.send(&s, i).await });
                sender.until_waiting();
                sender
            })
            .collect();
        assert_eq!((r.set_capacity(3), r.capacity()), (Ok(()), Some(3)));
        until("two more are in", || r.len() == 3);
        assert_eq!(s.set_capacity(2), Ok(()));
        assert!(s.is_full() && r.len() == 3, "{}", way.name);
        assert_eq!(s.try_send(9), Err(TrySendError::Full(9)));
        for left in [2, 2, 2] {
            r.recv().expect("it is there");
            until("as many as fit are in", || r.len() == left);
        }
        // One more was received than came in.
        let rest = r.try_iter().count();
        assert_eq!(rest, 2, "{}", way.name);
        for sender in senders {
            assert_eq!(sender.join(), Ok(()));
        }
    }
}

/// A capacity that changes under traffic loses nobody.
pub fn rule_09_a_capacity_may_change_under_traffic() {
    for way in WAYS {
        let (s, r) = narrows::builder().resizable().bounded(1);
        let (side, each) = (way.send, times(200));
        let changer = Host::Thread.spawn({
            let s = s.clone();
            async move {
                for i in 0..times(400) {
                    assert_eq!(s.set_capacity(1 + i % 5), Ok(()));
                    if i % 8 == 0 {
                        std::thread::yield_now();
                    }
                }
            }
        });
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let s = s.clone();
                side.spawn(async move {
                    for i in 0..each {
                        side.send(&s, i).await.expect("open");
                    }
                })
            })
            .collect();
        for _ in 0..2 * each {
            assert!(r.len() <= 5 && way.recv.recv_here(&r).is_ok());
        }
        senders.into_iter().for_each(Actor::join);
        changer.join();
        assert!(r.is_empty());
    }
}

/// Where the capacity is fixed, or 0 is asked for, that is said, and a channel without places has no rules.
pub fn rule_05_a_fixed_capacity_is_kept() {
    let fixed = Err(SetCapacityError::Fixed);
    for (s, r) in [narrows::bounded::<u8>(0), narrows::bounded(4), narrows::unbounded()] {
        let capacity = s.capacity();
        assert_eq!((s.set_capacity(7), r.set_capacity(7), r.capacity()), (fixed, fixed, capacity));
        assert_eq!((s.weight(), r.weight(), s.dropped(), r.dropped()), (0, 0, 0, 0));
    }
    assert_eq!(narrows::never::<u8>().set_capacity(7), fixed);
    let (s, r) = narrows::builder::<u8>().overflow(Fail).bounded(4);
    assert_eq!((s.set_capacity(0), r.set_capacity(5), s.capacity()), (Err(SetCapacityError::Zero), Ok(()), Some(5)));
    assert!(catch_unwind(|| narrows::builder::<u8>().resizable().bounded(0)).is_err());
    let (s, r) = narrows::builder().name("plain").bounded(3);
    assert_eq!((s.send(5u8), r.weight(), r.name()), (Ok(()), 1, Some("plain")));
}
