//! What a process and all that it started use, as /proc tells. What it does not tell counts as nothing.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Bytes, at one moment or at most.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// The process itself, at most since its start.
    pub(crate) own: u64,
    /// It and its descendants, at the moment.
    pub(crate) all: u64,
    /// Temporary files on disk that one of them has open, removed ones too.
    pub(crate) disk: u64,
}

impl Usage {
    pub(crate) fn most(self, other: Usage) -> Usage {
        Usage { own: self.own.max(other.own), all: self.all.max(other.all), disk: self.disk.max(other.disk) }
    }

    pub(crate) fn of(root: u32, temporary: &Path) -> Usage {
        let (mut usage, mut files) = (Usage::default(), HashMap::new());
        for pid in family(root) {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            usage.all += kib(&status, "VmRSS:");
            if pid == root {
                usage.own = kib(&status, "VmHWM:");
            }
            for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
                if fs::read_link(entry.path()).is_ok_and(|target| target.starts_with(temporary))
                    && let Ok(file) = fs::metadata(entry.path())
                {
                    files.insert((file.dev(), file.ino()), file.len());
                }
            }
        }
        usage.disk = files.values().sum();
        usage
    }
}

fn kib(status: &str, field: &str) -> u64 {
    let value =
        status.lines().find_map(|line| line.strip_prefix(field)?.split_whitespace().next()?.parse::<u64>().ok());
    value.unwrap_or(0) * 1024
}

/// The process and its descendants.
pub(crate) fn family(root: u32) -> Vec<u32> {
    let mut family = vec![root];
    let mut next = 0;
    while let Some(&pid) = family.get(next) {
        next += 1;
        for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    family
}

/// Processor time of an ended process that was not reaped yet, and of those that it reaped.
pub(crate) fn processor_time(pid: u32) -> Duration {
    // The unit of /proc/PID/stat on every Linux of today.
    const TICK_MS: u64 = 10;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, in brackets, may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    // utime, stime, cutime, cstime are fields 14 to 17; the first behind the name is the third.
    let ticks: u64 = fields.skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * TICK_MS)
}
