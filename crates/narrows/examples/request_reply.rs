//! Request and reply: a request carries the sender of its answer, and `ask` waits for that.
//! Use it to ask another thread for something. If the server drops a request unanswered, `ask` fails instead of waiting for
//! ever; with a time limit it gives up, and a late answer reaches nobody, least of all the next question.

use std::{thread, time::Duration};

use narrows::{AskError, AskTimeoutError, Receiver, bounded, oneshot};

struct Request {
    text: String,
    reply: oneshot::Sender<usize>,
}

fn serve(requests: &Receiver<Request>) {
    let mut never_answered = Vec::new();
    for Request { text, reply } in requests {
        match text.as_str() {
            "drop me" => {} // `reply` goes out of scope unused
            "keep me" => never_answered.push(reply),
            // Never waits. An asker that has left is no fault of ours.
            text => drop(reply.send(text.split_whitespace().count())),
        }
    }
    println!("the asker of {} question(s) has gone", never_answered.iter().filter(|reply| reply.is_closed()).count());
}

fn request(text: &str) -> impl FnOnce(oneshot::Sender<usize>) -> Request {
    |reply| Request { text: text.to_owned(), reply }
}

fn main() {
    let (server, requests) = bounded(16);
    let serving = thread::spawn(move || serve(&requests));

    thread::scope(|scope| {
        for text in ["one", "one two", "one two three"] {
            let server = &server;
            scope.spawn(move || {
                let words = server.ask(request(text)).unwrap();
                println!("{text:?} has {words} words");
                assert_eq!(words, text.matches(' ').count() + 1);
            });
        }
    });
    assert!(matches!(server.ask(request("drop me")), Err(AskError::Unanswered)));
    println!("an unanswered request fails at once");
    let kept = server.ask_timeout(request("keep me"), Duration::from_millis(10));
    assert!(matches!(kept, Err(AskTimeoutError::Timeout)));
    println!("and one that is answered too late, when its time is over");

    drop(server);
    serving.join().unwrap();
}
