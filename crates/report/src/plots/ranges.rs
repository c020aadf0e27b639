use maud::html;

use super::axis::{Axis, Px};
use super::figure::{Figure, legend, line, rect, text};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 220.0;
const RIGHT: f64 = 940.0;
const TOP: f64 = 34.0;
const ROW: f64 = 26.0;

/// How large the numbers of one variable are, and what its type holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    /// What they are of.
    pub name: String,
    /// Weights, or else activations.
    pub weight: bool,
    /// Smallest |x| but 0, lower quartile, median, upper quartile, largest |x|.
    pub quartiles: [f64; 5],
    /// The type's step and its largest number.
    pub held: (f64, f64),
}

/// A row for each variable; |x| to the right, equal ratios taking equal space.
pub(super) fn figure(ranges: &[Range]) -> Figure {
    let ends = ranges
        .iter()
        .flat_map(|range| [range.quartiles[0], range.quartiles[4], range.held.0, range.held.1]);
    let x = Axis::logarithmic(ends, LEFT, RIGHT);
    let bottom = TOP + ROW * ranges.len().max(1) as f64;
    let outside = ranges.iter().filter(|range| range.quartiles[4] > range.held.1).count();
    let title = match outside {
        0 => "Every type holds the largest numbers of its variable".to_owned(),
        1 => "One type does not hold the largest numbers of its variable".to_owned(),
        count => format!("{count} types do not hold the largest numbers of their variables"),
    };
    let sample = |class| rect(class, (Px(-9.0), Px(-5.0)), 18.0, 10.0);
    let marks = [
        (sample("before"), "from the type's step to its largest number"),
        (sample("after"), "quartiles of weights"),
        (sample("negative"), "quartiles of activations"),
    ];
    let body = html! {
        (legend(&marks, RIGHT, 14.0))
        @for (value, label) in x.ticks(8, 1.0) {
            (line("grid", (x.at(value), Px(TOP)), (x.at(value), Px(bottom))))
            (text("middle", (x.at(value), Px(bottom + 18.0)), &label))
        }
        @for (place, range) in ranges.iter().enumerate() {
            @let middle = TOP + ROW * (place as f64 + 0.5);
            @let [low, first, median, third, high] = range.quartiles.map(|size| x.at(size).0);
            @let (step, largest) = (x.at(range.held.0).0, x.at(range.held.1).0);
            g {
                title { (range.name) ": |x| from " (format!("{:.3e}", range.quartiles[0])) " to " (format!("{:.3e}", range.quartiles[4])) }
                (text("end", (Px(LEFT - 10.0), Px(middle + 4.0)), &range.name))
                (rect("before", (Px(step), Px(middle - 10.0)), largest - step, 20.0))
                (line("base", (Px(low), Px(middle)), (Px(high), Px(middle))))
                (line("base", (Px(low), Px(middle - 4.0)), (Px(low), Px(middle + 4.0))))
                (line("base", (Px(high), Px(middle - 4.0)), (Px(high), Px(middle + 4.0))))
                (rect(if range.weight { "after" } else { "negative" }, (Px(first), Px(middle - 6.0)), (third - first).max(1.5), 12.0))
                (line("halo-line", (Px(median), Px(middle - 6.0)), (Px(median), Px(middle + 6.0))))
            }
        }
        (line("base", (Px(LEFT), Px(bottom)), (Px(RIGHT), Px(bottom))))
        (text("middle", (Px((LEFT + RIGHT) / 2.0), Px(bottom + 40.0)), "|x|, zeros left out"))
    };
    Figure { width: WIDTH, height: bottom + 48.0, title, body }
}
