//! Runs that never ran: seeded networks, steps and curves that look as real ones do.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(
    clippy::unwrap_used,
    reason = "made for tests; clippy knows only the test functions themselves"
)]

use std::collections::BTreeMap;

use handaxe_data::{Tensor, seeded};
use handaxe_graph::{Activation, Layer, LayerId, Model, Op, Padding, PoolKind, Window};
use handaxe_optimize::{
    BeforeAfter, ByResource, CurveRecord, EpochRecord, LayerRecord, Phase, ResultRecord, SCHEMA,
    Scores, SolverRecord, StepRecord, TrialRecord,
};
use handaxe_report::Run;
use rand::Rng;

pub(crate) struct Sample {
    pub(crate) result: ResultRecord,
    pub(crate) trials: Vec<TrialRecord>,
    pub(crate) steps: Vec<StepRecord>,
    pub(crate) curves: Vec<CurveRecord>,
    pub(crate) before: Model,
    pub(crate) after: Model,
    pub(crate) config: String,
}

impl Sample {
    pub(crate) fn run(&self) -> Run<'_> {
        Run {
            result: &self.result,
            trials: &self.trials,
            steps: &self.steps,
            curves: &self.curves,
            before: &self.before,
            after: &self.after,
            config: &self.config,
        }
    }
}

/// The jet-tagging perceptron, asked for half its DSPs and given more than that in ten steps.
pub(crate) fn jets() -> Sample {
    let units = [64, 32, 32, 5].map(|units| Op::Dense { units, bias: true });
    let names = ["fc1", "fc2", "fc3", "output"].map(str::to_owned);
    sample("jets", vec![16], names.into_iter().zip(units), &["dsp"], "accuracy", 0.5, 10)
}

/// A small convolutional network under two resources.
pub(crate) fn digits() -> Sample {
    let conv =
        |filters| Op::Conv { filters, window: Window::dense(&[3, 3], Padding::Same), bias: true };
    let pool = || Op::Pool { kind: PoolKind::Max, window: Window::tiling(&[2, 2]) };
    let layers = [
        ("conv1", conv(16)),
        ("pool1", pool()),
        ("conv2", conv(32)),
        ("pool2", pool()),
        ("flatten", Op::Flatten),
        ("dense", Op::Dense { units: 64, bias: true }),
        ("logits", Op::Dense { units: 10, bias: true }),
    ];
    let layers = layers.into_iter().map(|(name, op)| (name.to_owned(), op));
    let mut sample =
        sample("digits", vec![28, 28, 1], layers, &["dsp", "bram36"], "accuracy", 0.95, 14);
    // One step breaks the network altogether.
    sample.steps[12].metric = 0.31;
    sample.result.layers[3].left_alone =
        Some("weights of 8 bits are multiplied in LUTs".to_owned());
    sample.result.diagnostics = vec![
        "layer `conv1`: reuse factor 4 cannot be built for 9 x 16, 3 is used".to_owned(),
        "layer `dense`: strategy Unrolled is estimated as Latency".to_owned(),
    ];
    sample
}

/// Sixty layers with long names, five hundred steps, an error that should fall.
pub(crate) fn deep() -> Sample {
    let layers = (1..=60).map(|number| {
        let name = format!("encoder_block_{number:02}_pointwise_projection_dense");
        (name, Op::Dense { units: 20 + number % 7, bias: number % 2 == 0 })
    });
    sample("regression", vec![24], layers, &["parameters"], "mse", 0.9, 500)
}

/// One layer and no step.
pub(crate) fn untouched() -> Sample {
    let layers = [("only".to_owned(), Op::Dense { units: 3, bias: false })];
    sample("single", vec![4], layers.into_iter(), &["dsp"], "accuracy", 0.5, 0)
}

