//! Gates, tokens and wait groups keep the same promises as the end of a channel, in every way of waiting for them.

use crate::actor::{Actor, Host};
use crate::deadline::{times, within};
use crate::hand::{Bell, Hand, poll};
use narrows::{CancelToken, Event, Gate, Member, Select, WaitGroup};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use std::{mem, thread};

/// A way of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Blocked,
    Timed,
    Until,
    Selected,
    Macro,
    OnPool,
    OnTokio,
    SelectAwaited,
}

pub(crate) const WAYS: [Way; 8] =
    [Way::Blocked, Way::Timed, Way::Until, Way::Selected, Way::Macro, Way::OnPool, Way::OnTokio, Way::SelectAwaited];

const LONG: Duration = Duration::from_secs(3600);

impl Way {
    pub(crate) async fn wait(self, event: Event<'_>) {
        let never = narrows::never::<u8>();
        match self {
            Way::Blocked => event.wait(),
            Way::Timed => assert!(event.wait_timeout(LONG)),
            Way::Until => assert!(event.wait_deadline(Instant::now() + LONG)),
            Way::OnPool | Way::OnTokio => event.await,
            Way::Macro => narrows::select! {
                recv(never) -> _ => unreachable!("it is never ready"),
                recv(event) -> happened => assert_eq!(happened, Ok(())),
            },
            Way::Selected | Way::SelectAwaited => {
                let mut select = Select::new();
                select.recv(&never);
                let at = select.arm(&event);
                let chosen = if self == Way::Selected { select.select() } else { select.select_async().await };
                assert_eq!(chosen.index(), at);
                chosen.finish();
            }
        }
    }

    pub(crate) fn host(self) -> Host {
        match self {
            Way::OnPool => Host::Pool,
            Way::OnTokio | Way::SelectAwaited => Host::Tokio,
            _ => Host::Thread,
        }
    }

    /// Somebody who waits so, and ends with what `then` says.
    fn spawn<R: Send + 'static>(self, what: What, then: impl FnOnce() -> R + Send + 'static) -> Actor<R> {
        self.host().spawn(async move {
            self.wait(what.event()).await;
            then()
        })
    }
}

/// What is waited for.
#[derive(Clone, Debug)]
enum What {
    Gate(Arc<Gate>),
    Token(CancelToken),
    /// Of a child of it.
    Child(CancelToken),
    Group(WaitGroup),
}

impl What {
    fn event(&self) -> Event<'_> {
        match self {
            What::Gate(gate) => gate.opened(),
            What::Token(token) | What::Child(token) => token.cancelled(),
            What::Group(group) => group.all_done(),
        }
    }

    /// Each of them, and what makes it happen.
    fn each() -> Vec<(What, Box<dyn FnOnce() + Send>)> {
        let (gate, token, parent, group) =
            (Arc::new(Gate::new()), CancelToken::new(), CancelToken::new(), WaitGroup::new());
        let whats = [
            What::Gate(gate.clone()),
            What::Token(token.clone()),
            What::Child(parent.child()),
            What::Group(group.clone()),
        ];
        let member = group.member();
        let causes: [Box<dyn FnOnce() + Send>; 4] = [
            Box::new(move || assert!(gate.open())),
            Box::new(move || assert!(token.cancel())),
            Box::new(move || assert!(parent.cancel())),
            Box::new(move || drop(member)),
        ];
        whats.into_iter().zip(causes).collect()
    }
}

/// Who waits is woken, and who comes later does not wait.
pub fn rule_09_an_event_wakes_everybody() {
    for way in WAYS {
        for (what, cause) in What::each() {
            let waiters: Vec<_> = (0..3).map(|_| way.spawn(what.clone(), || ())).collect();
            waiters.iter().for_each(Actor::until_waiting);
            cause();
            waiters.into_iter().for_each(Actor::join);
            way.spawn(what, || ()).join();
        }
    }
}

/// Threads, tasks and selects wait side by side, and one that gives up disturbs no other.
pub fn rule_09_all_ways_wait_for_one_event() {
    for (what, cause) in What::each() {
        let waiters = WAYS.map(|way| way.spawn(what.clone(), || ()));
        waiters.iter().for_each(Actor::until_waiting);
        assert!(!what.event().wait_timeout(Duration::from_millis(1)));
        drop(Hand::waiting(what.event()));
        cause();
        waiters.into_iter().for_each(Actor::join);
    }
}

