use handaxe_objective::estimate::{Estimate, Figure as Count, Stage, Work};
use handaxe_objective::parts::Part;
use maud::{Markup, html};

use super::axis::Px;
use super::figure::{Figure, legend, line, rect, text};
use crate::number::{compact, percent, thousands};
use crate::synthesis::{Column, resources};

const WIDTH: f64 = 860.0;
const NAMES: f64 = 80.0;
/// Room for the numbers right of the bars.
const NUMBERS: f64 = 190.0;
const HEAD: f64 = 44.0;
const ROW: f64 = 46.0;
const BAR: f64 = 18.0;

/// A bar for each resource, layer by layer, with the interval of the whole and what the part has. With a part, bars are of
/// what implementation leaves, and each is as long as the share of the part that it takes; else of what C synthesis reports.
pub(super) fn figure(estimate: &Estimate, part: Option<&Part>) -> Figure {
    let columns = resources(estimate, part);
    let stage = if part.is_some() { Stage::Implementation } else { Stage::Synthesis };
    let bars: Vec<Bar> =
        columns.iter().map(|column| Bar::new(estimate, part, stage, *column)).collect();
    let height = HEAD + ROW * bars.len() as f64 + 8.0;
    let block = |class| rect(class, (Px(-7.0), Px(-5.0)), 14.0, 10.0);
    let mut marks = vec![
        (
            html! { (rect("after", (Px(-7.0), Px(-5.0)), 7.0, 10.0)) (rect("dot faint", (Px(0.0), Px(-5.0)), 7.0, 10.0)) },
            "layers in turn",
        ),
        (line("baseline", (Px(-8.0), Px(0.0)), (Px(8.0), Px(0.0))), "nine in ten results"),
    ];
    if part.is_some() {
        marks.push((block("before"), "free on the part"));
    }
    let body = html! {
        (legend(&marks, WIDTH, 16.0))
        @for (row, bar) in bars.iter().enumerate() { (bar.draw(HEAD + ROW * row as f64)) }
    };
    Figure { width: WIDTH, height, title: title(estimate, part, &bars), body }
}

/// What the picture says: whether it fits, and what is scarcest.
fn title(estimate: &Estimate, part: Option<&Part>, bars: &[Bar]) -> String {
    let Some(part) = part else {
        let lut = estimate.synthesis.lut;
        return format!("C synthesis will report about {} LUTs", compact(lut.value));
    };
    let share = |bar: &&Bar| bar.available.map(|has| bar.total.high as f64 / has.max(1) as f64);
    let scarcest = bars
        .iter()
        .filter(|bar| bar.available.is_some_and(|has| has > 0))
        .max_by(|a, b| share(a).unwrap_or(0.0).total_cmp(&share(b).unwrap_or(0.0)));
    match scarcest {
        Some(bar) => {
            let most = share(&bar).unwrap_or(0.0);
            let has = bar.available.unwrap_or(0).max(1);
            let verdict = match most {
                most if most <= 1.0 => "It fits",
                _ if bar.total.low > has => "It does not fit",
                _ => "It may not fit",
            };
            let (name, part) = (bar.head, &part.name);
            format!("{verdict} on {part}: at most {} of its {name}", percent(most))
        }
        None => format!("What it takes of {} is not known", part.name),
    }
}

/// One resource.
struct Bar {
    head: &'static str,
    total: Count,
    available: Option<u64>,
    /// Each layer's name and share of the total.
    layers: Vec<(String, f64, u64)>,
}

impl Bar {
    fn new(
        estimate: &Estimate,
        part: Option<&Part>,
        stage: Stage,
        (name, head, figure): Column,
    ) -> Self {
        let built = estimate.layers.iter().filter(|layer| !matches!(layer.unit.work, Work::Wires));
        let counts = built.map(|layer| (layer.unit.name.clone(), figure(&layer.figures).value));
        let counts: Vec<(String, u64)> = counts.filter(|(_, count)| *count > 0).collect();
        let sum = counts.iter().map(|(_, count)| *count).sum::<u64>().max(1) as f64;
        let layers = counts.into_iter().map(|(name, count)| (name, count as f64 / sum, count));
        Self {
            head,
            total: figure(estimate.stage(stage)),
            available: part.and_then(|part| part.resources.get(name).copied()),
            layers: layers.collect(),
        }
    }

    fn draw(&self, y: f64) -> Markup {
        let room = WIDTH - NAMES - NUMBERS;
        let longest = self.available.unwrap_or(0).max(self.total.high).max(1) as f64;
        let length = |count: u64| count as f64 / longest * room;
        let (top, middle) = (y + 8.0, y + 8.0 + BAR / 2.0);
        let total = length(self.total.value);
        let mut left = NAMES;
        let pieces = self.layers.iter().enumerate().map(|(place, (name, share, count))| {
            let piece = (left, total * share);
            left += piece.1;
            (place, name, piece, *count)
        });
        html! {
            (text("strong", (Px(0.0), Px(top + 13.0)), self.head))
            @if let Some(has) = self.available { (rect("before", (Px(NAMES), Px(top)), length(has), BAR)) }
            @for (place, name, (x, width), count) in pieces {
                @if width > 0.0 {
                    g {
                        title { (name) ": " (thousands(count)) " " (self.head) " in C synthesis" }
                        (rect(if place % 2 == 0 { "after" } else { "dot faint" }, (Px(x), Px(top)), width, BAR))
                    }
                }
            }
            @let ends = [self.total.low, self.total.high].map(|end| Px(NAMES + length(end)));
            @if self.total.high > self.total.low {
                (line("baseline", (ends[0], Px(middle)), (ends[1], Px(middle))))
                @for end in ends { (line("baseline", (end, Px(top + 3.0)), (end, Px(top + BAR - 3.0)))) }
            }
            (text("strong", (Px(WIDTH - NUMBERS + 12.0), Px(top + 8.0)), &self.count()))
            (text("start", (Px(WIDTH - NUMBERS + 12.0), Px(top + 23.0)), &self.interval()))
        }
    }

    fn count(&self) -> String {
        match self.available {
            Some(has) if has > 0 => {
                let share = percent(self.total.value as f64 / has as f64);
                format!("{} of {}, {share}", compact(self.total.value), compact(has))
            }
            _ => compact(self.total.value),
        }
    }

    fn interval(&self) -> String {
        let Count { low, high, .. } = self.total;
        if low == high { String::new() } else { format!("{} to {}", compact(low), compact(high)) }
    }
}
