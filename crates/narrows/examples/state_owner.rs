//! State with an owner: one thread has it, the others ask by message. No lock, and no half-done change to be seen.
//! Use it where the state has rules of its own (here: never below zero, and a transfer is one step), or where changing it
//! takes long or means input and output. For a mere counter an atomic is far cheaper; see `counter_compared`.

use std::{collections::HashMap, thread};

use narrows::{Receiver, Sender, bounded};

type Account = &'static str;

enum Request {
    Deposit { to: Account, amount: u64 },
    Transfer { from: Account, to: Account, amount: u64, done: Sender<bool> },
}

/// Owns the accounts until all who may ask have gone, then returns them.
fn bank(requests: Receiver<Request>) -> HashMap<Account, u64> {
    let mut accounts = HashMap::new();
    for request in requests {
        match request {
            Request::Deposit { to, amount } => *accounts.entry(to).or_insert(0) += amount,
            Request::Transfer { from, to, amount, done } => {
                let left = accounts.get(from).and_then(|balance: &u64| balance.checked_sub(amount));
                if let Some(left) = left {
                    accounts.insert(from, left);
                    *accounts.entry(to).or_insert(0) += amount;
                }
                let _ = done.try_send(left.is_some()); // the asker may have left
            }
        }
    }
    accounts
}

fn main() {
    let (teller, requests) = bounded(16);
    let bank = thread::spawn(move || bank(requests));
    teller.send(Request::Deposit { to: "cash", amount: 100 }).unwrap();

    let granted: usize = thread::scope(|scope| {
        let ask = |to| {
            let (done, answer) = bounded(1);
            teller.send(Request::Transfer { from: "cash", to, amount: 30, done }).unwrap();
            answer.recv().unwrap()
        };
        let clerks: Vec<_> =
            ["rent", "food"].map(|to| scope.spawn(move || (0..3).filter(|_| ask(to)).count())).into_iter().collect();
        clerks.into_iter().map(|clerk| clerk.join().unwrap()).sum()
    });
    drop(teller);

    let accounts = bank.join().unwrap();
    println!("{granted} of 6 transfers were granted: {accounts:?}");
    assert_eq!(granted, 3);
    assert_eq!(accounts["cash"], 10);
    assert_eq!(accounts.values().sum::<u64>(), 100);
}
