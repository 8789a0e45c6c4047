//! Worlds whose tasks are polled by hand, one after the other: when they are said to be stuck, and when not.

use std::{
    future::{pending, poll_fn},
    pin::Pin,
    sync::Mutex,
    task::Poll,
};

use super::*;
use crate::{Any, Error, Rank, Tag, watch::PATIENCE, world::ranks_of};

type Program = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

struct Task {
    driver: Driver,
    rank: Rank,
    program: Program,
    result: Option<Result<(), Error>>,
}

/// What its executor would do is done by hand.
struct World(Vec<Task>);

impl World {
    fn of(programs: Vec<fn(Rank) -> Program>) -> World {
        let ranks = ranks_of(programs.len(), Some(PATIENCE), Home::all(programs.len()));
        let task = |(rank, program): (Rank, fn(Rank) -> Program)| {
            let driver = Driver::new(rank.core.office.home(rank.rank()).unwrap().clone());
            let again = rank.again();
            let program = driver.here(|| program(rank));
            Task { driver, rank: again, program, result: None }
        };
        World(ranks.into_iter().zip(programs).map(task).collect())
    }

    fn poll(&mut self, rank: usize) -> Option<&Result<(), Error>> {
        let Task { driver, rank, program, result } = &mut self.0[rank];
        let cx = Context::from_waker(Waker::noop());
        let office = rank.core.office.clone();
        if result.is_none()
            && let Poll::Ready(done) = driver.poll(&cx, |cx| program.as_mut().poll(cx), || office.all_sleep())
        {
            rank.core.end("has returned");
            *result = Some(done);
        }
        result.as_ref()
    }

    /// In turn, until each had its last say.
    fn run(&mut self) -> Vec<Option<String>> {
        // Several times, for the first polls of a wait may ask for another one.
        for _ in 0..200 {
            (0..self.0.len()).for_each(|rank| drop(self.poll(rank).cloned()));
        }
        self.0
            .iter()
            .map(|task| Some(task.result.as_ref()?.as_ref().err().map_or("ok".into(), Error::to_string)))
            .collect()
    }

    #[track_caller]
    fn assert_nobody_is_stuck(&mut self) {
        let results = self.run();
        assert!(!results.iter().flatten().any(|text| text.contains("deadlock")), "{results:?}");
        assert!(results.iter().any(Option::is_none), "{results:?}");
    }
}

/// It begins before it is a future.
fn receives_from(rank: Rank, from: usize) -> Program {
    let receiving = rank.irecv::<()>(from, Tag(1));
    Box::pin(async move { receiving.await.map(|_| drop(rank)) })
}

#[test]
fn tasks_that_all_wait_hear_who_waits_for_what() {
    let mut world = World::of(vec![
        |me| receives_from(me, 1),
        |me| Box::pin(async move { me.barrier_async().await }),
        |me| Box::pin(async move { Ok(me.issend(0, 3, 'x').await?) }),
        |_| Box::pin(async { Ok(()) }),
    ]);
    let results = world.run();
    let report = "deadlock, every rank waits: rank 0 waits for a message from rank 1 with tag 1; \
        rank 1 waits in barrier for rank 0; rank 2 waits until rank 0 takes its message with tag 3; rank 3 has returned";
    assert_eq!(results[0].as_deref(), Some(report));
    // The others may have heard of the end of one of them first.
    assert!(results.iter().all(Option::is_some), "{results:?}");
}

#[test]
fn an_end_can_make_the_rest_a_deadlock() {
    let mut world = World::of(vec![|me| receives_from(me, 1), |me| receives_from(me, 0), |me| {
        let mut polls = 0;
        let wait = poll_fn(move |cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls < 20 { Poll::Pending } else { Poll::Ready(()) }
        });
        Box::pin(async move {
            wait.await;
            drop(me);
            Ok(())
        })
    }]);
    for _ in 0..10 {
        assert!((0..3).all(|rank| world.poll(rank).is_none()));
    }
    let results = world.run();
    assert!(results[0].as_ref().unwrap().contains("deadlock"), "{results:?}");
    assert_eq!(results[2].as_deref(), Some("ok"));
}

/// A rank that waits for one that is awake, for whatever reason, is not stuck.
#[test]
fn who_waits_for_one_that_others_may_wake_is_not_stuck() {
    static KEPT: Mutex<Vec<Waker>> = Mutex::new(Vec::new());
    let others: [fn(Rank) -> Program; 5] = [
        // Its waker is kept: by a timer, a channel, another executor.
        |me| {
            Box::pin(async move {
                let mut receiving = me.irecv::<()>(0, Tag(1));
                poll_fn(|cx| {
                    KEPT.lock().unwrap().push(cx.waker().clone());
                    Pin::new(&mut receiving).poll(cx).map_ok(|_| ())
                })
                .await
            })
        },
        // It wants to be polled again.
        |me| {
            Box::pin(async move {
                let mut receiving = me.irecv::<()>(0, Tag(1));
                poll_fn(|cx| {
                    cx.waker().wake_by_ref();
                    Pin::new(&mut receiving).poll(cx).map_ok(|_| ())
                })
                .await
            })
        },
        // Others have it.
        |me| {
            let other = me.clone();
            Box::pin(async move {
                me.irecv::<()>(0, Tag(1)).await?;
                drop(other);
                Ok(())
            })
        },
        // It waits for something that is no rank.
        |me| {
            Box::pin(async move {
                pending::<()>().await;
                drop(me);
                Ok(())
            })
        },
        // What waits has another waker, as in a set of futures.
        |me| {
            Box::pin(async move {
                let mut receiving = me.irecv::<()>(0, Tag(1));
                poll_fn(|cx| {
                    struct Passes(Waker);
                    impl Wake for Passes {
                        fn wake(self: Arc<Passes>) {
                            self.0.wake_by_ref();
                        }
                    }
                    let waker = Waker::from(Arc::new(Passes(cx.waker().clone())));
                    Pin::new(&mut receiving).poll(&mut Context::from_waker(&waker)).map_ok(|_| ())
                })
                .await
            })
        },
    ];
    for other in others {
        World::of(vec![|me| receives_from(me, 1), other]).assert_nobody_is_stuck();
        World::of(vec![other, |me| receives_from(me, 0)]).assert_nobody_is_stuck();
        KEPT.lock().unwrap().clear();
    }
}

