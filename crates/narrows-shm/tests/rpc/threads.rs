//! What does not need two processes.

use std::{
    thread,
    time::{Duration, Instant},
};

use narrows::Select;
use narrows_shm::{
    Fault, OpenError, RecvError, RecvTimeoutError, TryRecvError, inspect, options,
    rpc::{self, CallError, Client, ReplyError, Server},
};
use serde::{Deserialize, Serialize};

use crate::{Name, block_on};

const SHORT: Duration = Duration::from_millis(20);

fn pair(name: &Name, calls: u32) -> (Client<u64, u64>, Server<u64, u64>) {
    let options = options().capacity(calls);
    (options.client(&name.path()).expect("a client"), options.server(&name.path()).expect("a server"))
}

/// What `act` makes of a short time, or of a longer one where this machine has not enough to spare for it.
fn in_time<T>(act: impl FnMut(Duration) -> Option<T>) -> T {
    let times = [1, 10, 100, 1000].map(|times| times * SHORT);
    times.into_iter().find_map(act).expect("20 s were enough")
}

#[test]
fn calls_under_way_may_be_answered_in_any_order() {
    let name = Name::new("order");
    let (client, server) = pair(&name, 8);
    let calls: Vec<_> = (0..8).map(|n| client.begin(n).expect("room")).collect();
    assert!(matches!(client.try_begin(8), Err(CallError::Full(8))));
    let mut incoming: Vec<_> = (0..8).map(|_| server.next().expect("a call")).collect();
    assert_eq!(incoming.iter().map(|call| *call.request()).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
    incoming.reverse();
    for call in incoming {
        let reply = *call.request() * 10;
        call.reply(reply).expect("somebody waits");
    }
    for (n, call) in (0..).zip(calls) {
        assert!(call.is_over());
        assert_eq!(call.wait(), Ok(n * 10));
    }
    assert_eq!(inspect(&name.path()).expect("it is there").len(), 0);
}

#[test]
fn who_waits_for_room_gets_it() {
    let name = Name::new("room");
    let (client, server) = pair(&name, 1);
    let thread = |n| assert_eq!(client.call(n), Ok(n + 1));
    let task = |n| assert_eq!(block_on(client.call_async(n)), Ok(n + 1));
    thread::scope(|scope| {
        scope.spawn(|| server.serve(|n| n + 1));
        let callers = [&thread as &(dyn Fn(u64) + Sync), &task, &thread, &task];
        let callers = callers.map(|call| scope.spawn(move || (0..500).for_each(call)));
        let first = client.begin(1).expect("room");
        let late = client.begin_deadline(2, Instant::now() + SHORT);
        assert!(late.is_ok() || late.is_err_and(|error| error.into_request() == Some(2)));
        assert_eq!(first.wait(), Ok(2));
        for caller in callers {
            caller.join().expect("no panic");
        }
        client.close();
    });
}

#[test]
fn dropping_either_end_of_a_call_is_noticed_by_the_other() {
    let name = Name::new("drop");
    let (client, server) = pair(&name, 4);
    let call = client.begin(1).expect("room");
    let incoming = server.next().expect("a call");
    assert!(!incoming.is_cancelled());
    drop(call);
    assert!(incoming.is_cancelled());
    assert_eq!(incoming.reply(7), Err(ReplyError::Cancelled(7)));

    let call = client.begin(2).expect("room");
    drop(server.next().expect("a call"));
    assert_eq!(call.wait(), Err(CallError::Unanswered));

    drop(client.begin(3).expect("room"));
    assert!(matches!(server.try_next(), Err(TryRecvError::Empty)));

    let call = client.begin(4).expect("room");
    server.next().expect("a call").reply(5).expect("somebody waits");
    drop(call);
    assert_eq!(client.inspect().len(), 0);
}

#[test]
fn a_server_that_panics_leaves_its_call_unanswered() {
    let name = Name::new("panic");
    let (client, server) = pair(&name, 4);
    let serving = thread::spawn(move || server.serve(|n| if n == 0 { panic!("as the test wants") } else { n }));
    assert_eq!(client.call(1), Ok(1));
    let error = client.call(0).expect_err("it panics");
    assert_eq!(error, CallError::Unanswered);
    assert!(serving.join().is_err());
    assert_eq!(client.call(2), Err(CallError::NoServer(2)));
}

#[test]
fn time_runs_out_before_a_server_begins_and_after() {
    let name = Name::new("time");
    let (client, server) = pair(&name, 2);
    let began = Instant::now();
    assert_eq!(client.call_timeout(1, SHORT), Err(CallError::Unsent(1)));
    assert!(began.elapsed() >= SHORT);
    assert!(matches!(server.try_next(), Err(TryRecvError::Empty)), "it was taken back");
    assert_eq!(block_on(client.call_deadline_async(1, Instant::now() + SHORT)), Err(CallError::Unsent(1)));

    let (call, incoming) = in_time(|time| {
        let deadline = Instant::now() + time;
        let call = client.begin_deadline(2, deadline).expect("room");
        let incoming = server.next_timeout(time).ok()?;
        let told = incoming.deadline().expect("it has one");
        // Who is given no processor between a look at one clock and at the other is off by that time.
        (told.max(deadline) - told.min(deadline) < SHORT).then_some((call, incoming))
    });
    assert_eq!(call.wait(), Err(CallError::Timeout));
    assert!(incoming.is_cancelled());
    assert_eq!(incoming.reply(2), Err(ReplyError::Cancelled(2)));

    // Nobody has taken them back yet, but their time is over: they are not served.
    let past = Instant::now();
    let calls = [client.begin_deadline(3, past), client.begin_deadline(4, past)].map(|call| call.expect("room"));
    assert!(matches!(client.begin_deadline(5, past), Err(CallError::Unsent(5))));
    assert!(matches!(server.next_timeout(SHORT), Err(RecvTimeoutError::Timeout)));
    assert_eq!(calls.map(rpc::Call::wait), [Err(CallError::Unsent(3)), Err(CallError::Unsent(4))]);
    assert_eq!(client.inspect().len(), 0);
}

#[test]
fn an_answer_that_came_in_time_is_taken_after_it() {
    let name = Name::new("late");
    let (client, server) = pair(&name, 2);
    let (call, deadline) = in_time(|time| {
        let deadline = Instant::now() + time;
        let call = client.begin_deadline(2, deadline).expect("room");
        server.next_timeout(time).ok()?.reply(3).ok()?;
        (Instant::now() < deadline).then_some((call, deadline))
    });
    while Instant::now() < deadline {
        thread::yield_now();
    }
    assert_eq!(call.wait(), Ok(3));
}

#[test]
fn without_servers_calls_wait_for_the_first_and_fail_after_the_last() {
    let name = Name::new("none");
    let client = rpc::client::<u64, u64>(&name.path()).expect("a client");
    let first = client.begin(1).expect("room");
    assert!(!first.is_over());
    let server = rpc::server::<u64, u64>(&name.path()).expect("a server");
    let second = client.begin(2).expect("room");
    server.next().expect("a call").reply(10).expect("somebody waits");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| second.wait());
        drop(server);
        assert_eq!(waiting.join().expect("no panic"), Err(CallError::NoServer(2)));
    });
    assert_eq!((first.wait(), client.call(3)), (Ok(10), Err(CallError::NoServer(3))));
    assert_eq!(block_on(client.call_async(4)), Err(CallError::NoServer(4)));
    let server = rpc::server::<u64, u64>(&name.path()).expect("a server");
    let call = client.begin(5).expect("there is one again");
    server.next().expect("a call").reply(50).expect("somebody waits");
    assert_eq!(call.wait(), Ok(50));
}

