//! Fan-in: many senders, one receiver, one channel. It ends when the last sender is dropped.
//! Use it where several sources feed one place, such as a log, a report or a database.

use std::thread;

fn main() {
    let (readings, from_sensors) = narrows::bounded(4);
    for sensor in 0..3 {
        let readings = readings.clone();
        thread::spawn(move || {
            for minute in 0..10 {
                let degrees = 20 + sensor * minute;
                if readings.send((sensor, minute, degrees)).is_err() {
                    return; // nobody reads any more
                }
            }
        });
    }
    drop(readings); // ours; else the loop below would wait for us

    let mut seen = [0; 3];
    let mut hottest = 0;
    for (sensor, minute, degrees) in &from_sensors {
        assert_eq!(minute, seen[sensor], "messages of one sender stay in order");
        seen[sensor] += 1;
        hottest = hottest.max(degrees);
    }
    println!("readings per sensor: {seen:?}; the hottest was {hottest} degrees");
    assert_eq!(seen, [10; 3]);
    assert_eq!(hottest, 38);
}
