//! Processes that are stopped and killed in the middle of calls.

use std::{
    thread,
    time::{Duration, Instant},
};

use narrows_shm::rpc::{Call, CallError};

use crate::{
    Name, block_on,
    children::{Other, answer, client, is_end, request, server},
};

#[test]
fn every_call_of_a_server_that_is_killed_ends() {
    let name = Name::new("killed");
    let client = client(&name.path());
    let mut other = Other::new("hold", &name);
    other.hear();
    let calls: Vec<_> = (0..12).map(|what| client.begin(request(1, what)).expect("room")).collect();
    other.hear();
    // Some wait for the kill, as threads and tasks do, and some are asked later.
    let (outcomes, killed) = thread::scope(|scope| {
        let waiting: Vec<_> = calls
            .into_iter()
            .enumerate()
            .map(|(index, call)| {
                scope.spawn(move || {
                    let outcome = if index % 2 == 0 { call.wait() } else { block_on(call.wait_async()) };
                    (outcome, Instant::now())
                })
            })
            .collect();
        let killed = Instant::now();
        other.kill();
        (waiting.into_iter().map(|waiting| waiting.join().expect("no panic")).collect::<Vec<_>>(), killed)
    });
    for (what, (outcome, ended)) in (0..).zip(outcomes) {
        println!("call {what} ended {:?} after the kill: {outcome:?}", ended.saturating_duration_since(killed));
        match what {
            0 | 2 => assert_eq!(outcome, Ok(answer(request(1, what)))),
            ..10 => assert_eq!(outcome, Err(CallError::ServerDied)),
            _ => assert_eq!(outcome, Err(CallError::NoServer(request(1, what)))),
        }
    }
    assert_eq!(client.inspect().len(), 0);
}

#[test]
fn calls_that_wait_go_to_another_server_when_one_is_killed() {
    let name = Name::new("another");
    let client = client(&name.path());
    let mut other = Other::new("busy", &name);
    other.hear();
    let calls: Vec<_> = (0..3).map(|what| client.begin(request(1, what)).expect("room")).collect();
    other.hear();
    let server = server(&name.path());
    other.kill();
    let serving = thread::spawn(move || server.serve(answer));
    let outcomes: Vec<_> = calls.into_iter().map(Call::wait).collect();
    let answered = [1, 2].map(|what| Ok(answer(request(1, what))));
    assert_eq!(outcomes[0], Err(CallError::ServerDied));
    assert_eq!(outcomes[1..], answered);
    client.close();
    serving.join().expect("no panic").expect("no fault");
}

#[test]
fn who_only_looks_hears_of_a_death_too() {
    let name = Name::new("looks");
    let client = client(&name.path());
    let call = client.begin(request(1, 1)).expect("room");
    let mut other = Other::new("busy", &name);
    while other.hear() != "took" {}
    assert!(!call.is_over());
    other.kill();
    while !call.is_over() {
        thread::yield_now();
    }
    assert_eq!(call.wait(), Err(CallError::ServerDied));
}

#[test]
fn calls_of_a_client_that_is_killed_are_cancelled() {
    let name = Name::new("client");
    let server = server(&name.path());
    let mut other = Other::new("begin", &name);
    other.hear();
    let incoming = server.next().expect("a call");
    assert_eq!(server.inspect().len(), 3);
    other.kill();
    while !incoming.is_cancelled() {
        thread::yield_now();
    }
    assert!(incoming.reply(answer(request(1, 0))).is_err());
    while !server.inspect().is_empty() {
        thread::yield_now();
    }
    server.close();
    assert!(is_end(&server.next().map(drop)));
}

#[test]
fn a_server_sees_that_a_call_is_given_up() {
    let name = Name::new("given-up");
    let client = client(&name.path());
    let mut other = Other::new("busy", &name);
    other.hear();
    let call = client.begin(request(1, 1)).expect("room");
    assert_eq!(other.hear(), "took");
    drop(call);
    assert_eq!(other.hear(), "cancelled");
    other.join();
}

#[test]
fn a_server_that_is_stopped_holds_nobody_beyond_his_time() {
    // It has a call in hand before the time of that is over, if not at once then where there is more of it.
    assert!([50, 1000, 10_000].into_iter().any(|millis| stop_a_server(Duration::from_millis(millis))));
}

/// False where the server was not given a processor in that time.
fn stop_a_server(timeout: Duration) -> bool {
    let name = Name::new(&format!("stopped-{}", timeout.as_millis()));
    let client = client(&name.path());
    let mut other = Other::new("slow", &name);
    other.hear();
    let call = client.begin_deadline(request(1, 1), Instant::now() + timeout).expect("room");
    if !other.says_within(timeout) {
        return false;
    }
    assert_eq!(other.hear(), "took");
    other.set_stopped(true);
    assert_eq!(call.wait(), Err(CallError::Timeout));
    let began = Instant::now();
    assert_eq!(client.call_timeout(request(1, 2), timeout), Err(CallError::Unsent(request(1, 2))));
    assert!(began.elapsed() >= timeout);
    println!("a call of {timeout:?} took {:?}", began.elapsed());
    assert_eq!(client.inspect().len(), 1, "its room is the server's until that goes on");
    other.set_stopped(false);
    other.tell("answer");
    assert_eq!(other.hear(), "cancelled");
    assert_eq!(client.call(request(1, 3)), Ok(answer(request(1, 3))));
    assert_eq!(client.inspect().len(), 0);
    client.close();
    other.join();
    true
}

/// Clients and servers, of which one is killed again and again: all others go on, and every answer reaches its own call.
/// `NARROWS_RPC_KILLS` says how often.
#[test]
fn whoever_is_killed_the_others_go_on() {
    let name = Name::new("storm");
    let watching = client(&name.path());
    let start = |role: &str| {
        let mut other = Other::new(role, &name);
        if role == "serve" {
            other.hear();
        }
        other
    };
    let mut servers = [start("serve"), start("serve")];
    let mut clients = [start("call"), start("call"), start("call")];
    let mut seed = 7_u64;
    let kills = std::env::var("NARROWS_RPC_KILLS").map_or(12, |kills| kills.parse().expect("a number"));
    for round in 0..kills {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // Until a few more calls were served than now: at another point each time.
        for what in 0..seed >> 59 {
            let outcome = watching.call(request(0, what));
            assert!(matches!(outcome, Ok(_) | Err(CallError::ServerDied | CallError::NoServer(_))), "{outcome:?}");
        }
        let victim = if round % 2 == 0 { &mut servers[round / 2 % 2] } else { &mut clients[round % 3] };
        victim.kill();
        *victim = start(if round % 2 == 0 { "serve" } else { "call" });
    }
    assert_eq!(watching.call(request(0, 1)), Ok(answer(request(0, 1))));
    watching.close();
    for mut other in clients {
        println!("answered and failed: {}", other.hear());
        other.join();
    }
    servers.into_iter().for_each(Other::join);
    watching.inspect().sweep().expect("no refusal");
    assert_eq!((watching.inspect().len(), watching.inspect().participants().len()), (0, 1));
}
