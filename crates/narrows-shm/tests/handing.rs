//! Channels without a name, handed to a child or over a socket; and channels across `fork`.

use std::{
    env,
    os::unix::net::UnixStream,
    process::{Child, Command},
    thread,
    time::Duration,
};

use narrows_shm::{OpenError, RecvError, options, peer};

/// Says to the child of a test what it is to do.
const ROLE: &str = "NARROWS_SHM_TEST_ROLE";

/// This test once more, in a process of its own.
fn again(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("the tests have a file"));
    command.args(["--exact", test, "--nocapture"]).env(ROLE, test);
    command
}

fn is_child() -> bool {
    env::var_os(ROLE).is_some()
}

fn ends_well(mut child: Child) {
    assert!(child.wait().expect("our child").success());
}

#[test]
fn a_channel_is_passed_to_a_child() {
    let variable = "NARROWS_SHM_TEST_CHANNEL";
    if is_child() {
        let jobs = options().inherited::<String>(variable).expect("a channel");
        assert!(matches!(options().inherited::<String>(variable), Err(OpenError::Io(_))), "it is taken once");
        return jobs.sender().send("from the child".into()).expect("the parent receives");
    }
    let jobs = options().anonymous::<String>().expect("a channel");
    let mut command = again("a_channel_is_passed_to_a_child");
    jobs.pass_to_child(&mut command, variable).expect("a file for the child");
    let receiver = jobs.receiver();
    let child = command.spawn().expect("a child");
    assert_eq!(receiver.recv().as_deref(), Ok("from the child"));
    ends_well(child);
    assert_eq!(receiver.recv(), Err(RecvError::Disconnected), "its sender is gone");
}

#[test]
fn a_channel_goes_over_a_socket_and_a_select_receives_from_it() {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let jobs = options().plain().anonymous::<u64>().expect("a channel");
    jobs.send_over(&ours).expect("it is sent");
    assert_eq!(peer(&theirs).expect("a peer").0, std::process::id());
    let other = options().plain().received::<u64>(&theirs).expect("the channel");
    let (sender, receiver) = (jobs.sender(), other.receiver());
    let sending = thread::spawn(move || (0..100).for_each(|i| sender.send(i).expect("open")));
    let stop = narrows::after(Duration::from_secs(60));
    let mut next = 0;
    loop {
        narrows::select! {
            recv(receiver) -> message => match message {
                Ok(message) => {
                    assert_eq!(message, next);
                    next += 1;
                }
                Err(RecvError::Disconnected) => break,
                Err(RecvError::Fault(fault)) => panic!("{fault}"),
            },
            recv(stop) -> _ => panic!("nothing came"),
        }
    }
    assert_eq!(next, 100);
    sending.join().expect("no panic");
}

#[test]
fn a_channel_of_another_type_or_with_a_name_is_refused() {
    let jobs = options().anonymous::<u64>().expect("a channel");
    let file = jobs.hand_out().expect("a file");
    let refused = options().adopt::<u32>(file).expect_err("another type");
    assert!(matches!(&refused, OpenError::Mismatch(told) if told.contains("u64") && told.contains("u32")), "{refused}");
    let folder = env::temp_dir().join(format!("narrows-shm-{}-named", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let named = options().open::<u64>(folder.join("jobs").to_str().expect("UTF-8")).expect("a channel");
    assert!(named.hand_out().is_err());
    drop(named);
    std::fs::remove_dir_all(&folder).expect("our folder");
}
