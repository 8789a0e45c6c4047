//! The same verbs as futures, on no executor in particular: polled by hand, and all ranks of a world on one thread.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

use narrows_rank::{Any, Error, Local, Rank, Receiving, Tag, World};

#[derive(Default)]
struct Counts(AtomicUsize);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Polls all until each is done; each of them only when it was woken.
fn run_all<T>(mut tasks: Vec<Task<'_, T>>) -> Vec<T> {
    let counts: Vec<Arc<Counts>> = tasks.iter().map(|_| Arc::new(Counts(AtomicUsize::new(1)))).collect();
    let mut results: Vec<Option<T>> = tasks.iter().map(|_| None).collect();
    while results.iter().any(Option::is_none) {
        let mut is_stuck = true;
        for ((task, result), count) in tasks.iter_mut().zip(&mut results).zip(&counts) {
            if result.is_none() && count.0.swap(0, Relaxed) > 0 {
                is_stuck = false;
                let waker = Waker::from(count.clone());
                if let Poll::Ready(done) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
                    *result = Some(done);
                }
            }
        }
        assert!(!is_stuck, "no task was woken");
    }
    results.into_iter().flatten().collect()
}

/// Each rank is moved into its task.
fn world<T, F>(n: usize, program: impl Fn(Rank) -> F) -> Vec<T>
where
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    let tasks = World::ranks(n).into_iter().map(|rank| Box::pin(program(rank)) as Task<'static, _>).collect();
    run_all::<Result<T, Error>>(tasks).into_iter().map(Result::unwrap).collect()
}

#[test]
fn a_ring_of_tasks_on_one_thread() {
    let got = world(5, |me| async move {
        let (next, before) = ((me.rank() + 1) % 5, (me.rank() + 4) % 5);
        let mut token = me.rank();
        for _ in 0..100 {
            let receiving = me.irecv::<usize>(before, Tag(0));
            me.isend(next, 0, token).await?;
            token = receiving.await?.0;
        }
        Ok(token)
    });
    assert_eq!(got, [0, 1, 2, 3, 4]);
}

#[test]
fn every_collective_as_a_future() {
    for n in [1, 2, 3, 8] {
        world(n, move |me| async move {
            let (rank, is_root) = (me.rank(), me.rank() == n - 1);
            me.barrier_async().await?;
            assert_eq!(me.broadcast_async(n - 1, is_root.then_some("x")).await?, "x");
            let mine = me.scatter_async(n - 1, is_root.then(|| (0..n).collect())).await?;
            assert_eq!(mine, rank);
            let all: Vec<usize> = (0..n).collect();
            assert_eq!(me.gather_async(n - 1, mine).await?, is_root.then(|| all.clone()));
            assert_eq!(me.all_gather_async(mine).await?, all);
            let text: String = all.iter().map(ToString::to_string).collect();
            let join = |a: String, b: String| a + &b;
            assert_eq!(me.reduce_async(n - 1, rank.to_string(), join).await?, is_root.then(|| text.clone()));
            assert_eq!(me.all_reduce_async(rank.to_string(), join).await?, text);
            assert_eq!(me.scan_async(rank.to_string(), join).await?, text[..=rank]);
            let sums = me.all_reduce_each_async(vec![1_u64; 5000], |a, b| a + b).await?;
            assert_eq!(sums, vec![n as u64; 5000]);
            assert_eq!(me.all_to_all_async(vec![rank; n]).await?, all);
            let group = me.split_async(0, (n - rank) as u64).await?;
            assert_eq!(group.rank(), n - 1 - rank);
            Ok(())
        });
    }
}

#[test]
fn a_receive_that_is_dropped_gives_its_message_to_the_next() {
    let ranks = World::ranks(2);
    let waker = Waker::from(Arc::new(Counts::default()));
    let mut cx = Context::from_waker(&waker);
    let mut first = ranks[1].irecv::<u32>(Any, Any);
    let mut second = ranks[1].irecv::<u32>(0, Tag(1));
    assert!(Pin::new(&mut first).poll(&mut cx).is_pending());
    assert!(Pin::new(&mut second).poll(&mut cx).is_pending());
    // Handed to the first, which never looks.
    ranks[0].send(1, 1, 6_u32).unwrap();
    ranks[0].send(1, 2, 7_u32).unwrap();
    assert!(first.is_done() && !second.is_done());
    drop(first);
    let Poll::Ready(got) = Pin::new(&mut second).poll(&mut cx) else { panic!("the message was lost") };
    assert_eq!(got.unwrap().0, 6);
    // One that has found its message at once, too.
    drop(ranks[1].irecv::<u32>(0, Any));
    assert_eq!(ranks[1].recv::<u32>(0, Any).unwrap().0, 7);
}

#[test]
fn a_send_that_is_dropped_is_still_sent_and_one_cancelled_is_not() {
    let ranks = World::ranks(2);
    drop(ranks[0].issend(1, 0, 'a'));
    assert_eq!(ranks[0].issend(1, 0, 'b').cancel(), Some('b'));
    let sending = ranks[0].issend(1, 0, 'c');
    assert_eq!(ranks[1].recv::<char>(0, Any).unwrap().0, 'a');
    assert_eq!(ranks[1].recv::<char>(0, Any).unwrap().0, 'c');
    assert_eq!(sending.cancel(), None, "it was taken");
    assert_eq!(ranks[1].try_recv::<char>(0, Any).unwrap(), None);
}

fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[test]
fn a_synchronous_send_to_an_awaited_receive_is_done_when_that_has_it_and_not_if_it_is_dropped() {
    let mut ranks = World::ranks(2);
    let mut receiving = ranks[1].irecv::<char>(0, Any);
    assert!(is_pending(&mut receiving));
    let sending = ranks[0].issend(1, 0, 'a');
    assert!(receiving.is_done() && !sending.is_done(), "it is on its way");
    drop(receiving);
    assert!(!sending.is_done(), "nobody has received it");
    let mut receiving = ranks[1].irecv::<char>(0, Any);
    assert!(sending.is_done() && !is_pending(&mut receiving));

    let mut receiving = ranks[1].irecv::<char>(0, Any);
    assert!(is_pending(&mut receiving));
    let sending = ranks[0].issend(1, 0, 'b');
    let Poll::Ready(got) = Pin::new(&mut receiving).poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it was called for its message")
    };
    assert_eq!((got.unwrap().0, sending.is_done()), ('b', true));

    let mut receiving = ranks[1].irecv::<char>(0, Any);
    assert!(is_pending(&mut receiving));
    let sending = ranks[0].issend(1, 0, 'c');
    drop((receiving, ranks.pop()));
    assert_eq!(sending.wait().unwrap_err().message, 'c');
}

/// So that ranks which begin a receive each and then send to each other go on.
#[test]
fn a_synchronous_send_to_a_receive_that_was_begun_is_done_at_once() {
    let ranks = World::ranks(2);
    let receiving: Vec<_> = (0..2).map(|rank| ranks[rank].irecv::<usize>(1 - rank, Tag(0))).collect();
    for (number, rank) in ranks.iter().enumerate() {
        rank.ssend(1 - number, 0, number).unwrap();
    }
    for (rank, receiving) in receiving.into_iter().enumerate() {
        assert_eq!(receiving.wait().unwrap().0, 1 - rank);
    }
}

#[test]
fn a_synchronous_send_on_its_way_is_taken_back_and_the_receive_waits_in_its_old_place() {
    let ranks = World::ranks(2);
    let mut first = ranks[1].irecv::<char>(0, Any);
    let mut second = ranks[1].irecv::<char>(Any, Any);
    assert!(is_pending(&mut first) && is_pending(&mut second));
    assert_eq!(ranks[0].issend(1, 0, 'a').cancel(), Some('a'));
    let sending = ranks[0].issend(1, 0, 'b');
    assert!(second.is_done() && is_pending(&mut first));
    // It goes to the next in line, which by now is the first again.
    drop(second);
    assert!(first.is_done() && !sending.is_done());
    assert_eq!((first.wait().unwrap().0, sending.is_done()), ('b', true));
    assert_eq!(ranks[1].try_recv::<char>(Any, Any).unwrap(), None);
}

/// As it is woken, whoever waits for the one lets go of the other, to which the message goes at that moment.
#[test]
fn a_synchronous_send_to_a_receive_that_was_just_dropped_goes_on_waiting() {
    struct LetsGo(Mutex<Option<Receiving<char, Local>>>);
    impl Wake for LetsGo {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().unwrap().take());
        }
    }
    let ranks = World::ranks(2);
    let mut wrong = ranks[1].irecv::<u8>(0, Any);
    let right = ranks[1].irecv::<char>(0, Any);
    let waker = Waker::from(Arc::new(LetsGo(Mutex::new(None))));
    // The first polls may ask for another one themselves, before they wait.
    for _ in 0..100 {
        assert!(Pin::new(&mut wrong).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    let lets_go = Arc::new(LetsGo(Mutex::new(Some(right))));
    assert!(Pin::new(&mut wrong).poll(&mut Context::from_waker(&Waker::from(lets_go.clone()))).is_pending());
    assert!(lets_go.0.lock().unwrap().is_some(), "it is not woken yet");
    let sending = ranks[0].issend(1, 0, 'a');
    assert!(lets_go.0.lock().unwrap().is_none() && wrong.is_done());
    assert!(!sending.is_done(), "nobody has received it");
    assert_eq!((ranks[1].recv::<char>(0, Any).unwrap().0, sending.is_done()), ('a', true));
}

#[test]
fn a_rank_ends_with_its_last_handle() {
    let mut ranks = World::ranks(2);
    let (b, a) = (ranks.pop().unwrap(), ranks.pop().unwrap());
    let clone = b.clone();
    let waiting = a.issend(1, 0, "kept");
    drop(b);
    assert!(!waiting.is_done());
    drop(clone);
    let unsent = waiting.wait().unwrap_err();
    assert_eq!(unsent.message, "kept");
    assert_eq!(unsent.to_string(), "rank 1 is gone: it was dropped");
    assert_eq!(a.recv::<()>(Any, Any), Err(Error::AllGone));
}

/// Polled again and again it is in line once, and the waker is the latest.
#[test]
fn only_the_latest_waker_is_woken() {
    let ranks = World::ranks(2);
    let mut receiving = ranks[1].irecv::<u8>(Any, Any);
    let (old, new) = (Arc::new(Counts::default()), Arc::new(Counts::default()));
    for wakes in [&old, &old, &new] {
        let waker = Waker::from(wakes.clone());
        assert!(Pin::new(&mut receiving).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    // The first polls may ask for another one themselves, before they wait.
    let before = (old.0.load(Relaxed), new.0.load(Relaxed));
    ranks[0].send(1, 0, 1_u8).unwrap();
    assert_eq!(old.0.load(Relaxed), before.0);
    assert!(new.0.load(Relaxed) > before.1 || before.1 > 0);
    assert_eq!(receiving.wait().unwrap().0, 1);
}
