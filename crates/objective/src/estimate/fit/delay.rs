use std::collections::BTreeMap;

use handaxe_graph::IoType;

use super::super::delay::Delay;
use super::super::figure::Quantity;
use super::super::profile::{Family, Tool};
use super::super::unit::Work;
use super::{COMMON, Row, round};

/// Steps of the grid, in nanoseconds, and how many.
const PRODUCT: (f64, u32) = (0.25, 24);
const LEVEL: (f64, u32) = (0.05, 60);
/// Errors beyond this many cycles count alike: a layer that the tool built in another way.
const MOST: u64 = 4;

/// The delays under which the fewest cycles of unshared logic are wrong, by tool and parts; those of the common profile first.
pub(super) fn fit(rows: &[&Row]) -> Vec<Delay> {
    let mut cases: BTreeMap<(Tool, Family), Vec<(&Row, u64)>> = BTreeMap::new();
    for row in rows {
        if let Some(&cycles) = row.figures.get(&Quantity::Latency).filter(|_| is_unshared(row)) {
            cases.entry((row.profile.tool, row.profile.family)).or_default().push((row, cycles));
        }
    }
    let mut delays: Vec<Delay> =
        cases.iter().map(|((tool, family), cases)| best(*tool, *family, cases)).collect();
    delays.sort_by_key(|delay| (delay.tool, delay.family) != (COMMON.tool, COMMON.family));
    delays
}

/// Whether a row is of one layer whose logic is built once for each operation.
fn is_unshared(row: &Row) -> bool {
    let [unit] = row.units.as_slice() else { return false };
    let parallel = unit.io_type == IoType::IoParallel;
    match &unit.work {
        Work::Matrix(matrix) => {
            unit.regime().is_pipelined()
                && matrix.turns == 1
                && matrix.buffered == 0
                && unit.is_usual()
        }
        Work::Softmax => parallel && row.profile.tool != Tool::Vivado,
        _ => false,
    }
}

/// The point of the grid with the fewest cycles wrong; of several, the nearest to what the tools say.
fn best(tool: Tool, family: Family, cases: &[(&Row, u64)]) -> Delay {
    let usual = Delay::usual(tool, family);
    let far = |delay: &Delay| {
        (delay.product_ns / usual.product_ns).ln().abs()
            + (delay.level_ns / usual.level_ns).ln().abs()
    };
    let wrong = |delay: &Delay| {
        let of_case = |(row, cycles): &(&Row, u64)| {
            let depth =
                row.units.iter().map(|unit| unit.tree_by(&row.profile, delay).depth).sum::<u64>();
            depth.abs_diff(*cycles).min(MOST)
        };
        cases.iter().map(of_case).sum::<u64>()
    };
    let points =
        (1..=PRODUCT.1).flat_map(|product| (1..=LEVEL.1).map(move |level| (product, level)));
    let delays = points.map(|(product, level)| Delay {
        tool,
        family,
        product_ns: f64::from(product) * PRODUCT.0,
        level_ns: round(f64::from(level) * LEVEL.0),
    });
    let scored = delays.map(|delay| (wrong(&delay), delay));
    let better =
        |a: &(u64, Delay), b: &(u64, Delay)| a.0.cmp(&b.0).then(far(&a.1).total_cmp(&far(&b.1)));
    scored.min_by(better).map_or(usual, |(_, delay)| delay)
}
