//! A survey as one JSON document, for programs.

use serde_json::{Value, json};

use super::channels;
use super::survey::{Pipeline, Stage, Survey};

pub(super) fn json(survey: &Survey) -> String {
    let document = json!({
        "interval_s": survey.interval.as_secs_f64(),
        "processors": survey.machine.processors,
        "cpu": survey.machine.cpu,
        "pipelines": survey.pipelines.iter().map(pipeline).collect::<Vec<_>>(),
        "channels": survey.channels.iter().map(channels::json).collect::<Vec<_>>(),
        "silent": survey.mute,
    });
    format!("{document:#}\n")
}

fn pipeline(pipeline: &Pipeline) -> Value {
    json!({
        "upstream": pipeline.surroundings.upstream,
        "stages": pipeline.stages.iter().map(stage).collect::<Vec<_>>(),
        "downstream": pipeline.surroundings.downstream,
        "verdict": pipeline.verdict,
    })
}

fn stage(stage: &Stage) -> Value {
    let (sample, shares) = (&stage.sample, &stage.shares);
    let worker = |(worker, busy): (&super::sample::Worker, &f64)| json!({ "worker": worker.number, "pid": worker.pid, "records": worker.records, "busy": busy });
    json!({
        "kind": sample.kind,
        "pid": sample.pid,
        "name": sample.name,
        "mode": sample.mode,
        "jobs": sample.jobs,
        "paused": sample.paused,
        "read": sample.read,
        "in_hand": sample.in_hand(),
        "printed": sample.printed,
        "failed": sample.failed,
        "rate": shares.rate,
        "window": sample.window,
        "held_bytes": sample.held_bytes,
        "buffer_bytes": sample.buffer_bytes,
        "bytes": sample.bytes,
        "lines": sample.lines,
        "oldest_s": sample.age_s(),
        "oldest_record": sample.oldest.map(|oldest| oldest.record),
        "busy": shares.busy,
        "blocked": shares.blocked,
        "waiting": shares.waiting,
        "workers_cpus": stage.cpus,
        "reader": stage.reader,
        "workers": sample.workers.iter().zip(&stage.workers_busy).map(worker).collect::<Vec<_>>(),
    })
}
