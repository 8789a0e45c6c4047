//! The table of calls on long walks at random, beside a list that says how far each call has come. The orders of a few steps are
//! tried elsewhere, every one of them; here slots are used again and again, and clients and servers die at each step.

use super::slots::{GivenUp, State, Table, Words, tests::Slots};
use crate::{
    queue::word::{Owner, Position},
    sync::Ordering,
};

const STEPS: u64 = if cfg!(miri) { 60 } else { 250 };

fn walks() -> u64 {
    let usual = if cfg!(miri) { 5 } else { 300 };
    if std::env::var_os("NARROWS_DEEP").is_some() { usual * 50 } else { usual }
}

/// xorshift64*, by S. Vigna.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() { None } else { all.get(usize::try_from(self.roll(all.len() as u64)).expect("few")).copied() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Call {
    at: Position,
    client: Owner,
    server: Option<Owner>,
    /// As in the word, but that none is free.
    state: State,
    turn: u64,
    due: u64,
}

struct Walk {
    slots: Slots,
    calls: Vec<Call>,
    /// Over; of which nothing may be heard any more.
    old: Vec<Call>,
    clients: Vec<Owner>,
    servers: Vec<Owner>,
    next_turn: u64,
    now: u64,
    next_epoch: u64,
}

impl Walk {
    fn table(&self, me: Owner) -> Table<'_, Slots> {
        Table::new(&self.slots, me)
    }

    fn those(&self, mut wanted: impl FnMut(&Call) -> bool) -> Vec<Call> {
        self.calls.iter().copied().filter(|call| wanted(call)).collect()
    }

    fn set(&mut self, call: Call, state: State, server: Option<Owner>) {
        let its = self.calls.iter_mut().find(|other| other.at == call.at).expect("under way");
        (its.state, its.server) = (state, server);
    }

    fn over(&mut self, call: Call) {
        self.calls.retain(|other| other.at != call.at);
        self.old.push(call);
    }

    fn claim(&mut self, client: Owner, hint: u32) {
        let claimed = self.table(client).claim(hint).expect("sound");
        let slots = self.slots.slots() as usize;
        assert_eq!(claimed.is_some(), self.calls.len() < slots);
        let Some(at) = claimed else { return };
        assert!(self.calls.iter().all(|other| other.at.slot() != at.slot()), "it is another's");
        assert!(self.old.iter().all(|other| other.at != at), "a lap came twice");
        self.calls.push(Call { at, client, server: None, state: State::Requesting, turn: 0, due: 0 });
    }

    fn submit(&mut self, call: Call, due: u64) {
        self.table(call.client).submit(call.at, due).expect("ours");
        let its = self.calls.iter_mut().find(|other| other.at == call.at).expect("under way");
        (its.state, its.turn, its.due) = (State::Pending, self.next_turn, due);
        self.next_turn += 1;
    }

    fn serve(&mut self, server: Owner) {
        let now = self.now;
        let claimed = self.table(server).claim_oldest(|| now).expect("sound");
        let wanted = self.those(|call| call.state == State::Pending && (call.due == 0 || now < call.due));
        let oldest = wanted.into_iter().min_by_key(|call| call.turn);
        assert_eq!(claimed, oldest.map(|call| call.at));
        if let Some(call) = oldest {
            self.set(call, State::Serving, Some(server));
        }
    }

    fn finish(&mut self, call: Call, state: State) {
        let server = call.server.expect("it is served");
        let table = self.table(server);
        let told = if state == State::Pending { table.give_back(call.at) } else { table.finish(call.at, state) };
        let told = told.expect("ours");
        assert_eq!(told, call.state == State::Serving);
        if !told {
            self.over(call);
        } else if state == State::Pending {
            self.set(call, State::Pending, None);
        } else {
            self.set(call, state, None);
        }
    }

    fn give_up(&mut self, call: Call) {
        let expected = match call.state {
            State::Pending => GivenUp::Unserved,
            State::Serving => GivenUp::Cancelled,
            _ => GivenUp::Over,
        };
        assert_eq!(self.table(call.client).give_up(call.at), Ok(expected));
        match expected {
            GivenUp::Unserved => self.over(call),
            GivenUp::Cancelled => self.set(call, State::Cancelled, call.server),
            GivenUp::Over => {
                assert!(self.table(call.client).release(call.at));
                self.over(call);
            }
        }
    }

    fn recover(&self, by: Owner, dead: Owner) -> usize {
        (0..self.slots.slots()).filter(|&slot| self.table(by).recover(slot, dead)).count()
    }

    fn die(&mut self, dead: Owner, by: Owner) {
        let its = self.those(|call| {
            let is_clients = call.client == dead && call.state != State::Cancelled;
            is_clients || call.server == Some(dead)
        });
        assert_eq!(self.recover(by, dead), its.len());
        assert_eq!(self.recover(by, dead), 0, "twice is as once");
        for call in its {
            match call.state {
                State::Serving if call.client == dead => self.set(call, State::Cancelled, call.server),
                State::Serving => self.set(call, State::Failed, None),
                _ => self.over(call),
            }
        }
    }

    fn look(&self) {
        let (any, now) = (self.table(Owner::new(99, 0)), self.now);
        let is_pending = |call: &Call| call.state == State::Pending && (call.due == 0 || now < call.due);
        assert_eq!(any.len() as usize, self.calls.len());
        assert_eq!(any.has_free(), self.calls.len() < self.slots.slots() as usize);
        assert_eq!(any.has_pending(|| now), self.calls.iter().any(is_pending));
        assert_eq!(any.has_coming(), self.calls.iter().any(|call| call.state == State::Requesting));
        for call in &self.calls {
            if call.state != State::Cancelled {
                assert_eq!(self.table(call.client).state(call.at), Ok(call.state));
                let serving = call.server.filter(|_| call.state == State::Serving);
                assert_eq!(self.table(call.client).server(call.at), serving);
            }
            if let Some(server) = call.server {
                assert_eq!(self.table(server).is_cancelled(call.at), call.state == State::Cancelled);
            }
        }
        // What is over stays over, whoever has come to its slot.
        for call in self.old.iter().rev().take(4) {
            let table = self.table(call.client);
            assert!(table.state(call.at).is_err() && !table.take_back(call.at) && !table.release(call.at));
            assert!(table.give_up(call.at).is_err());
            assert!(call.server.is_none_or(|server| self.table(server).finish(call.at, State::Done).is_err()));
        }
    }

    fn step(&mut self, dice: &mut Dice) {
        let client = dice.one_of(&self.clients).expect("some");
        let server = dice.one_of(&self.servers).expect("some");
        match dice.roll(20) {
            0..4 => self.claim(client, u32::try_from(dice.roll(6)).expect("small")),
            4..8 => {
                if let Some(call) = dice.one_of(&self.those(|call| call.state == State::Requesting)) {
                    let due = if dice.roll(3) == 0 { self.now + dice.roll(20) } else { 0 };
                    if dice.roll(8) == 0 {
                        assert!(self.table(call.client).release(call.at));
                        self.over(call);
                    } else {
                        self.submit(call, due);
                    }
                }
            }
            8..12 => self.serve(server),
            12..16 => {
                let taken = self.those(|call| call.server.is_some());
                let state = [State::Done, State::Unanswered, State::Pending][usize::try_from(dice.roll(3)).expect("3")];
                if let Some(call) = dice.one_of(&taken) {
                    self.finish(call, state);
                }
            }
            16..18 => {
                let begun = self.those(|call| !matches!(call.state, State::Requesting | State::Cancelled));
                if let Some(call) = dice.one_of(&begun) {
                    self.give_up(call);
                }
            }
            18 => self.now += dice.roll(5),
            _ => {
                // The place in the table of participants goes to the next.
                let (all, dead) =
                    if dice.roll(2) == 0 { (&mut self.clients, client) } else { (&mut self.servers, server) };
                all.retain(|other| *other != dead);
                all.push(Owner::new(dead.index(), self.next_epoch));
                self.next_epoch += 1;
                let by = *all.first().expect("some");
                self.die(dead, by);
            }
        }
    }
}

#[test]
fn every_call_is_somebodys_and_every_slot_comes_back() {
    for seed in 1..=walks() {
        let mut dice = Dice::new(seed);
        let slots = Slots::new(usize::try_from(1 + dice.roll(4)).expect("few"));
        for slot in 0..slots.slots() {
            // Laps wrap on the way.
            slots.call(slot).store(u64::from(u32::MAX - 20) << 32, Ordering::Relaxed);
        }
        let owners = |from: u32, n: u32| (from..from + n).map(|index| Owner::new(index, 1)).collect::<Vec<_>>();
        let (clients, servers) = (owners(1, 3), owners(4, 2));
        let (calls, old) = (Vec::new(), Vec::new());
        let mut walk = Walk { slots, calls, old, clients, servers, next_turn: 0, now: 1, next_epoch: 2 };
        for _ in 0..STEPS {
            walk.step(&mut dice);
            walk.look();
        }
        for owner in walk.clients.clone().into_iter().chain(walk.servers.clone()) {
            walk.die(owner, Owner::new(9, 1));
            walk.look();
        }
        assert!(walk.calls.is_empty(), "{:?}", walk.calls);
    }
}
