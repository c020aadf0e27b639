//! The objectives once more, stated as naively as possible, and with every defect of the reference to be switched on.
//!
//! With all defects on it answers what hls4ml answers, with none what handaxe should: so the defects that matter to
//! an answer, taken one by one, explain how the two differ.

use std::collections::BTreeMap;

use handaxe_graph::{
    HlsAttributes, LayerAttributes, LayerType, OptimizationAttributes, Structure,
    closest_reuse_factor,
};
use serde::Deserialize;

/// What is wrong in the reference: corrections of spec/optimization.md section 10 by number, and two of its limits.
pub(crate) const DEFECTS: [&str; 7] = [BRAM, REUSE, N_IN, FF, THRESHOLD, LAST_GROUP, CONV1D];
const BRAM: &str = "4";
const REUSE: &str = "5";
const N_IN: &str = "6";
const FF: &str = "7";
const THRESHOLD: &str = "18";
const LAST_GROUP: &str = "section 3 (shorter last group)";
const CONV1D: &str = "section 5 (Conv1D FLOPs)";

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Layer {
    pub(crate) layer_type: String,
    pub(crate) weight_shape: Vec<u64>,
    pub(crate) input_shape: Vec<u64>,
    pub(crate) output_shape: Vec<u64>,
    pub(crate) io_type: String,
    pub(crate) strategy: String,
    pub(crate) weight_precision: String,
    pub(crate) output_precision: String,
    pub(crate) reuse_factor: u64,
    /// As the reference computes it.
    pub(crate) n_in: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Attributes {
    pub(crate) structure_type: String,
    pub(crate) pruning: bool,
    pub(crate) weight_sharing: bool,
    pub(crate) block_shape: [u64; 2],
    pub(crate) pattern_offset: u64,
    pub(crate) consecutive_patterns: u64,
}

impl Attributes {
    fn pruning(structure: &str, pattern_offset: u64, consecutive_patterns: u64) -> Self {
        let structure_type = structure.to_owned();
        let (pruning, weight_sharing, block_shape) = (true, false, [1, 1]);
        Self {
            structure_type,
            pruning,
            weight_sharing,
            block_shape,
            pattern_offset,
            consecutive_patterns,
        }
    }
}

/// `ap_ufixed<36,4>` -> 36
fn bits(precision: &str) -> u64 {
    precision.split(['<', ',', '>']).nth(1).unwrap().parse().unwrap()
}

pub(crate) fn n_in(layer: &Layer) -> u64 {
    layer.weight_shape.split_last().unwrap().1.iter().product()
}

fn valid(reuse: u64, n_in: u64, n_out: u64) -> bool {
    let at_once = (n_in * n_out).div_ceil(n_in.min(reuse));
    (n_in * n_out).is_multiple_of(reuse)
        && (reuse < n_in || reuse.is_multiple_of(n_in))
        && (at_once.is_multiple_of(n_out) || reuse >= n_in)
}

/// The layer as our graph would describe it: right n_in and n_out, and a reuse factor that can be built.
pub(crate) fn layer_attributes(layer: &Layer) -> LayerAttributes {
    let layer_type = match layer.layer_type.as_str() {
        "Dense" | "QDense" => LayerType::Dense,
        "Conv1D" => LayerType::Conv1D,
        "Conv2D" | "QConv2D" => LayerType::Conv2D,
        "Flatten" => LayerType::Flatten,
        other => panic!("{other}"),
    };
    let usizes = |shape: &[u64]| shape.iter().map(|&axis| axis as usize).collect::<Vec<_>>();
    let (n_in, n_out) = match layer.weight_shape.last() {
        Some(&n_out) => (n_in(layer) as usize, n_out as usize),
        None => (1, 1),
    };
    LayerAttributes {
        id: serde_json::from_str("1").unwrap(),
        name: "layer".to_owned(),
        layer_type,
        inbound: vec![],
        weight_shape: usizes(&layer.weight_shape),
        input_shape: usizes(&layer.input_shape),
        output_shape: usizes(&layer.output_shape),
        is_last: false,
        hls: Some(HlsAttributes {
            n_in,
            n_out,
            io_type: layer.io_type.parse().unwrap(),
            strategy: layer.strategy.parse().unwrap(),
            weight_precision: layer.weight_precision.parse().unwrap(),
            output_precision: layer.output_precision.parse().unwrap(),
            reuse_factor: closest_reuse_factor(layer.reuse_factor as usize, n_in, n_out),
            parallelization_factor: 1,
        }),
        extra: BTreeMap::new(),
    }
}

pub(crate) fn how(attributes: &Attributes) -> OptimizationAttributes {
    let structure = match attributes.structure_type.as_str() {
        "unstructured" => Structure::Unstructured,
        "structured" => Structure::Structured,
        "pattern" => Structure::Pattern {
            offset: attributes.pattern_offset as usize,
            consecutive: attributes.consecutive_patterns as usize,
        },
        _ => {
            let [height, width] = attributes.block_shape.map(|extent| extent as usize);
            Structure::Block { height, width }
        }
    };
    let Attributes { pruning, weight_sharing, .. } = *attributes;
    OptimizationAttributes { structure, pruning, weight_sharing }
}

/// A layer as the formulas see it, under some defects.
pub(crate) struct Told<'a> {
    layer: &'a Layer,
    wrong: &'a [&'a str],
    size: u64,
    units: u64,
    width: u64,
    reuse: u64,
    latency: bool,
    stream: bool,
}

