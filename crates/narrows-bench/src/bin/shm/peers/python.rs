//! Python's `multiprocessing`: a script that starts its processes itself, as its users do, and comes to the same gate.

use std::process::Command;

use anyhow::{Result, bail};

use super::Peer;
use crate::crew::Task;
use crate::row;

const SCRIPT: &str = include_str!("queue.py");

pub(super) fn peers() -> [Peer; 2] {
    let queue = Peer { command: |task| command("Queue", task), ..peer("python Queue") };
    [queue, Peer { command: |task| command("SimpleQueue", task), ..peer("python SimpleQueue") }]
}

fn peer(name: &'static str) -> Peer {
    Peer {
        lacks: |_| {
            let found = Command::new("python3").arg("-V").output().is_ok_and(|output| output.status.success());
            (!found).then(|| "no python3".to_owned())
        },
        is_whole: true,
        ..Peer::new(name, |_| bail!("its processes are its own"))
    }
}

fn command(kind: &str, task: &Task) -> Result<Command> {
    let Some(row) = row::find(&task.row) else { bail!("no such row") };
    let numbers = [row.size, row.pairs, row.places].map(|number| number.to_string());
    let mut command = Command::new("python3");
    command.args(["-c", SCRIPT, kind, &format!("{:?}", row.load)]).args(numbers).arg(task.count.to_string());
    command.arg(&task.gate).arg(task.starter.to_string());
    Ok(command)
}
