use maud::{Markup, PreEscaped, html};

use super::axis::{Axis, Px};
use crate::page::printable;

/// The look of all pictures; the page includes it, each file carries it.
pub(crate) const STYLE: &str = include_str!("figure.css");

/// A picture with what it shows in words.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(super) width: f64,
    pub(super) height: f64,
    /// What the picture says.
    pub(crate) title: String,
    pub(super) body: Markup,
}

impl Figure {
    /// For a page that carries [`STYLE`] and says the title elsewhere.
    pub(crate) fn inline(&self) -> Markup {
        let Self { width, height, title, body } = self;
        html! {
            svg.figure viewBox=(format!("0 0 {} {}", Px(*width), Px(*height)))
                style=(format!("max-width:{}px", Px(*width))) role="img" aria-label=(title) { (body) }
        }
    }

    /// A whole file, headed by the title.
    pub(super) fn file(&self) -> String {
        const MARGIN: f64 = 24.0;
        let lines = wrap(&self.title, (self.width / 9.5) as usize);
        let top = MARGIN + 24.0 * lines.len() as f64 + 8.0;
        let (width, height) = (Px(self.width + 2.0 * MARGIN), Px(self.height + top + MARGIN));
        let markup = html! {
            svg.figure xmlns="http://www.w3.org/2000/svg" width=(width) height=(height)
                viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=(self.title) {
                style { (PreEscaped(STYLE)) }
                rect.paper width="100%" height="100%" {}
                @for (line, text) in lines.iter().enumerate() {
                    text.title x=(Px(MARGIN)) y=(Px(MARGIN + 18.0 + 24.0 * line as f64)) { (text) }
                }
                g transform=(format!("translate({} {})", Px(MARGIN), Px(top))) { (self.body) }
            }
        };
        printable(&markup.into_string())
    }
}

/// Words in lines of at most about `width` characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() && line.chars().count() + word.chars().count() >= width {
                lines.push(word.to_owned());
            } else {
                let space = if line.is_empty() { "" } else { " " };
                line.extend([space, word]);
            }
        }
    }
    lines
}

/// A straight line.
pub(super) fn line(class: &str, from: (Px, Px), to: (Px, Px)) -> Markup {
    html! { line class=(class) x1=(from.0) y1=(from.1) x2=(to.0) y2=(to.1) {} }
}

/// Text that starts, is centred or ends at `at`, by the class `start`, `middle` or `end`.
pub(super) fn text(class: &str, at: (Px, Px), words: &str) -> Markup {
    html! { text class=(class) x=(at.0) y=(at.1) { (words) } }
}

/// A rectangle from its upper left corner.
pub(super) fn rect(class: &str, corner: (Px, Px), width: f64, height: f64) -> Markup {
    html! {
        rect class=(class) x=(corner.0) y=(corner.1) width=(Px(width.max(0.0))) height=(Px(height.max(0.0))) {}
    }
}

/// About how wide `words` are in the pictures' type.
pub(super) fn text_width(words: &str) -> f64 {
    6.9 * words.chars().count() as f64
}

/// What the marks mean, in one line that ends at `right`. Each mark is drawn around the origin.
pub(super) fn legend(entries: &[(Markup, &str)], right: f64, y: f64) -> Markup {
    let width = |words: &str| text_width(words) + 40.0;
    let mut end = right - entries.iter().map(|(_, words)| width(words)).sum::<f64>();
    let place = |(mark, words)| {
        end += width(words);
        (end - width(words), mark, words)
    };
    html! {
        @for (x, mark, words) in entries.iter().map(|(mark, words)| (mark, *words)).map(place) {
            g transform=(format!("translate({} {})", Px(x + 14.0), Px(y - 4.0))) { (mark) }
            (text("start", (Px(x + 28.0), Px(y)), words))
        }
    }
}

/// Horizontal lines with their values at the left of `left`; `unit` follows each value.
pub(super) fn scale(y: &Axis, left: f64, right: f64, (factor, unit): (f64, &str)) -> Markup {
    html! {
        @for (value, label) in y.ticks(5, factor) {
            (line("grid", (Px(left), y.at(value)), (Px(right), y.at(value))))
            (text("end", (Px(left - 8.0), Px(y.at(value).0 + 4.0)), &format!("{label}{unit}")))
        }
    }
}
