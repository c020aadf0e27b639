use std::collections::BTreeMap;
use std::sync::Arc;

use handaxe_data::{Direction, Source, Targets, Tensor, metric as metric_of};
use handaxe_emulate::BitExact;
use handaxe_fixed::{FixedType, Overflow, Precision, Rounding};
use handaxe_graph::{Activation, HlsConfig, LayerId, Model, Op};

use super::profile::{Profile, Variable, float_metric};
use super::{first_samples, profile};
use crate::{Error, judge};

/// How the smallest widths are searched for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tune {
    /// Factor of the floating-point metric that must hold (of an error: its inverse is allowed).
    pub rtol: f64,
    /// Ranges seen on the data are taken this many times as large.
    pub cover: f64,
    /// Samples that ranges and the metric are measured on.
    pub samples: usize,
}

/// The widths found.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// The metric's name.
    pub metric: &'static str,
    /// Its value in floating point.
    pub float: f64,
    /// Its value at the widths found.
    pub value: f64,
    /// Whether that holds the tolerance.
    pub met: bool,
    /// The type of every variable that was tuned, by layer and variable.
    pub types: Vec<(String, &'static str, FixedType)>,
    /// The configuration with these types.
    pub config: HlsConfig,
    /// Configurations tried.
    pub tried: usize,
}

/// Fractional bits where the search begins: f32 has no more of numbers about 1.
const MOST: i32 = 18;
const LEAST: i32 = -4;

/// The smallest widths, layer by layer, at which the firmware keeps the metric: integer bits from the ranges seen on the data, then
/// fractional bits, first in common, then one variable after the other, as long as the metric holds. Accumulators and
/// results that only an activation reads are inferred, so that nothing is lost there.
///
/// # Errors
/// As [`predict_firmware`](super::predict_firmware) and [`judge`].
pub fn tune(
    model: &Model,
    config: &HlsConfig,
    data: (&[Arc<dyn Source>], &Targets),
    metric: Option<&str>,
    settings: &Tune,
) -> Result<Tuned, Error> {
    let (inputs, targets) = data;
    let samples = first_samples(model, inputs, settings.samples)?;
    let targets =
        targets.gather(&(0..samples.first().map_or(0, Tensor::rows)).collect::<Vec<_>>())?;
    let (name, float) = float_metric(model, &samples, &targets, metric)?;
    let bound = match metric_of(name)?.direction() {
        Direction::Increasing => float * settings.rtol,
        Direction::Decreasing => float / settings.rtol,
    };
    let mut search = Search {
        model,
        base: inferring(config),
        samples,
        targets,
        metric: name,
        bound,
        increasing: metric_of(name)?.direction() == Direction::Increasing,
        variables: Vec::new(),
        tried: 0,
    };
    let profiles = profile(model, &search.base, Some(inputs), settings.samples)?;
    search.variables = search.variables(&profiles, settings.cover);
    search.run()?;
    let (value, config) = (search.value()?, search.config());
    let types = search
        .variables
        .iter()
        .map(|variable| (variable.layer.clone(), variable.name, variable.of()))
        .collect();
    Ok(Tuned {
        metric: name,
        float,
        value,
        met: search.holds(value),
        types,
        config,
        tried: search.tried,
    })
}

/// One type whose width is looked for.
struct Width {
    layer: String,
    name: &'static str,
    integer: i32,
    fraction: i32,
    signed: bool,
    /// How many numbers it is the type of: what is gained by a bit.
    count: usize,
}

impl Width {
    fn of(&self) -> FixedType {
        let width = (self.integer + self.fraction).max(1);
        FixedType {
            width: width as u32,
            integer: width - self.fraction,
            signed: self.signed,
            rounding: Rounding::Rnd,
            overflow: Overflow::Sat,
            saturation_bits: 0,
            is_int: false,
        }
    }
}

struct Search<'a> {
    model: &'a Model,
    base: HlsConfig,
    samples: Vec<Tensor>,
    targets: Targets,
    metric: &'static str,
    bound: f64,
    increasing: bool,
    variables: Vec<Width>,
    tried: usize,
}

/// The configuration with everything inferred.
fn inferring(config: &HlsConfig) -> HlsConfig {
    let mut config = config.clone();
    config
        .layer_name
        .values_mut()
        .chain(config.layer_type.values_mut())
        .for_each(|section| section.precision.clear());
    let wide = FixedType {
        overflow: Overflow::Sat,
        rounding: Rounding::Rnd,
        width: 40,
        integer: 16,
        signed: true,
        saturation_bits: 0,
        is_int: false,
    };
    config.model.precision = BTreeMap::from([("default".to_owned(), Precision::Fixed(wide))]);
    for variable in ["accum", "result"] {
        config.model.precision.insert(variable.to_owned(), Precision::Auto);
    }
    config
}

