//! The page: every part of the report under a title that says what it shows.

mod layers;
mod overview;
mod scan;
mod steps;
mod trials;

pub use scan::scan_page;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::number::duration;
use crate::{Error, Run, finding, plots};

const STYLE: &str = include_str!("page.css");

/// The whole report as one HTML page (well-formed XML too) that needs no other file, no script and no network.
///
/// # Errors
/// [`Error::Picture`] for a kernel that cannot be encoded as an image.
pub fn html(run: &Run<'_>) -> Result<String, Error> {
    let result = run.result;
    let masks = plots::masks_figure(run)?;
    let note = |words: &str| html! { p.note { (words) } };
    let metric = "Each mark is a step of the loop: prune, train around the cut, evaluate on validation samples. \
        The shaded side of the dashed line is beyond the tolerance.";
    let layers = "Sparsity is the share of kernel weights that are zero. Figures are those of the whole network, \
        layers that the objective left alone included.";
    let resources = "A full bar is the layer before, the dark part what is left of it. Each column has its own scale.";
    let masks_note = "Every kernel of the network handed back.";
    let training = "Weights that a step removed are held at zero while it trains; rewinding lets them grow again.";
    let mut sections = vec![
        (finding::metric(run), note(metric), scroll(plots::metric_figure(run).inline())),
        ("Before and after".to_owned(), note(layers), layers::table(run)),
        (finding::resources(run), note(resources), scroll(plots::resources_figure(run).inline())),
        (finding::masks(run), note(masks_note), scroll(masks.inline())),
        (finding::training(run), note(training), scroll(plots::training_figure(run).inline())),
        (finding::solver(run), steps::note(), steps::table(run)),
        (finding::diagnostics(run), html! {}, diagnostics(run)),
        ("Configuration in force".to_owned(), html! {}, html! { pre { (run.config) } }),
    ];
    if run.result.estimated.is_some() {
        let words = "Estimates of the whole network after implementation, from its actual weights as each step left them; step \
            by step in the table of steps.";
        let figure = scroll(plots::estimated_figure(run).inline());
        sections.insert(3, (finding::estimated(run), note(words), figure));
    }
    if let Some(finding) = finding::search(run) {
        sections.insert(1, (finding, trials::note(), trials::table(run)));
    }
    let page = html! {
        (DOCTYPE)
        html lang="en" xmlns="http://www.w3.org/1999/xhtml" {
            head {
                (PreEscaped("<meta charset=\"utf-8\"/>"))
                (PreEscaped("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"))
                (PreEscaped("<meta name=\"color-scheme\" content=\"light dark\"/>"))
                title { (result.model) ": " (finding::headline(run)) }
                style { (PreEscaped(STYLE)) (PreEscaped(plots::STYLE)) }
            }
            body {
                main {
                    (overview::overview(run))
                    @for (title, note, content) in sections {
                        section { h2 { (title) } (note) (content) }
                    }
                }
                footer {
                    "handaxe " (result.version) " · seed " (result.seed) " · " (duration(result.seconds))
                }
            }
        }
    };
    Ok(printable(&page.into_string()))
}

/// What may be wider than the screen moves by itself, not with the page.
fn scroll(content: Markup) -> Markup {
    html! { div.scroll { (content) } }
}

fn diagnostics(run: &Run<'_>) -> Markup {
    html! {
        @if run.result.diagnostics.is_empty() {
            p.note { "No setting had to be changed, no layer treated otherwise than configured." }
        } @else {
            ul { @for diagnostic in &run.result.diagnostics { li { (diagnostic) } } }
        }
    }
}

/// Control characters, which neither HTML nor XML may hold, become replacement characters.
pub(crate) fn printable(text: &str) -> String {
    let allowed = |c: char| !c.is_control() || c == '\n' || c == '\t';
    let noncharacter = |c: char| matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if allowed(c) && !noncharacter(c) { c } else { '\u{fffd}' }).collect()
}
