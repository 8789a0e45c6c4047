//! Supervision, in virtual time: who is restarted with whom, how often, how soon, and what follows from too often.

use std::time::Duration;

use narrows_actor::{
    Actor, Addr, Backoff, ChildState, Cx, Flow, How, Reason, Restart, Strategy, Supervisor, System, TestKit,
};

use crate::{Counter, Journal, LONG, Req};

const SECOND: Duration = Duration::from_secs(1);

fn children(supervisor: &Supervisor, journal: &Journal, names: &[&str]) -> Vec<Addr<Req>> {
    let child = |name: &&str| {
        let journal = journal.clone();
        supervisor.build(move || Counter::new(&journal)).name(*name).start()
    };
    names.iter().map(child).collect()
}

#[test]
fn each_strategy_restarts_whom_it_should_in_order() {
    let b_alone = ["b stopped 1: failed: no luck", "b started 2"].map(str::to_owned);
    let all = |names: &str| {
        let others = names.chars().rev().filter(|c| *c != 'b');
        let stops = others.map(|c| format!("{c} stopped 1: its supervisor restarts the group"));
        let starts = names.chars().map(|c| format!("{c} started 2"));
        std::iter::once(b_alone[0].clone()).chain(stops).chain(starts).collect::<Vec<_>>()
    };
    let expected = [
        (Strategy::OneForOne, b_alone.to_vec()),
        (Strategy::OneForAll, all("abcd")),
        (Strategy::RestForOne, all("bcd")),
    ];
    for (strategy, expected) in expected {
        for seed in 0..30 {
            let (kit, journal) = (TestKit::new(seed), Journal::default());
            let supervisor = kit.supervisor("family").strategy(strategy).start();
            let family = children(&supervisor, &journal, &["a", "b", "c", "d"]);
            kit.run();
            let mut started = journal.take();
            if strategy == Strategy::OneForOne {
                started.sort();
            }
            assert_eq!(started, ["a started 1", "b started 1", "c started 1", "d started 1"]);
            // What lies in mailboxes is there after the restart.
            for child in &family {
                child.tell(Req::Add(1)).unwrap();
            }
            family[1].tell(Req::Fail).unwrap();
            for child in &family {
                child.tell(Req::Add(2)).unwrap();
            }
            kit.run();
            assert_eq!(journal.take(), expected, "{strategy:?}, seed {seed}");
            assert_eq!(family[1].ask(Req::Get, SECOND).unwrap(), 2, "what it had not handled");
        }
    }
}

#[test]
fn a_policy_decides_which_ends_are_followed_by_a_life() {
    for (restart, after_finish, after_failure) in
        [(Restart::Permanent, true, true), (Restart::Transient, false, true), (Restart::Temporary, false, false)]
    {
        for (message, lives_again) in [(true, after_finish), (false, after_failure)] {
            let (kit, journal) = (TestKit::new(1), Journal::default());
            let make = {
                let journal = journal.clone();
                move || Counter::new(&journal)
            };
            let child = kit.build(make).name("c").restart(restart).start();
            child.tell(if message { Req::Finish } else { Req::Fail }).unwrap();
            kit.run();
            assert_eq!(child.ended().is_none(), lives_again, "{restart:?}");
            child.stop(How::Drain);
            kit.run();
            assert!(child.ended().is_some(), "a stop is for good");
        }
    }
}

#[test]
fn a_temporary_child_ends_with_the_group_that_is_restarted() {
    let (kit, journal) = (TestKit::new(4), Journal::default());
    let supervisor = kit.supervisor("family").strategy(Strategy::OneForAll).start();
    let make = {
        let journal = journal.clone();
        move || Counter::new(&journal)
    };
    let guest = supervisor.build(make).name("guest").restart(Restart::Temporary).start();
    let own = children(&supervisor, &journal, &["own"]);
    own[0].tell(Req::Fail).unwrap();
    kit.run();
    assert_eq!(guest.ended(), Some(Reason::Restarting));
    assert_eq!(own[0].ask(Req::Get, SECOND).unwrap(), 0);
}

