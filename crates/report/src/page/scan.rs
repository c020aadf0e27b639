use maud::{DOCTYPE, PreEscaped, html};

use super::{STYLE, printable, scroll};
use crate::name;
use crate::number::thousands;
use crate::plots::{self, Width};

/// A scan of widths as one HTML page that needs no other file, no script and no network: the plot and the table.
pub fn scan_page(model: &str, metric: &str, float: f64, widths: &[Width]) -> String {
    let figure = plots::widths_figure(metric, float, widths);
    let resources: Vec<&String> =
        widths.first().map_or(Vec::new(), |width| width.resources.keys().collect());
    let page = html! {
        (DOCTYPE)
        html lang="en" xmlns="http://www.w3.org/1999/xhtml" {
            head {
                (PreEscaped("<meta charset=\"utf-8\"/>"))
                (PreEscaped("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"))
                (PreEscaped("<meta name=\"color-scheme\" content=\"light dark\"/>"))
                title { (model) ": widths" }
                style { (PreEscaped(STYLE)) (PreEscaped(plots::STYLE)) }
            }
            body {
                main {
                    h1 { (model) ": " (figure.title) }
                    section {
                        p.note { "Every type has the same width; answers are those of the firmware, to the bit." }
                        (scroll(figure.inline()))
                    }
                    section {
                        h2 { "Every width" }
                        div.scroll { table {
                            thead { tr {
                                th.number { "bits" } th.number { "reuse factor" } th.number { (name::metric(metric)) }
                                @for resource in &resources { th.number title=(name::unit(resource)) { (name::resource(resource)) } }
                            } }
                            tbody { @for width in widths { tr {
                                td.number { (width.bits) }
                                td.number { @if let Some(factor) = width.reuse_factor { (factor) } @else { "\u{2013}" } }
                                td.number { (name::metric_value(metric, width.value)) }
                                @for resource in &resources {
                                    td.number { (thousands(width.resources.get(*resource).copied().unwrap_or(0))) }
                                }
                            } } }
                        } }
                    }
                }
            }
        }
    };
    printable(&page.into_string())
}
