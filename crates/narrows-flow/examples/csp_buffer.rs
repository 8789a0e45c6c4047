//! A multiplexer and a bounded buffer as processes. The buffer offers to take while it has room and to give while it
//! has something, both at once; the multiplexer takes from whoever has something to say. Each ends when it can do no
//! more.
//!
//! ```text
//! MUX     = []i: in.i?x -> out!x -> MUX
//! BUFF(s) = (#s < n) & in?x -> BUFF(s^<x>)  []  (#s > 0) & out!head(s) -> BUFF(tail(s))
//! ```

use std::collections::VecDeque;

use narrows::{
    Receiver, Sender, bounded,
    check::{self, thread},
};
use narrows_flow::csp::{Alt, Trace, follow, when};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Put(u32),
    Got,
}

fn buffer(room: usize, input: &Receiver<u32>, output: &Sender<u32>, trace: &Trace<Event>) {
    let mut held = VecDeque::new();
    while let Ok(event) = Alt::new()
        .recv(when(held.len() < room, input), Event::Put)
        .send(when(!held.is_empty(), output), || held[0], Event::Got)
        .choose()
    {
        trace.record(event);
        match event {
            Event::Put(number) => held.push_back(number),
            Event::Got => _ = held.pop_front(),
        }
    }
}

fn multiplexer(inputs: &[Receiver<u32>], output: &Sender<u32>) {
    let any = || inputs.iter().fold(Alt::new(), |alt, input| alt.recv(input, |number| number));
    while let Ok(number) = any().choose() {
        output.send(number).unwrap();
    }
}

/// So many sources each send their number so many times, through one buffer. What it did, and what came out.
pub(crate) fn through_one_buffer(sources: u32, each: usize, room: usize) -> (Vec<Event>, Vec<u32>) {
    let trace = Trace::new();
    let ((mux, input), (output, out)) = (bounded(0), bounded(0));
    let record = trace.clone();
    let mut threads = vec![thread::spawn(move || buffer(room, &input, &output, &record))];
    let mut inputs = Vec::new();
    for source in 0..sources {
        let (s, r) = bounded(0);
        inputs.push(r);
        threads.push(thread::spawn(move || (0..each).for_each(|_| s.send(source).unwrap())));
    }
    threads.push(thread::spawn(move || multiplexer(&inputs, &mux)));
    let got = out.iter().collect();
    for thread in threads {
        thread.join().unwrap();
    }
    (trace.take(), got)
}

/// Never more in it than it has room for, never less than nothing, and all came out in the order in which it went in.
pub(crate) fn check_buffer(room: usize, (trace, got): (Vec<Event>, Vec<u32>)) {
    let put = trace.iter().filter_map(|event| if let Event::Put(number) = event { Some(*number) } else { None });
    assert!(put.eq(got));
    let held = follow(0, trace, |held, event| match event {
        Event::Put(_) => (held < room).then_some(held + 1),
        Event::Got => (held > 0).then(|| held - 1),
    });
    assert_eq!(held, Ok(0), "it holds nothing at the end");
}

#[allow(dead_code)] // of the tests, which have this file as a module
fn main() {
    let each = if cfg!(narrows_check) { 3 } else { 100 };
    check::run(move || {
        let (trace, got) = through_one_buffer(3, each, 4);
        assert_eq!(got.len(), 3 * each);
        check_buffer(4, (trace, got));
    });
    println!("{} messages from three sources went through a buffer with room for four", 3 * each);
}
