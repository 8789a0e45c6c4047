//! Asks the kernel whether a worker waits for input. A process that has read all it was given may be computing,
//! sleeping, or waiting for a server; only one that sits in `read` on the pipe we feed has nothing else to do.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

#[cfg(target_arch = "x86_64")]
const READ: &str = "0";
#[cfg(not(target_arch = "x86_64"))]
const READ: &str = "63";

/// A process that is told to end because it takes too long gets this long.
pub(super) const MERCY: Duration = Duration::from_secs(1);

/// Signals the group of a process, and all below it that have left the group.
pub(super) fn kill_tree(pid: Pid, signal: Signal) {
    let family = family(pid);
    // Before the first signal: whoever loses its parent gets another.
    let handles: Vec<_> = family[1..].iter().filter_map(|child| hold(*child, &family)).collect();
    let _ = kill_process_group(pid, signal);
    for handle in handles {
        // What ended meanwhile has ended.
        let _ = pidfd_send_signal(handle, signal);
    }
}

/// A handle of a process that was seen in this family. Its parent may have reaped it since, and its id be another's:
/// so it is asked once more whose child the process with the handle is.
fn hold(process: i32, family: &[i32]) -> Option<OwnedFd> {
    let handle = pidfd_open(Pid::from_raw(process)?, PidfdFlags::empty()).ok()?;
    let parent = parent_in(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)?;
    family.contains(&parent).then_some(handle)
}

/// From a line such as `812 (a name) S 811 ...`; the name may hold anything.
fn parent_in(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// A process and all below it.
fn family(pid: Pid) -> Vec<i32> {
    let mut family = vec![pid.as_raw_nonzero().get()];
    let mut next = 0;
    while let Some(process) = family.get(next).copied() {
        next += 1;
        for task in tasks(process) {
            if let Ok(children) = fs::read_to_string(task.join("children")) {
                family.extend(children.split_ascii_whitespace().filter_map(|child| child.parse::<i32>().ok()));
            }
        }
    }
    family
}

fn tasks(process: i32) -> impl Iterator<Item = PathBuf> {
    let tasks = fs::read_dir(format!("/proc/{process}/task"));
    tasks.into_iter().flatten().flatten().map(|task| task.path())
}

/// Whether a process below `pid`, or that process itself, is blocked reading the pipe behind `stdin`.
/// `None` where the kernel does not tell.
pub(super) fn waits_for_input(pid: Pid, stdin: impl AsFd) -> Option<bool> {
    let inode = rustix::fs::fstat(stdin).ok()?.st_ino;
    let pipe = format!("pipe:[{inode}]");
    let mut told = false;
    for process in family(pid) {
        for task in tasks(process) {
            let Ok(call) = fs::read_to_string(task.join("syscall")) else {
                continue;
            };
            told = true;
            if let Some(fd) = read_from(&call)
                && fs::read_link(format!("/proc/{process}/fd/{fd}")).is_ok_and(|link| link.as_os_str() == pipe.as_str())
            {
                return Some(true);
            }
        }
    }
    told.then_some(false)
}

/// The descriptor of a `read` in progress, from a line such as `0 0x3 0x7f...`.
fn read_from(call: &str) -> Option<u32> {
    let mut words = call.split_ascii_whitespace();
    let number = words.next()?;
    let fd = words.next()?.strip_prefix("0x")?;
    (number == READ).then(|| u32::from_str_radix(fd, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_not_of_the_family_is_not_held() {
        assert_eq!(parent_in("812 (a) b) S 811 812 0"), Some(811));
        let me = i32::try_from(std::process::id()).expect("it is a process id");
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().expect("there is a sleep");
        let pid = i32::try_from(child.id()).expect("it is a process id");
        assert!(hold(pid, &[me]).is_some() && hold(pid, &[1]).is_none());
        child.kill().and_then(|()| child.wait()).expect("it is ours");
        assert!(hold(pid, &[me]).is_none());
    }

    #[test]
    fn only_a_read_names_a_descriptor() {
        assert_eq!(read_from(&format!("{READ} 0x1f 0x7f25 0x20000 0x0")), Some(31));
        assert_eq!(read_from("35 0x0 0x7f25"), None);
        assert_eq!(read_from("running\n"), None);
    }
}
