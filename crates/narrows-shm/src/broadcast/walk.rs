//! A broadcast on long walks at random, beside a list of what was sent: receivers of every lag join, fall behind, are cloned and
//! leave; senders die in the middle; large messages need the room of old ones. After each step every block is free or named by a
//! slot.

use std::sync::Arc;

use super::{Broadcast, gate, row::Row};
use crate::{
    broadcast::{Lag, Receiver, Start},
    codec::Bytes,
    connection::Membership,
    fault::{TryRecvError, TrySendError},
    layout::Layout,
    options, pool,
    queue::word::Owner,
    rpc::walk::Dice,
    sync::Ordering,
};

const STEPS: u64 = 250;
const LARGE: usize = 1500;

fn walks() -> u64 {
    if std::env::var_os("NARROWS_DEEP").is_some() { 2000 } else { 60 }
}

/// A receiver, and the number of the message that it is to get next.
struct Reader {
    receiver: Receiver<Vec<u8>, Bytes>,
    next: usize,
    missed: u64,
    is_cut_off: bool,
}

/// A sender that has claimed a place, and dies there.
struct Dying {
    connection: Arc<Membership>,
    number: usize,
}

struct Walk {
    channel: Broadcast<Vec<u8>, Bytes>,
    sender: super::Sender<Vec<u8>, Bytes>,
    slots: usize,
    /// `None` where a sender died.
    sent: Vec<Option<u32>>,
    readers: Vec<Reader>,
    dying: Vec<Dying>,
    /// Old messages may have gone for want of room.
    is_evicted: bool,
    is_closed: bool,
    /// No large ones are sent.
    is_small: bool,
    next: u32,
}

impl Walk {
    fn layout(&self) -> &Layout {
        self.channel.connection.layout()
    }

    fn oldest(&self) -> usize {
        self.sent.len().saturating_sub(self.slots)
    }

    fn is_dying(&self, number: usize) -> bool {
        self.dying.iter().any(|dying| dying.number == number)
    }

    /// Whether a place could be claimed.
    fn has_place(&self) -> bool {
        let tail = self.sent.len();
        let waited_for = self.readers.iter().filter(|reader| reader.receiver.lag() == Lag::Wait);
        let is_seen = waited_for.map(|reader| tail - reader.next).all(|behind| behind < self.slots);
        is_seen && (tail < self.slots || !self.is_dying(tail - self.slots))
    }

    /// Nothing that is there is to be kept for anybody.
    fn is_all_seen(&self) -> bool {
        let mut waited_for = self.readers.iter().filter(|reader| reader.receiver.lag() == Lag::Wait);
        self.dying.is_empty() && waited_for.all(|reader| reader.next == self.sent.len())
    }

    fn try_send(&mut self, is_large: bool) {
        let number = self.next;
        self.next += 1;
        let mut message = number.to_le_bytes().to_vec();
        message.resize(if is_large { LARGE } else { 20 }, 7);
        let (has_place, is_sure) = (self.has_place(), !is_large || self.is_all_seen());
        let sent = self.sender.try_send(message);
        self.is_evicted |= is_large;
        match sent {
            Ok(()) => {
                assert!(has_place && !self.is_closed, "{number} has taken a place that is not free");
                self.sent.push(Some(number));
            }
            Err(TrySendError::Full(back)) => {
                assert_eq!(back[..4], number.to_le_bytes());
                assert!(!self.is_closed && (!has_place || !is_sure), "{number} was refused");
            }
            // Also if nobody is there who could receive.
            Err(TrySendError::Disconnected(_)) => {
                assert!(self.is_closed || self.readers.iter().all(|one| one.is_cut_off));
            }
            Err(TrySendError::Fault(_, fault)) => panic!("{fault}"),
        }
    }

