//! Ranks over a transport: here threads stand for processes, and channels of very few places for the way between them.

use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
    thread,
    time::Duration,
};

use narrows::{CancelToken, Receiver, Sender, bounded, select, unbounded};
use narrows_rank::{
    Any, Error, Rank, RunError, Tag, Wire, World,
    transport::{Incoming, LinkError, Transport},
};

/// One end: what comes for this rank, frames and apart from them the ends of others, and the ways to all.
struct Link {
    rank: usize,
    inbox: Receiver<Incoming>,
    ends: Receiver<Incoming>,
    /// Ends that were heard of, while frames are still there.
    heard: Mutex<VecDeque<Incoming>>,
    ways: Vec<(Sender<Incoming>, Sender<Incoming>)>,
    closed: CancelToken,
}

fn links(n: usize, places: usize) -> Vec<Link> {
    let (frames, inboxes): (Vec<_>, Vec<_>) = (0..n).map(|_| bounded(places)).unzip();
    let (last, ends): (Vec<_>, Vec<_>) = (0..n).map(|_| unbounded()).unzip();
    let ways: Vec<_> = frames.into_iter().zip(last).collect();
    let link = |(rank, (inbox, ends))| Link {
        rank,
        inbox,
        ends,
        heard: Mutex::default(),
        ways: ways.clone(),
        closed: CancelToken::new(),
    };
    inboxes.into_iter().zip(ends).enumerate().map(link).collect()
}

impl Transport for Link {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.ways.len()
    }

    fn send(&self, to: usize, frame: &[u8]) -> Result<(), LinkError> {
        let frame = Incoming::Frame { from: self.rank, bytes: frame.to_vec() };
        self.ways[to].0.send(frame).map_err(|_| LinkError::Gone)
    }

    fn try_send(&self, to: usize, frame: &[u8]) -> Result<bool, LinkError> {
        match self.ways[to].0.try_send(Incoming::Frame { from: self.rank, bytes: frame.to_vec() }) {
            Ok(()) => Ok(true),
            Err(error) if error.is_full() => Ok(false),
            Err(_) => Err(LinkError::Gone),
        }
    }

    fn recv(&self, patience: Option<Duration>) -> Incoming {
        let until = patience.map_or(narrows::never(), narrows::after);
        let mut heard = self.heard.lock().unwrap();
        loop {
            // What a rank has sent comes before its end.
            if let Ok(frame) = self.inbox.try_recv() {
                return frame;
            }
            if let Some(end) = heard.pop_front() {
                return end;
            }
            select! {
                recv(self.inbox) -> incoming => return incoming.unwrap_or(Incoming::Closed),
                recv(self.ends) -> end => heard.extend(end),
                recv(self.closed.cancelled()) -> _ => return Incoming::Closed,
                recv(until) -> _ => return Incoming::Nothing,
            }
        }
    }

    fn close(&self, how: &str) {
        self.closed.cancel();
        self.inbox.close();
        for (_, last) in &self.ways {
            drop(last.send(Incoming::Gone { rank: self.rank, how: how.to_owned() }));
        }
    }
}

/// Each rank in a thread, with nothing in common but the links.
fn world<R: Send>(
    links: Vec<Link>,
    program: impl Fn(&Rank<Wire>) -> Result<R, Error> + Sync,
) -> Vec<Result<R, RunError>> {
    thread::scope(|scope| {
        let program = &program;
        let start = |link| scope.spawn(move || World::over(link).run(program));
        let threads: Vec<_> = links.into_iter().map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("`run` does not panic")).collect()
    })
}

fn all<R: Send>(n: usize, places: usize, program: impl Fn(&Rank<Wire>) -> Result<R, Error> + Sync) -> Vec<R> {
    world(links(n, places), program)
        .into_iter()
        .map(|result| result.unwrap_or_else(|error| panic!("{error}")))
        .collect()
}