/// Another thread of it may yet send.
#[test]
fn who_uses_a_rank_elsewhere_makes_it_count_as_awake() {
    let mut world = World::of(vec![|me| receives_from(me, 1), |me| receives_from(me, 0)]);
    assert_eq!(world.0[1].rank.try_recv::<()>(Any, Tag(2)), Ok(None));
    world.assert_nobody_is_stuck();
    // Also where it sleeps by then.
    let mut world = World::of(vec![|me| receives_from(me, 1), |me| receives_from(me, 0)]);
    (0..100).for_each(|_| drop(world.poll(1).cloned()));
    world.0[1].rank.send(0, 9, ()).unwrap();
    world.assert_nobody_is_stuck();
}

#[test]
fn a_message_on_its_way_wakes_who_waits_for_it_and_nobody_is_stuck() {
    let mut world = World::of(vec![
        |me| {
            Box::pin(async move {
                for _ in 0..20 {
                    me.isend(1, 1, ()).await?;
                    me.irecv::<()>(1, Tag(1)).await?;
                }
                Ok(())
            })
        },
        |me| {
            Box::pin(async move {
                for _ in 0..20 {
                    me.irecv::<()>(0, Tag(1)).await?;
                    me.issend(0, 1, ()).await?;
                }
                Ok(())
            })
        },
    ]);
    // One is polled until it can but sleep, with its answer there, before the other is looked at again.
    for _ in 0..100 {
        (0..200).for_each(|_| drop(world.poll(0).cloned()));
        (0..200).for_each(|_| drop(world.poll(1).cloned()));
    }
    assert_eq!(world.run(), [Some("ok".to_owned()), Some("ok".to_owned())]);
}

/// What begins after the report was not part of it, nor what was and is polled only later.
#[test]
fn who_gets_over_a_deadlock_goes_on_and_hears_of_it_once() {
    let mut world = World::of(vec![
        |me| {
            Box::pin(async move {
                let mut first = me.irecv::<()>(1, Tag(1));
                let mut second = me.irecv::<()>(1, Tag(2));
                let heard = poll_fn(|cx| match Pin::new(&mut first).poll(cx) {
                    Poll::Pending => Pin::new(&mut second).poll(cx),
                    ready @ Poll::Ready(_) => ready,
                });
                let error = heard.await.unwrap_err();
                assert!(matches!(error, Error::Deadlock(_)), "{error}");
                me.isend(1, 1, ()).await?;
                me.irecv::<()>(1, Tag(3)).await?;
                me.isend(1, 2, ()).await?;
                second.await.map(|_| ())
            })
        },
        |me| {
            Box::pin(async move {
                let error = me.irecv::<()>(0, Tag(7)).await.unwrap_err();
                assert!(matches!(error, Error::Deadlock(_)), "{error}");
                me.irecv::<()>(0, Tag(1)).await?;
                me.isend(0, 3, ()).await?;
                me.irecv::<()>(0, Tag(2)).await?;
                Ok(me.isend(0, 2, ()).await?)
            })
        },
    ]);
    assert_eq!(world.run(), [Some("ok".to_owned()), Some("ok".to_owned())]);
}

/// It was polled in the poll with which its rank goes to sleep, and dropped in it.
#[test]
fn what_is_dropped_is_not_waited_for() {
    let mut world = World::of(vec![|me| {
        Box::pin(async move {
            let mut kept = me.irecv::<()>(0, Tag(1));
            let (mut dropped, mut polls) = (Some(me.irecv::<()>(0, Tag(2))), 0);
            let wait = poll_fn(|cx| {
                polls += 1;
                if let Some(receiving) = &mut dropped {
                    assert!(Pin::new(receiving).poll(cx).is_pending());
                }
                if polls == 100 {
                    dropped = None;
                } else if polls < 100 {
                    cx.waker().wake_by_ref();
                }
                Pin::new(&mut kept).poll(cx)
            });
            wait.await.map(|_| ())
        })
    }]);
    let report = "deadlock, every rank waits: rank 0 waits for a message from rank 0 with tag 1";
    assert_eq!(world.run(), [Some(report.to_owned())]);
}

#[test]
fn a_send_that_hears_of_it_gives_its_message_back() {
    let mut world = World::of(vec![|me| {
        Box::pin(async move {
            let unsent = me.issend(0, 1, "mine").await.unwrap_err();
            assert!(matches!(unsent.error, Error::Deadlock(_)), "{unsent}");
            assert_eq!(unsent.message, "mine");
            assert_eq!(me.try_recv::<&str>(Any, Any)?, None);
            Ok(())
        })
    }]);
    assert_eq!(world.run(), [Some("ok".to_owned())]);
}
