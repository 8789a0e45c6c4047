//! A channel for each message: alone, and as the answer to a question that travels through a channel of ours, whoever's the
//! answer's is.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use super::tasks::RUNTIME;
use super::{Figures, per, verify};
use crate::message::Message;
use crate::peer::OncePeer;

pub(crate) fn one<P: OncePeer, M: Message>(count: u64) -> Figures {
    let mut sums = (0_u64, 0_u64);
    let began = Instant::now();
    for number in 0..count {
        let (tx, rx) = black_box(P::pair::<M>());
        P::send(tx, M::new(number));
        sums.0 = sums.0.wrapping_add(number);
        sums.1 = sums.1.wrapping_add(P::recv(rx).number());
    }
    let took = began.elapsed();
    verify(sums.0, sums.1);
    vec![per(took, count)]
}

pub(crate) fn one_awaited<P: OncePeer, M: Message>(count: u64) -> Figures {
    let task = async move {
        let mut sums = (0_u64, 0_u64);
        let began = Instant::now();
        for number in 0..count {
            let (tx, rx) = black_box(P::pair::<M>());
            P::send(tx, M::new(number));
            sums.0 = sums.0.wrapping_add(number);
            sums.1 = sums.1.wrapping_add(P::recv_async(rx).await.number());
        }
        let took = began.elapsed();
        verify(sums.0, sums.1);
        vec![per(took, count)]
    };
    RUNTIME.block_on(async { tokio::spawn(task).await.expect("no worker panics") })
}

pub(crate) fn ask<P: OncePeer, M: Message>(count: u64) -> Figures {
    let (questions, asked) = narrows::unbounded::<(u64, P::Tx<M>)>();
    let far = thread::spawn(move || asked.iter().for_each(|(number, reply)| P::send(reply, M::new(number))));
    let mut sums = (0_u64, 0_u64);
    let began = Instant::now();
    for number in 0..count {
        let (reply, answer) = P::pair::<M>();
        assert!(questions.send((number, reply)).is_ok(), "the other thread lives");
        sums.0 = sums.0.wrapping_add(number);
        sums.1 = sums.1.wrapping_add(P::recv(answer).number());
    }
    let took = began.elapsed();
    drop(questions);
    far.join().expect("no worker panics");
    verify(sums.0, sums.1);
    vec![per(took, count)]
}

pub(crate) fn ask_awaited<P: OncePeer, M: Message>(count: u64) -> Figures {
    let (questions, asked) = narrows::unbounded::<(u64, P::Tx<M>)>();
    let far = async move {
        while let Ok((number, reply)) = asked.recv_async().await {
            P::send(reply, M::new(number));
        }
    };
    let near = async move {
        let mut sums = (0_u64, 0_u64);
        let began = Instant::now();
        for number in 0..count {
            let (reply, answer) = P::pair::<M>();
            assert!(questions.send((number, reply)).is_ok(), "the other task lives");
            sums.0 = sums.0.wrapping_add(number);
            sums.1 = sums.1.wrapping_add(P::recv_async(answer).await.number());
        }
        let took = began.elapsed();
        verify(sums.0, sums.1);
        vec![per(took, count)]
    };
    RUNTIME.block_on(async {
        let far = tokio::spawn(far);
        let figures = tokio::spawn(near).await.expect("no worker panics");
        far.await.expect("no worker panics");
        figures
    })
}