#[test]
fn kept_open_calls_wait_for_the_next_server() {
    let name = Name::new("keep");
    let options = options().keep_open();
    let client = options.client::<u64, u64>(&name.path()).expect("a client");
    drop(options.server::<u64, u64>(&name.path()).expect("a server"));
    let call = client.begin(1).expect("room");
    assert!(!call.is_over());
    let server = options.server::<u64, u64>(&name.path()).expect("a server");
    server.next().expect("a call").reply(2).expect("somebody waits");
    assert_eq!(call.wait(), Ok(2));
}

#[test]
fn closing_lets_servers_answer_what_is_there() {
    let name = Name::new("close");
    let (client, server) = pair(&name, 4);
    let (answered, left) = (client.begin(1).expect("room"), client.begin(2).expect("room"));
    assert!(client.close() && !server.close());
    assert_eq!(client.call(3), Err(CallError::Disconnected(3)));
    server.next().expect("a call").reply(10).expect("somebody waits");
    assert_eq!(answered.wait(), Ok(10));
    drop(server);
    assert_eq!(left.wait(), Err(CallError::Disconnected(2)));

    let server = rpc::server::<u64, u64>(&name.path()).expect("it is still there");
    assert!(matches!(server.next(), Err(RecvError::Disconnected)));
    assert_eq!(server.serve(|n| n), Ok(()));
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "u8")]
struct Even(u8);