    fn begin_to_die(&mut self) {
        let connection = super::another(&self.channel.connection).expect("room");
        let claimed = gate::claim_place(&connection);
        assert_eq!(claimed.is_ok(), self.has_place() && !self.is_closed, "{claimed:?}");
        if claimed.is_ok() {
            self.dying.push(Dying { connection, number: self.sent.len() });
            self.sent.push(None);
        }
    }

    fn subscribe(&mut self, dice: &mut Dice) {
        let start = if dice.roll(2) == 0 { Start::Now } else { Start::Oldest };
        let lag = [Lag::Wait, Lag::Skip, Lag::Disconnect][usize::try_from(dice.roll(3)).expect("3")];
        let receiver = self.channel.subscribe(start, lag).expect("room");
        let mut next = self.sent.len();
        let ahead = receiver.len();
        if start == Start::Oldest {
            next = self.oldest();
            while next < self.sent.len() && self.sent[next].is_none() && !self.is_dying(next) {
                next += 1;
            }
            assert!(ahead == self.sent.len() - next || self.is_evicted && ahead < self.sent.len() - next);
            next = self.sent.len() - ahead;
        }
        assert_eq!(ahead, self.sent.len() - next);
        self.readers.push(Reader { receiver, next, missed: 0, is_cut_off: false });
    }

    fn clone_one(&mut self, at: usize) {
        let reader = &self.readers[at];
        let receiver = reader.receiver.try_clone().expect("room");
        let (next, is_cut_off) = (reader.next, reader.is_cut_off);
        self.readers.push(Reader { receiver, next, missed: 0, is_cut_off });
    }

    fn try_recv(&mut self, at: usize) {
        let (oldest, is_evicted, tail) = (self.oldest(), self.is_evicted, self.sent.len());
        let reader = &mut self.readers[at];
        let got = reader.receiver.try_recv();
        if reader.is_cut_off {
            return assert_eq!(got, Err(TryRecvError::Disconnected));
        }
        let before = reader.next;
        let mut next = before;
        let lag = reader.receiver.lag();
        if lag == Lag::Wait {
            assert!(before >= oldest, "what it was to see was written over");
        } else {
            next = next.max(oldest);
        }
        let mut tombs = 0;
        let mut go_past = |next: &mut usize| {
            while *next < tail && self.sent[*next].is_none() && !self.dying.iter().any(|dying| dying.number == *next) {
                *next += 1;
                tombs += 1;
            }
        };
        match got {
            Ok(message) => {
                let number = u32::from_le_bytes(message[..4].try_into().expect("4 bytes"));
                assert!(message[4..].iter().all(|byte| *byte == 7) && [20, LARGE].contains(&message.len()), "torn");
                if is_evicted && lag != Lag::Wait {
                    let found = self.sent.iter().rposition(|sent| *sent == Some(number)).expect("it was sent");
                    assert!(found >= next, "{number} came again");
                    tombs = self.sent[before..found].iter().filter(|sent| sent.is_none()).count();
                    next = found;
                } else {
                    go_past(&mut next);
                    assert_eq!(self.sent.get(next), Some(&Some(number)), "of {before}");
                }
                reader.next = next + 1;
            }
            Err(why) => {
                if is_evicted && lag != Lag::Wait {
                    // All that was before it may have gone.
                    reader.next = tail - reader.receiver.len();
                    assert!(reader.next >= next, "it went back");
                    assert!(
                        reader.next == tail
                            || self.dying.iter().any(|dying| dying.number == reader.next)
                            || reader.receiver.was_cut_off()
                    );
                    tombs = self.sent[before..reader.next].iter().filter(|sent| sent.is_none()).count();
                } else {
                    if !(lag == Lag::Disconnect && next > before) {
                        go_past(&mut next);
                        let is_at_one = self.dying.iter().any(|dying| dying.number == next);
                        assert!(next == tail || is_at_one, "it has not got {next} of {tail}");
                    }
                    reader.next = next;
                }
                let is_cut_off = lag == Lag::Disconnect && reader.receiver.was_cut_off();
                // Where the end would be marked somebody is at the message of the lap before.
                let is_held = self.dying.iter().any(|dying| dying.number + self.slots == tail);
                let is_end = self.is_closed && reader.next == tail && !is_held;
                let expected = if is_cut_off || is_end { TryRecvError::Disconnected } else { TryRecvError::Empty };
                assert_eq!(why, expected);
            }
        }
        let missed = reader.receiver.missed();
        let jump = u64::try_from(reader.next - before).expect("forward");
        assert!(missed >= reader.missed && missed - reader.missed <= jump);
        if lag == Lag::Wait {
            assert_eq!(missed, 0);
        }
        let newly = missed - reader.missed;
        assert!(lag != Lag::Disconnect || (newly > 0) == reader.receiver.was_cut_off());
        let tombs = u64::try_from(tombs).expect("few");
        // Who is cut off goes no further than to know it.
        let is_known = jump <= newly + tombs + 1 || reader.receiver.was_cut_off();
        assert!(is_known, "{newly} missed of {before} to {}, {tombs} are tombs", reader.next);
        reader.missed = missed;
        reader.is_cut_off = reader.receiver.was_cut_off();
    }

