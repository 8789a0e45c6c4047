//! Many senders, many receivers, until the senders go: what most rules on delivery look at.

use crate::ends::Pairs;
use crate::load::{Ledger, Load};
use crate::way::Way;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

/// How many take part, and how much each sends.
#[derive(Clone, Copy, Debug)]
pub struct Crew {
    /// Actors that send.
    pub senders: usize,
    /// Actors that receive.
    pub receivers: usize,
    /// Messages of each sender.
    pub each: usize,
}

impl Crew {
    /// How many messages go through.
    pub fn messages(self) -> usize {
        self.senders * self.each
    }
}

/// Numbers, as messages have them.
pub fn number(n: usize) -> u64 {
    u64::try_from(n).expect("a small number")
}

/// Runs a crew. Sender k sends `k * each ..` upwards; returns what each receiver got, in its order.
pub fn traffic(kind: impl Pairs<Load>, way: &Way, crew: Crew, ledger: &Ledger) -> Vec<Vec<u64>> {
    let (s, r) = kind.pair();
    let mut sending = Vec::new();
    for k in 0..crew.senders {
        let (s, ledger, side) = (s.clone(), ledger.clone(), way.send);
        sending.push(side.spawn(async move {
            for i in k * crew.each..(k + 1) * crew.each {
                let sent = side.send(&s, ledger.load(number(i))).await;
                assert!(sent.is_ok(), "the receivers are there");
            }
        }));
    }
    drop(s);
    let mut receiving = Vec::new();
    for _ in 0..crew.receivers {
        let (r, side) = (r.clone(), way.recv);
        receiving.push(side.spawn(async move {
            let mut got = Vec::new();
            while let Ok(load) = side.recv(&r).await {
                got.push(load.number());
            }
            got
        }));
    }
    drop(r);
    for sender in sending {
        sender.join();
    }
    receiving.into_iter().map(crate::actor::Actor::join).collect()
}

/// Lets others of the same executor run, or other threads.
pub async fn breathe() {
    let mut breathed = false;
    poll_fn(move |cx| {
        if breathed {
            return Poll::Ready(());
        }
        breathed = true;
        cx.waker().wake_by_ref();
        std::thread::yield_now();
        Poll::Pending
    })
    .await;
}

/// Where a number of actors meet, again and again, without blocking their threads.
#[derive(Clone, Debug)]
pub struct Gate {
    arrived: Arc<AtomicUsize>,
    party: usize,
}

impl Gate {
    /// For so many.
    pub fn new(party: usize) -> Self {
        Self { arrived: Arc::default(), party }
    }

    /// Passes when all have come, this time.
    pub async fn pass(&self) {
        let mine = self.arrived.fetch_add(1, Ordering::SeqCst);
        let all = (mine / self.party + 1) * self.party;
        while self.arrived.load(Ordering::SeqCst) < all {
            breathe().await;
        }
    }
}