#[test]
fn values_cross_and_collectives_agree() {
    for n in [1, 2, 3, 8] {
        let got = all(n, 1, |me| {
            let (rank, is_root) = (me.rank(), me.rank() == n - 1);
            let (next, before) = ((rank + 1) % n, (rank + n - 1) % n);
            let sent = HashMap::from([(format!("from {rank}"), vec![rank; 3])]);
            let (text, from) = me.send_recv::<_, HashMap<String, Vec<usize>>>(next, 7, sent, before, Tag(7))?;
            assert_eq!((from.source, from.tag), (before, 7));
            assert_eq!(text[&format!("from {before}")], [before; 3]);
            me.barrier()?;
            let everyone: Vec<usize> = (0..n).collect();
            assert_eq!(me.broadcast(n - 1, is_root.then(|| "x".to_owned()))?, "x");
            assert_eq!(me.scatter(n - 1, is_root.then(|| everyone.clone()))?, rank);
            assert_eq!(me.gather(n - 1, rank)?, is_root.then(|| everyone.clone()));
            assert_eq!(me.all_to_all(vec![rank; n])?, everyone);
            let text: String = everyone.iter().map(ToString::to_string).collect();
            assert_eq!(me.reduce(0, rank.to_string(), |a, b| a + &b)?, (rank == 0).then(|| text.clone()));
            assert_eq!(me.scan(rank.to_string(), |a, b| a + &b)?, text[..=rank]);
            assert_eq!(me.all_reduce_each(vec![rank; 9000], |a, b| a + b)?, vec![n * (n - 1) / 2; 9000]);
            let half = me.split(rank as u64 % 2, 0)?;
            let all = half.all_gather(rank)?;
            assert_eq!(all, everyone.into_iter().filter(|other| other % 2 == rank % 2).collect::<Vec<_>>());
            me.all_reduce(rank, |a, b| a + b)
        });
        assert_eq!(got, vec![n * (n - 1) / 2; n]);
    }
}

#[test]
fn a_sender_waits_beyond_the_bound_and_its_message_is_found_there() {
    // 64, and as many as could have been taken that it has not heard of.
    const BOUND: u32 = 64 + 15;
    all(2, 4, |me| {
        if me.rank() == 1 {
            me.recv::<()>(0, Tag(1))?;
            for i in 0..=BOUND {
                assert_eq!(me.recv::<u32>(0, Tag(0))?.0, i);
            }
            return Ok(());
        }
        for i in 0..BOUND {
            me.send(1, 0, i)?;
        }
        let over = me.isend(1, 0, BOUND);
        assert!(!over.is_done());
        me.send(1, 1, ())?;
        Ok(over.wait()?)
    });
}

/// Every pair sends both ways at once, far more than the bounds and the places of the links.
#[test]
fn full_links_stop_nobody() {
    const EACH: u32 = 500;
    all(4, 1, |me| {
        thread::scope(|scope| {
            let sends = || -> Result<(), Error> {
                for i in 0..EACH {
                    (0..4).filter(|to| *to != me.rank()).try_for_each(|to| me.send(to, 0, i))?;
                }
                Ok(())
            };
            let sender = scope.spawn(sends);
            let mut next = [0; 4];
            for _ in 0..3 * EACH {
                let (i, from) = me.recv::<u32>(Any, Tag(0))?;
                assert_eq!(i, next[from.source], "from {}", from.source);
                next[from.source] += 1;
            }
            sender.join().expect("it does not panic")
        })?;
        me.barrier()
    });
}

#[test]
fn a_send_out_of_time_comes_back_unless_it_was_taken() {
    all(2, 2, |me| {
        if me.rank() == 1 {
            assert_eq!(me.recv::<String>(0, Tag(1))?.0, "taken");
            assert_eq!(me.try_recv::<String>(0, Tag(0))?, None, "what was taken back is not here");
            return me.barrier();
        }
        let unsent = me.issend(1, 0, "back".to_owned()).wait_timeout(Duration::from_millis(2)).unwrap_err();
        assert_eq!((unsent.error, unsent.message.as_str()), (Error::Timeout, "back"));
        let sending = me.issend(1, 1, "taken".to_owned());
        me.barrier()?;
        assert_eq!(sending.cancel(), None);
        Ok(())
    });
}