fn sample(
    name: &str,
    input: Vec<usize>,
    layers: impl Iterator<Item = (String, Op)>,
    asked: &[&str],
    metric: &str,
    target: f64,
    number: usize,
) -> Sample {
    let before = network(name, input, layers);
    let falling = metric == "mse";
    let baseline = if falling { 0.0123 } else { 0.7638 };
    let rtol: f64 = if falling { 1.0 / 0.975 } else { 0.975 };
    let steps = steps(&before, asked, target, number, baseline, rtol);
    let best = steps.iter().rfind(|step| step.good);
    let sparsity = best.map_or(0.0, |step| step.achieved[asked[0]]);
    let after = pruned(&before, sparsity);
    let score = best.map_or(baseline, |step| step.metric);
    let (records, resources) = footprint(&before, &after);
    let shares = |share: f64| asked.iter().map(|name| ((*name).to_owned(), share)).collect();
    let result = ResultRecord {
        schema: SCHEMA,
        model: name.to_owned(),
        objective: "vivado-dsp".to_owned(),
        metric: metric.to_owned(),
        increasing: !falling,
        tolerance: baseline * rtol,
        baseline: Scores { validation: baseline, test: baseline * 0.9971 },
        last: Scores { validation: score, test: score * 0.9964 },
        best_step: best.map(|step| step.step),
        asked: shares(target),
        feasible: shares(1.0),
        achieved: shares(sparsity),
        met: sparsity >= target,
        resources,
        estimated: None,
        budget: BTreeMap::new(),
        search: None,
        reduction: None,
        metrics: BTreeMap::new(),
        stopped: false,
        layers: records,
        diagnostics: Vec::new(),
        seed: 7,
        version: "0.1.0".to_owned(),
        seconds: 41.23,
    };
    let curves = curves(&steps, baseline, number);
    let config = format!(
        "model = \"{name}.safetensors\"\nseed = 7\nobjective = \"vivado-dsp\"\n\
         final-sparsity = {target}\nepochs = 6\nrtol = {rtol}\nscheduler = \"polynomial\"\n"
    );
    Sample { result, trials: Vec::new(), steps, curves, before, after, config }
}

fn network(name: &str, input: Vec<usize>, layers: impl Iterator<Item = (String, Op)>) -> Model {
    let mut model = Model::new(name);
    let mut last = model.add("input", Op::Input { shape: input }, &[]).unwrap();
    for (name, op) in layers {
        let kernel = op.has_kernel();
        last = model.add(&name, op, &[last]).unwrap();
        if kernel {
            let relu = Op::Activation { function: Activation::Relu };
            last = model.add(&format!("{name}_relu"), relu, &[last]).unwrap();
        }
    }
    let mut rng = seeded(7, 0);
    for (id, shape) in kernels(&model) {
        let mut kernel = Tensor::full(&shape, 0.0);
        // Sums of uniform numbers: many small weights, few large ones; some outputs weaker than others.
        let outputs = *shape.last().unwrap();
        let strength: Vec<f32> = (0..outputs).map(|_| rng.random_range(0.3..1.0)).collect();
        for (index, weight) in kernel.values_mut().iter_mut().enumerate() {
            let sum: f32 = (0..4).map(|_| rng.random_range(-0.25..0.25)).sum();
            *weight = sum * strength[index % outputs];
        }
        model.set_weight(id, "kernel", kernel).unwrap();
    }
    model
}

fn kernels(model: &Model) -> Vec<(LayerId, Vec<usize>)> {
    let kernel = |(id, layer): (LayerId, &Layer)| Some((id, layer.kernel()?.shape().to_vec()));
    model.layers().filter_map(kernel).collect()
}

/// Zeroes runs of four neighbouring weights, the smallest of the whole network first.
fn pruned(model: &Model, sparsity: f64) -> Model {
    let mut after = model.clone();
    let mut groups = Vec::new();
    for (id, _) in kernels(model) {
        let kernel = model.layer(id).kernel().unwrap().values();
        let norms: Vec<f32> =
            kernel.chunks(4).map(|group| group.iter().map(|weight| weight.abs()).sum()).collect();
        groups.extend(norms.into_iter().enumerate().map(|(group, norm)| (norm, id, group)));
    }
    groups.sort_by(|a, b| a.0.total_cmp(&b.0));
    let removed = (sparsity * groups.len() as f64).round() as usize;
    let mut zeros: BTreeMap<LayerId, Vec<usize>> = BTreeMap::new();
    for (_, id, group) in &groups[..removed.min(groups.len())] {
        zeros.entry(*id).or_default().push(*group);
    }
    for (id, groups) in zeros {
        let mut kernel = after.layer(id).kernel().unwrap().clone();
        for group in groups {
            kernel.values_mut().chunks_mut(4).nth(group).unwrap().fill(0.0);
        }
        after.set_weight(id, "kernel", kernel).unwrap();
    }
    after
}