#[test]
fn as_many_restarts_as_the_intensity_allows_within_its_period() {
    let (kit, journal) = (TestKit::new(1), Journal::default());
    let supervisor = kit.supervisor("family").intensity(2, 10 * SECOND).restart(Restart::Temporary).start();
    let child = children(&supervisor, &journal, &["c"]).remove(0);
    // Two in any ten seconds are allowed, for ever.
    for _ in 0..20 {
        child.tell(Req::Fail).unwrap();
        kit.run();
        kit.advance(6 * SECOND);
    }
    assert_eq!(journal.take().len(), 41);
    // The last was six seconds ago, so the second from now is one too many.
    for _ in 0..2 {
        assert!(child.ended().is_none());
        child.tell(Req::Fail).unwrap();
        kit.run();
    }
    assert!(child.ended().is_some());
    assert!(supervisor.tree().children.is_empty());
    assert_eq!(kit.elapsed(), 120 * SECOND);
}

/// Notes when each of its lives begins, and fails at once.
struct Hopeless(Journal);

impl Actor for Hopeless {
    type Msg = ();

    fn started(&mut self, cx: &Cx<()>) -> Flow {
        self.0.note(format!("{}", cx.life()));
        cx.after(Duration::from_millis(1), ());
        Flow::Next
    }

    fn handle(&mut self, (): (), _: &Cx<()>) -> Flow {
        Flow::fail("as ever")
    }
}

#[test]
fn a_backoff_doubles_up_to_its_limit_and_begins_anew_after_a_long_life() {
    let (kit, journal) = (TestKit::new(1), Journal::default());
    let backoff = Backoff { first: SECOND, longest: 8 * SECOND, reset: 5 * SECOND };
    let supervisor = kit.supervisor("patient").intensity(usize::MAX, SECOND).backoff(backoff).start();
    let hopeless = supervisor.actor(1, {
        let journal = journal.clone();
        move || Hopeless(journal.clone())
    });
    kit.run();
    // Lives begin after 0, 1, 2, 4, 8, 8, 8 seconds, and each lasts a millisecond.
    for delay in [0, 1, 2, 4, 8, 8, 8_u32] {
        if delay > 0 {
            kit.advance(Duration::from_millis(u64::from(delay) * 1_000 - 1));
            assert!(journal.take().is_empty(), "not before {delay} s");
            kit.advance(Duration::from_millis(1));
        }
        assert_eq!(journal.take().len(), 1, "after {delay} s");
        kit.advance(Duration::from_millis(1));
    }
    hopeless.stop(How::Now);
    kit.run();
    assert_eq!(hopeless.ended(), Some(Reason::Stopped), "also while it waits for its next life");

    let child = children(&supervisor, &journal, &["c"]).remove(0);
    for quiet in [0, 6, 6] {
        kit.advance(quiet * SECOND);
        journal.take();
        child.tell(Req::Fail).unwrap();
        kit.run();
        kit.advance(SECOND);
        assert_eq!(journal.take().len(), 2, "it ended, and lives again after the first wait");
    }
}

