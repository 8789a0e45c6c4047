//! What a stage did with its time between two samples. Pure.
//!
//! Seen from outside a farm
//!   waits     while its reader waits for input, as far as its workers have nothing in hand;
//!   is blocked while it writes, as far as its workers do not get on meanwhile;
//!   is busy   otherwise: also when one slow record keeps all others from being printed, for that is its own affair.

use super::sample::{Kind, Sample, Worker};

/// Three shares of the time that sum to 1, and what goes on inside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shares {
    pub(crate) busy: f64,
    pub(crate) blocked: f64,
    pub(crate) waiting: f64,
    /// Workers that have records in hand and get on with them.
    pub(crate) at_work: f64,
    /// The time in which the reader could read, were there room.
    pub(crate) full: f64,
    /// Records printed per second; bytes of a tap.
    pub(crate) rate: f64,
}

// Nanoseconds and counts lose nothing that a share of two digits would show.
#[allow(clippy::cast_precision_loss, reason = "shares and rates")]
pub(crate) fn between(before: &Sample, after: &Sample) -> Shares {
    let time = after.elapsed_ns.saturating_sub(before.elapsed_ns).max(1) as f64;
    let share = |of: fn(&Sample) -> u64| (of(after).saturating_sub(of(before)) as f64 / time).min(1.0);
    let input = share(|sample| sample.input_wait_ns);
    let output = share(|sample| sample.output_wait_ns);
    let (waiting, blocked, at_work) = match after.kind {
        Kind::Tap => (input, output.min(1.0 - input), 1.0 - (input + output).min(1.0)),
        Kind::Farm => {
            let jobs = after.jobs.max(1) as f64;
            let busy = after.workers.iter().map(|worker| busy_share(before, worker, time)).sum::<f64>() / jobs;
            let stuck = (output + after.held_wait_ns.saturating_sub(before.held_wait_ns) as f64 / time) / jobs;
            let (in_hand, at_work) = (busy.min(1.0), (busy.min(1.0) - stuck).max(0.0));
            let waiting = input.min(1.0 - in_hand);
            (waiting, output.min(1.0 - at_work - waiting).max(0.0), at_work)
        }
    };
    let moved = |sample: &Sample| sample.bytes.unwrap_or(sample.printed);
    Shares {
        busy: (1.0 - waiting - blocked).max(0.0),
        blocked,
        waiting,
        at_work,
        full: share(|sample| sample.room_wait_ns),
        rate: moved(after).saturating_sub(moved(before)) as f64 * 1e9 / time,
    }
}

/// Of one worker.
#[allow(clippy::cast_precision_loss, reason = "a share")]
pub(crate) fn busy_share(before: &Sample, worker: &Worker, time: f64) -> f64 {
    let then = before.workers.iter().find(|then| then.number == worker.number).map_or(0, |then| then.busy_ns);
    (worker.busy_ns.saturating_sub(then) as f64 / time).min(1.0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A farm of four after one second, with these shares of it.
    pub(crate) fn farm(input: f64, room: f64, output: f64, busy: [f64; 4]) -> (Sample, Sample) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shares of a second")]
        let ns = |share: f64| (share * 1e9) as u64;
        let worker = |(index, _)| Worker { number: index + 1, pid: None, records: 0, busy_ns: 0 };
        let before = Sample {
            kind: Kind::Farm,
            pid: 7,
            name: "./work".into(),
            mode: "live".into(),
            elapsed_ns: 0,
            jobs: 4,
            paused: false,
            ordered: true,
            reading: true,
            read: 0,
            printed: 0,
            failed: 0,
            window: Some(256),
            held_bytes: 0,
            buffer_bytes: 1 << 26,
            oldest: None,
            input_wait_ns: 0,
            room_wait_ns: 0,
            output_wait_ns: 0,
            held_wait_ns: 0,
            workers: busy.iter().enumerate().map(worker).collect(),
            bytes: None,
            lines: None,
        };
        let mut after = before.clone();
        (after.elapsed_ns, after.printed, after.read) = (ns(1.0), 50, 60);
        (after.input_wait_ns, after.room_wait_ns, after.output_wait_ns) = (ns(input), ns(room), ns(output));
        for (worker, share) in after.workers.iter_mut().zip(busy) {
            worker.busy_ns = ns(share);
        }
        (before, after)
    }

    #[track_caller]
    fn assert_shares(input: f64, output: f64, busy: [f64; 4], expected: (f64, f64, f64)) {
        let (before, after) = farm(input, 0.0, output, busy);
        let shares = between(&before, &after);
        let near = |a: f64, b: f64| (a - b).abs() < 0.01;
        let found = (shares.busy, shares.blocked, shares.waiting);
        assert!(near(found.0, expected.0) && near(found.1, expected.1) && near(found.2, expected.2), "{found:?}");
        assert!(near(found.0 + found.1 + found.2, 1.0), "{found:?}");
    }

    #[test]
    fn three_shares_sum_to_the_whole() {
        assert_shares(0.9, 0.0, [0.1; 4], (0.1, 0.0, 0.9));
        // The reader waits, and yet three of four have work.
        assert_shares(1.0, 0.0, [1.0, 1.0, 1.0, 0.0], (0.75, 0.0, 0.25));
        assert_shares(0.0, 0.0, [1.0; 4], (1.0, 0.0, 0.0));
        // Behind a slow record three have nothing to do.
        assert_shares(0.0, 0.0, [1.0, 0.0, 0.0, 0.0], (1.0, 0.0, 0.0));
        assert_shares(0.0, 0.95, [0.05; 4], (0.05, 0.95, 0.0));
        // One of four is kept from its work by the writing now and then; the others get on.
        assert_shares(0.0, 0.4, [1.0; 4], (0.9, 0.1, 0.0));
    }

    #[test]
    fn a_rate_is_what_was_printed_in_a_second() {
        let (before, after) = farm(0.0, 0.0, 0.0, [1.0; 4]);
        assert!((between(&before, &after).rate - 50.0).abs() < 0.01);
    }
}