fn footprint(before: &Model, after: &Model) -> (Vec<LayerRecord>, BeforeAfter) {
    let mut total = BeforeAfter::default();
    let mut records = Vec::new();
    for (id, shape) in kernels(before) {
        let count = |model: &Model| {
            let kernel = model.layer(id).kernel().unwrap().values();
            let kept = kernel.iter().filter(|weight| **weight != 0.0).count() as u64;
            let outputs: usize = before.layer(id).output_shape().iter().product();
            let positions = outputs / shape.last().unwrap();
            let counts = [
                ("parameters", kept + *shape.last().unwrap() as u64),
                ("dsp", kept.div_ceil(4)),
                ("bram36", (kept * 16).div_ceil(36 * 4)),
                ("ff", kept * 16 / 3 + 16 * outputs as u64),
                ("flops", 2 * kept * positions as u64 + outputs as u64),
            ];
            counts.map(|(name, count)| (name.to_owned(), count))
        };
        let add = |sum: &mut ByResource<u64>, counts: [(String, u64); 5]| {
            counts.iter().for_each(|(name, count)| *sum.entry(name.clone()).or_default() += count);
            counts.into_iter().collect()
        };
        let resources = BeforeAfter {
            before: add(&mut total.before, count(before)),
            after: add(&mut total.after, count(after)),
        };
        let kernel = after.layer(id).kernel().unwrap().values();
        let zeros = kernel.iter().filter(|weight| **weight == 0.0).count();
        records.push(LayerRecord {
            name: before.layer(id).name().to_owned(),
            layer_type: before.layer(id).op().layer_type(),
            shape,
            reduced: None,
            sparsity: zeros as f64 / kernel.len() as f64,
            left_alone: None,
            resources,
        });
    }
    (records, total)
}

/// A polynomial schedule; the metric first gains a little, then falls ever faster.
fn steps(
    model: &Model,
    asked: &[&str],
    target: f64,
    number: usize,
    baseline: f64,
    rtol: f64,
) -> Vec<StepRecord> {
    let mut rng = seeded(7, 1);
    let step = |step: usize| {
        let progress = step as f64 / number as f64;
        let share = target * (1.0 - (1.0 - progress).powi(3));
        let noise: f64 = rng.random_range(-0.002..0.002);
        let loss = 0.001 - 0.008 * share - 0.05 * share.powi(14) + noise;
        let metric = baseline * if rtol < 1.0 { 1.0 + loss } else { 1.0 - loss };
        let bound = 1000.0 * (1.0 - share.powi(2));
        let gap = if step.is_multiple_of(3) { 2e-5 * step as f64 } else { 0.0 };
        let shares = |shift: f64| {
            let share = |place: usize| (share + shift * (1.0 + place as f64)).min(1.0);
            asked
                .iter()
                .enumerate()
                .map(|(place, name)| ((*name).to_owned(), share(place)))
                .collect()
        };
        StepRecord {
            budget: BTreeMap::new(),
            estimated: BTreeMap::new(),
            shared: BTreeMap::new(),
            curvature: BTreeMap::new(),
            metrics: BTreeMap::new(),
            step,
            asked: shares(0.0),
            feasible: asked.iter().map(|name| ((*name).to_owned(), 1.0)).collect(),
            achieved: shares(0.002),
            metric,
            good: if rtol < 1.0 { metric >= rtol * baseline } else { metric <= rtol * baseline },
            sparsity: kernels(model)
                .into_iter()
                .map(|(id, _)| (model.layer(id).name().to_owned(), share))
                .collect(),
            solver: SolverRecord {
                name: if asked.len() > 1 { "branch_bound" } else { "class" }.to_owned(),
                status: if gap > 0.0 { "feasible" } else { "optimal" }.to_owned(),
                bound,
                value: bound * (1.0 - gap),
            },
            seconds: 3.1 + 0.1 * step as f64,
        }
    };
    (1..=number).map(step).collect()
}

fn curves(steps: &[StepRecord], baseline: f64, number: usize) -> Vec<CurveRecord> {
    let mut rng = seeded(7, 2);
    let mut stretch = |step: usize, phase: Phase, epochs: usize, from: f64, to: f64| {
        let epoch = |epoch: usize| {
            let progress = 1.0 - (-(epoch as f64) / 2.0).exp();
            let metric = from + (to - from) * progress;
            let miss = (metric / baseline - 1.0).abs();
            let loss = 0.42 * (1.0 + 6.0 * miss) * rng.random_range(0.98..1.02);
            CurveRecord { step, phase, epoch: EpochRecord { epoch, loss, metric } }
        };
        (1..=epochs).map(epoch).collect::<Vec<_>>()
    };
    let per_step = if number > 100 { 2 } else { 5 };
    let mut curves = stretch(0, Phase::Baseline, 12, 0.6 * baseline, baseline);
    for step in steps {
        let dip = step.metric - 0.02 * baseline * step.asked.values().next().unwrap();
        curves.extend(stretch(step.step, Phase::Fit, per_step, dip, step.metric));
        curves.extend(stretch(step.step, Phase::Rewind, 1, step.metric, baseline));
    }
    curves
}
