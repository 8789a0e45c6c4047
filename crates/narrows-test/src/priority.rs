//! A channel of lanes by urgency: the order, and how long it may keep a message waiting.

use crate::deadline::times;
use crate::hand::Hand;
use narrows::priority::{PATIENCE, channel, lanes, unbounded};
use narrows::{Select, Sender, TryRecvError, select};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The most urgent goes first, and within a lane the oldest.
pub fn rule_02_the_most_urgent_goes_first() {
    let ([high, middle, low], r) = channel([4, 4, 4]);
    for (i, s) in [&low, &middle, &high, &low, &middle, &high].into_iter().enumerate() {
        s.send(i).expect("it has room");
    }
    assert_eq!(r.try_iter().collect::<Vec<_>>(), [2, 5, 1, 4, 0, 3]);
    low.send(6).expect("it has room");
    high.send(7).expect("it has room");
    assert_eq!(select! { recv(r) -> message => message }, Ok(7));
    assert_eq!(select! { recv(&r) -> message => message }, Ok(6));
}

/// Tells of each message that was received how many of other lanes were received while it was the oldest of its lane.
struct Watch {
    inside: Vec<VecDeque<u64>>,
    served: u64,
    oldest_since: Vec<u64>,
}

impl Watch {
    fn send(&mut self, lane: usize, sender: &Sender<(usize, u64)>, number: u64) {
        if sender.try_send((lane, number)).is_ok() {
            if self.inside[lane].is_empty() {
                self.oldest_since[lane] = self.served;
            }
            self.inside[lane].push_back(number);
        }
    }

    fn receive(&mut self, (lane, number): (usize, u64)) -> u64 {
        assert_eq!(self.inside[lane].pop_front(), Some(number), "first in, first out");
        let waited = self.served - self.oldest_since[lane];
        self.served += 1;
        self.oldest_since[lane] = self.served;
        waited
    }
}

/// Whatever is sent, and by whichever of several receivers and in whichever way it is received, no oldest message of a lane
/// waits for more than `patience + lanes - 2` of the others; and that many it may have to.
pub fn rule_02_no_lane_waits_beyond_its_bound() {
    for (lane_count, patience) in [(2, 1), (2, 5), (3, 3), (4, 2), (5, 32), (7, 3)] {
        let (senders, r) = lanes((0..lane_count).map(|_| Some(4)), patience);
        let receivers = [r.clone(), r];
        let mut watch =
            Watch { inside: vec![VecDeque::new(); lane_count], served: 0, oldest_since: vec![0; lane_count] };
        let (mut seed, mut worst) = (0x9e37_79b9_u64 + patience as u64, 0);
        for step in 0..times(40_000) as u64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut dice = seed >> 33;
            // Sometimes every lane is kept full, sometimes some are, sometimes they starve.
            let mood = step / 500 % 4;
            for (lane, sender) in senders.iter().enumerate() {
                dice = dice.rotate_right(7);
                if mood == 0 || (mood == 1 && lane != 1) || dice % 4 < mood {
                    watch.send(lane, sender, step);
                }
            }
            let r = &receivers[usize::try_from(seed >> 40).expect("64 bits") % 2];
            let received = if step % 5 == 0 {
                let mut select = Select::new();
                select.arm(r);
                select.try_select().ok().map(|chosen| r.recv_selected(chosen).expect("it was chosen"))
            } else {
                r.try_recv().ok()
            };
            match received {
                Some(message) => worst = worst.max(watch.receive(message)),
                None => assert!(watch.inside.iter().all(VecDeque::is_empty), "Empty beside a message"),
            }
        }
        let bound = (patience + lane_count - 2) as u64;
        assert_eq!(worst, bound, "{lane_count} lanes, patience {patience}");
    }
}

/// A flood of urgent messages from threads keeps the least urgent no longer than the bound.
pub fn rule_02_a_flood_starves_no_lane() {
    let (senders, r) = unbounded::<Option<usize>, 3>();
    let [high, middle, low] = senders;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for s in [&high, &middle] {
            (0..200).for_each(|_| s.send(None).expect("it is open"));
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    if s.len() < 300 {
                        s.send(None).expect("it is open");
                    }
                }
            });
        }
        for i in 0..times(500) {
            low.send(Some(i)).expect("it is open");
            let waited = r.iter().take_while(|message| *message != Some(i)).count();
            assert!(waited < PATIENCE + 2, "{waited}");
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Lanes without a bound, and none at all.
pub fn rule_05_priority_lanes_have_their_own_capacity() {
    let (senders, r) = lanes([Some(1), None, Some(2)], 3);
    assert_eq!(senders.iter().map(Sender::capacity).collect::<Vec<_>>(), [Some(1), None, Some(2)]);
    senders[0].try_send(0).expect("it has room");
    senders[0].try_send(1).expect_err("full");
    (0..100).for_each(|i| senders[1].try_send(i).expect("without a bound"));
    assert_eq!((r.len(), r.is_closed()), (101, false));
    let (none, r) = lanes::<u8>([], 1);
    assert_eq!((none.len(), r.try_recv()), (0, Err(TryRecvError::Disconnected)));
    assert!(r.recv().is_err());
    assert!(std::panic::catch_unwind(|| channel::<u8, 2>([1, 0])).is_err());
}

/// Two receivers sleep, two messages come in one lane: both are woken. One that gives up passes its wake-up on.
pub fn rule_09_each_message_wakes_a_receiver_of_lanes() {
    let ([high, low], r) = channel([4, 4]);
    let other = r.clone();
    let (first, second) = (Hand::waiting(r.recv_async()), Hand::waiting(other.recv_async()));
    low.send(1).expect("it has room");
    low.send(2).expect("it has room");
    assert!(first.is_woken() && second.is_woken());
    assert_eq!((second.ready(), first.ready()), (Ok(1), Ok(2)));

    let (first, mut second) = (Hand::waiting(r.recv_async()), Hand::waiting(other.recv_async()));
    low.send(3).expect("it has room");
    assert!(first.is_woken() && !second.is_woken());
    drop(first);
    assert!(second.is_woken(), "what was given up is passed on");
    assert_eq!(r.try_recv(), Ok(3));
    second.still_waits();
    high.send(4).expect("it has room");
    assert!(second.is_woken());
    assert_eq!(second.ready(), Ok(4));
}
