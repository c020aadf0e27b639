use maud::{Markup, html};

use super::super::axis::{Axis, Px};
use super::super::figure::{line, text};
use super::{BOTTOM, LEFT, TOP, WIDTH, frame, mark};
use crate::number::percent;
use crate::{Scan, ScanPoint};

/// Room for names right of the lines.
const NAMES: f64 = 150.0;

/// The metric against the width, a line for each sparsity; reuse factors move nothing but where they decide what is cut together.
pub(super) fn panel(scan: &Scan, y: &Axis) -> Markup {
    let right = WIDTH - NAMES;
    let bits = |point: &ScanPoint| f64::from(point.bits);
    let (least, most) = scan
        .points
        .iter()
        .map(bits)
        .fold((f64::MAX, 1.0f64), |(low, high), bits| (low.min(bits), high.max(bits)));
    let x = Axis::new(least.min(most) - 0.5, most + 0.5, LEFT, right);
    let mut ticks: Vec<u32> = scan.points.iter().map(|point| point.bits).collect();
    ticks.sort_unstable();
    ticks.dedup();
    let every = ticks.len().div_ceil(24).max(1);
    let baseline = y.at(scan.float);
    let mut names = vec![("floating point".to_owned(), baseline.0)];
    let lines = series(scan);
    names.extend(
        lines
            .iter()
            .filter_map(|(name, points)| Some((name.clone(), y.at(points.last()?.value).0))),
    );
    html! {
        (frame(scan, y, right, "bits of every type"))
        @for bits in ticks.iter().step_by(every) {
            (text("middle", (x.at(f64::from(*bits)), Px(BOTTOM + 18.0)), &bits.to_string()))
        }
        (line("baseline", (Px(LEFT), baseline), (Px(right), baseline)))
        @for (_, points) in &lines {
            @let path: Vec<String> = points.iter().map(|point| format!("{},{}", x.at(bits(point)), y.at(point.value))).collect();
            polyline.path points=(path.join(" ")) {}
            @for point in points { (mark(scan, point, (x.at(bits(point)), y.at(point.value)))) }
        }
        @for (name, at) in apart(names) { (text("start", (Px(right + 8.0), Px(at + 4.0)), &name)) }
    }
}

/// Points that differ in nothing but their width, by a name; reuse factors that answer alike are told once.
fn series(scan: &Scan) -> Vec<(String, Vec<&ScanPoint>)> {
    let mut found: Vec<(String, Vec<&ScanPoint>)> = Vec::new();
    let mut keys: Vec<(f64, Option<usize>)> = Vec::new();
    for point in &scan.points {
        let key = (point.sparsity, point.reuse_factor);
        match keys.iter().position(|known| *known == key) {
            Some(place) => found[place].1.push(point),
            None => {
                keys.push(key);
                let reuse =
                    point.reuse_factor.map_or(String::new(), |reuse| format!(", reuse {reuse}"));
                found.push((format!("{}{reuse}", share_cut(point.sparsity)), vec![point]));
            }
        }
    }
    let values = |points: &[&ScanPoint]| points.iter().map(|point| point.value).collect::<Vec<_>>();
    let mut told: Vec<(String, Vec<&ScanPoint>)> = Vec::new();
    for ((sparsity, _), (name, points)) in keys.into_iter().zip(found) {
        match told
            .iter_mut()
            .find(|(_, known)| values(known) == values(&points) && known[0].sparsity == sparsity)
        {
            Some((known, _)) => *known = share_cut(sparsity),
            None => told.push((name, points)),
        }
    }
    told
}

/// What is cut at a point, in words.
pub(super) fn share_cut(sparsity: f64) -> String {
    if sparsity > 0.0 { format!("{} cut", percent(sparsity)) } else { "nothing cut".to_owned() }
}

/// Names beside each other's places, moved down where they would overlap; as many as there is room for.
fn apart(mut names: Vec<(String, f64)>) -> Vec<(String, f64)> {
    const LINE: f64 = 14.0;
    names.sort_by(|a, b| a.1.total_cmp(&b.1));
    let most = ((BOTTOM - TOP) / LINE) as usize;
    let step = names.len().div_ceil(most.max(1)).max(1);
    let mut names: Vec<(String, f64)> = names.into_iter().step_by(step).collect();
    let mut lowest = BOTTOM - LINE * names.len() as f64;
    let mut free = TOP.min(lowest);
    for (_, at) in &mut names {
        lowest += LINE;
        *at = at.clamp(free, lowest.max(free));
        free = *at + LINE;
    }
    names
}
