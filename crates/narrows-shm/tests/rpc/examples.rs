//! The example of two programs, as two programs.

use std::process::{Command, Stdio};

use crate::Name;

/// A program among the examples: built first, as this test was, if cargo runs the test.
fn example(name: &str) -> Command {
    let mut folder = std::env::current_exe().expect("this program");
    folder.pop();
    folder.pop();
    if let Some(cargo) = std::env::var_os("CARGO") {
        let profile = folder.file_name().and_then(|name| name.to_str()).expect("a folder in UTF-8");
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--package", "narrows-shm", "--example", name]);
        build.args(["--profile", if profile == "debug" { "dev" } else { profile }]);
        build.arg("--target-dir").arg(folder.parent().expect("the folder of all that is built"));
        assert!(build.status().expect("cargo").success());
    }
    Command::new(folder.join("examples").join(name))
}

#[test]
fn the_client_is_answered_by_the_server() {
    let name = Name::new("example");
    let mut server = example("rpc_server").arg(name.path()).stdout(Stdio::null()).spawn().expect("the example");
    let output = example("rpc_client").args([&name.path(), "seven", "twenty two"]).output().expect("the example");
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(told, "seven: 1 word of 5 letters\ntwenty two: 2 words of 9 letters\n");

    // Another type is another conversation.
    assert!(matches!(narrows_shm::rpc::client::<u8, u8>(&name.path()), Err(narrows_shm::OpenError::Mismatch(_))));
    let status = example("rpc_client").args([&name.path(), "--end"]).status().expect("the example");
    assert!(status.success() && server.wait().expect("it is ours").success());
}
