//! The test kit itself: the same seed, the same order; other seeds, others.

use std::collections::BTreeSet;

use narrows_actor::{Actor, Addr, Cx, Flow, TestKit};

use crate::LONG;

/// Passes a number on until it is 0.
struct Passer(Vec<Addr<u32>>);

impl Actor for Passer {
    type Msg = u32;

    fn handle(&mut self, n: u32, _: &Cx<u32>) -> Flow {
        if n > 0 {
            for next in &self.0 {
                // A full mailbox is waited for, while others work.
                let _ = next.try_tell(n - 1);
            }
        }
        Flow::Next
    }
}

fn log_of(seed: u64) -> String {
    let kit = TestKit::new(seed);
    let passer = |name: &str, to: Vec<Addr<u32>>| {
        kit.build(move || Passer(to.clone())).name(name).describe(ToString::to_string).start()
    };
    let ends = ["x", "y"].map(|name| passer(name, Vec::new()));
    let middle = ["m", "n"].map(|name| passer(name, ends.to_vec()));
    for passer in &middle {
        passer.tell(1).unwrap();
    }
    kit.run();
    kit.log().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_seed_is_an_order() {
    let logs = (0..50).map(log_of).collect::<Vec<_>>();
    assert_eq!(logs, (0..50).map(log_of).collect::<Vec<_>>());
    assert!(logs.iter().collect::<BTreeSet<_>>().len() > 20, "different seeds, different orders");
    for log in &logs {
        assert_eq!(log.matches("message 1").count(), 2, "{log}");
        assert_eq!(log.matches("message 0").count(), 4, "{log}");
        assert!(log.contains("0ns m: started life 1\n"), "{log}");
    }
}

#[test]
fn steps_are_single() {
    let kit = TestKit::new(1);
    let passer = kit.actor(8, || Passer(Vec::new()));
    kit.run();
    (0..3).for_each(|n| passer.tell(n).unwrap());
    assert_eq!(passer.len(), 3);
    assert!(kit.step());
    assert_eq!(passer.len(), 2);
    assert_eq!(kit.run(), 2);
    assert!(!kit.step());
}

#[test]
fn who_waits_for_a_place_drives_the_others() {
    let kit = TestKit::new(1);
    let passer = kit.actor(2, || Passer(Vec::new()));
    (0..100).for_each(|n| passer.tell(n).unwrap());
    assert!(passer.len() <= 2);
    let messages = kit.log().iter().filter(|entry| entry.what == "message").count();
    assert_eq!(messages + passer.len(), 100);
}

/// An actor that sends into its own full mailbox waits for itself: the kit says so instead of standing still.
#[test]
fn a_wait_that_nobody_can_end_is_an_error() {
    struct Stuck;
    impl Actor for Stuck {
        type Msg = u32;
        fn handle(&mut self, n: u32, cx: &Cx<u32>) -> Flow {
            let own = cx.addr();
            own.tell(n).unwrap();
            assert!(own.tell(n).unwrap_err().is_full());
            assert!(own.tell_timeout(n, LONG).unwrap_err().is_full());
            Flow::Stop
        }
    }
    let kit = TestKit::new(1);
    let stuck = kit.actor(1, || Stuck);
    stuck.tell(1).unwrap();
    assert_eq!(stuck.join(), narrows_actor::Reason::Normal);
    assert_eq!(kit.elapsed(), LONG);
}