impl Search<'_> {
    fn variables(&self, profiles: &[Profile], cover: f64) -> Vec<Width> {
        let tuned = profiles.iter().filter(|profile| match profile.what {
            Variable::Weight => profile.count > 0,
            Variable::Result => {
                self.model.find(&profile.layer).is_ok_and(|id| self.result_matters(id))
            }
            Variable::Accumulator | Variable::Variance => false,
        });
        tuned
            .map(|profile| {
                let signed = profile.range.0 < 0.0 || profile.what == Variable::Weight;
                let holds = Profile { of: FixedType { signed, ..profile.of }, ..profile.clone() }
                    .that_holds(cover);
                Width {
                    layer: profile.layer.clone(),
                    name: profile.variable,
                    integer: holds.integer,
                    fraction: MOST,
                    signed,
                    count: profile.count,
                }
            })
            .collect()
    }

    /// Results that an activation alone reads may be as wide as they come; those that a table's address is taken from may not.
    fn result_matters(&self, id: LayerId) -> bool {
        let layer = self.model.layer(id);
        if matches!(layer.op(), Op::Quantise { .. } | Op::Lookup { .. }) {
            return false;
        }
        if !layer.op().has_kernel() && !matches!(layer.op(), Op::BatchNorm { .. }) {
            return true;
        }
        let mut readers = self.model.layers().filter(|(_, next)| next.inputs().contains(&id));
        let softmax = |op: &Op| matches!(op, Op::Activation { function: Activation::Softmax });
        let exact = |op: &Op| {
            (matches!(
                op,
                Op::Activation { .. }
                    | Op::PRelu { .. }
                    | Op::Quantise { .. }
                    | Op::BatchNorm { .. }
            )) && !softmax(op)
        };
        self.model.outputs().contains(&id) || !readers.all(|(_, next)| exact(next.op()))
    }

    fn config(&self) -> HlsConfig {
        let mut config = self.base.clone();
        for variable in &self.variables {
            let section = config.layer_name.entry(variable.layer.clone()).or_default();
            section.precision.insert(variable.name.to_owned(), Precision::Fixed(variable.of()));
            // hls4ml's layer behind a kernel without activation must not undo it.
            if variable.name == "result" {
                let linear =
                    config.layer_name.entry(format!("{}_linear", variable.layer)).or_default();
                linear.precision.insert("result".to_owned(), Precision::Fixed(variable.of()));
            }
        }
        config
    }

    fn value(&mut self) -> Result<f64, Error> {
        self.tried += 1;
        let config = self.config();
        let outputs = BitExact::new(self.model, &config)?.predict(&self.samples)?;
        Ok(judge(&outputs, &self.targets, Some(self.metric))?.1)
    }

    fn holds(&self, value: f64) -> bool {
        if self.increasing { value >= self.bound } else { value <= self.bound }
    }

    fn run(&mut self) -> Result<(), Error> {
        if !self.try_now()? {
            return Ok(());
        }
        // In common, from fine to coarse.
        while self.all_at(-1)? {}
        // Then one after the other, the most numerous first, each as far as it goes, until none goes further.
        let mut order: Vec<usize> = (0..self.variables.len()).collect();
        order.sort_by_key(|&place| std::cmp::Reverse(self.variables[place].count));
        loop {
            let mut moved = false;
            for &place in &order {
                while self.variables[place].fraction > LEAST && self.variables[place].of().width > 1
                {
                    self.variables[place].fraction -= 1;
                    if !self.try_now()? {
                        self.variables[place].fraction += 1;
                        break;
                    }
                    moved = true;
                }
            }
            if !moved {
                return Ok(());
            }
        }
    }

    fn try_now(&mut self) -> Result<bool, Error> {
        let value = self.value()?;
        Ok(self.holds(value))
    }

    /// Moves all fractions, if the metric holds then.
    fn all_at(&mut self, by: i32) -> Result<bool, Error> {
        if self.variables.iter().any(|variable| variable.fraction + by < LEAST) {
            return Ok(false);
        }
        self.variables.iter_mut().for_each(|variable| variable.fraction += by);
        let holds = self.try_now()?;
        if !holds {
            self.variables.iter_mut().for_each(|variable| variable.fraction -= by);
        }
        Ok(holds)
    }
}