/// What was taken is told of now and then: until then its sender counts it, and must not wait for that.
#[test]
fn what_was_taken_and_not_yet_told_of_holds_up_no_send() {
    all(2, 4, |me| {
        if me.rank() == 1 {
            (0..15).try_for_each(|_| me.recv::<()>(0, Tag(0)).map(|_| ()))?;
            me.send(0, 0, ())?;
            me.recv::<()>(0, Tag(2))?;
            // Half of the bound is left.
            (0..40).try_for_each(|_| me.recv::<()>(0, Tag(1)).map(|_| ()))?;
            return me.recv::<()>(0, Tag(4)).map(|_| ());
        }
        (0..15).try_for_each(|_| me.send(1, 0, ()))?;
        me.recv::<()>(1, Tag(0))?;
        (0..63).try_for_each(|_| me.send(1, 1, ()))?;
        me.send(1, 2, ())?;
        (0..8).try_for_each(|_| me.bsend(1, 3, ()))?;
        me.send(1, 3, ())?;
        Ok(me.send(1, 4, ())?)
    });
}

#[test]
fn a_send_that_has_gone_on_is_not_taken_back() {
    const MANY: u32 = 96;
    all(2, 4, |me| {
        if me.rank() == 1 {
            (0..MANY).try_for_each(|_| me.recv::<()>(0, Tag(0)).map(|_| ()))?;
            me.send(0, 0, ())?;
            me.recv::<()>(0, Tag(2))?;
            assert_eq!(me.try_recv::<u8>(0, Tag(1))?.map(|(message, _)| message), Some(7));
            return Ok(());
        }
        (0..MANY).try_for_each(|_| me.bsend(1, 0, ()))?;
        let sending = me.isend(1, 1, 7_u8);
        me.recv::<()>(1, Tag(0))?;
        assert!(sending.is_done());
        assert_eq!(sending.cancel(), None);
        Ok(me.send(1, 2, ())?)
    });
}

#[test]
fn a_wrong_type_is_named_and_left() {
    all(2, 2, |me| {
        if me.rank() == 0 {
            return Ok(me.ssend(1, 3, 7_u32)?);
        }
        let wrong = me.recv::<Vec<u8>>(0, Tag(3)).unwrap_err();
        assert!(wrong.to_string().contains("is a `u32`, not a `alloc::vec::Vec<u8>`"), "{wrong}");
        assert_eq!(me.probe(Any, Any)?.tag, 3);
        assert_eq!(me.recv::<u32>(0, Tag(3))?.0, 7);
        Ok(())
    });
}

#[test]
fn the_end_of_a_rank_reaches_who_waits_for_it() {
    let results = world(links(3, 2), |me| match me.rank() {
        0 => {
            let unsent = me.ssend(2, 0, 5_u8).unwrap_err();
            assert_eq!(unsent.message, 5);
            // What it sent before its end is there.
            assert_eq!(me.recv::<u8>(2, Any)?.0, 9);
            me.recv::<()>(2, Any).map(|_| ())
        }
        1 => panic!("boom"),
        _ => {
            assert!(matches!(me.recv::<()>(1, Any), Err(Error::Gone { rank: 1, how }) if how == "panicked: boom"));
            me.probe(0, Any)?;
            Ok(me.send(0, 1, 9_u8)?)
        }
    });
    let texts: Vec<String> =
        results.into_iter().map(|result| result.map_or_else(|e| e.to_string(), |()| "ok".into())).collect();
    assert_eq!(texts, ["rank 0 failed: rank 2 is gone: it has returned", "rank 1 panicked: boom", "ok"]);
}

/// One thread computes, as far as its rank can see, and another waits for it.
#[test]
fn a_process_with_further_threads_need_not_be_taken_for_stuck() {
    const LONGER_THAN_PATIENCE: Duration = Duration::from_millis(250);
    // So long that the report is made before, whoever is given a processor first.
    const MUCH_LONGER: Duration = Duration::from_secs(30);
    let helped = |after: Duration| {
        move |me: &Rank<Wire>| {
            thread::scope(|scope| {
                scope.spawn(|| {
                    // Until its time has passed, or the other has heard.
                    let _ = me.recv_timeout::<()>(0, Tag(9), after);
                    me.send(0, 1, 5_u8)
                });
                let got = me.recv::<u8>(0, Tag(1)).map(|(got, _)| got);
                let _ = me.send(0, 9, ());
                got
            })
        }
    };
    let link = || links(1, 1).pop().unwrap();
    assert_eq!(World::over(link()).without_deadlock_report().run(helped(LONGER_THAN_PATIENCE)), Ok(5));
    let report = World::over(link()).run(helped(MUCH_LONGER)).unwrap_err().to_string();
    assert!(report.contains("deadlock, every rank waits: rank 0 waits for a message from rank 0"), "{report}");
}

