//! What the system says of the threads of this process, where it is Linux: who is asleep, and whether anything but another
//! thread of the process can wake them. Elsewhere there is no answer.
//!
//! A thread is *asleep for good* if it waits for a futex without a time limit. A futex is private to the process, so that
//! nothing else can wake who waits for it, or it is the word by which one thread waits for the end of another (`join`): its
//! expected value is then the other's number.

use std::{collections::BTreeMap, fs, path::Path};

/// What is seen of one thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) name: String,
    /// How often it has gone to sleep.
    switches: u64,
    sleep: Sleep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sleep {
    /// It runs, or may go on by itself.
    No,
    /// Until another thread of the process wakes it.
    ForGood,
    /// Until that thread ends.
    Join(u32),
    /// It sleeps, and nobody tells how.
    Somehow,
}

/// All threads of the process.
pub(super) type Threads = BTreeMap<u32, Seen>;

impl Seen {
    /// Whether it slept all the time from one look to the next, if it did so in both.
    pub(super) fn slept_since(&self, before: &Seen) -> bool {
        self.sleep != Sleep::No && self == before
    }

    pub(super) fn is_asleep_for_good(&self) -> bool {
        matches!(self.sleep, Sleep::ForGood | Sleep::Join(_))
    }

    /// The thread whose end it waits for.
    pub(super) fn joins(&self) -> Option<u32> {
        if let Sleep::Join(other) = self.sleep { Some(other) } else { None }
    }
}

/// The calling thread's number; 0 if there is none to be had.
pub(super) fn own_tid() -> u32 {
    let link = fs::read_link("/proc/thread-self").ok();
    let number = link.as_deref().and_then(Path::file_name).and_then(|name| name.to_str()?.parse().ok());
    number.unwrap_or(0)
}

/// `None` where the system does not tell.
pub(super) fn threads() -> Option<Threads> {
    let mut threads = Threads::new();
    for entry in fs::read_dir("/proc/self/task").ok()? {
        let entry = entry.ok()?;
        let tid = entry.file_name().to_str()?.parse().ok()?;
        // One that ends meanwhile is awake.
        let seen = look(&entry.path()).unwrap_or(Seen { name: String::new(), switches: 0, sleep: Sleep::No });
        threads.insert(tid, seen);
    }
    let tids: Vec<u32> = threads.keys().copied().collect();
    for seen in threads.values_mut() {
        // Not private, and no thread's number: who knows who wakes it.
        if let Sleep::Join(other) = seen.sleep
            && !tids.contains(&other)
        {
            seen.sleep = Sleep::No;
        }
    }
    Some(threads)
}

fn look(folder: &Path) -> Option<Seen> {
    // Before the count: a thread that was woken since and sleeps again has counted one more.
    let call = fs::read_to_string(folder.join("syscall")).ok();
    let status = fs::read_to_string(folder.join("status")).ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim));
    let sleep = match call {
        _ if !field("State")?.starts_with('S') => Sleep::No,
        Some(call) => sleep_of(&call).unwrap_or(Sleep::No),
        None => Sleep::Somehow,
    };
    Some(Seen { name: field("Name")?.to_owned(), switches: field("voluntary_ctxt_switches")?.parse().ok()?, sleep })
}

/// The number of the call that waits for a futex.
const FUTEX: &[u64] = if cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) {
    &[202]
} else if cfg!(any(target_arch = "aarch64", target_arch = "riscv64", target_arch = "loongarch64")) {
    &[98]
} else if cfg!(any(target_arch = "x86", target_arch = "arm")) {
    &[240, 422]
} else {
    &[]
};

const PRIVATE: u64 = 128;
const REALTIME: u64 = 256;
const WAIT: u64 = 0;
const LOCK_PI: u64 = 6;
const WAIT_BITSET: u64 = 9;

/// A line of numbers: the call, its arguments, the stack, the code. A thread that runs has another line.
fn sleep_of(call: &str) -> Option<Sleep> {
    let mut words = call.split_ascii_whitespace();
    let number: u64 = words.next()?.parse().ok()?;
    let mut argument = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
    let (_, operation, value, time_limit) = (argument()?, argument()?, argument()?, argument()?);
    let is_wait = matches!(operation & !(PRIVATE | REALTIME), WAIT | LOCK_PI | WAIT_BITSET);
    if !FUTEX.contains(&number) || !is_wait || time_limit != 0 {
        return None;
    }
    if operation & PRIVATE != 0 { Some(Sleep::ForGood) } else { Some(Sleep::Join(u32::try_from(value).ok()?)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn only_a_futex_without_a_time_limit_is_for_good() {
        let rest = "0x0 0xffffffff 0x7fd5e34d2aa0 0x7fd5e3aa3f16";
        let sleep = |words: &str| sleep_of(&format!("{words} {rest}"));
        assert_eq!(sleep("202 0x55a3f942afc0 0x189 0x0 0x0"), Some(Sleep::ForGood));
        assert_eq!(sleep("202 0x55a3f942afc0 0x80 0x2 0x0"), Some(Sleep::ForGood));
        assert_eq!(sleep("202 0x55a3f942afc0 0x109 0x6c37 0x0"), Some(Sleep::Join(0x6c37)));
        assert_eq!(sleep("202 0x55a3f942afc0 0x189 0x0 0x7fd5e2cd1ab0"), None, "it has a time limit");
        assert_eq!(sleep("202 0x55a3f942afc0 0x81 0x1 0x0"), None, "it wakes");
        assert_eq!(sleep("230 0x1 0x1 0x0 0x0"), None, "another call");
        assert_eq!(sleep_of("running"), None);
    }
}