    fn look(&self) {
        let layout = self.layout();
        let named: u32 = (0..layout.shape().slots)
            .filter_map(|slot| gate::run_of(layout, layout.slot_lengths(slot).load(Ordering::Relaxed)))
            .map(|run| run.count)
            .sum();
        assert_eq!(pool::free(layout) + named, pool::Blocks::blocks(layout), "blocks are lost, or twice somebody's");
        for reader in &self.readers {
            let ahead = self.sent.len() - reader.next;
            assert!(reader.is_cut_off || reader.receiver.len() == ahead.min(self.slots));
            assert_eq!(reader.receiver.was_cut_off(), reader.is_cut_off);
        }
        assert_eq!(Row::new(layout, Owner::new(0, 0)).tail().slot() as usize, self.sent.len() % self.slots);
    }

    fn step(&mut self, dice: &mut Dice, left: u64) {
        let some = |dice: &mut Dice, n: usize| usize::try_from(dice.roll(n as u64)).expect("few");
        match dice.roll(20) {
            0..6 => self.try_send(false),
            6..8 => self.try_send(!self.is_small),
            8..14 if !self.readers.is_empty() => self.try_recv(some(dice, self.readers.len())),
            14 if self.readers.len() < 5 => self.subscribe(dice),
            15 if !self.readers.is_empty() && self.readers.len() < 5 => self.clone_one(some(dice, self.readers.len())),
            16 if self.readers.len() > 1 => drop(self.readers.swap_remove(some(dice, self.readers.len()))),
            17 if self.dying.len() < 2 => self.begin_to_die(),
            18 | 19 if !self.dying.is_empty() => {
                let dead = self.dying.swap_remove(some(dice, self.dying.len()));
                if dice.roll(2) == 0 {
                    gate::recover(self.layout(), dead.connection.me());
                }
                drop(dead);
            }
            _ if left < 40 && dice.roll(20) == 0 => {
                assert_eq!(self.sender.close(), !self.is_closed);
                self.is_closed = true;
            }
            _ => {}
        }
    }
}

#[test]
fn every_receiver_gets_what_it_was_promised() {
    for seed in 1..=walks() {
        let mut dice = Dice::new(seed);
        let slots = 1 + u32::try_from(seed % 4).expect("few");
        let channel = options().bytes().capacity(slots).max_len(2000).memory(5000).participants(20);
        let channel = channel.anonymous_broadcast::<Vec<u8>>().expect("a channel");
        let mut walk = Walk {
            sender: channel.sender(),
            channel,
            slots: slots as usize,
            sent: Vec::new(),
            readers: Vec::new(),
            dying: Vec::new(),
            is_evicted: false,
            is_closed: false,
            is_small: seed % 3 == 0,
            next: 0,
        };
        for left in (0..STEPS).rev() {
            walk.step(&mut dice, left);
            walk.look();
        }
    }
}
