//! What is said about what was measured. Knows nothing of how.

pub(crate) mod json;
pub(crate) mod page;
pub(crate) mod plot;
pub(crate) mod table;

use crate::OURS;
use crate::measure::{Cell, Measured};
use crate::stats::{Spread, ratio};

/// Where, when and how it was measured.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) machine: String,
    pub(crate) date: String,
    pub(crate) command: String,
}

/// For HTML and SVG.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;")
}

/// One figure of one row: ours beside the best of the others.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// The row, and the figure where it has several.
    pub(crate) name: String,
    pub(crate) ours: Option<Spread>,
    /// The best general peer.
    pub(crate) best: Option<(&'static str, Spread)>,
    /// Every peer with its figure, in the order of the list.
    pub(crate) peers: Vec<(&'static str, bool, Spread)>,
}

impl Line {
    pub(crate) fn all(measured: &Measured) -> Vec<Self> {
        let figures = measured.row.figures().iter().enumerate();
        figures.map(|(at, figure)| Self::new(measured, at, figure)).collect()
    }

    fn new(measured: &Measured, at: usize, figure: &str) -> Self {
        let blank = if figure.is_empty() { "" } else { " " };
        let name = format!("{}{blank}{figure}", measured.row);
        let seen = |cell: &Cell| Some((cell.peer, cell.general, cell.spread(at)?));
        let peers: Vec<_> = measured.cells.iter().filter_map(seen).collect();
        let ours = peers.iter().find(|(peer, ..)| *peer == OURS).map(|(.., spread)| *spread);
        let others = peers.iter().filter(|(peer, general, _)| *peer != OURS && *general);
        let best = others.min_by(|a, b| a.2.median.total_cmp(&b.2.median)).map(|(peer, _, spread)| (*peer, *spread));
        Self { name, ours, best, peers }
    }

    /// Ours against the best general peer, above 1 when we are faster.
    pub(crate) fn ratio(&self) -> Option<f64> {
        Some(ratio(self.ours?.median, self.best?.1.median))
    }

    /// Ours against one peer, of whichever flavour it has in this row.
    pub(crate) fn ratio_to(&self, peer: &str) -> Option<f64> {
        let theirs = self.peers.iter().filter(|(name, ..)| crate::runner::family(name) == peer);
        let best = theirs.map(|(.., spread)| spread.median).min_by(f64::total_cmp)?;
        Some(ratio(self.ours?.median, best))
    }

    pub(crate) fn loses(&self) -> bool {
        self.ratio().is_some_and(|ratio| ratio < 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Line;
    use crate::measure::{Cell, Distance, Measured};
    use crate::row;

    fn cell(peer: &'static str, general: bool, samples: &[f64]) -> Cell {
        let samples = samples.iter().map(|&figure| vec![figure]).collect();
        Cell { peer, general, count: 1, short: false, samples, elsewhere: Vec::new() }
    }

    #[test]
    fn the_best_peer_is_general_and_not_ours() {
        let cells = vec![
            cell("narrows", true, &[5.0, 4.0, 6.0]),
            cell("kanal", true, &[10.0]),
            cell("crossfire spsc::Array", true, &[9.0]),
            cell("rtrb", false, &[2.0]),
        ];
        let line =
            &Line::all(&Measured { row: row::all()[0], cells, repeated: 0, disturbed: 0, distance: Distance::Unknown })
                [0];
        assert_eq!(line.best.unwrap().0, "crossfire spsc::Array");
        assert!((line.ratio().unwrap() - 1.8).abs() < 1e-9);
        assert!((line.ratio_to("rtrb").unwrap() - 0.4).abs() < 1e-9);
        assert!((line.ratio_to("crossfire").unwrap() - 1.8).abs() < 1e-9);
        assert!(!line.loses());
    }
}