/// What was done before is visible to who has waited.
pub fn rule_03_what_came_before_an_event_is_seen_after_it() {
    for way in WAYS {
        for _ in 0..times(50) {
            for (what, cause) in What::each() {
                // Relaxed: it is the event that makes it visible.
                let done = Arc::new(AtomicUsize::new(0));
                let seen = done.clone();
                let waiter = way.spawn(what, move || seen.load(Ordering::Relaxed));
                done.store(1, Ordering::Relaxed);
                cause();
                assert_eq!(waiter.join(), 1, "{way:?}");
            }
        }
    }
}

/// What every member did is visible, not only what the last did.
pub fn rule_03_what_all_members_did_is_seen() {
    for way in WAYS {
        for _ in 0..times(50) {
            let group = WaitGroup::new();
            let done = Arc::new(AtomicUsize::new(0));
            for _ in 0..3 {
                let (member, done) = (group.member(), done.clone());
                thread::spawn(move || {
                    done.fetch_add(1, Ordering::Relaxed);
                    drop(member);
                });
            }
            let waiter = way.spawn(What::Group(group), move || done.load(Ordering::Relaxed));
            assert_eq!(waiter.join(), 3, "{way:?}");
        }
    }
}

/// Of two threads that each make something happen and then look at what the other does, one sees it.
pub fn rule_04_two_gates_agree_on_what_came_first() {
    for _ in 0..times(5000) {
        let (gate, other) = (Gate::new(), Gate::new());
        let agree = thread::scope(|scope| {
            let first = scope.spawn(|| {
                gate.open();
                other.is_open()
            });
            other.open();
            let second = gate.is_open();
            first.join().expect("no panic") || second
        });
        assert!(agree, "neither came first");
    }
}

/// Of all calls one makes the difference.
pub fn rule_07_a_gate_is_opened_by_one() {
    for _ in 0..times(500) {
        let (gate, token) = (Gate::new(), CancelToken::new());
        let opened: usize = thread::scope(|scope| {
            let calls = [(); 3].map(|()| scope.spawn(|| usize::from(gate.open()) + usize::from(token.cancel())));
            calls.into_iter().map(|call| call.join().expect("no panic")).sum()
        });
        assert_eq!(opened, 2);
        assert!(gate.is_open() && token.is_cancelled());
    }
}

/// A parent's cancelling reaches every token below, also over tokens that are gone; a child's reaches neither parent
/// nor sibling.
pub fn rule_07_cancelling_goes_down_and_not_up() {
    let root = CancelToken::new();
    let (left, right) = (root.child(), root.child());
    let below = left.child().child();
    assert!(left.cancel());
    assert!(below.is_cancelled() && !right.is_cancelled() && !root.is_cancelled());
    assert!(left.child().is_cancelled(), "born below one that is cancelled");
    assert!(!left.child().cancel());
    let grandchild = right.child().child().child();
    drop(right);
    assert!(!grandchild.is_cancelled());
    assert!(root.cancel() && !root.cancel());
    assert!(grandchild.is_cancelled() && root.child().is_cancelled());
}

/// However making a child and cancelling meet, the child is cancelled; and who is woken sees all below cancelled.
pub fn rule_07_no_child_escapes() {
    for _ in 0..times(2000) {
        let root = CancelToken::new();
        let children = thread::scope(|scope| {
            let maker = scope.spawn(|| {
                let child = root.child();
                [child.child(), child, root.child()]
            });
            root.cancel();
            maker.join().expect("no panic")
        });
        assert!(children.iter().all(CancelToken::is_cancelled));
    }
    let root = CancelToken::new();
    let (child, seen) = (root.child().child(), root.clone());
    let waiter = Host::Thread.spawn(async move {
        seen.cancelled().wait();
        child.is_cancelled()
    });
    waiter.until_waiting();
    root.cancel();
    assert!(waiter.join());
}

/// A guard cancels when it is dropped, also by a panic, and not when it is disarmed.
pub fn rule_07_a_guard_cancels() {
    let token = CancelToken::new();
    let same = token.clone().drop_guard().disarm();
    assert!(!token.is_cancelled() && !same.is_cancelled());
    let guard = same.drop_guard();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _guard = guard;
        panic!("at work");
    }));
    assert!(panicked.is_err() && token.is_cancelled());
}

/// A future runs to its end, or is dropped when the token is cancelled.
pub fn rule_13_a_future_runs_until_cancelled() {
    let token = CancelToken::new();
    assert_eq!(Hand::new(token.run_until_cancelled(async { 7 })).ready(), Some(7));
    let held = Arc::new(());
    let (mine, inner) = (held.clone(), token.clone());
    let waits = Host::Tokio.spawn(async move {
        let forever = async move {
            std::future::pending::<()>().await;
            drop(mine);
        };
        inner.run_until_cancelled(forever).await
    });
    waits.until_waiting();
    token.cancel();
    assert_eq!(waits.join(), None);
    assert_eq!(Arc::strong_count(&held), 1, "the future was dropped");
    assert_eq!(Hand::new(token.run_until_cancelled(async { 7 })).ready(), None);
}

