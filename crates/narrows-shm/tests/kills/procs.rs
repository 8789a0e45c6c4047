//! Processes that are to die: how they are started, and how they ended.

use std::{
    fs::{self, DirBuilder},
    os::unix::{fs::DirBuilderExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::{figures::is_deep, message::Shape};

/// Nothing here takes a hundredth of this, unless somebody is stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Sender,
    Receiver,
    Leaser,
    Withdrawer,
    /// Takes back what somebody else has had and given back.
    TakesBack,
    Joiner,
    Closer,
    Creator,
    Recoverer,
    /// Without end, until they are killed or told to stop.
    SendsOn,
    ReceivesOn,
    LeasesOn,
}

pub(crate) const ROLES: [Role; 12] = [
    Role::TakesBack,
    Role::Sender,
    Role::Receiver,
    Role::Leaser,
    Role::Withdrawer,
    Role::Joiner,
    Role::Closer,
    Role::Creator,
    Role::Recoverer,
    Role::SendsOn,
    Role::ReceivesOn,
    Role::LeasesOn,
];

impl Role {
    pub(crate) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// A folder for one channel, what is noted, and what the dying tell. Goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    folder: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Place {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        // Relaxed: numbers that differ.
        let count = COUNT.fetch_add(1, Relaxed);
        let folder = root.join(format!("narrows-kills-{}-{count}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&folder).expect("a folder");
        fs::create_dir(folder.join("channels")).expect("a folder");
        Place { folder }
    }

    pub(crate) fn channel(&self) -> String {
        self.folder.join("channels/it").to_str().expect("a path in UTF-8").to_owned()
    }

    pub(crate) fn notes(&self) -> PathBuf {
        self.folder.join("notes")
    }

    /// How many files there are where the channel was.
    pub(crate) fn files_left(&self) -> usize {
        fs::read_dir(self.folder.join("channels")).expect("the folder").count()
    }

    fn told(&self, id: u64) -> PathBuf {
        self.folder.join(format!("told-{id}"))
    }

    /// This program, once more, as `role`; each with a number of its own.
    pub(crate) fn start(&self, role: Role, id: u64, shape: Shape, deed: &[(&str, u64)]) -> Victim {
        let told = self.told(id);
        fs::write(&told, "").expect("a file");
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args(["--exact", "victim", "--nocapture", "--test-threads=1"])
            .env("NARROWS_VICTIM", role.name())
            .env("NARROWS_VICTIM_ID", id.to_string())
            .env("NARROWS_VICTIM_CAPACITY", shape.capacity.to_string())
            .env("NARROWS_VICTIM_LONG", u8::from(shape.is_long).to_string())
            .env("NARROWS_VICTIM_CHANNEL", self.channel())
            .env("NARROWS_VICTIM_NOTES", self.notes())
            .env("NARROWS_CRASH_LIST", &told)
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        if is_deep() {
            command.env("NARROWS_CRASH_LOOKS", "1");
        }
        for (name, value) in deed {
            command.env(name, value.to_string());
        }
        Victim { child: command.spawn().expect("a process"), told }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum End {
    /// It came to its end before the step.
    Finished,
    Killed {
        place: String,
        is_out: bool,
    },
}

impl End {
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self, End::Finished)
    }
}

#[derive(Debug)]
pub(crate) struct Victim {
    child: Child,
    told: PathBuf,
}

impl Victim {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn status(&mut self, what: &str) -> ExitStatus {
        let pid = Pid::from_child(&self.child);
        // Our child: until it is waited for the number is its own.
        let file = pidfd_open(pid, PidfdFlags::empty()).expect("a process of ours");
        let time = Timespec { tv_sec: i64::try_from(PATIENCE.as_secs()).expect("short"), tv_nsec: 0 };
        let ended = poll(&mut [PollFd::new(&file, PollFlags::IN)], Some(&time)).expect("it can be waited for");
        if ended == 0 {
            let _ = self.child.kill();
            panic!("stuck: {what} has no end");
        }
        self.child.wait().expect("a process of ours")
    }

    /// Waits for its end.
    pub(crate) fn end(mut self, what: &str) -> End {
        let status = self.status(what);
        let told = fs::read_to_string(&self.told).expect("the file for it");
        let _ = fs::remove_file(&self.told);
        let Some(line) = told.lines().find(|line| line.starts_with("killed ")) else {
            assert!(status.success(), "{what}: {status} {told}");
            return End::Finished;
        };
        assert_eq!(status.signal(), Some(9), "{what}: {told}");
        let place = line.split(' ').nth(2).expect("where").to_owned();
        End::Killed { place, is_out: line.ends_with(" out") }
    }

    /// One letter of the kernel: stopped, a zombie, else.
    fn state(&self) -> Option<char> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.state(), None | Some('Z' | 'X'))
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.state() == Some('T')
    }

    /// What it has told so far.
    pub(crate) fn told(&self) -> String {
        fs::read_to_string(&self.told).unwrap_or_default()
    }

    /// Kills it, wherever it is.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a process of ours");
        self.child.wait().expect("a process of ours");
        let _ = fs::remove_file(&self.told);
    }

    /// Tells one that goes on and on to stop, by the end of its input.
    pub(crate) fn tell_to_stop(&mut self) {
        drop(self.child.stdin.take());
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // Of no use where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks until it is so. False if it never is.
pub(crate) fn eventually(mut is_so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > end {
            return false;
        }
        thread::park_timeout(Duration::from_micros(200));
    }
    true
}
