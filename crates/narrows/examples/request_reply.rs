//! Request and reply: a request carries the sender on which its answer is to come.
//! Use it to ask another thread for something. If the server drops a request unanswered, the asker's `recv` fails instead
//! of waiting for ever.

use std::thread;

use narrows::{Receiver, RecvError, Sender, bounded};

struct Request {
    text: String,
    reply: Sender<usize>,
}

fn serve(requests: &Receiver<Request>) {
    for Request { text, reply } in requests {
        if text == "drop me" {
            continue; // `reply` goes out of scope unused
        }
        // One place is enough for one answer, so this never waits. An asker that has left is no fault of ours.
        let _ = reply.try_send(text.split_whitespace().count());
    }
}

fn ask(server: &Sender<Request>, text: &str) -> Result<usize, RecvError> {
    let (reply, answer) = bounded(1);
    server.send(Request { text: text.to_owned(), reply }).map_err(|_| RecvError)?;
    answer.recv()
}

fn main() {
    let (server, requests) = bounded(16);
    let serving = thread::spawn(move || serve(&requests));

    thread::scope(|scope| {
        for text in ["one", "one two", "one two three"] {
            let server = &server;
            scope.spawn(move || {
                let words = ask(server, text).unwrap();
                println!("{text:?} has {words} words");
                assert_eq!(words, text.matches(' ').count() + 1);
            });
        }
    });
    assert_eq!(ask(&server, "drop me"), Err(RecvError));
    println!("an unanswered request fails at once");

    drop(server);
    serving.join().unwrap();
}
