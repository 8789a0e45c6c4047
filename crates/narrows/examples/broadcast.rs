//! Broadcast: every receiver sees every message; each says what becomes of it when it is slow.
//! Use it for events that several parts of a program each have to see. The price is a clone for each receiver.

use std::thread;

use narrows::broadcast::{self, Lag, Start};

fn main() {
    let (prices, ledger) = broadcast::channel(8);
    let display = prices.subscribe(Start::Now, Lag::Skip);

    let (total, shown, missed) = thread::scope(|scope| {
        // It must not miss one, so the sender waits for it.
        let total = scope.spawn(|| ledger.iter().sum::<u64>());
        // It may miss some: the latest prices are enough.
        let shown = scope.spawn(|| (display.iter().count(), display.missed()));
        for price in 1..=1000 {
            prices.send(price).unwrap();
        }
        // Who comes late gets the last ones kept.
        let late = prices.subscribe(Start::Oldest, Lag::Wait);
        assert_eq!(late.len(), 8);
        drop(prices); // receivers get what is left, and their loops end
        let (shown, missed) = shown.join().unwrap();
        (total.join().unwrap(), shown, missed)
    });

    println!("the ledger adds up to {total}; {shown} prices were shown, {missed} were not");
    assert_eq!(total, 500_500);
    assert_eq!(shown as u64 + missed, 1000);
}
