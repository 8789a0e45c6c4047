//! One select waits at once for a message of a channel, a place in another, a oneshot, a change of a watched value, a broadcast,
//! a timer, and the wish to stop. The same arms serve a thread and a task; each is made ready in turn.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use narrows::{
    CancelToken, Event, Receiver, Select, SelectedOperation, Sender, at, bounded,
    broadcast::{self, Lag, Start},
    oneshot, watch,
};

/// What one select waits for.
struct Arms {
    jobs: Receiver<u32>,
    /// Full at first: its arm waits for a place, to send when there is one.
    results: Sender<u32>,
    answer: oneshot::Receiver<u32>,
    state: watch::Receiver<u32>,
    news: broadcast::Receiver<u32>,
    alarm: Receiver<Instant>,
    stopping: CancelToken,
}

/// The other ends.
struct Others {
    jobs: Sender<u32>,
    results: Receiver<u32>,
    answer: oneshot::Sender<u32>,
    state: watch::Sender<u32>,
    news: broadcast::Sender<u32>,
    stopping: CancelToken,
}

const NAMES: [&str; 7] = ["job", "place", "answer", "state", "news", "alarm", "stop"];

fn both() -> (Arms, Others) {
    let (jobs, inbox) = bounded(1);
    let (outbox, results) = bounded(1);
    outbox.send(0).expect("there is room for one");
    let (reply, answer) = oneshot::channel();
    let (set_state, state) = watch::channel(0);
    let (tell, _) = broadcast::channel(4);
    let news = tell.subscribe(Start::Now, Lag::Wait);
    let alarm = at(Instant::now() + Duration::from_millis(20));
    let stopping = CancelToken::new();
    let others = Others { jobs, results, answer: reply, state: set_state, news: tell, stopping: stopping.clone() };
    (Arms { jobs: inbox, results: outbox, answer, state, news, alarm, stopping }, others)
}

impl Arms {
    /// The arms, in the order of `NAMES`.
    fn select<'a>(&'a self, stop: &'a Event<'a>) -> Select<'a> {
        let mut select = Select::new();
        select.recv(&self.jobs);
        select.reserve(&self.results);
        select.arm(&self.answer);
        select.arm(&self.state);
        select.arm(&self.news);
        select.recv(&self.alarm);
        select.arm(stop);
        select
    }

    /// Completes what was chosen; its name, and what it brought.
    fn complete(&self, chosen: SelectedOperation<'_>) -> (&'static str, u32) {
        let index = chosen.index();
        let brought = match index {
            0 => chosen.recv(&self.jobs).expect("a job"),
            1 => {
                let permit = chosen.reserve(&self.results).expect("open");
                permit.send(7).expect("open");
                7
            }
            5 => {
                chosen.recv(&self.alarm).expect("it strikes once");
                20
            }
            _ => {
                chosen.finish();
                match index {
                    2 => self.answer.try_recv().expect("an answer"),
                    3 => *self.state.borrow_and_update(),
                    4 => self.news.try_recv().expect("a broadcast"),
                    _ => 99,
                }
            }
        };
        (NAMES[index], brought)
    }
}

/// Runs a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => thread::park(),
        }
    }
}

/// Makes one arm ready after the other, each when the one before was served, and hears what was chosen.
fn drive(others: Others, chosen: &mpsc::Receiver<(&'static str, u32)>) {
    let next = || chosen.recv_timeout(Duration::from_secs(60)).expect("the select goes on");
    assert_eq!(next(), ("alarm", 20));
    others.jobs.send(1).expect("open");
    assert_eq!(next(), ("job", 1));
    others.answer.send(2).expect("wanted");
    assert_eq!(next(), ("answer", 2));
    others.state.send(3).expect("wanted");
    assert_eq!(next(), ("state", 3));
    others.news.send(4).expect("wanted");
    assert_eq!(next(), ("news", 4));
    assert_eq!(others.results.recv(), Ok(0));
    assert_eq!(next(), ("place", 7));
    assert_eq!(others.results.len(), 1);
    others.stopping.cancel();
    assert_eq!(next(), ("stop", 99));
}

fn main() {
    // What was served once stays away: an alarm and an answer come once, and an answer is ready for ever.
    let serve = |arms: &Arms, select: &mut Select<'_>, chosen: SelectedOperation<'_>| {
        let index = chosen.index();
        let served = arms.complete(chosen);
        if matches!(index, 1 | 2 | 5) {
            select.remove(index);
        }
        served
    };

    let (arms, others) = both();
    let (tell, chosen) = mpsc::channel();
    let worker = thread::spawn(move || {
        let stop = arms.stopping.cancelled();
        let mut select = arms.select(&stop);
        while {
            let operation = select.select();
            let served = serve(&arms, &mut select, operation);
            tell.send(served).is_ok() && served.0 != "stop"
        } {}
    });
    drive(others, &chosen);
    worker.join().expect("the thread ends well");

    let (arms, others) = both();
    let (tell, chosen) = mpsc::channel();
    let worker = thread::spawn(move || {
        block_on(async move {
            let stop = arms.stopping.cancelled();
            let mut select = arms.select(&stop);
            while {
                let operation = select.select_async().await;
                let served = serve(&arms, &mut select, operation);
                tell.send(served).is_ok() && served.0 != "stop"
            } {}
        });
    });
    drive(others, &chosen);
    worker.join().expect("the task ends well");
    println!("each of {NAMES:?} was chosen once by a thread and once by a task");
}
