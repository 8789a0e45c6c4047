//! What a pipeline waits for, in one sentence. Pure: figures in, verdict out.
//!
//! Everything above a bottleneck is blocked and everything below it waits. So it stands behind the last stage that is
//! blocked: that is the next stage, if it is busy, or else a program that tells nothing of itself.

use serde::Serialize;

use super::sample::Kind;
use super::survey::Stage;

/// A stage that is busy for so much of its time is not kept from its work.
const BUSY: f64 = 0.75;
/// Where fewer of the workers are busy, and yet nothing more may be read, all wait for one record.
const FEW: f64 = 0.6;
/// A worker that uses so much of a processor computes; another waits for something else.
const COMPUTES: f64 = 0.25;
/// Where so many of the workers were seen running or about to, they compute.
const RUNNABLE: f64 = 0.5;
/// When so much of the machine is in use, more workers only share it.
const FULL: f64 = 0.85;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    /// The share of its processors that is in use.
    pub(crate) cpu: f64,
    pub(crate) processors: usize,
}

/// What stands at both ends of a pipeline, as far as that is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    pub(crate) upstream: Option<String>,
    pub(crate) downstream: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Culprit {
    /// What writes the input of the first stage.
    Producer,
    /// A program between two stages.
    Between,
    /// What reads the output of the last stage.
    Consumer,
    Farm,
    /// One record of a farm, which all others wait behind.
    Record,
    /// A farm that somebody paused.
    Paused,
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Verdict {
    pub(crate) culprit: Culprit,
    /// The stage that is it, or that it shows at.
    pub(crate) pid: Option<i32>,
    /// The program, if it is known.
    pub(crate) name: Option<String>,
    pub(crate) sentence: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Busy,
    Blocked,
    Waiting,
}

fn state(stage: &Stage) -> State {
    let shares = &stage.shares;
    if shares.busy >= BUSY {
        State::Busy
    } else if shares.blocked >= shares.waiting {
        State::Blocked
    } else {
        State::Waiting
    }
}

pub(crate) fn judge(around: &Surroundings, stages: &[Stage], machine: Machine) -> Verdict {
    let Some(last) = stages.last() else {
        return Verdict { culprit: Culprit::Nothing, pid: None, name: None, sentence: "nothing runs".into() };
    };
    if let Some(paused) = stages.iter().find(|stage| stage.sample.paused) {
        return verdict(Culprit::Paused, paused, None, format!("{} is paused", paused.label()));
    }
    let blocked = stages.iter().rposition(|stage| state(stage) == State::Blocked);
    match stages.get(blocked.map_or(0, |index| index + 1)) {
        None => consumer(around, last),
        Some(stage) if state(stage) == State::Busy => {
            let above = blocked.is_some() || stage.shares.full > 0.5;
            match stage.sample.kind {
                Kind::Farm => farm(stage, above, machine),
                Kind::Tap => verdict(Culprit::Nothing, stage, None, "no bottleneck: nothing waits for long".into()),
            }
        }
        Some(stage) => match blocked {
            Some(index) => between(&stages[index], stage),
            None => producer(around, stage),
        },
    }
}

fn verdict(culprit: Culprit, stage: &Stage, name: Option<&String>, sentence: String) -> Verdict {
    Verdict { culprit, pid: Some(stage.sample.pid), name: name.cloned(), sentence }
}

fn producer(around: &Surroundings, stage: &Stage) -> Verdict {
    let who = around.upstream.as_ref().map_or("what comes".into(), |name| format!("{name},"));
    let (label, waiting) = (stage.label(), percent(stage.shares.waiting));
    let sentence = format!("bottleneck: {who} before {label} (which waits for input {waiting} of the time)");
    verdict(Culprit::Producer, stage, around.upstream.as_ref(), sentence)
}

fn consumer(around: &Surroundings, stage: &Stage) -> Verdict {
    let who = around.downstream.as_ref().map_or("what comes".into(), |name| format!("{name},"));
    let (label, blocked) = (stage.label(), percent(stage.shares.blocked));
    let sentence = format!("bottleneck: {who} after {label} (whose output is full {blocked} of the time)");
    verdict(Culprit::Consumer, stage, around.downstream.as_ref(), sentence)
}

fn between(above: &Stage, below: &Stage) -> Verdict {
    let who = above.reader.as_ref().map_or("what lies".into(), |name| format!("{name},"));
    let (upper, lower) = (above.label(), below.label());
    let (blocked, waiting) = (percent(above.shares.blocked), percent(below.shares.waiting));
    let sentence = format!("bottleneck: {who} between {upper} (blocked {blocked}) and {lower} (waiting {waiting})");
    verdict(Culprit::Between, above, above.reader.as_ref(), sentence)
}

#[allow(clippy::cast_precision_loss, reason = "a few workers")]
fn farm(stage: &Stage, above: bool, machine: Machine) -> Verdict {
    let (sample, shares) = (&stage.sample, &stage.shares);
    let jobs = sample.jobs.max(1);
    if sample.ordered && jobs > 1 && shares.full > 0.5 && shares.at_work < FEW && sample.oldest.is_some() {
        return record(stage);
    }
    let busy_workers = (shares.at_work * jobs as f64).max(1.0);
    let share = stage.cpus / machine.processors.max(1) as f64;
    // On a machine that is full a worker that would compute gets little.
    let computes = stage.cpus / busy_workers >= COMPUTES || stage.runnable as f64 / busy_workers >= RUNNABLE;
    let cpu = if computes { machine.cpu.max(share) } else { share };
    let waits = if above { ", everything above it waits" } else { "" };
    let advice = if computes && cpu >= FULL {
        format!(". More workers will not help: the processors are in use (CPU {})", percent(cpu))
    } else {
        format!(". Try -j {} (CPU {})", 2 * jobs, percent(cpu))
    };
    let sentence = format!("bottleneck: {} (busy {}{waits}){advice}", stage.label(), percent(shares.busy));
    verdict(Culprit::Farm, stage, Some(&sample.name), sentence)
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "few workers")]
fn record(stage: &Stage) -> Verdict {
    let jobs = stage.sample.jobs;
    let oldest = stage.sample.oldest;
    let number = oldest.map_or(0, |oldest| oldest.record);
    let seconds = oldest.map_or(0.0, |oldest| oldest.alone_ns as f64 / 1e9);
    let holder = match oldest.and_then(|oldest| oldest.worker.zip(oldest.pid)) {
        Some((worker, pid)) => format!("worker {worker}, pid {pid}, "),
        None => String::new(),
    };
    let at_work = (stage.shares.at_work * jobs as f64).round() as usize;
    let sentence = format!(
        "bottleneck: record {number} of {} ({holder}for {seconds:.1} s): {at_work} of {jobs} workers busy, the others \
         wait behind it. Try -u, or a larger --window",
        stage.label()
    );
    verdict(Culprit::Record, stage, Some(&stage.sample.name), sentence)
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::sample::Oldest;
    use crate::status::shares::{between as shares_between, tests::farm as farm_of};

    const IDLE: Machine = Machine { cpu: 0.1, processors: 8 };

    fn stage(input: f64, room: f64, output: f64, busy: [f64; 4], cpus: f64) -> Stage {
        let (before, mut sample) = farm_of(input, room, output, busy);
        sample.oldest =
            Some(Oldest { record: 4711, age_ns: 1, alone_ns: 12_000_000_000, worker: Some(3), pid: Some(812) });
        let shares = shares_between(&before, &sample);
        Stage { shares, workers_busy: busy.to_vec(), cpus, runnable: 0, reader: None, sample }
    }

    fn starving() -> Stage {
        stage(0.93, 0.0, 0.0, [0.05; 4], 0.2)
    }

    fn toiling(cpus: f64) -> Stage {
        stage(0.0, 0.95, 0.0, [0.97; 4], cpus)
    }

    fn blocked() -> Stage {
        stage(0.0, 0.9, 0.95, [0.02; 4], 0.1)
    }

    fn tap(waiting: f64, blocked: f64) -> Stage {
        let mut stage = stage(waiting, 0.0, blocked, [0.0; 4], 0.0);
        (stage.sample.kind, stage.sample.name) = (Kind::Tap, "t".into());
        let before = stage.sample.at_birth();
        stage.shares = shares_between(&before, &stage.sample);
        stage
    }

    fn around() -> Surroundings {
        Surroundings { upstream: Some("seq 9".into()), downstream: Some("gzip".into()) }
    }

    #[test]
    fn the_bottleneck_stands_behind_the_last_stage_that_is_blocked() {
        let with_reader = |mut stage: Stage| {
            stage.reader = Some("sort".into());
            stage
        };
        for (stages, culprit, words) in [
            (vec![starving()], Culprit::Producer, "seq 9, before farm ./work (which waits for input 93 %"),
            (vec![blocked()], Culprit::Consumer, "gzip, after farm ./work (whose output is full 95 %"),
            (vec![toiling(1.7)], Culprit::Farm, "farm ./work (busy 100 %, everything above it waits). Try -j 8 (CPU"),
            (vec![toiling(7.9)], Culprit::Farm, "More workers will not help: the processors are in use (CPU 99 %)"),
            (vec![blocked(), toiling(0.0)], Culprit::Farm, "Try -j 8 (CPU 0 %)"),
            (vec![toiling(0.0), starving()], Culprit::Farm, "farm ./work"),
            (vec![with_reader(blocked()), starving()], Culprit::Between, "sort, between farm ./work (blocked 95 %)"),
            (vec![blocked(), blocked()], Culprit::Consumer, "gzip"),
            (vec![starving(), starving()], Culprit::Producer, "seq 9"),
            (vec![tap(0.9, 0.05)], Culprit::Producer, "seq 9, before tap t"),
            (vec![tap(0.05, 0.9)], Culprit::Consumer, "gzip, after tap t"),
            (vec![tap(0.05, 0.05)], Culprit::Nothing, "no bottleneck"),
            (vec![tap(0.1, 0.85), toiling(0.0), tap(0.9, 0.0)], Culprit::Farm, "everything above it waits"),
            (
                vec![stage(0.0, 0.99, 0.0, [1.0, 0.0, 0.01, 0.0], 0.0)],
                Culprit::Record,
                "record 4711 of farm ./work (worker 3, pid 812, for 12.0 s): 1 of 4 workers busy",
            ),
            (vec![], Culprit::Nothing, "nothing runs"),
        ] {
            let verdict = judge(&around(), &stages, IDLE);
            assert_eq!(verdict.culprit, culprit, "{verdict:?}");
            assert!(verdict.sentence.contains(words), "no '{words}' in: {}", verdict.sentence);
        }
    }

    #[test]
    fn an_unordered_farm_and_a_single_worker_do_not_wait_behind_a_record() {
        let mut stages = [stage(0.0, 0.99, 0.0, [1.0, 0.0, 0.0, 0.0], 0.0)];
        stages[0].sample.ordered = false;
        assert_eq!(judge(&around(), &stages, IDLE).culprit, Culprit::Farm);
        stages[0].sample.ordered = true;
        stages[0].sample.jobs = 1;
        assert_eq!(judge(&around(), &stages, IDLE).culprit, Culprit::Farm);
    }

    #[test]
    fn workers_that_compute_on_a_full_machine_need_no_company_and_those_that_wait_do() {
        let full = Machine { cpu: 1.0, processors: 2 };
        assert!(judge(&around(), &[toiling(1.1)], full).sentence.contains("will not help"));
        assert!(judge(&around(), &[toiling(0.05)], full).sentence.contains("Try -j 8 (CPU 2 %)"));
    }

    #[test]
    fn a_paused_farm_is_said_to_be() {
        let mut stages = [toiling(0.0), starving()];
        stages[1].sample.paused = true;
        assert_eq!(judge(&around(), &stages, IDLE).sentence, "farm ./work is paused");
    }

    #[test]
    fn ends_that_are_unknown_have_no_name() {
        let verdict = judge(&Surroundings::default(), &[blocked()], IDLE);
        assert!(verdict.sentence.contains("bottleneck: what comes after farm"), "{}", verdict.sentence);
    }
}
