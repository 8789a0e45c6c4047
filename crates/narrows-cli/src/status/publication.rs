//! The socket under which a running farm or tap is found. It is gone when the program ends in any ordinary way; what
//! a killed one leaves is removed by whoever looks next.

use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use rustix::process::getpid;
use serde_json::{Value, json};

use crate::engine::{Control, WorkerReport};

use super::folder;
use super::sample::{Kind, Oldest, Sample, Worker, nanoseconds};
use super::socket::{self, Silence};

/// More workers are not started for an asker: as many as -j takes.
const MOST_WORKERS: usize = 10_000;

#[derive(Debug)]
pub(crate) struct Publication {
    path: PathBuf,
    listener: UnixListener,
}

/// Makes the socket; says why there is none. Nobody is answered before `serve`.
pub(crate) fn publish(kind: Kind) -> Result<Publication, String> {
    let folder = folder::folder();
    folder::open(&folder)?;
    let name = format!("{}-{}", kind.word(), getpid().as_raw_nonzero());
    let path = folder.join(format!("{name}.sock"));
    // Between bind and listen a socket refuses as a dead one does: it gets its name when it listens.
    let unnamed = folder.join(format!("{name}.new"));
    let listener = listen(&unnamed, &path).map_err(|error| {
        let _ = fs::remove_file(&unnamed);
        format!("{}: {error}", path.display())
    })?;
    Ok(Publication { path, listener })
}

fn listen(unnamed: &Path, path: &Path) -> std::io::Result<UnixListener> {
    // A process that was killed here may have had the same id.
    let _ = fs::remove_file(unnamed);
    let listener = UnixListener::bind(unnamed)?;
    let name = || renameat_with(CWD, unnamed, CWD, path, RenameFlags::NOREPLACE);
    match name() {
        Err(Errno::EXIST) if socket::ask(path, &json!({ "ask": "stat" })) == Err(Silence::Dead) => {
            fs::remove_file(path)?;
            name()?;
        }
        outcome => outcome?,
    }
    Ok(listener)
}

impl Publication {
    /// Answers on a thread of its own, which sleeps until somebody asks.
    pub(crate) fn serve(
        &self,
        answer: impl Fn(&Value) -> Result<Value, String> + Send + 'static,
    ) -> std::io::Result<()> {
        let listener = self.listener.try_clone()?;
        let thread = std::thread::Builder::new().name("status".into());
        thread.spawn(move || socket::serve(&listener, answer)).map(drop)
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// What a farm answers.
pub(crate) fn farm_answer(name: &str, mode: &str, control: &Control, question: &Value) -> Result<Value, String> {
    match question.get("ask").and_then(Value::as_str) {
        Some("stat") => serde_json::to_value(farm_sample(name, mode, control)).map_err(|error| error.to_string()),
        Some("workers") => {
            let workers = question.get("n").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
            let workers = workers.and_then(NonZeroUsize::new).filter(|workers| workers.get() <= MOST_WORKERS);
            let workers = workers.ok_or_else(|| format!("n must be a number from 1 to {MOST_WORKERS}"))?;
            control.set_workers(workers).map_err(|error| format!("cannot start more workers: {error}"))?;
            Ok(json!({ "workers": workers }))
        }
        Some("pause") => {
            control.pause();
            Ok(json!({ "paused": true }))
        }
        Some("resume") => {
            control.resume();
            Ok(json!({ "paused": false }))
        }
        _ => Err("ask for stat, workers, pause or resume".into()),
    }
}

fn farm_sample(name: &str, mode: &str, control: &Control) -> Sample {
    let report = control.report();
    let worker = |worker: &WorkerReport| Worker {
        number: worker.worker,
        pid: worker.pid.map(|pid| pid.as_raw_nonzero().get()),
        records: worker.records,
        busy_ns: nanoseconds(worker.busy),
    };
    Sample {
        kind: Kind::Farm,
        pid: getpid().as_raw_nonzero().get(),
        name: name.into(),
        mode: mode.into(),
        elapsed_ns: nanoseconds(report.elapsed),
        jobs: report.jobs,
        paused: report.paused,
        ordered: report.ordered,
        reading: report.reading,
        read: report.read,
        printed: report.printed,
        failed: report.failed,
        window: report.window,
        held_bytes: report.held_bytes as u64,
        buffer_bytes: report.buffer_bytes as u64,
        oldest: report.oldest.map(|oldest| Oldest {
            record: oldest.record,
            age_ns: nanoseconds(oldest.age),
            alone_ns: nanoseconds(oldest.alone),
            worker: oldest.holder.map(|(worker, _)| worker),
            pid: oldest.holder.map(|(_, pid)| pid.as_raw_nonzero().get()),
        }),
        input_wait_ns: nanoseconds(report.input_wait),
        room_wait_ns: nanoseconds(report.room_wait),
        output_wait_ns: nanoseconds(report.output_wait),
        held_wait_ns: nanoseconds(report.held_wait),
        workers: report.workers.iter().map(worker).collect(),
        bytes: None,
        lines: None,
    }
}
