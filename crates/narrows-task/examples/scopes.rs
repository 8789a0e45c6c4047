//! Ask several at once, take the answers that come in time, and leave nothing running behind.
//!
//! `cargo run -p narrows-task --example scopes`

use std::time::Duration;

use narrows_task::{OnFailure, block_on, scope, scope_options, sleep, thread_scope};

async fn price(shop: u64) -> Result<u64, String> {
    match shop {
        2 => Err("closed on Mondays".to_owned()),
        3 => {
            sleep(Duration::from_secs(3600)).await;
            Ok(0)
        }
        _ => Ok(100 + shop),
    }
}

fn main() {
    // All or nothing: the first failure cancels the rest, the one that would take an hour included.
    let all = block_on(scope(|scope| async move {
        for shop in 0..4 {
            scope.try_go(price(shop)).detach();
        }
    }));
    println!("all: {}", all.expect_err("shop 2 is closed"));

    // What comes in time.
    let some = block_on(async {
        let (s, r) = narrows::bounded(4);
        let rest = scope_options().timeout(Duration::from_millis(50)).on_failure(OnFailure::Collect);
        let ended = rest.run(|scope| async move {
            for shop in 0..4 {
                let s = s.clone();
                scope.try_go(async move { price(shop).await.map(|price| s.try_send(price).is_ok()) }).detach();
            }
        });
        let why = ended.await.expect_err("shop 3 takes an hour");
        let mut prices: Vec<u64> = r.try_iter().collect();
        prices.sort_unstable();
        (prices, why)
    });
    println!("in time: {:?}; {}", some.0, some.1);

    // Threads may borrow.
    let text = "ownership moves with the message".to_owned();
    let words = thread_scope(|scope| {
        let (left, right) = text.split_at(text.len() / 2);
        let left = scope.spawn(|_| left.matches('e').count());
        let right = scope.spawn(|_| right.matches('e').count());
        left.join().expect("it only counts") + right.join().expect("it only counts")
    });
    println!("the letter e: {}", words.expect("nothing failed"));
}
