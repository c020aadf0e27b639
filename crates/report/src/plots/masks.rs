use handaxe_graph::Layer;
use maud::{Markup, html};

use super::axis::Px;
use super::figure::{Figure, legend, rect, text, text_width};
use crate::number::{clip_all, count, percent, thousands};
use crate::picture::Picture;
use crate::{Error, Run, finding};

const WIDTH: f64 = 960.0;
/// A picture is enlarged to at most this width and height, each weight by a whole number of pixels.
const WIDEST: f64 = 880.0;
const HIGHEST: f64 = 160.0;
const MOST_ENLARGED: f64 = 12.0;
/// With more layers than this, pictures are enlarged to no more than half that height.
const MANY: usize = 12;
const CAPTION: f64 = 42.0;
const GAP: (f64, f64) = (36.0, 30.0);
/// Pictures on a shelf begin at multiples of this.
const COLUMN: f64 = 120.0;
/// Pixels for the pictures of all layers together: about a byte each in the page.
const BUDGET: usize = 2_000_000;
const BUDGET_A_LAYER: std::ops::RangeInclusive<usize> = 20_000..=300_000;

/// A layer's picture with its caption.
struct Block {
    /// What the layer is, and what is left of it.
    caption: [String; 2],
    /// The layer's full name.
    name: String,
    uri: String,
    width: f64,
    height: f64,
}

/// The kernels one after the other, several beside each other where they fit.
pub(super) fn figure(run: &Run<'_>) -> Result<Figure, Error> {
    let layers = || run.after.layers().filter(|(_, layer)| layer.kernel().is_some());
    let (least, most) = BUDGET_A_LAYER.into_inner();
    let number = layers().count();
    let budget = (BUDGET / number.max(1)).clamp(least, most);
    let highest = if number > MANY { HIGHEST / 2.0 } else { HIGHEST };
    let blocks = layers().filter_map(|(_, layer)| block(run, layer, budget, highest).transpose());
    let blocks = blocks.collect::<Result<Vec<Block>, Error>>()?;
    let (places, height) = place(&blocks);
    let mark = |class| rect(class, (Px(-6.0), Px(-6.0)), 12.0, 12.0);
    let marks =
        [(mark("positive"), "positive"), (mark("negative"), "negative"), (mark("zero"), "zero")];
    let body = html! {
        (legend(&marks, WIDTH, 14.0))
        (text("start", (Px(0.0), Px(14.0)), "The stronger the colour, the larger the weight, within its layer."))
        @if blocks.is_empty() { (text("start", (Px(0.0), Px(60.0)), "No layer has a kernel.")) }
        @for (block, (x, y)) in blocks.iter().zip(places) { (draw(block, x, y)) }
    };
    Ok(Figure { width: WIDTH, height, title: finding::masks(run), body })
}

fn block(
    run: &Run<'_>,
    layer: &Layer,
    budget: usize,
    highest: f64,
) -> Result<Option<Block>, Error> {
    let Some(kernel) = layer.kernel() else { return Ok(None) };
    let Some(picture) = Picture::new(kernel, budget) else { return Ok(None) };
    let (width, height) = (picture.width as f64, picture.height as f64);
    let fitting = (WIDEST / width).min(highest / height).floor().clamp(1.0, MOST_ENLARGED);
    Ok(Some(Block {
        caption: [describe(layer, &picture), remains(run, layer)],
        name: layer.name().to_owned(),
        uri: picture.data_uri(layer.name())?,
        width: width * fitting,
        height: height * fitting,
    }))
}

fn describe(layer: &Layer, picture: &Picture) -> String {
    let shape = layer.kernel().map_or(&[][..], |kernel| kernel.shape());
    let (spatial, [inputs, outputs]) = match shape {
        [spatial @ .., inputs, outputs] => (spatial, [*inputs, *outputs]),
        _ => (&[][..], [1, shape.iter().product()]),
    };
    let (down, across) = if picture.turned { ("→", "↓") } else { ("↓", "→") };
    let mut text =
        format!("{}: {inputs} in {down} × {outputs} out {across}", layer.op().layer_type());
    if !spatial.is_empty() {
        let taps: Vec<String> = spatial.iter().map(usize::to_string).collect();
        text += &format!(", kernels of {}", taps.join(" × "));
    }
    if picture.block > 1 || picture.taps > 1 {
        let weights = picture.block * picture.block * picture.taps;
        text += &format!("; a pixel stands for {}, stronger: more kept", count(weights, "weight"));
    }
    text
}

/// What is left of a kernel: weights, and whole outputs.
fn remains(run: &Run<'_>, layer: &Layer) -> String {
    let Some(kernel) = layer.kernel() else { return String::new() };
    let values = kernel.values();
    let kept = values.iter().filter(|weight| **weight != 0.0).count();
    let outputs = kernel.shape().last().copied().unwrap_or(1).max(1);
    let mut used = vec![false; outputs];
    for row in values.chunks_exact(outputs) {
        for (used, weight) in used.iter_mut().zip(row) {
            *used |= *weight != 0.0;
        }
    }
    let empty = used.iter().filter(|used| !**used).count();
    let all = thousands(values.len() as u64);
    let share = percent(1.0 - kept as f64 / values.len().max(1) as f64);
    let mut text = format!("{} of {all} weights kept, {share} zero", thousands(kept as u64));
    if empty > 0 {
        text += &format!("; {} of {outputs} outputs empty", thousands(empty as u64));
    }
    if let Some(shared) = run.chosen().and_then(|step| step.shared.get(layer.name())) {
        let weights = thousands(shared.weights as u64);
        text += &format!("; {weights} share {}", count(shared.values, "value"));
    }
    let original = run.before.find(layer.name()).ok().and_then(|id| run.before.layer(id).kernel());
    if let Some(original) = original.filter(|original| original.shape() != kernel.shape()) {
        text += &format!("; was {:?}", original.shape());
    }
    text
}

/// Shelves from top to bottom: where each block stands, and the height of all.
fn place(blocks: &[Block]) -> (Vec<(f64, f64)>, f64) {
    let (mut x, mut y, mut shelf) = (0.0, 40.0, 0.0f64);
    let mut places = Vec::with_capacity(blocks.len());
    for block in blocks {
        let words = block.caption.iter().map(|line| text_width(line));
        let width = words.chain([text_width(&block.name), block.width]).fold(0.0, f64::max);
        if x > 0.0 && x + width > WIDTH {
            (x, y, shelf) = (0.0, y + shelf + GAP.1, 0.0);
        }
        places.push((x, y));
        x += ((width + GAP.0) / COLUMN).ceil() * COLUMN;
        shelf = shelf.max(CAPTION + 18.0 + block.height);
    }
    (places, y + shelf.max(CAPTION) + 4.0)
}

fn draw(block: &Block, x: f64, y: f64) -> Markup {
    let Block { caption: [what, left], name, uri, width, height } = block;
    html! {
        g transform=(format!("translate({} {})", Px(x), Px(y))) {
            title { (name) ", " (what) ". " (left) }
            (text("strong", (Px(0.0), Px(14.0)), &clip_all(&[name], 90)[0]))
            (text("start", (Px(0.0), Px(30.0)), what))
            (text("start", (Px(0.0), Px(46.0)), left))
            image x="0" y=(Px(CAPTION + 14.0)) width=(Px(*width)) height=(Px(*height))
                preserveAspectRatio="none" href=(uri) {}
        }
    }
}