impl<'a> Told<'a> {
    pub(crate) fn new(layer: &'a Layer, wrong: &'a [&'a str]) -> Self {
        let units = *layer.weight_shape.last().unwrap();
        let asked = layer.reuse_factor;
        let buildable = (1..=n_in(layer) * units).filter(|&reuse| valid(reuse, n_in(layer), units));
        let snapped = buildable.min_by_key(|&reuse| (reuse.abs_diff(asked), reuse)).unwrap();
        Self {
            layer,
            wrong,
            size: layer.weight_shape.iter().product(),
            units,
            width: bits(&layer.weight_precision),
            reuse: if wrong.contains(&REUSE) { asked } else { snapped },
            latency: layer.strategy == "Latency",
            stream: layer.io_type == "io_stream",
        }
    }

    fn has(&self, defect: &str) -> bool {
        self.wrong.contains(&defect)
    }

    fn narrow(&self) -> bool {
        self.width < 9
    }

    /// One use for each position of a convolution.
    fn positions(&self) -> u64 {
        let positions = self.layer.output_shape.split_last().unwrap().1;
        if self.layer.layer_type.contains("Conv") { positions.iter().product() } else { 1 }
    }

    fn flops(&self, figure: u64) -> Option<u64> {
        (self.layer.layer_type != "Conv1D" || !self.has(CONV1D)).then_some(figure)
    }

    pub(crate) fn optimisable(&self, objective: &str) -> Option<Attributes> {
        let single = Some(Attributes::pruning("unstructured", 1, 1));
        let pattern =
            |consecutive| Some(Attributes::pruning("pattern", self.size / self.reuse, consecutive));
        let columns_wide = |runs: &u64| (runs * self.width).is_multiple_of(36);
        match objective {
            "parameter" => single,
            "gpu-flops" => Some(Attributes::pruning("structured", 1, 1)),
            "vivado-dsp" if self.narrow() => None,
            "vivado-dsp" => {
                if self.latency {
                    single
                } else {
                    pattern(1)
                }
            }
            "vivado-ff" if self.latency => single,
            "vivado-ff" => (!self.stream).then(|| Attributes::pruning("structured", 1, 1)),
            _ if self.latency || self.reuse == 1 => {
                single.filter(|_| !self.narrow() || self.has(THRESHOLD))
            }
            _ if !self.has(BRAM) => pattern((1..).find(columns_wide).unwrap()),
            _ if 36 % self.width == 0 => pattern(36 / self.width),
            _ => pattern(72u64.div_ceil(self.width)),
        }
    }

    /// `None` where the reference raises.
    pub(crate) fn resources(&self, objective: &str) -> Option<Vec<u64>> {
        let outputs =
            self.layer.output_shape.iter().product::<u64>() * bits(&self.layer.output_precision);
        Some(match objective {
            "parameter" => vec![self.size],
            "gpu-flops" => vec![self.flops(2 * self.size * self.positions() + self.units)?],
            "vivado-dsp" => vec![if self.narrow() { 0 } else { self.size / self.reuse }],
            "vivado-ff" => {
                let weights = if self.latency { self.size * self.width } else { 0 };
                vec![weights + if self.stream { 0 } else { outputs }]
            }
            _ => {
                let dsp =
                    if self.narrow() && !self.has(THRESHOLD) { 0 } else { self.size / self.reuse };
                let depth = if self.has(BRAM) { 1 } else { self.reuse.div_ceil(1024) };
                let columns = (self.size * self.width).div_ceil(36 * self.reuse);
                vec![dsp, if self.latency || self.reuse == 1 { 0 } else { columns * depth }]
            }
        })
    }

    /// Weights in the first group.
    pub(crate) fn group(&self, how: &Attributes) -> u64 {
        let wanted = match how.structure_type.as_str() {
            "unstructured" => 1,
            "structured" => self.size / self.units,
            "pattern" => self.size / how.pattern_offset * how.consecutive_patterns,
            _ => how.block_shape[0] * how.block_shape[1],
        };
        if self.has(LAST_GROUP) { wanted } else { wanted.min(self.size) }
    }

    /// What pruning the first group saves; `None` where the reference raises.
    pub(crate) fn savings(&self, objective: &str, how: &Attributes) -> Option<Vec<u64>> {
        let (group, structure) = (self.group(how), how.structure_type.as_str());
        let two = objective == "vivado-dsp-bram";
        let shares_for_nothing = how.weight_sharing && !objective.starts_with("vivado-dsp");
        if !how.pruning || shares_for_nothing {
            return Some(vec![0; if two { 2 } else { 1 }]);
        }
        Some(match objective {
            "parameter" => vec![group],
            "gpu-flops" if structure == "structured" => {
                vec![self.flops(2 * group * self.positions() + 1)?]
            }
            "gpu-flops" => vec![0],
            "vivado-dsp" => vec![if self.narrow() { 0 } else { self.dsps(structure, group, how) }],
            "vivado-ff" => vec![self.flip_flops(structure, group)],
            _ => self.dsps_and_brams(structure, group, how),
        })
    }

    fn dsps(&self, structure: &str, group: u64, how: &Attributes) -> u64 {
        let n_in = if self.has(N_IN) { self.layer.n_in.unwrap() } else { n_in(self.layer) };
        match structure {
            _ if self.latency => u64::from(self.reuse == 1),
            "unstructured" => u64::from(self.reuse == 1),
            "structured" => u64::from(self.reuse == n_in),
            "pattern" if self.size / how.pattern_offset == self.reuse => group / self.reuse,
            _ => 0,
        }
    }

    fn flip_flops(&self, structure: &str, group: u64) -> u64 {
        let n_in = if self.has(N_IN) { self.layer.n_in.unwrap() } else { n_in(self.layer) };
        let places: u64 = self.layer.output_shape.split_last().unwrap().1.iter().product();
        let outputs = if self.has(FF) { 1 } else { places } * bits(&self.layer.output_precision);
        let neuron = structure == "structured";
        let weights = if neuron { n_in } else { group };
        let weights = if self.latency { weights * self.width } else { 0 };
        weights + if neuron && !self.stream { outputs } else { 0 }
    }

    fn dsps_and_brams(&self, structure: &str, group: u64, how: &Attributes) -> Vec<u64> {
        let runs = group / self.reuse;
        let by_runs = structure == "pattern" && self.size / how.pattern_offset == self.reuse;
        let in_memory = !self.latency && self.reuse > 1;
        let [dsp, bram] = if self.has(BRAM) {
            match (self.reuse, how.consecutive_patterns * self.width) {
                (1, _) => [1, 0],
                (_, 36 | 72) if by_runs && in_memory => [runs, 1],
                _ => [0, 0],
            }
        } else if by_runs && in_memory {
            [runs, self.columns_emptied(runs) * self.reuse.div_ceil(1024)]
        } else if by_runs && self.reuse == 1 {
            [runs, 0]
        } else {
            [u64::from(self.reuse == 1), 0]
        };
        vec![if self.narrow() && !self.has(THRESHOLD) { 0 } else { dsp }, bram]
    }

    /// Columns of memory in which the first `runs` runs are all that there is, looked at bit by bit.
    fn columns_emptied(&self, runs: u64) -> u64 {
        let used = self.size / self.reuse * self.width;
        let emptied = |column: &u64| {
            (column * 36..used.min(column * 36 + 36)).all(|bit| bit < runs * self.width)
        };
        (0..used.div_ceil(36)).filter(emptied).count() as u64
    }
}