/// It has its mailbox, and has not begun to look into it.
#[test]
fn who_waits_does_not_wait_for_room_at_a_third() {
    const LONGER_THAN_PATIENCE: Duration = Duration::from_millis(250);
    let mut links = links(3, 1);
    let third = links.pop().unwrap();
    assert_eq!(links[0].try_send(2, b"it is full"), Ok(true));
    let (tell, told) = bounded(1);
    thread::scope(|scope| {
        let ranks = scope.spawn(|| {
            world(links, |me| {
                if me.rank() == 0 {
                    me.recv::<()>(1, Tag(0))?;
                    return Ok(me.send(1, 1, ())?);
                }
                me.recv_timeout::<()>(0, Tag(9), LONGER_THAN_PATIENCE).unwrap_err();
                me.send(0, 0, ())?;
                let answer = me.recv_timeout::<()>(0, Tag(1), Duration::from_secs(5));
                tell.send(answer).expect("the test waits for it");
                Ok(())
            })
        });
        let answer = told.recv().unwrap();
        // Nor does who ends.
        assert!(ranks.join().unwrap().iter().all(Result::is_ok));
        assert_eq!(answer.map(|((), _)| ()), Ok(()));
    });
    assert!(matches!(third.recv(None), Incoming::Frame { from: 0, .. }));
    let mut ends = [(); 2].map(|()| third.recv(None));
    ends.sort_by_key(|end| matches!(end, Incoming::Gone { rank: 1, .. }));
    assert_eq!(ends, [0, 1].map(|rank| Incoming::Gone { rank, how: "has returned".to_owned() }));
}

#[test]
fn what_is_no_frame_is_the_end_of_its_sender() {
    let mut links = links(2, 2);
    let other = links.pop().unwrap();
    let result = thread::scope(|scope| {
        let first = scope.spawn(|| World::over(links.pop().unwrap()).run(|me| me.recv::<()>(1, Any)));
        other.send(0, b"nonsense").unwrap();
        first.join().unwrap()
    });
    assert_eq!(result.unwrap_err().to_string(), "rank 0 failed: rank 1 is gone: it sent what is no frame");
}

#[test]
fn processes_that_all_wait_hear_who_waits_for_what() {
    let results = world(links(4, 1), |me| match me.rank() {
        0 => me.recv::<u8>(1, Tag(7)).map(|_| ()),
        1 => me.barrier(),
        2 => Ok(me.ssend(0, 3, 1_u8)?),
        _ => Ok(()),
    });
    let texts: Vec<String> = results.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    let report = texts.iter().find(|text| text.contains("deadlock")).expect("at least one is told");
    for line in [
        "rank 0 waits for a message from rank 1 with tag 7",
        "rank 1 waits in barrier for rank",
        "rank 2 waits until rank 0 takes its message with tag 3",
        "rank 3 has returned",
    ] {
        assert!(report.contains(line), "{report}");
    }
}

/// Ranks that wait long for one that computes are not said to be stuck, though they all say that they wait.
#[test]
fn who_waits_for_one_that_is_busy_is_not_stuck() {
    let sums = all(3, 1, |me| {
        if me.rank() == 0 {
            // Until the others have waited for long enough to tell: each of their words is a frame, none of which is a message.
            assert!(matches!(me.recv_timeout::<()>(Any, Any, Duration::from_millis(250)), Err(Error::Timeout)));
            me.send(1, 0, 5_u32)?;
        }
        if me.rank() == 1 {
            let (five, _) = me.recv::<u32>(0, Any)?;
            me.send(2, 0, five + 1)?;
        }
        if me.rank() == 2 { Ok(me.recv::<u32>(Any, Any)?.0) } else { Ok(0) }
    });
    assert_eq!(sums, [0, 0, 6]);
}
