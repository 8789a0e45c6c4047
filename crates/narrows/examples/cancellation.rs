//! A server that stops: a token for the server, one below it for each request, a group of those under way.
//! Use it where work is to end early, all of it or a part, and somebody wants to know when it has.

use std::{sync::Arc, thread, time::Duration};

use narrows::{CancelToken, Gate, WaitGroup, select, unbounded};

fn main() {
    let server = CancelToken::new();
    let (under_way, open) = (WaitGroup::new(), Arc::new(Gate::new()));
    let (reports, outcomes) = unbounded();

    let requests: Vec<_> = (0..4)
        .map(|number| {
            let request = server.child();
            let (token, member, reports) = (request.clone(), under_way.member(), reports.clone());
            let open = open.clone();
            thread::spawn(move || {
                open.wait();
                let (_jobs, answers) = unbounded::<u32>(); // nobody ever answers
                let outcome = select! {
                    recv(answers) -> answer => answer.ok(),
                    recv(token.cancelled()) -> _ => None,
                };
                reports.send((number, outcome)).unwrap();
                drop(member);
            });
            request
        })
        .collect();
    open.open(); // all go on at once

    assert!(requests[2].cancel_because("its client hung up"), "one request alone");
    assert_eq!(outcomes.recv(), Ok((2, None)));
    assert!(!server.is_cancelled() && !requests[0].is_cancelled());
    assert!(!under_way.wait_timeout(Duration::from_millis(1)), "three go on");

    server.cancel_because("the server goes down");
    under_way.wait();
    let mut stopped: Vec<_> = outcomes.try_iter().map(|(number, _)| number).collect();
    stopped.sort_unstable();
    println!("stopped with the server: requests {stopped:?}");
    assert_eq!(stopped, [0, 1, 3]);
    let reasons = [&requests[0], &requests[2]].map(|request| request.reason().unwrap().to_string());
    println!("requests 0 and 2: {reasons:?}");
    assert_eq!(reasons, ["the server goes down", "its client hung up"]);
}
