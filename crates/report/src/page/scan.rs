use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{STYLE, printable, scroll};
use crate::number::{percent, thousands};
use crate::{Scan, ScanPoint, name, plots};

/// A scan as one HTML page that needs no other file, no script and no network: the plot, the Pareto front, and every point.
pub fn scan_page(model: &str, scan: &Scan) -> String {
    let figure = plots::scan_figure(scan);
    let front = scan.points.iter().filter(|point| point.front);
    let page = html! {
        (DOCTYPE)
        html lang="en" xmlns="http://www.w3.org/1999/xhtml" {
            head {
                (PreEscaped("<meta charset=\"utf-8\"/>"))
                (PreEscaped("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"))
                (PreEscaped("<meta name=\"color-scheme\" content=\"light dark\"/>"))
                title { (model) ": widths, reuse factors, sparsities" }
                style { (PreEscaped(STYLE)) (PreEscaped(plots::STYLE)) }
            }
            body {
                main {
                    header {
                        p.kicker { (model) @if let Some(part) = &scan.part { " on " (part) } }
                        h1 { (figure.title) }
                    }
                    section {
                        h2 { "What each costs, and how good it is" }
                        p.note { "Answers are those of the firmware, to the bit; resources are estimates of what implementation leaves, and dotted what the objectives count, which know no weights but zeros." }
                        @for note in &scan.notes { p.note { (note) } }
                        (scroll(figure.inline()))
                    }
                    section {
                        h2 { "The Pareto front" }
                        p.note { "No other point is as good in the metric, every resource and the latency, and better in one of them." }
                        (table(scan, front))
                    }
                    section {
                        h2 { "Every point" }
                        (table(scan, scan.points.iter()))
                    }
                    @let counted = scan.counted();
                    @if !counted.is_empty() {
                        section {
                            h2 { "What the objectives count of every point" }
                            p.note { "Zero weights are left out; what an objective cannot prune away counts as it stands." }
                            (counts(scan, &counted))
                        }
                    }
                }
            }
        }
    };
    printable(&page.into_string())
}

fn table<'a>(scan: &Scan, points: impl Iterator<Item = &'a ScanPoint>) -> Markup {
    let resources = scan.resources();
    html! {
        div.scroll.tall { table {
            thead { tr {
                (heads(scan, &resources))
                th.number { "latency" } th.number { "interval" }
                @if let Some(part) = &scan.part { th { "fits " (part) } }
                th { "front" }
            } }
            tbody { @for point in points { (row(scan, point, &resources)) } }
        } }
    }
}

/// What every point is, how good it is, and a head for each resource.
fn heads(scan: &Scan, resources: &[&str]) -> Markup {
    html! {
        th.number { "bits" } th.number { "reuse factor" } th.number { "cut" } th.number { (name::metric(&scan.metric)) }
        @for resource in resources { th.number title=(name::unit(resource)) { (name::resource(resource)) } }
    }
}

fn first(scan: &Scan, point: &ScanPoint) -> Markup {
    html! {
        td.number { (point.bits) }
        td.number { @if let Some(factor) = point.reuse_factor { (factor) } @else { "\u{2013}" } }
        td.number { (percent(point.sparsity)) }
        td.number { (name::metric_value(&scan.metric, point.value)) }
    }
}

fn counts(scan: &Scan, counted: &[&str]) -> Markup {
    html! {
        div.scroll.tall { table {
            thead { tr { (heads(scan, counted)) } }
            tbody { @for point in &scan.points {
                tr.chosen[point.front] {
                    (first(scan, point))
                    @for name in counted {
                        td.number { @if let Some(count) = point.counted.get(*name) { (thousands(*count)) } @else { "\u{2013}" } }
                    }
                }
            } }
        } }
    }
}

fn row(scan: &Scan, point: &ScanPoint, resources: &[&str]) -> Markup {
    html! {
        tr.chosen[point.front] {
            (first(scan, point))
            @for resource in resources {
                td.number {
                    @if let Some(figure) = point.resources.get(*resource) {
                        (thousands(figure.value))
                        @if figure.low < figure.high { span.small { (thousands(figure.low)) " to " (thousands(figure.high)) } }
                    } @else { "\u{2013}" }
                }
            }
            td.number { (thousands(point.latency)) }
            td.number { (thousands(point.interval)) }
            @if let Some(fits) = scan.fits(point) {
                td { @if fits { "yes" } @else { span.bad-word { "no" } } }
            }
            td { @if point.front { "✓" } }
        }
    }
}