impl TryFrom<u8> for Even {
    type Error = String;

    fn try_from(number: u8) -> Result<Even, String> {
        if number.is_multiple_of(2) { Ok(Even(number)) } else { Err("it is odd".into()) }
    }
}

#[test]
fn what_cannot_be_decoded_ends_its_call_alone() {
    let name = Name::new("decode");
    let client = rpc::client::<Even, Even>(&name.path()).expect("a client");
    let server = rpc::server::<Even, Even>(&name.path()).expect("a server");
    let odd = client.begin(Even(1)).expect("room");
    assert!(matches!(server.next(), Err(RecvError::Fault(Fault::Decode(_)))));
    assert_eq!(odd.wait(), Err(CallError::Unanswered));
    thread::scope(|scope| {
        scope.spawn(|| server.serve(|Even(n)| Even(n / 2)));
        assert_eq!(client.call(Even(8)), Ok(Even(4)));
        assert_eq!(client.call(Even(3)), Err(CallError::Unanswered));
        assert!(matches!(client.call(Even(6)), Err(CallError::Fault(None, Fault::Decode(_)))));
        assert_eq!(client.call(Even(4)), Ok(Even(2)));
        client.close();
    });
    assert_eq!(client.inspect().len(), 0);
}

#[test]
fn long_requests_and_replies_fit_up_to_the_limit() {
    let name = Name::new("long");
    let options = options().bytes().capacity(2).max_len(100_000);
    let client = options.client::<Vec<u8>, Vec<u8>>(&name.path()).expect("a client");
    let server = options.server::<Vec<u8>, Vec<u8>>(&name.path()).expect("a server");
    thread::scope(|scope| {
        // As many bytes as the first four say.
        scope.spawn(|| {
            server.serve(|request| {
                let len = u32::from_le_bytes(request[..4].try_into().expect("4 bytes"));
                vec![request[4]; len as usize]
            })
        });
        let request = |len: u32, request_len: usize| {
            let mut request = len.to_le_bytes().to_vec();
            request.resize(request_len, 7);
            request
        };
        for (len, request_len) in [(0, 5), (1, 100_000), (100_000, 5), (99_999, 99_999), (3, 5)] {
            assert_eq!(client.call(request(len, request_len)), Ok(vec![7; len as usize]));
        }
        assert_eq!(client.call(request(100_001, 5)), Err(CallError::Unanswered), "the reply is too long");
        let long = request(1, 100_001);
        let fault = Fault::TooLong { len: 100_001, max: 100_000 };
        assert_eq!(client.call(long.clone()), Err(CallError::Fault(Some(long), fault)));
        client.close();
    });
    let inspection = client.inspect();
    assert_eq!((inspection.len(), inspection.max_capacity(), inspection.max_len()), (0, 2, 100_000));
}

