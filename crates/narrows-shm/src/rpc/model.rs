//! The words of a call in every order of steps that memory allows: client, server, and those who put right what either has left.
//! The room of the slot is a cell that only one may touch at a time, which loom checks.

use loom::{cell::Cell, sync::Arc, thread};

use super::slots::{GivenUp, State, Table, Words};
use crate::{
    queue::word::{Owner, Position},
    sync::{Ordering, Word},
};

#[derive(Debug, Default)]
struct Slot {
    call: Word,
    client: Word,
    turn: Word,
    due: Word,
    room: Cell<u64>,
}

#[derive(Debug)]
struct Slots(Vec<Slot>, Word);

impl Words for Slots {
    fn slots(&self) -> u32 {
        u32::try_from(self.0.len()).expect("few")
    }
    fn usable(&self) -> u32 {
        self.slots()
    }
    fn call(&self, slot: u32) -> &Word {
        &self.0[slot as usize].call
    }
    fn client(&self, slot: u32) -> &Word {
        &self.0[slot as usize].client
    }
    fn turn(&self, slot: u32) -> &Word {
        &self.0[slot as usize].turn
    }
    fn due(&self, slot: u32) -> &Word {
        &self.0[slot as usize].due
    }
    fn next_turn(&self) -> &Word {
        &self.1
    }
}

impl Slots {
    fn new(slots: usize) -> Arc<Slots> {
        Arc::new(Slots((0..slots).map(|_| Slot::default()).collect(), Word::default()))
    }

    fn write(&self, at: Position, value: u64) {
        self.0[at.slot() as usize].room.set(value);
    }

    fn read(&self, at: Position) -> u64 {
        self.0[at.slot() as usize].room.get()
    }

    fn begin(&self, client: Owner, request: u64) -> Option<Position> {
        let table = Table::new(self, client);
        let at = table.claim(0).expect("sound")?;
        self.write(at, request);
        table.submit(at, 0).expect("ours");
        Some(at)
    }

    /// Serves a call if there is one: adds 1. Whether somebody was told.
    fn serve(&self, server: Owner) -> Option<bool> {
        let table = Table::new(self, server);
        let at = table.claim_oldest(|| 0).expect("sound")?;
        self.write(at, self.read(at) + 1);
        Some(table.finish(at, State::Done).expect("ours"))
    }

    fn give_up(&self, client: Owner, at: Position, request: u64) -> GivenUp {
        let table = Table::new(self, client);
        let given_up = table.give_up(at).expect("ours");
        if given_up == GivenUp::Over {
            if table.state(at) == Ok(State::Done) {
                assert_eq!(self.read(at), request + 1);
            }
            assert!(table.release(at));
        }
        given_up
    }

    fn len(&self) -> u32 {
        Table::new(self, Owner::new(0, 0)).len()
    }
}

fn who() -> [Owner; 3] {
    [Owner::new(1, 1), Owner::new(2, 1), Owner::new(3, 1)]
}

#[test]
fn an_answer_is_taken_or_nobody_waits_for_it() {
    loom::model(|| {
        let ([client, server, next], slots) = (who(), Slots::new(1));
        let serving = thread::spawn({
            let slots = slots.clone();
            move || slots.serve(server)
        });
        let at = slots.begin(client, 10).expect("it is free");
        let given_up = slots.give_up(client, at, 10);
        // The next call comes to the slot only when everybody is done with it.
        let again = slots.begin(next, 20);
        let told = serving.join().expect("no panic");
        match given_up {
            GivenUp::Over => assert_eq!(told, Some(true)),
            GivenUp::Cancelled => assert_eq!(told, Some(false)),
            // If at all it was the next call that was served.
            GivenUp::Unserved => assert_ne!(told, Some(false)),
        }
        assert_eq!(slots.len(), u32::from(again.is_some()));
    });
}

#[test]
fn what_a_client_leaves_is_freed_while_a_server_is_at_it() {
    loom::model(|| {
        let ([client, server, next], slots) = (who(), Slots::new(1));
        slots.begin(client, 10).expect("it is free");
        let serving = thread::spawn({
            let slots = slots.clone();
            move || slots.serve(server)
        });
        let recovering = thread::spawn({
            let slots = slots.clone();
            move || Table::new(&*slots, next).recover(0, client)
        });
        Table::new(&*slots, next).recover(0, client);
        let again = slots.begin(next, 20);
        serving.join().expect("no panic");
        recovering.join().expect("no panic");
        assert_eq!(slots.len(), u32::from(again.is_some()));
    });
}

#[test]
fn a_client_hears_of_its_servers_death_or_has_given_up() {
    loom::model(|| {
        let ([client, server, other], slots) = (who(), Slots::new(1));
        let at = slots.begin(client, 10).expect("it is free");
        assert_eq!(Table::new(&*slots, server).claim_oldest(|| 0), Ok(Some(at)));
        let recovering = [client, other].map(|me| {
            let slots = slots.clone();
            thread::spawn(move || Table::new(&*slots, me).recover(0, server))
        });
        slots.give_up(client, at, 10);
        recovering.map(|recovering| recovering.join().expect("no panic"));
        assert_eq!(slots.len(), 0);
    });
}

#[test]
fn when_both_are_dead_nothing_is_left() {
    loom::model(|| {
        let ([client, server, other], slots) = (who(), Slots::new(1));
        let at = slots.begin(client, 10).expect("it is free");
        assert_eq!(Table::new(&*slots, server).claim_oldest(|| 0), Ok(Some(at)));
        let recovering = [client, server].map(|dead| {
            let slots = slots.clone();
            thread::spawn(move || Table::new(&*slots, other).recover(0, dead))
        });
        recovering.map(|recovering| recovering.join().expect("no panic"));
        assert_eq!(slots.len(), 0);
    });
}

#[test]
fn a_call_that_is_given_back_is_served_or_taken_back() {
    loom::model(|| {
        let ([client, server, other], slots) = (who(), Slots::new(1));
        let at = slots.begin(client, 10).expect("it is free");
        assert_eq!(Table::new(&*slots, server).claim_oldest(|| 0), Ok(Some(at)));
        let serving = thread::spawn({
            let slots = slots.clone();
            move || slots.serve(other)
        });
        let giving = thread::spawn({
            let slots = slots.clone();
            move || Table::new(&*slots, server).give_back(at).expect("ours")
        });
        slots.give_up(client, at, 10);
        serving.join().expect("no panic");
        giving.join().expect("no panic");
        assert_eq!(slots.len(), 0);
    });
}

#[test]
fn calls_of_one_client_are_served_in_their_order() {
    loom::model(|| {
        let ([client, server, _], slots) = (who(), Slots::new(2));
        let serving = thread::spawn({
            let slots = slots.clone();
            move || Table::new(&*slots, server).claim_oldest(|| 0).expect("sound")
        });
        let first = slots.begin(client, 1);
        slots.begin(client, 2);
        let served = serving.join().expect("no panic");
        assert!(served.is_none() || served == first, "{served:?}");
        assert_eq!(slots.next_turn().load(Ordering::Relaxed), 2);
    });
}
