use std::collections::BTreeMap;

use handaxe_objective::estimate::Figure;
use serde::Serialize;

/// One way to build a network, what it costs, and how good it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScanPoint {
    /// Bits of every type.
    pub bits: u32,
    /// Integer bits of every type.
    pub integer: i32,
    /// The reuse factor, if one was asked for.
    pub reuse_factor: Option<usize>,
    /// The share of weights at zero that was asked for.
    pub sparsity: f64,
    /// The metric's value at this precision.
    pub value: f64,
    /// What implementation leaves of it, by resource.
    pub resources: BTreeMap<String, Figure>,
    /// What the objectives count of it, by resource.
    pub counted: BTreeMap<String, u64>,
    /// Cycles from the first input to the last output.
    pub latency: u64,
    /// Cycles from sample to sample.
    pub interval: u64,
    /// Whether no other point is as good in every respect and better in one: the metric, every resource, and the latency.
    pub front: bool,
}

/// Widths, reuse factors and sparsities that were tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scan {
    /// The metric's name.
    pub metric: String,
    /// Whether more of it is better.
    pub increasing: bool,
    /// Its value in floating point, nothing pruned.
    pub float: f64,
    /// The points, in the order in which they were tried.
    pub points: Vec<ScanPoint>,
    /// The part that it is for.
    pub part: Option<String>,
    /// What the part has of the resources that are looked at.
    pub limits: BTreeMap<String, u64>,
    /// What is to be known of the figures.
    pub notes: Vec<String>,
}

impl Scan {
    /// Marks the points of the Pareto front.
    #[must_use]
    pub fn with_front(mut self) -> Self {
        let costs = |point: &ScanPoint| {
            let value = if self.increasing { -point.value } else { point.value };
            let counts = point.resources.values().map(|figure| figure.value as f64);
            [value, point.latency as f64].into_iter().chain(counts).collect::<Vec<_>>()
        };
        let costs: Vec<Vec<f64>> = self.points.iter().map(costs).collect();
        let beats = |a: &[f64], b: &[f64]| a != b && a.iter().zip(b).all(|(a, b)| a <= b);
        for (point, own) in self.points.iter_mut().zip(&costs) {
            point.front = !costs.iter().any(|other| beats(other, own));
        }
        self
    }

    /// Whether a point's upper ends keep within what the part has; none without a part.
    pub fn fits(&self, point: &ScanPoint) -> Option<bool> {
        let within = |(name, has): (&String, &u64)| {
            point.resources.get(name).is_none_or(|figure| figure.high <= *has)
        };
        self.part.is_some().then(|| self.limits.iter().all(within))
    }

    /// The resources that any point takes or the part has, sorted as columns stand.
    pub fn resources(&self) -> Vec<&str> {
        let taken = self.points.iter().flat_map(|point| &point.resources);
        let taken = taken.filter(|(name, figure)| {
            figure.high > 0 || self.limits.get(*name).is_some_and(|has| *has > 0)
        });
        crate::name::in_order(taken.map(|(name, _)| name))
    }

    /// The resources that the objectives count of any point, sorted as columns stand.
    pub fn counted(&self) -> Vec<&str> {
        let counts = self.points.iter().flat_map(|point| &point.counted);
        crate::name::in_order(counts.filter(|(_, count)| **count > 0).map(|(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(value: f64, dsp: u64, latency: u64) -> ScanPoint {
        ScanPoint {
            bits: 8,
            integer: 3,
            reuse_factor: None,
            sparsity: 0.0,
            value,
            resources: [("dsp".to_owned(), Figure::exact(dsp))].into(),
            counted: [("ff".to_owned(), 0), ("dsp".to_owned(), 2 * dsp)].into(),
            latency,
            interval: 1,
            front: false,
        }
    }

    #[test]
    fn the_front_is_what_nothing_beats() {
        let points = vec![
            point(0.9, 10, 5),
            point(0.8, 10, 5),
            point(0.8, 4, 5),
            point(0.8, 4, 5),
            point(0.7, 12, 2),
            point(0.7, 12, 9),
        ];
        let scan = Scan {
            metric: "accuracy".to_owned(),
            increasing: true,
            float: 0.95,
            points,
            part: Some("toy".to_owned()),
            limits: [("dsp".to_owned(), 5)].into(),
            notes: Vec::new(),
        };
        let scan = scan.with_front();
        let front: Vec<bool> = scan.points.iter().map(|point| point.front).collect();
        assert_eq!(front, [true, false, true, true, true, false]);
        let fits: Vec<_> = scan.points.iter().map(|point| scan.fits(point)).collect();
        assert_eq!(fits.iter().filter(|fits| **fits == Some(true)).count(), 2);
        assert_eq!((scan.resources(), scan.counted()), (vec!["dsp"], vec!["dsp"]));
        let error = Scan { increasing: false, ..scan }.with_front();
        assert!(!error.points[0].front && error.points[2].front);
    }
}