#[test]
fn a_reply_that_is_too_long_comes_back() {
    let name = Name::new("reply");
    let options = options().bytes().max_len(10);
    let client = options.client::<Vec<u8>, Vec<u8>>(&name.path()).expect("a client");
    let server = options.server::<Vec<u8>, Vec<u8>>(&name.path()).expect("a server");
    let call = client.begin(vec![1]).expect("room");
    let fault = Fault::TooLong { len: 11, max: 10 };
    assert_eq!(server.next().expect("a call").reply(vec![2; 11]), Err(ReplyError::Fault(vec![2; 11], fault)));
    assert_eq!(call.wait(), Err(CallError::Unanswered));
}

#[test]
fn plain_data_goes_as_it_is() {
    let name = Name::new("plain");
    let client = options().plain().client::<[u32; 3], u128>(&name.path()).expect("a client");
    let server = options().plain().server::<[u32; 3], u128>(&name.path()).expect("a server");
    thread::scope(|scope| {
        scope.spawn(|| server.serve(|[a, b, c]| u128::from(a) << 64 | u128::from(b) << 32 | u128::from(c)));
        assert_eq!(client.call([1, 2, 3]), Ok(1 << 64 | 2 << 32 | 3));
        client.close();
    });
}

#[test]
fn only_what_is_of_the_same_types_is_opened() {
    let name = Name::new("types");
    let _server = rpc::server::<String, u64>(&name.path()).expect("a server");
    assert!(rpc::client::<String, u64>(&name.path()).is_ok());
    let told = rpc::client::<u64, String>(&name.path()).expect_err("the other way round").to_string();
    assert!(told.contains("calls of alloc::string::String with replies of u64"), "{told}");
    assert!(matches!(options().receiver::<String>(&name.path()), Err(OpenError::Mismatch(_))));
    let other = Name::new("types-queue");
    let _receiver = options().receiver::<String>(&other.path()).expect("a queue");
    assert!(matches!(rpc::client::<String, u64>(&other.path()), Err(OpenError::Mismatch(_))));
    let third = Name::new("types-memory");
    let small = options().capacity(2).max_len(1000).memory(2000).client::<String, u64>(&third.path());
    assert!(small.expect_err("too little").to_string().contains("memory"));
    assert!(options().capacity(2).max_len(1000).memory(2200).client::<String, u64>(&third.path()).is_ok());
}

#[test]
fn servers_and_calls_stand_in_one_select_with_local_channels() {
    let name = Name::new("select");
    let (client, server) = pair(&name, 4);
    let (local, from_local) = narrows::bounded::<u64>(1);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Serves both the calls and the local channel, until that has ended.
            loop {
                let mut select = Select::new();
                let calls = select.arm(&server);
                select.recv(&from_local);
                let chosen = select.select();
                if chosen.index() == calls {
                    let incoming = server.complete(chosen).expect("a call");
                    let reply = *incoming.request() + 1;
                    incoming.reply(reply).expect("somebody waits");
                } else if chosen.recv(&from_local).is_err() {
                    break;
                }
            }
        });
        for n in 0..300 {
            local.send(n).expect("open");
            let calls = [client.begin(n).expect("room"), client.begin(n + 1000).expect("room")];
            let arms = [calls[0].arm(), calls[1].arm()];
            let mut select = Select::new();
            for arm in &arms {
                select.arm(arm);
            }
            let chosen = select.select();
            let [first, second] = calls;
            if chosen.index() == 0 {
                assert_eq!((first.complete(chosen), second.wait()), (Ok(n + 1), Ok(n + 1001)));
            } else {
                assert_eq!((second.complete(chosen), first.wait()), (Ok(n + 1001), Ok(n + 1)));
            }
        }
        drop(local);
    });
}

#[test]
fn a_call_that_a_select_has_chosen_and_left_goes_to_another_server() {
    let name = Name::new("abandon");
    let (client, server) = pair(&name, 4);
    let call = client.begin(1).expect("room");
    let abandoned = thread::scope(|scope| {
        scope
            .spawn(|| {
                let mut select = Select::new();
                select.arm(&server);
                drop(select.select());
            })
            .join()
    });
    assert!(abandoned.is_err(), "it panics, by the rules of select");
    server.next().expect("the same call").reply(2).expect("somebody waits");
    assert_eq!(call.wait(), Ok(2));
}

