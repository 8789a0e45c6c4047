//! Models of the queue alone, for loom: every message once, in order, with its contents; none left when it is dropped.

use loom::sync::Arc;

use super::Queue;
use crate::explore::{explore, spawn, turn};

/// Counts how many of its kind live: std's `Arc`, so that counting takes no part in the model.
type Mark = std::sync::Arc<()>;

fn queue<T>(capacity: usize) -> Arc<Queue<T, ()>> {
    Arc::new(Queue::new(capacity))
}

fn push_if_room<T>(queue: &Queue<T, ()>, capacity: usize, message: T) -> bool {
    let mut end = queue.producer();
    let has_room = end.used() < capacity;
    if has_room {
        end.push(message);
    }
    has_room
}

fn take<T>(queue: &Queue<T, ()>) -> Option<T> {
    let mut end = queue.consumer();
    let mut message = None;
    end.take_if_any(&mut message);
    message
}

/// The same where it is easy, which it is once the thread has the bias.
fn push_easily<T>(queue: &Queue<T, ()>, capacity: usize, message: T) -> bool {
    let mut message = Some(message);
    if let Some(mut end) = queue.producer_easily() {
        end.push_easily(&mut message, capacity);
    }
    message.is_none_or(|message| push_if_room(queue, capacity, message))
}

fn take_easily<T>(queue: &Queue<T, ()>) -> Option<T> {
    let mut message = None;
    if let Some(mut end) = queue.consumer_easily() {
        // An error is no answer.
        let _ = end.take_easily(&mut message);
    }
    message.or_else(|| take(queue))
}

/// How an end is used, and how often it is entered before: so many entries earn a model's bias, and the easy way is open to
/// none but its owner.
struct Way {
    push: fn(&Queue<Box<u32>, ()>, usize, Box<u32>) -> bool,
    take: fn(&Queue<Box<u32>, ()>) -> Option<Box<u32>>,
    entries: usize,
}

const USUAL: Way = Way { push: push_if_room, take, entries: 0 };
const EASY: Way = Way { push: push_easily, take: take_easily, entries: 2 };

/// What is taken is a beginning of what was pushed, and the rest is still there.
fn published(name: &str, capacity: usize, messages: u32, floor: usize, Way { push, take, entries }: Way) {
    explore(name, floor, move || {
        let ours = queue(capacity);
        let theirs = ours.clone();
        (0..entries).for_each(|_| drop(ours.consumer()));
        let producer = spawn(move || {
            (0..entries).for_each(|_| drop(theirs.producer()));
            (0..messages).filter(|m| push(&theirs, capacity, Box::new(*m))).count()
        });
        turn(0);
        let mut taken: Vec<Box<u32>> = (0..messages).filter_map(|_| take(&ours)).collect();
        let pushed = producer.join().unwrap();
        taken.extend(std::iter::from_fn(|| take(&ours)));
        assert_eq!(taken.len(), pushed);
        assert!(taken.is_sorted(), "out of order: {taken:?}");
        assert_eq!(ours.used(), 0);
    });
}

#[test]
fn queue_publish_1() {
    published("queue_publish_1", 1, 2, 26, USUAL);
}

#[test]
fn queue_publish_2() {
    published("queue_publish_2", 2, 3, 38, USUAL);
}

/// Seven messages through blocks of two: links, emptied blocks on their way back, and some that are freed.
#[test]
fn queue_publish_blocks() {
    published("queue_publish_blocks", usize::MAX, 7, 802, USUAL);
}

#[test]
fn queue_publish_easily() {
    published("queue_publish_easily_2", 2, 4, 28, EASY);
    published("queue_publish_easily_blocks", usize::MAX, 7, 530, EASY);
}

/// A queue dropped with any number of messages inside, after any number were taken, drops each of them once.
fn dropped(name: &str, capacity: usize, fill: usize, floor: usize) {
    explore(name, floor, move || {
        let mark = Mark::default();
        let ours = queue(capacity);
        let theirs = ours.clone();
        let messages = vec![mark.clone(); fill];
        let producer = spawn(move || {
            for message in messages {
                assert!(push_if_room(&theirs, capacity, message));
            }
        });
        turn(0);
        drop(take(&ours));
        producer.join().unwrap();
        drop(ours);
        assert_eq!(Mark::strong_count(&mark), 1, "a message was not dropped");
    });
}

#[test]
fn queue_drop_ring() {
    for (fill, floor) in [1, 3, 6].into_iter().enumerate() {
        dropped(&format!("queue_drop_ring_{fill}"), 2, fill, floor);
    }
}

#[test]
fn queue_drop_blocks() {
    for (fill, floor) in [1, 3, 6, 12, 20, 30].into_iter().enumerate() {
        dropped(&format!("queue_drop_blocks_{fill}"), usize::MAX, fill, floor);
    }
}

/// Two producers and two consumers: the roles make the queue many-to-many.
#[test]
fn queue_roles() {
    explore("queue_roles", 5062, || {
        let ours = queue(2);
        let [first, second] = [ours.clone(), ours.clone()];
        let first = spawn(move || {
            assert!(push_if_room(&first, 2, 1));
            take(&first)
        });
        let second = spawn(move || {
            assert!(push_if_room(&second, 2, 2));
            take(&second)
        });
        turn(0);
        let used = ours.used();
        assert!(used <= 2);
        let mut taken = vec![first.join().unwrap().unwrap(), second.join().unwrap().unwrap()];
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
    });
}

/// Nothing is pushed after the end, and what was pushed before it is seen with it.
#[test]
fn queue_close() {
    explore("queue_close", 554, || {
        let ours = queue(usize::MAX);
        let [sender, closer] = [ours.clone(), ours.clone()];
        let sender = spawn(move || {
            let mut end = sender.producer();
            let is_open = !end.is_closed();
            if is_open {
                end.push(1);
            }
            is_open
        });
        let closer = spawn(move || closer.producer().close());
        turn(0);
        let early = take(&ours).is_some();
        let drained = ours.consumer().is_drained();
        let sent = sender.join().unwrap();
        closer.join().unwrap();
        assert!(ours.is_closed());
        let late = take(&ours).is_some();
        assert!(!(drained && late), "a message after the end");
        assert_eq!(sent, early || late);
    });
}
