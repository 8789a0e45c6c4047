//! The machine under the bench: its cores, its name, and what else keeps it busy. Linux alone has answers here; elsewhere
//! nothing is pinned and no neighbour is seen.

use std::fs;
use std::hint::spin_loop;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Where a worker runs: anywhere, or on one of two cores that share no execution units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Anywhere,
    Cores(usize, usize),
}

/// Moves this thread to the first or the second core. A thread that cannot be moved stays where it is.
pub(crate) fn pin(place: Place, which: usize) {
    if let Place::Cores(first, second) = place {
        let mut set = CpuSet::new();
        set.set(if which == 0 { first } else { second });
        let _ = sched_setaffinity(None, &set);
    }
}

/// Two processors of different cores, if we may use two.
pub(crate) fn two_cores() -> Option<Place> {
    let allowed = sched_getaffinity(None).ok()?;
    let mut usable = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu));
    let first = usable.next()?;
    let second = usable.find(|&cpu| core_of(cpu) != core_of(first))?;
    Some(Place::Cores(first, second))
}

/// The first processor of the same core, or the processor itself where the system does not tell.
fn core_of(cpu: usize) -> usize {
    let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
    let siblings = fs::read_to_string(path).unwrap_or_default();
    siblings.split([',', '-', '\n']).next().and_then(|first| first.parse().ok()).unwrap_or(cpu)
}

/// Nanoseconds for a cache line there and back between two cores. Under a hypervisor it is not the same from minute to
/// minute: two processors may lie in one part of the chip now, and in two later.
pub(crate) fn round_trip() -> Option<f64> {
    const TRIPS: u32 = 250;
    const TRIES: u32 = 8;
    static CORES: LazyLock<Option<Place>> = LazyLock::new(two_cores);
    let place = (*CORES)?;
    let line = AtomicU32::new(0);
    // Each side writes the next number once it has seen the other's.
    let side = |which: u32| {
        pin(place, which as usize);
        let mut least = f64::INFINITY;
        for part in 0..TRIES {
            let began = Instant::now();
            for trip in part * TRIPS..(part + 1) * TRIPS {
                while line.load(Ordering::Acquire) != 2 * trip + which {
                    spin_loop();
                }
                line.store(2 * trip + which + 1, Ordering::Release);
            }
            least = least.min(began.elapsed().as_secs_f64() * 1e9 / f64::from(TRIPS));
        }
        least
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| side(1));
        let first = scope.spawn(|| side(0)).join();
        first.ok().zip(other.join().ok()).map(|(first, other)| first.min(other))
    })
}

pub(crate) fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// Watches the processor time that other programs take.
#[derive(Debug)]
pub(crate) struct Neighbours {
    began: Instant,
    foreign: Option<Duration>,
}

/// The unit of /proc/stat, and so the error of one look.
const TICK: Duration = Duration::from_millis(10);

impl Neighbours {
    pub(crate) fn watch() -> Self {
        Self { began: Instant::now(), foreign: foreign() }
    }

    /// True when others took more than a twentieth of the machine since `watch`, beyond what the clock's ticks allow to tell.
    pub(crate) fn disturbed(&self) -> bool {
        let Some((before, after)) = self.foreign.zip(foreign()) else {
            return false;
        };
        let capacity = self.began.elapsed() * u32::try_from(cores()).unwrap_or(1);
        after.saturating_sub(before) > capacity / 20 + 2 * TICK
    }
}

/// Processor time of everybody else since the machine started.
fn foreign() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let all: Vec<u32> =
        stat.lines().next()?.split_whitespace().skip(1).filter_map(|ticks| ticks.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest time is in user already.
    let busy: u32 = all.iter().take(8).enumerate().filter(|(at, _)| !matches!(at, 3 | 4)).map(|(_, ticks)| ticks).sum();
    let own = fs::read_to_string("/proc/self/stat").ok()?;
    // The name may hold blanks; after it come the state and, from the twelfth word, our time and that of our children.
    let own: u32 =
        own.rsplit_once(')')?.1.split_whitespace().skip(11).take(4).filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    Some(TICK * busy.saturating_sub(own))
}

/// One line about this machine.
pub(crate) fn describe() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, name)| name);
    let system = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let system = format!("{} {}", std::env::consts::OS, system.trim());
    format!("{model}, {} processors, {}, {}", cores(), system.trim_end(), std::env::consts::ARCH)
}

/// Seconds since 1970, as a date.
pub(crate) fn date() -> String {
    let seconds = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    format!("{year}-{month:02}-{day:02} {:02}:{:02} UTC", seconds / 3_600 % 24, seconds / 60 % 60)
}

/// Year, month and day of a count of days since 1970, by counting.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::{civil, foreign, round_trip};

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_454), (2026, 1, 1));
    }

    #[test]
    fn a_cache_line_takes_a_while() {
        assert!(round_trip().is_none_or(|trip| trip > 1.0), "no light is that fast");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_time_of_others_is_known_here() {
        assert!(foreign().is_some());
    }
}