#[test]
fn tasks_call_and_serve() {
    let name = Name::new("tasks");
    let (client, server) = pair(&name, 2);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                block_on(async {
                    while let Ok(incoming) = server.next_async().await {
                        let reply = *incoming.request() * 2;
                        incoming.reply(reply).expect("somebody waits");
                    }
                });
            });
        }
        let callers: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| (0..500).for_each(|n| assert_eq!(block_on(client.call_async(n)), Ok(n * 2)))))
            .collect();
        for caller in callers {
            caller.join().expect("no panic");
        }
        client.close();
    });
}

#[test]
fn a_task_hears_of_its_own_answer_while_others_lie_there() {
    let name = Name::new("own");
    let (client, server) = pair(&name, 4);
    let lying = client.begin(1).expect("room");
    server.next().expect("a call").reply(1).expect("somebody waits");
    let call = client.begin(2).expect("room");
    let incoming = server.next().expect("a call");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| block_on(call.wait_async()));
        assert!(!waiting.is_finished());
        incoming.reply(2).expect("somebody waits");
        assert_eq!(waiting.join().expect("no panic"), Ok(2));
    });
    assert_eq!(lying.wait(), Ok(1));
}

#[test]
fn fewer_calls_than_there_is_room_for_may_be_set() {
    let name = Name::new("limit");
    let (client, _server) = pair(&name, 4);
    client.inspect().set_capacity(1).expect("1 of 4");
    let _call = client.begin(1).expect("room");
    assert!(matches!(client.try_begin(2), Err(CallError::Full(2))));
    client.inspect().set_capacity(4).expect("4 of 4");
    assert!(client.try_begin(2).is_ok());
}

#[test]
fn whatever_is_written_over_the_slots_nothing_hangs_or_panics() {
    use std::os::unix::fs::FileExt;

    let mut seed = 11_u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    let limit = Duration::from_millis(1);
    let (mut good, mut bad) = (0, 0);
    for segment in 0..40 {
        let name = Name::new(&format!("fuzz-{segment}"));
        let options = options().bytes().capacity(2).max_len(100).participants(2);
        let client = options.client::<Vec<u8>, Vec<u8>>(&name.path()).expect("a client");
        let server = options.server::<Vec<u8>, Vec<u8>>(&name.path()).expect("a server");
        let file = std::fs::OpenOptions::new().write(true).open(name.path()).expect("it is ours");
        for _ in 0..10 {
            // Behind the head and two participants: a slot's words, or a few bytes of them.
            let mut scribble = || {
                let at = 4096 + 2 * 256 + random() % 2 * 192 + random() % 64;
                let bytes = (random() | random() << 32).to_le_bytes();
                let len = usize::try_from(random() % 8 + 1).expect("small");
                file.write_all_at(&bytes[..len], at).expect("it is there");
            };
            let call = client.begin_deadline(vec![1; 50], Instant::now() + limit);
            scribble();
            if let Ok(incoming) = server.try_next() {
                scribble();
                let (request, to) = incoming.into_parts();
                let _ = (to.is_cancelled(), to.deadline());
                let _ = to.reply(request);
            }
            scribble();
            match call.and_then(rpc::Call::wait) {
                Ok(_) => good += 1,
                Err(_) => bad += 1,
            }
        }
    }
    assert!(good > 0 && bad > 0, "{good} {bad}");
}

#[test]
fn a_call_that_nobody_could_be_serving_does_not_wait_for_him() {
    use std::os::unix::fs::FileExt;

    let name = Name::new("nobody");
    let options = options().participants(2);
    let client = options.client::<u64, u64>(&name.path()).expect("a client");
    let call = client.begin(1).expect("room");
    let file = std::fs::OpenOptions::new().write(true).open(name.path()).expect("it is ours");
    // The word of the first slot says that the participant of index 1,023 serves.
    file.write_all_at(&(3_u64 | 1023 << 4).to_le_bytes(), 4096 + 2 * 256).expect("it is there");
    assert!(matches!(call.wait(), Err(CallError::Fault(None, Fault::Corrupt(_)))));
}
