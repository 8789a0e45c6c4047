//! All farms and taps of this user, asked twice: their shares, their order, what each pipeline waits for; and its channels.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use narrows_flow::IntoFlow;
use serde_json::{Value, json};

use super::channels::{self, Channel};
use super::folder;
use super::pipeline::{Chain, chains};
use super::processes::Processes;
use super::sample::Sample;
use super::shares::{self, Shares};
use super::socket::{Silence, ask};
use super::verdict::{Machine, Surroundings, Verdict, judge};

/// So many are asked at a time: one that is stopped, and answers nothing, keeps nobody from asking the others.
const ASKERS: usize = 8;

/// One look at everything.
#[derive(Debug)]
pub(crate) struct Look {
    at: Instant,
    samples: Vec<Sample>,
    mute: Vec<String>,
    channels: channels::Look,
    processes: Processes,
}

/// What two looks show.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) interval: Duration,
    pub(crate) machine: Machine,
    pub(crate) pipelines: Vec<Pipeline>,
    pub(crate) channels: Vec<Channel>,
    /// Those that exist and do not answer.
    pub(crate) mute: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) surroundings: Surroundings,
    /// Upstream first.
    pub(crate) stages: Vec<Stage>,
    pub(crate) verdict: Verdict,
}

#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) sample: Sample,
    pub(crate) shares: Shares,
    /// Of each worker, in the order of the sample.
    pub(crate) workers_busy: Vec<f64>,
    /// Processors that its workers kept busy.
    pub(crate) cpus: f64,
    /// Processes of its workers that run, or would if a processor were free.
    pub(crate) runnable: usize,
    /// What reads its output, if that is another program.
    pub(crate) reader: Option<String>,
}

impl Stage {
    /// As in `farm ./fetch.py`.
    pub(crate) fn label(&self) -> String {
        let sample = &self.sample;
        match sample.name.as_str() {
            "" => format!("{} {}", sample.kind.word(), sample.pid),
            name => format!("{} {name}", sample.kind.word()),
        }
    }

    fn is_named(&self, name: &str) -> bool {
        let command = self.sample.name.split(' ').next().unwrap_or_default();
        let file = command.rsplit('/').next().unwrap_or_default();
        [&self.sample.pid.to_string(), &self.sample.name, command, file].contains(&name)
    }
}

/// Where a process was found.
fn sockets() -> Vec<(String, PathBuf)> {
    let folder = folder::folder();
    if folder::check(&folder).is_err() {
        return Vec::new();
    }
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let socket = |path: PathBuf| {
        let file = path.file_name()?.to_str()?;
        if let Some((_, pid)) = file.strip_suffix(".new").and_then(|name| name.split_once('-')) {
            // It was killed before its socket had a name.
            if !Path::new("/proc").join(pid).exists() {
                let _ = fs::remove_file(&path);
            }
            return None;
        }
        let name = file.strip_suffix(".sock")?.to_owned();
        Some((name, path))
    };
    let mut sockets: Vec<_> = entries.filter_map(|entry| socket(entry.path())).collect();
    sockets.sort();
    sockets
}

/// Where this process listens.
fn socket_of(sample: &Sample) -> PathBuf {
    folder::folder().join(format!("{}-{}.sock", sample.kind.word(), sample.pid))
}

/// Asks a running farm for something; says why it does not.
pub(crate) fn request(sample: &Sample, question: &Value) -> Result<(), String> {
    match ask(&socket_of(sample), question) {
        Ok(_) => Ok(()),
        Err(Silence::Dead) => Err("it has ended".into()),
        Err(Silence::Mute(why)) => Err(why),
    }
}

impl Look {
    pub(crate) fn take() -> Look {
        let (mut samples, mut mute) = (Vec::new(), Vec::new());
        let sockets = sockets();
        let askers = sockets.len().clamp(1, ASKERS);
        let asked = sockets.flow().portion(1).map_ordered(askers, |(name, path)| {
            let answer = ask(&path, &json!({ "ask": "stat" })).map(serde_json::from_value::<Sample>);
            (name, path, answer)
        });
        for (name, path, answer) in asked {
            match answer {
                Ok(Ok(sample)) => samples.push(sample),
                Ok(Err(error)) => mute.push(format!("{name}: {error}")),
                Err(Silence::Mute(why)) => mute.push(format!("{name}: {why}")),
                // What a killed one left behind.
                Err(Silence::Dead) => _ = fs::remove_file(path),
            }
        }
        let mut channels = channels::Look::take();
        mute.append(&mut channels.mute);
        Look { at: Instant::now(), samples, mute, channels, processes: Processes::look() }
    }
}

/// Two looks, so long apart.
pub(crate) fn take(interval: Duration) -> Survey {
    let before = Look::take();
    std::thread::sleep(interval);
    Survey::between(&before, &Look::take())
}

impl Survey {
    pub(crate) fn between(before: &Look, after: &Look) -> Survey {
        let interval = after.at.saturating_duration_since(before.at);
        let machine = Machine {
            cpu: after.processes.machine_since(&before.processes),
            processors: std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
        };
        let stages: Vec<Stage> = after.samples.iter().map(|sample| stage(before, after, sample, interval)).collect();
        let pids: Vec<i32> = after.samples.iter().map(|sample| sample.pid).collect();
        let chains = chains(&pids, &after.processes);
        let pipelines = chains.into_iter().map(|chain| pipeline(chain, &stages, machine)).collect();
        let channels = channels::between(&before.channels, &after.channels, interval);
        Survey { interval, machine, pipelines, channels, mute: after.mute.clone() }
    }

    /// Only pipelines with a stage of this process id or name, and channels that are called so or that it takes part in.
    pub(crate) fn only(mut self, name: &str) -> Survey {
        self.pipelines.retain(|pipeline| pipeline.stages.iter().any(|stage| stage.is_named(name)));
        self.channels.retain(|channel| channel.is_named(name));
        self
    }
}

#[allow(clippy::cast_precision_loss, reason = "a share")]
fn stage(before: &Look, after: &Look, sample: &Sample, interval: Duration) -> Stage {
    // One that is new, or that took over a process id: its whole life counts.
    let earlier = before.samples.iter().find(|earlier| earlier.pid == sample.pid);
    let earlier = earlier.filter(|earlier| earlier.elapsed_ns < sample.elapsed_ns).cloned();
    let earlier = earlier.unwrap_or_else(|| sample.at_birth());
    let time = sample.elapsed_ns.saturating_sub(earlier.elapsed_ns).max(1) as f64;
    let had = |look: &Look| look.processes.ticks_below(sample.pid);
    let ticks = had(after).saturating_sub(had(before)) as f64;
    let per_second = rustix::param::clock_ticks_per_second().max(1) as f64;
    Stage {
        shares: shares::between(&earlier, sample),
        workers_busy: sample.workers.iter().map(|worker| shares::busy_share(&earlier, worker, time)).collect(),
        cpus: ticks / per_second / interval.as_secs_f64().max(0.001),
        runnable: after.processes.runnable_below(sample.pid),
        reader: None,
        sample: sample.clone(),
    }
}

fn pipeline(chain: Chain, stages: &[Stage], machine: Machine) -> Pipeline {
    let downstream = chain.links.last().and_then(|link| link.reader.clone());
    let stages: Vec<Stage> =
        chain.links.into_iter().map(|link| Stage { reader: link.reader, ..stages[link.stage].clone() }).collect();
    let surroundings = Surroundings { upstream: chain.upstream, downstream };
    let verdict = judge(&surroundings, &stages, machine);
    Pipeline { surroundings, stages, verdict }
}