/// A panic lets go of a member like anything else, and a clone is one more.
pub fn rule_09_a_member_is_done_also_by_a_panic() {
    let group = WaitGroup::new();
    group.wait();
    let member = group.member();
    let other = member.clone();
    assert_eq!(group.members(), 2);
    let panicked = thread::spawn(move || {
        let _member: Member = member;
        panic!("at work");
    });
    assert!(panicked.join().is_err());
    assert_eq!(group.members(), 1);
    assert!(!group.wait_timeout(Duration::from_millis(1)));
    drop(other);
    assert!(group.wait_timeout(Duration::ZERO));
}

/// Who waits is let go when all are done, though new members have come before it ran; and not before.
pub fn rule_09_a_group_that_fills_again_lets_go_who_waited() {
    for way in [Way::Blocked, Way::Timed, Way::OnPool, Way::OnTokio] {
        let group = WaitGroup::new();
        for _ in 0..times(100) {
            let member = group.member();
            let waiter = way.spawn(What::Group(group.clone()), || ());
            waiter.until_waiting();
            drop(member);
            let next = group.member();
            waiter.join();
            assert_eq!(group.members(), 1);
            drop(next);
        }
    }
    let group = WaitGroup::new();
    let member = group.member();
    let mut waiting = [Hand::waiting(group.all_done()), Hand::waiting(group.all_done())];
    drop(member);
    let next = group.member();
    let mut late = Hand::waiting(group.all_done());
    assert!(waiting.iter_mut().all(|hand| hand.is_woken() && hand.poll().is_ready()));
    assert!(!late.is_woken() && late.poll().is_pending());
    drop(next);
    assert!(late.is_woken() && late.poll().is_ready());
}

/// Round after round who waits is let go, and not before the member of its round is done.
pub fn rule_09_a_group_is_used_again_and_again() {
    const WAITERS: usize = 2;
    let group = WaitGroup::new();
    let (to_waiters, rounds) = narrows::bounded::<Arc<()>>(WAITERS);
    let (from_waiters, over) = narrows::bounded::<()>(WAITERS);
    let (to_worker, work) = narrows::bounded::<([Arc<()>; WAITERS], Member)>(1);
    thread::scope(|scope| {
        for _ in 0..WAITERS {
            let (group, rounds, from_waiters) = (&group, rounds.clone(), from_waiters.clone());
            scope.spawn(move || {
                for mark in rounds {
                    group.wait();
                    assert_eq!(Arc::strong_count(&mark), 1, "the worker still has its own");
                    from_waiters.send(()).expect("it is open");
                }
            });
        }
        scope.spawn(move || {
            for (marks, member) in work {
                drop(marks);
                drop(member);
            }
        });
        for _ in 0..times(3000) {
            let marks: [Arc<()>; WAITERS] = Default::default();
            let theirs = marks.clone();
            to_worker.send((marks, group.member())).expect("it is open");
            for mark in theirs {
                to_waiters.send(mark).expect("it is open");
            }
            for _ in 0..WAITERS {
                over.recv().expect("it is open");
            }
        }
        drop((to_waiters, to_worker));
    });
}

/// A deadline in the past means one look, and the longest time is for ever.
pub fn rule_12_events_in_time() {
    for (what, cause) in What::each() {
        let past = Instant::now();
        assert!(!what.event().wait_deadline(past));
        assert!(!what.event().wait_timeout(Duration::ZERO));
        let same = what.clone();
        let waits = Host::Thread.spawn(async move { same.event().wait_timeout(Duration::MAX) });
        waits.until_waiting();
        cause();
        assert!(waits.join());
        assert!(what.event().wait_deadline(past) && what.event().wait_timeout(Duration::ZERO));
    }
    let (gate, group) = (Gate::new(), WaitGroup::new());
    assert!(!gate.wait_timeout(Duration::ZERO) && !gate.wait_deadline(Instant::now()));
    assert!(group.wait_timeout(Duration::ZERO) && group.wait_deadline(Instant::now()));
}

/// A future that was forgotten keeps nobody from being woken.
pub fn rule_14_a_forgotten_wait_blocks_no_event() {
    let (gate, token, group) = (Gate::new(), CancelToken::new(), WaitGroup::new());
    let member = group.member();
    let events = || [gate.opened(), token.cancelled(), group.all_done()];
    for event in events() {
        let mut event = Box::pin(event);
        assert!(poll(&mut event, &Bell::new()).is_pending());
        mem::forget(event);
    }
    let waiting = events().map(Hand::waiting);
    gate.open();
    token.cancel();
    drop(member);
    assert!(waiting.iter().all(Hand::is_woken));
    waiting.into_iter().for_each(Hand::ready);
}

