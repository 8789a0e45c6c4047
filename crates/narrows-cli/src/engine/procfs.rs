//! Asks the kernel whether a worker waits for input. A process that has read all it was given may be computing,
//! sleeping, or waiting for a server; only one that sits in `read` on the pipe we feed has nothing else to do.

use std::fs;
use std::os::fd::AsFd;

use rustix::process::Pid;

#[cfg(target_arch = "x86_64")]
const READ: &str = "0";
#[cfg(not(target_arch = "x86_64"))]
const READ: &str = "63";

/// Whether a process below `pid`, or that process itself, is blocked reading the pipe behind `stdin`.
/// `None` where the kernel does not tell.
pub(super) fn waits_for_input(pid: Pid, stdin: impl AsFd) -> Option<bool> {
    let inode = rustix::fs::fstat(stdin).ok()?.st_ino;
    let pipe = format!("pipe:[{inode}]");
    let mut told = false;
    let mut family = vec![pid.as_raw_nonzero().get().unsigned_abs()];
    while let Some(process) = family.pop() {
        let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else {
            continue;
        };
        for task in tasks.flatten() {
            let task = task.path();
            if let Ok(children) = fs::read_to_string(task.join("children")) {
                family.extend(children.split_ascii_whitespace().filter_map(|child| child.parse::<u32>().ok()));
            }
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
    fn only_a_read_names_a_descriptor() {
        assert_eq!(read_from(&format!("{READ} 0x1f 0x7f25 0x20000 0x0")), Some(31));
        assert_eq!(read_from("35 0x0 0x7f25"), None);
        assert_eq!(read_from("running\n"), None);
    }
}
