//! A client: asks the `rpc_server` of that name to count each text, all at a time. `rpc_client NAME TEXT...`; a text `--end` ends it.

mod rpc_types;

use std::time::{Duration, Instant};

use narrows_shm::rpc;
use rpc_types::{Reply, Request};

fn plural(n: usize, what: &str) -> String {
    if n == 1 { format!("{n} {what}") } else { format!("{n} {what}s") }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or("count".into());
    let client = rpc::client::<Request, Reply>(&name)?;
    // The server may not be there yet; then the calls wait for it.
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut calls = Vec::new();
    for text in arguments {
        let request = if text == "--end" { Request::End } else { Request::Count { text: text.clone() } };
        calls.push((text, client.begin_deadline(request, deadline)?));
    }
    for (text, call) in calls {
        match call.wait()? {
            Reply::Counted { words, letters } => {
                println!("{text}: {} of {}", plural(words, "word"), plural(letters, "letter"));
            }
            Reply::Ending => {}
        }
    }
    Ok(())
}
