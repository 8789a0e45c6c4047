//! Models of the exchange cell alone, for loom: a message goes to one receiver or comes back, and who shuts the cell finds
//! nobody in it any more. loom sees it, too, if two touch the slot at once.

use loom::sync::Arc;

use super::{Cell, Sight};
use crate::{
    explore::{explore, spawn, spawn_twin, turn},
    time::Deadline,
};

fn cell() -> Arc<Box<Cell<Box<u32>>>> {
    Arc::new(Cell::new())
}

/// The message, if it did not go.
fn offer(cell: &Cell<Box<u32>>, message: u32) -> Option<u32> {
    let mut message = Some(Box::new(message));
    let gone = cell.offer(&mut message, Deadline::Never);
    assert_eq!(gone, message.is_none(), "a message is here or there");
    message.map(|message| *message)
}

fn want(cell: &Cell<Box<u32>>) -> Option<u32> {
    let mut message = None;
    let came = cell.want(&mut message, Deadline::Never);
    assert_eq!(came, message.is_some(), "a message is here or there");
    message.map(|message| *message)
}

fn take(cell: &Cell<Box<u32>>) -> (Sight, Option<u32>) {
    let mut message = None;
    let sight = cell.take(&mut message);
    (sight, message.map(|message| *message))
}

/// Match against return, twice over the same cell.
#[test]
fn cell_two() {
    explore("cell_two", 700, || {
        let cell = cell();
        let other = cell.clone();
        let sender = spawn(move || [1, 2].map(|message| offer(&other, message)));
        turn(0);
        let got = [want(&cell), want(&cell)];
        let kept = sender.join().unwrap();
        let [mut got, kept]: [Vec<u32>; 2] = [got, kept].map(|some| some.into_iter().flatten().collect());
        assert!(got.is_sorted(), "out of order");
        got.extend(kept);
        got.sort_unstable();
        assert_eq!(got, [1, 2], "lost, or both taken and returned");
    });
}

/// Two senders, one of which finds the cell taken.
#[test]
fn cell_three() {
    explore("cell_three", 9900, || {
        let cell = cell();
        let [first, second] = [cell.clone(), cell.clone()];
        let first = spawn(move || offer(&first, 1));
        let second = spawn_twin(move || offer(&second, 2));
        turn(0);
        let mut all: Vec<u32> = [want(&cell), take(&cell).1].into_iter().flatten().collect();
        all.extend(first.join().unwrap());
        all.extend(second.join().unwrap());
        all.sort_unstable();
        assert_eq!(all, [1, 2], "lost, or both taken and returned");
    });
}

/// A sender and a receiver on their way: nobody is in a shut cell, and nobody comes.
#[test]
fn cell_shut() {
    explore("cell_shut", 8400, || {
        let cell = cell();
        let [first, second] = [cell.clone(), cell.clone()];
        let sender = spawn(move || offer(&first, 1));
        let receiver = spawn(move || want(&second));
        turn(0);
        cell.shut();
        assert_eq!(take(&cell), (Sight::Shut, None), "somebody is in a shut cell");
        assert_eq!(offer(&cell, 2), Some(2), "met somebody in a shut cell");
        assert_eq!(want(&cell), None, "met somebody in a shut cell");
        cell.open();
        let kept = sender.join().unwrap();
        let got = receiver.join().unwrap();
        assert_eq!([kept, got].into_iter().flatten().collect::<Vec<_>>(), [1]);
    });
}
