//! How long a call takes between two processes, beside 8 bytes there and back through two pipes, in one run: while both are busy,
//! and while both sleep. Figures to look at, of this machine at this moment.

use std::{
    env,
    io::{Read, Write},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use narrows_shm::options;

const BUSY: usize = 20_000;
const ASLEEP: usize = 500;
const PAUSE: Duration = Duration::from_millis(2);

/// The median of the calls, and what 99 of 100 took at most.
fn measure(calls: usize, pause: Duration, call: &mut dyn FnMut()) -> (Duration, Duration) {
    let mut took: Vec<Duration> = (0..calls)
        .map(|_| {
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
            let began = Instant::now();
            call();
            began.elapsed()
        })
        .collect();
    took.sort();
    (took[calls / 2], took[calls * 99 / 100])
}

fn report(what: &str, call: &mut dyn FnMut()) {
    let (busy, asleep) = (measure(BUSY, Duration::ZERO, call), measure(ASLEEP, PAUSE, call));
    println!("{what}: busy {:?} (99 %: {:?}), asleep {:?} (99 %: {:?})", busy.0, busy.1, asleep.0, asleep.1);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = env::args().nth(1);
    if let Some(name) = name {
        // The other process: of the calls, or of the pipes.
        if name != "-" {
            options().plain().server::<u64, u64>(&name)?.serve(|n| n)?;
            return Ok(());
        }
        let mut bytes = [0; 8];
        while std::io::stdin().read_exact(&mut bytes).is_ok() {
            std::io::stdout().write_all(&bytes)?;
            std::io::stdout().flush()?;
        }
        return Ok(());
    }
    let name = format!("rpc-latency-{}", std::process::id());
    let client = options().plain().client::<u64, u64>(&name)?;
    let mut server = Command::new(env::current_exe()?).arg(&name).spawn()?;
    report("call", &mut || assert_eq!(client.call(7).expect("a server"), 7));
    client.close();
    server.wait()?;

    let mut other = Command::new(env::current_exe()?).arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (mut there, mut back) = (other.stdin.take().expect("piped"), other.stdout.take().expect("piped"));
    report("pipe", &mut || {
        there.write_all(&[7; 8]).expect("it reads");
        back.read_exact(&mut [0; 8]).expect("it writes");
    });
    drop(there);
    other.wait()?;
    Ok(())
}
