//! Graceful shutdown: `close` ends the sending at once, and what is inside is still worked off.
//! Use it to stop a service without losing what it has accepted. A send that comes too late gets its message back, so each
//! message is either done or in its sender's hands.

use std::thread;

use narrows::{SendError, bounded};

fn main() {
    let (orders, kitchen) = bounded(3);
    let (served, from_kitchen) = bounded(0);

    let waiters: Vec<_> = (0..2)
        .map(|waiter| {
            let orders = orders.clone();
            thread::spawn(move || {
                for number in 0.. {
                    if let Err(SendError(order)) = orders.send((waiter, number)) {
                        return order; // the kitchen is closed
                    }
                }
                unreachable!("an endless loop")
            })
        })
        .collect();
    let cook = thread::spawn(move || {
        for order in kitchen {
            served.send(order).unwrap();
        }
    });

    let mut done: Vec<_> = from_kitchen.iter().take(10).collect();
    assert!(orders.close(), "we are the first to close it");
    done.extend(from_kitchen); // what was accepted is still cooked; then the cook leaves

    cook.join().unwrap();
    for (waiter, handle) in waiters.into_iter().enumerate() {
        let (_, refused) = handle.join().unwrap();
        let served = done.iter().filter(|(who, _)| *who == waiter).count();
        println!("waiter {waiter}: {served} orders served, order {refused} came back");
        assert_eq!(served, refused, "all orders before the refused one were served");
    }
}
