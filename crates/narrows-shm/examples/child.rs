//! A channel without a name is handed to a child: this program starts itself, gives its child squares to do, and takes the answers.
//! Nobody else can find the channels, and nothing is left of them when both have ended.
//!
//! ```text
//! cargo run -p narrows-shm --example child
//! ```

use std::{env, error::Error, process::Command};

use narrows_shm::options;

const JOBS: &str = "EXAMPLE_JOBS";
const ANSWERS: &str = "EXAMPLE_ANSWERS";

fn child() -> Result<(), Box<dyn Error>> {
    let jobs = options().inherited::<u64>(JOBS)?.receiver();
    let answers = options().inherited::<(u64, u64)>(ANSWERS)?.sender();
    for job in jobs.iter() {
        let job = job?;
        answers.send((job, job * job))?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    if env::var_os(JOBS).is_some() {
        return child();
    }
    let jobs = options().capacity(4).anonymous::<u64>()?;
    let answers = options().capacity(4).anonymous::<(u64, u64)>()?;
    let mut command = Command::new(env::current_exe()?);
    jobs.pass_to_child(&mut command, JOBS)?;
    answers.pass_to_child(&mut command, ANSWERS)?;
    let (sender, receiver) = (jobs.sender(), answers.receiver());
    let mut child = command.spawn()?;
    drop((jobs, answers));

    let sending = std::thread::spawn(move || (1..=10).try_for_each(|job| sender.send(job)));
    for answer in receiver.iter() {
        let (job, square) = answer?;
        println!("{job} * {job} = {square}");
    }
    sending.join().expect("the sender does not panic")?;
    if child.wait()?.success() { Ok(()) } else { Err("the child has failed".into()) }
}
