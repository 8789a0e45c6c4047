//! Every sample, for programs.

use serde_json::{Value, json};

use super::{About, Line};
use crate::measure::{Distance, Measured};
use crate::targets::Verdict;

pub(crate) fn document(about: &About, all: &[Measured], verdicts: &[Verdict]) -> Value {
    json!({
        "machine": about.machine,
        "date": about.date,
        "command": about.command,
        "rows": all.iter().map(row).collect::<Vec<_>>(),
        "targets": verdicts.iter().map(target).collect::<Vec<_>>(),
    })
}

fn row(measured: &Measured) -> Value {
    let lines = Line::all(measured);
    json!({
        "row": measured.row.to_string(),
        "repeated": measured.repeated,
        "disturbed": measured.disturbed,
        "cores_apart_ns": match measured.distance {
            Distance::Unknown => json!(null),
            Distance::One(distance) => json!(distance),
            Distance::Mixed => json!("mixed"),
        },
        "figures": lines.iter().zip(measured.row.figures()).map(|(line, figure)| json!({
            "figure": figure,
            "ours": line.ours.map(|ours| ours.median),
            "best_peer": line.best.map(|(peer, _)| peer),
            "best": line.best.map(|(_, best)| best.median),
            "ratio": line.ratio(),
        })).collect::<Vec<_>>(),
        "peers": measured.cells.iter().map(|cell| json!({
            "peer": cell.peer,
            "counted": cell.general,
            "messages": cell.count,
            "short": cell.short,
            "samples": cell.samples,
            "elsewhere": cell.elsewhere.iter().map(|(distance, figures)| json!({
                "cores_apart_ns": distance,
                "sample": figures,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

fn target(verdict: &Verdict) -> Value {
    json!({
        "target": verdict.what,
        "row": verdict.row,
        "wanted": verdict.wanted,
        "value": verdict.value,
        "verdict": verdict.word(),
    })
}

#[cfg(test)]
mod tests {
    use super::document;
    use crate::measure::{Cell, Distance, Measured};
    use crate::report::About;
    use crate::row;

    #[test]
    fn every_sample_and_the_ratio_are_there() {
        let cell = |peer, samples: [f64; 2]| Cell {
            peer,
            general: true,
            count: 7,
            short: false,
            samples: samples.iter().map(|&figure| vec![figure]).collect(),
            elsewhere: vec![(400.0, vec![9.0])],
        };
        let cells = vec![cell("narrows", [1.0, 3.0]), cell("kanal", [4.0, 4.0])];
        let measured = Measured { row: row::all()[0], cells, repeated: 1, disturbed: 0, distance: Distance::One(50.0) };
        let about = About { machine: "m".to_owned(), date: "d".to_owned(), command: "c \"q\"".to_owned() };
        let text = document(&about, &[measured], &[]).to_string();
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["command"], "c \"q\"");
        assert_eq!(read["rows"][0]["row"], row::all()[0].to_string());
        assert_eq!(read["rows"][0]["figures"][0]["ratio"], 2.0);
        assert_eq!(read["rows"][0]["cores_apart_ns"], 50.0);
        assert_eq!(read["rows"][0]["peers"][0]["elsewhere"][0]["cores_apart_ns"], 400.0);
        assert_eq!(read["rows"][0]["peers"][0]["samples"], serde_json::json!([[1.0], [3.0]]));
    }
}
