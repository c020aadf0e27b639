//! The pictures of a run, each a Scalable Vector Graphic that stands by itself.
//!
//! They follow the reader's light or dark scheme, tell marks apart by shape as well as by colour (Okabe and Ito's palette,
//! which colour-blind readers can tell apart), and name what a mark stands for when it is pointed at.

mod axis;
pub(crate) mod estimated;
mod figure;
mod masks;
mod metric;
mod ranges;
mod resources;
mod scan;
mod synthesis;
mod training;

pub(crate) use axis::Px;
pub(crate) use figure::{Figure, STYLE};
pub use ranges::Range;

use handaxe_objective::estimate::Estimate;
use handaxe_objective::parts::Part;

use crate::{Error, Run, Scan};

/// The metric of every step against the sparsity it reached, one panel for each resource that was asked for,
/// with the baseline, the tolerance and the step whose network is handed back.
pub fn metric(run: &Run<'_>) -> String {
    metric::figure(run).file()
}

/// Every layer's resources before and after.
pub fn resources(run: &Run<'_>) -> String {
    resources::figure(run).file()
}

/// The kernels of the network handed back as pictures: zeros, and the sign and size of what remains.
///
/// # Errors
/// [`Error::Picture`] for a kernel that cannot be encoded as an image.
pub fn masks(run: &Run<'_>) -> Result<String, Error> {
    Ok(masks::figure(run)?.file())
}

/// What implementation will leave of the network after every step, by the estimates.
pub fn estimated(run: &Run<'_>) -> String {
    estimated::figure(run).file()
}

/// Training loss and validation metric over all epochs of all steps.
pub fn training(run: &Run<'_>) -> String {
    training::figure(run).file()
}

/// How large the numbers of every variable are, as boxes over what their types hold.
pub fn ranges(ranges: &[Range]) -> String {
    ranges::figure(ranges).file()
}

/// The metric of every point of a scan against its width, its latency and each of its resources, with the Pareto front and what
/// the part has; and each resource against the width, as it is estimated and as an objective counts it.
pub fn scan(scan: &Scan) -> String {
    scan::figure(scan).file()
}

pub(crate) fn scan_figure(scan: &Scan) -> Figure {
    scan::figure(scan)
}

/// What a network will take, resource by resource, of a part if one is given.
pub fn synthesis(estimate: &Estimate, part: Option<&Part>) -> String {
    synthesis::figure(estimate, part).file()
}

pub(crate) fn metric_figure(run: &Run<'_>) -> Figure {
    metric::figure(run)
}

pub(crate) fn resources_figure(run: &Run<'_>) -> Figure {
    resources::figure(run)
}

pub(crate) fn estimated_figure(run: &Run<'_>) -> Figure {
    estimated::figure(run)
}

pub(crate) fn masks_figure(run: &Run<'_>) -> Result<Figure, Error> {
    masks::figure(run)
}

pub(crate) fn training_figure(run: &Run<'_>) -> Figure {
    training::figure(run)
}