#[test]
fn too_many_restarts_are_a_failure_of_the_supervisor() {
    let (kit, journal) = (TestKit::new(9), Journal::default());
    let top = kit.supervisor("top").intensity(1, LONG).start();
    let middle = top.supervisor("middle").strategy(Strategy::OneForAll).intensity(1, LONG).start();
    let two = children(&middle, &journal, &["a", "b"]);
    let beside = children(&top, &journal, &["c"]).remove(0);
    kit.run();
    journal.take();
    two[0].tell(Req::Add(1)).unwrap();
    for _ in 0..2 {
        two[1].tell(Req::Fail).unwrap();
        kit.run();
    }
    let log = journal.take();
    assert_eq!(log.iter().filter(|line| line.starts_with("a started")).count(), 2, "{log:?}");
    assert!(log.iter().all(|line| !line.starts_with('c')), "the sibling of the supervisor goes on");
    assert_eq!(top.tree().children[0].lives, 2);
    two[0].tell(Req::Add(1)).unwrap();
    assert_eq!(two[0].ask(Req::Get, SECOND).unwrap(), 1, "the same address, the third life");
    // Twice more, and the restart of the supervisor is one too many for its own.
    for _ in 0..2 {
        two[1].tell(Req::Fail).unwrap();
        kit.run();
    }
    // The root restarts it all.
    assert_eq!(beside.ask(Req::Get, SECOND).unwrap(), 0);
    assert_eq!(kit.tree().children[0].lives, 2);
    assert!(journal.take().contains(&"c stopped 1: its supervisor restarts the group".to_owned()));
}

#[test]
fn the_root_stops_all_when_its_restarts_are_too_many() {
    let (kit, journal) = (TestKit::new(2), Journal::default());
    let two = children(&kit, &journal, &["a", "b"]);
    for _ in 0..4 {
        two[0].tell(Req::Fail).unwrap();
    }
    assert_eq!(kit.join(), Err(Reason::TooManyRestarts));
    assert!(two[1].tell(Req::Add(1)).is_err());
    assert_eq!(journal.take().last().unwrap(), "b stopped 1: its supervisor restarts the group");
}

#[test]
fn the_next_life_begins_only_when_the_last_has_stopped() {
    crate::quietly();
    let journal = Journal::default();
    let system = System::new();
    let supervisor = system.supervisor("family").strategy(Strategy::OneForAll).intensity(100, LONG).start();
    let family = children(&supervisor, &journal, &["a", "b", "c"]);
    for i in 0..30 {
        family[i % 3].tell(Req::Boom).unwrap();
        family[(i + 1) % 3].tell(Req::Boom).unwrap();
        family[i % 3].ask(Req::Get, LONG).unwrap();
    }
    system.stop(How::Drain);
    system.join().unwrap();
    for name in ["a", "b", "c"] {
        let log = journal.0.lock().unwrap().clone();
        let own = log.iter().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
        for (i, pair) in own.chunks(2).enumerate() {
            assert!(pair[0].contains(&format!("started {}", i + 1)), "{own:?}");
            assert!(pair[1].contains(&format!("stopped {}", i + 1)), "{own:?}");
        }
    }
}

#[test]
fn all_are_stopped_in_the_reverse_of_their_order() {
    for how in [How::Drain, How::Now] {
        let (kit, journal) = (TestKit::new(7), Journal::default());
        let first = children(&kit, &journal, &["a"]);
        let group = kit.supervisor("group").start();
        let rest = children(&group, &journal, &["b", "c"]);
        let last = children(&kit, &journal, &["d"]);
        kit.run();
        journal.take();
        first[0].tell(Req::Add(1)).unwrap();
        kit.stop(how);
        kit.run();
        assert_eq!(journal.take(), ["d", "c", "b", "a"].map(|name| format!("{name} stopped 1: stopped")));
        kit.join().unwrap();
        drop((rest, last));
    }
}

#[test]
fn the_tree_shows_what_runs() {
    let (kit, journal) = (TestKit::new(7), Journal::default());
    let _first = children(&kit, &journal, &["a"]);
    let group = kit.supervisor("group").strategy(Strategy::RestForOne).start();
    let rest = children(&group, &journal, &["b", "c"]);
    kit.run();
    rest[0].tell(Req::Fail).unwrap();
    kit.run();
    assert_eq!(
        kit.tree().to_string(),
        "system (supervisor, OneForOne): Up, life 1\n  a (actor): Up, life 1\n  \
         group (supervisor, RestForOne): Up, life 1\n    b (actor): Up, life 2\n    c (actor): Up, life 2\n"
    );
    assert_eq!(kit.tree().children[1].children[0].state, ChildState::Up);
}
