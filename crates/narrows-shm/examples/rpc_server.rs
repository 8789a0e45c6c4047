//! A server: answers until a client tells it to end. `cargo run --example rpc_server`, and then `rpc_client`.

mod rpc_types;

use narrows_shm::rpc;
use rpc_types::{Reply, Request};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or("count".into());
    let server = rpc::server::<Request, Reply>(&name)?;
    server.serve(|request| match request {
        Request::Count { text } => {
            let letters = text.chars().filter(|letter| !letter.is_whitespace()).count();
            Reply::Counted { words: text.split_whitespace().count(), letters }
        }
        Request::End => {
            // What is under way is still answered.
            server.close();
            Reply::Ending
        }
    })?;
    Ok(())
}
