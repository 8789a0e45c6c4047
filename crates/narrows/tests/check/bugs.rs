//! Four bugs of programs that pass messages, each beside the program mended. How many schedules each takes is told in
//! `docs/checking-your-program.md`.

use std::time::Duration;

use narrows::{
    Receiver, Sender,
    check::{
        Checker,
        sync::{
            Arc, Mutex,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
        thread,
    },
    oneshot,
};

/// Finds the bug with many seeds, by each kind of schedule, and says how many schedules that took.
#[cfg(narrows_check)]
fn is_found(name: &str, says: &str, program: fn()) {
    const SEEDS: u64 = 21;
    let first: u64 = std::env::var("NARROWS_SEED").map_or(1, |seed| seed.parse().unwrap());
    let mut all = 0;
    for (kind, checker) in [("random", Checker::new().random()), ("PCT of depth 3", Checker::new().pct(3))] {
        let mut took: Vec<usize> = (0..SEEDS)
            .map(|number| {
                let found = checker.clone().schedules(10_000).seed(first.wrapping_add(number)).find(program);
                let found = found.unwrap_or_else(|| panic!("{name}: not found by {kind}"));
                assert!(found.message().contains(says), "{found}");
                found.schedules()
            })
            .collect();
        took.sort_unstable();
        println!("{name}, {kind}: median {}, most {}", took[took.len() / 2], took[took.len() - 1]);
        all += took.iter().sum::<usize>();
    }
    println!("model {name}: {all} schedules");
}

/// Tries the mended program for longer than any of the bugs took.
fn is_mended(program: impl Fn() + Send + Sync + 'static) {
    let wanted = std::env::var("NARROWS_SCHEDULES").map_or(20_000, |wanted| wanted.parse().unwrap());
    Checker::new().schedules(wanted / 10).run(program);
}

/// Two that tell each other, each with one place in its mailbox: both wait for the other to have room.
mod cyclic_mailboxes {
    use super::*;

    enum ToShop {
        Order(usize),
        Receipt(usize),
    }

    /// One each in two mailboxes and in two hands, and one more that has nowhere to go.
    const ORDERS: usize = 5;

    fn program(shops_mailbox: (Sender<ToShop>, Receiver<ToShop>)) {
        let (shop, orders) = shops_mailbox;
        let (store, wanted) = narrows::bounded(1);
        let back = shop.clone();
        let keeper = thread::spawn(move || wanted.iter().try_for_each(|order| back.send(ToShop::Receipt(order))));
        let seller = thread::spawn(move || {
            let mut receipts = Vec::new();
            while receipts.len() < ORDERS {
                match orders.recv().unwrap() {
                    ToShop::Order(order) => store.send(order).unwrap(),
                    ToShop::Receipt(order) => receipts.push(order),
                }
            }
            receipts
        });
        for order in 0..ORDERS {
            shop.send(ToShop::Order(order)).unwrap();
        }
        assert!(seller.join().unwrap().into_iter().eq(0..ORDERS));
        keeper.join().unwrap().unwrap();
    }

    #[cfg(narrows_check)]
    #[test]
    fn is_found() {
        super::is_found("cyclic mailboxes", "deadlock", || program(narrows::bounded(1)));
    }

    /// What goes back never waits.
    #[test]
    fn mended() {
        is_mended(|| program(narrows::unbounded()));
    }
}

/// Two that ask for a value and tell another one: what the first told is overwritten.
mod lost_update {
    use super::*;

    enum ToAccount {
        Get(oneshot::Sender<u32>),
        Set(u32),
        Add(u32),
    }

    fn program(deposit: fn(&Sender<ToAccount>)) {
        let (account, requests) = narrows::bounded(4);
        let keeper = thread::spawn(move || {
            let mut balance = 0;
            for request in requests {
                match request {
                    // Who does not want to know any more need not.
                    ToAccount::Get(reply) => drop(reply.send(balance)),
                    ToAccount::Set(new) => balance = new,
                    ToAccount::Add(more) => balance += more,
                }
            }
            balance
        });
        let customers = [account.clone(), account].map(|account| thread::spawn(move || deposit(&account)));
        for customer in customers {
            customer.join().unwrap();
        }
        assert_eq!(keeper.join().unwrap(), 2, "a deposit is lost");
    }

    #[cfg_attr(not(narrows_check), allow(dead_code))]
    fn wrong() {
        program(|account| {
            let balance = account.ask(ToAccount::Get).unwrap();
            account.send(ToAccount::Set(balance + 1)).unwrap();
        });
    }

    #[cfg(narrows_check)]
    #[test]
    fn is_found() {
        super::is_found("lost update", "a deposit is lost", wrong);
    }

    /// One message says what is to be done, so nothing comes between.
    #[test]
    fn mended() {
        is_mended(|| {
            program(|account| {
                account.ask(ToAccount::Get).unwrap();
                account.send(ToAccount::Add(1)).unwrap();
            });
        });
    }
}

/// A spare sender, kept for a worker that may have to be replaced, is to be dropped by the last worker; two that end at the
/// same time each take the other for the last.
mod sender_never_dropped {
    use super::*;

    fn program(leave: fn(&AtomicUsize) -> usize) {
        const WORKERS: usize = 2;
        let (s, results) = narrows::bounded(WORKERS);
        let spare = Arc::new(Mutex::new(Some(s.clone())));
        let left = Arc::new(AtomicUsize::new(WORKERS));
        for number in 0..WORKERS {
            let (s, spare, left) = (s.clone(), spare.clone(), left.clone());
            thread::spawn(move || {
                s.send(number).unwrap();
                if leave(&left) == 0 {
                    drop(spare.lock().unwrap().take());
                }
            });
        }
        drop(s);
        assert_eq!(results.iter().sum::<usize>(), 1);
    }

    #[cfg(narrows_check)]
    #[test]
    fn is_found() {
        super::is_found("sender never dropped", "deadlock", || {
            program(|left| {
                let others = left.load(SeqCst) - 1;
                left.store(others, SeqCst);
                others
            });
        });
    }

    #[test]
    fn mended() {
        is_mended(|| program(|left| left.fetch_sub(1, SeqCst) - 1));
    }
}

/// One mailbox for all answers: after a time-out the answer to the last question is taken for that to the next.
mod stale_answer {
    use super::*;

    const BRIEF: Duration = Duration::from_secs(1);

    #[cfg(narrows_check)]
    #[test]
    fn is_found() {
        super::is_found("stale answer", "another question's answer", || {
            let (to_server, questions) = narrows::bounded::<(u32, Sender<u32>)>(1);
            let server = thread::spawn(move || questions.iter().try_for_each(|(n, reply)| reply.send(n * n)));
            let (reply, answers) = narrows::bounded(2);
            for n in 2..4 {
                to_server.send((n, reply.clone())).unwrap();
                if let Ok(answer) = answers.recv_timeout(BRIEF) {
                    assert_eq!(answer, n * n, "another question's answer");
                }
            }
            drop(to_server);
            server.join().unwrap().unwrap();
        });
    }

    /// Each question has a reply of its own; an answer that comes too late comes back to who gives it.
    #[test]
    fn mended() {
        is_mended(|| {
            let (to_server, questions) = narrows::bounded::<(u32, oneshot::Sender<u32>)>(1);
            let server =
                thread::spawn(move || questions.iter().filter_map(|(n, reply)| reply.send(n * n).err()).count());
            let mut late = 0;
            for n in 2..4 {
                match to_server.ask_timeout(|reply| (n, reply), BRIEF) {
                    Ok(answer) => assert_eq!(answer, n * n),
                    Err(_) => late += 1,
                }
            }
            drop(to_server);
            assert!(server.join().unwrap() <= late);
        });
    }
}