/// Polled again and again it keeps one waker, the latest, and wakes no other.
pub fn rule_15_an_event_wakes_the_latest_waker() {
    for (what, cause) in What::each() {
        let mut event = what.event();
        let bells: Vec<_> = (0..100).map(|_| Bell::new()).collect();
        for bell in &bells {
            for _ in 0..10 {
                assert!(poll(&mut event, bell).is_pending());
            }
        }
        let (last, others) = bells.split_last().expect("a hundred");
        assert!(others.iter().all(|bell| Arc::strong_count(bell) == 1), "an old waker is kept");
        cause();
        assert!(others.iter().all(|bell| bell.rings() == 0));
        assert_eq!(last.rings(), 1);
        assert_eq!(poll(&mut event, last), Poll::Ready(()));
    }
}

/// Beside a channel the arm that is ready is chosen; one that has happened stays ready, and one that may be undone does
/// not.
pub fn rule_16_an_event_is_an_arm_of_a_select() {
    let (numbers, from_numbers) = narrows::unbounded();
    for (what, cause) in What::each() {
        let event = what.event();
        let mut select = Select::new();
        let happened = select.arm(&event);
        let number = select.recv(&from_numbers);
        assert!(select.try_select().is_err() && select.try_ready().is_err());
        numbers.send(1).expect("it is open");
        let chosen = select.select();
        assert_eq!(chosen.index(), number);
        assert_eq!(chosen.recv(&from_numbers), Ok(1));
        assert!(select.select_timeout(Duration::ZERO).is_err());
        cause();
        for _ in 0..3 {
            assert_eq!(select.ready(), happened);
            select.select().finish();
        }
        if let What::Group(group) = &what {
            let member = group.member();
            assert!(select.try_select().is_err());
            thread::scope(|scope| {
                scope.spawn(|| drop(member));
                select.select().finish();
            });
        }
    }
    let (token, disabled) = (CancelToken::new(), None::<Event<'_>>);
    token.cancel();
    narrows::select_biased! {
        recv(disabled) -> _ => unreachable!("it is disabled"),
        recv(from_numbers) -> _ => unreachable!("nothing is there"),
        recv(token.cancelled()) -> cancelled => assert_eq!(cancelled, Ok(())),
    }
}

/// Selectors that are gone leave nothing behind, however many come and go while an event is awaited.
pub fn rule_16_dropped_selects_do_not_pile_up_at_an_event() {
    for (what, cause) in What::each() {
        let bell = Bell::new();
        let event = what.event();
        for _ in 0..1000 {
            let mut select = Select::new();
            select.arm(&event);
            // Used more than once it leaves its ticket out.
            for _ in 0..3 {
                let mut future = Box::pin(select.select_async());
                let waker = Waker::from(bell.clone());
                assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            }
        }
        assert!(Arc::strong_count(&bell) < 10, "{} wakers are kept", Arc::strong_count(&bell));
        cause();
    }
}

/// Neither a long chain of tokens nor a wide one ends the stack, cancelled or dropped.
pub fn rule_19_deep_trees_need_no_stack() {
    let depth = times(100_000);
    for cancelled in [true, false] {
        let small = thread::Builder::new().stack_size(64 << 10);
        let body = move || {
            let root = CancelToken::new();
            let deepest = (0..depth).fold(root.child(), |token, _| token.child());
            let wide: Vec<_> = (0..depth).map(|_| root.child()).collect();
            if cancelled {
                root.cancel();
                assert!(deepest.is_cancelled() && wide.iter().all(CancelToken::is_cancelled));
            }
            drop(root);
            drop(wide);
        };
        let done = small.spawn(body).expect("a thread").join();
        assert!(done.is_ok());
    }
}

/// What is woken may use the token that wakes it: no lock is held, and no tree is walked on the stack.
pub fn rule_09_who_is_woken_may_use_its_token() {
    struct Busy(CancelToken);
    impl std::task::Wake for Busy {
        fn wake(self: Arc<Self>) {
            let child = self.0.child();
            assert!(child.is_cancelled());
            self.0.cancel();
            drop(child);
        }
    }
    within("a waker that uses its token", || {
        let root = CancelToken::new();
        let tokens = [root.clone(), root.child(), root.child().child()];
        for token in &tokens {
            let mut event = Box::pin(token.cancelled());
            let waker = Waker::from(Arc::new(Busy(token.clone())));
            assert!(event.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            mem::forget(event);
        }
        root.cancel();
    });
}
