//! The thread that notices deaths: it waits for the processes of all who take part in any of our channels. Started when a thread
//! or task first waits for another process; knows of a channel that it can be swept.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{Arc, Mutex, Weak},
};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};

use crate::{
    connection::{Connection, lock},
    process::generation,
};

#[derive(Debug)]
struct Watched {
    process: OwnedFd,
    connection: Weak<Connection>,
}

#[derive(Debug)]
struct Watcher {
    /// Of which process this is the thread: a fork has none.
    generation: u32,
    /// Written to when the list has changed.
    changed: OwnedFd,
    list: Mutex<Vec<Arc<Watched>>>,
}

static WATCHER: Mutex<Option<Arc<Watcher>>> = Mutex::new(None);

/// Sweeps the channel when that process ends. False if there can be no such thread.
pub(crate) fn follow(process: OwnedFd, connection: &Weak<Connection>) -> bool {
    let Some(watcher) = running() else { return false };
    lock(&watcher.list).push(Arc::new(Watched { process, connection: connection.clone() }));
    watcher.wake();
    true
}

/// A connection is gone: what was watched for it need not be any more.
pub(crate) fn forget_dropped() {
    let running = lock(&WATCHER).clone();
    if let Some(watcher) = running.filter(|watcher| watcher.generation == generation()) {
        watcher.wake();
    }
}

fn running() -> Option<Arc<Watcher>> {
    let mut running = lock(&WATCHER);
    let generation = generation();
    if let Some(watcher) = running.as_ref().filter(|watcher| watcher.generation == generation) {
        return Some(watcher.clone());
    }
    let changed = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok()?;
    let watcher = Arc::new(Watcher { generation, changed, list: Mutex::default() });
    let of_thread = watcher.clone();
    std::thread::Builder::new().name("narrows-deaths".into()).spawn(move || of_thread.run()).ok()?;
    *running = Some(watcher.clone());
    Some(watcher)
}

impl Watcher {
    fn wake(&self) {
        // It fails only if it has been written to very often, and then the thread wakes anyway.
        let _ = rustix::io::write(&self.changed, &1_u64.to_ne_bytes());
    }

    fn run(&self) {
        loop {
            let list: Vec<Arc<Watched>> = {
                let mut list = lock(&self.list);
                list.retain(|watched| watched.connection.strong_count() > 0);
                list.clone()
            };
            let files = list.iter().map(|watched| watched.process.as_fd());
            let mut polled: Vec<PollFd<'_>> = std::iter::once(self.changed.as_fd())
                .chain(files)
                .map(|file: BorrowedFd<'_>| PollFd::from_borrowed_fd(file, PollFlags::IN))
                .collect();
            if poll(&mut polled, None).is_err() {
                continue;
            }
            if !polled[0].revents().is_empty() {
                let _ = rustix::io::read(&self.changed, &mut [0_u8; 8]);
            }
            let ended = polled[1..].iter().map(|polled| !polled.revents().is_empty());
            let ended: Vec<_> =
                list.iter().zip(ended).filter(|(_, ended)| *ended).map(|(watched, _)| watched).collect();
            lock(&self.list).retain(|watched| !ended.iter().any(|ended| Arc::ptr_eq(watched, ended)));
            for watched in ended {
                if let Some(connection) = watched.connection.upgrade() {
                    connection.sweep();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Lines, Write, stdin},
        process::{ChildStdin, ChildStdout, Stdio},
    };

    use crate::{
        options,
        trial::{self, Scratch},
    };

    const NAME: &str = "watcher::tests::a_process_that_comes_and_goes_is_watched_by_one_file";
    const WATCHES: &str = "watches";

    /// In processes of their own: other tests open files, too.
    #[test]
    fn a_process_that_comes_and_goes_is_watched_by_one_file() {
        match trial::role().as_deref() {
            None => trial::passes(trial::again(NAME, WATCHES)),
            Some(WATCHES) => watch(),
            Some(path) => come_and_go(path),
        }
    }

    fn watch() {
        let scratch = Scratch::new();
        let path = scratch.join("channel");
        let sender = options().sender::<u64>(path.to_str().unwrap()).unwrap();
        let mut command = trial::again(NAME, path.to_str().unwrap());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut tell, mut told) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()).lines());
        let mut visit = || {
            ask(&mut tell, &mut told);
            sender.connection().watch_peers();
            ask(&mut tell, &mut told);
            trial::open_files()
        };
        visit();
        let files = visit();
        for _ in 0..10 {
            assert_eq!(visit(), files, "a file for each visit");
        }
        drop(tell);
        assert!(child.wait().unwrap().success());
    }

    fn ask(tell: &mut ChildStdin, told: &mut Lines<BufReader<ChildStdout>>) {
        tell.write_all(b"\n").unwrap();
        assert!(told.any(|line| line.unwrap().ends_with("done")));
    }

    fn come_and_go(path: &str) {
        let mut sender = None;
        for _ in stdin().lines() {
            sender = match sender {
                None => Some(options().sender::<u64>(path).unwrap()),
                Some(_) => None,
            };
            println!("done");
        }
    }
}
