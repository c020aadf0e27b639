use std::fmt;

use handaxe_fixed::{FixedType, Overflow};
use handaxe_graph::{Activation, FirmwareLayer, HlsConfig, Model, Op, Softmax};

use super::profile::{fraction_of, holding};
use super::{LayerTrace, Profile, Variable};
use crate::Error;

/// Something about a configuration that makes the firmware's answers worse than they need be.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each message names its fields")]
pub enum Finding {
    Overflow {
        layer: String,
        variable: &'static str,
        of: FixedType,
        share: f64,
        range: (f64, f64),
        would_do: FixedType,
    },
    Vanishing {
        layer: String,
        variable: &'static str,
        of: FixedType,
        median: f64,
        would_do: FixedType,
    },
    UselessTable {
        layer: String,
        before: String,
        of: FixedType,
        unit: f64,
        would_do: &'static str,
    },
    BeyondTable {
        layer: String,
        variance: f64,
        end: f64,
    },
    MayWrap {
        layer: String,
        of: FixedType,
        would_do: FixedType,
    },
    DroppedQuantiser {
        layer: String,
        before: String,
    },
    Dead {
        layer: String,
        of: FixedType,
        value: f32,
        would_do: Option<FixedType>,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overflow { layer, variable, of, share, range, would_do } => {
                let (low, high) = range;
                let how = if of.overflow == Overflow::Wrap { "wrap around" } else { "are cut off" };
                write!(
                    f,
                    "layer `{layer}`: {:.2} % of {variable} {how} in {of}; they lie in {low:.4}..{high:.4}, which {would_do} holds",
                    100.0 * share
                )
            }
            Self::Vanishing { layer, variable, of, median, would_do } => {
                write!(
                    f,
                    "layer `{layer}`: most of {variable} become 0 in {of}; half of them are below {median:.2e}, which {would_do} shows"
                )
            }
            Self::UselessTable { layer, before, of, unit, would_do } => write!(
                f,
                "layer `{layer}`: its table has one entry for {unit} units of inputs of type {of}, so that all outputs come out alike; give the result of `{before}` a type such as {would_do}"
            ),
            Self::BeyondTable { layer, variance, end } => {
                write!(
                    f,
                    "layer `{layer}`: variances reach {variance:.4}, its table of 1 / sqrt ends at {end}, and what is larger counts as that; "
                )?;
                // Up to 1 the range can be had, in powers of two.
                if *variance <= 1.0 {
                    let power = -variance.log2().ceil();
                    return write!(
                        f,
                        "`TableRangePower2: {power}` in its section reaches {}",
                        (-power).exp2()
                    );
                }
                let scale = (-variance.sqrt().log2().ceil()).exp2();
                write!(f, "no table reaches further than 1: multiply what enters by {scale}")
            }
            Self::MayWrap { layer, of, would_do } => {
                write!(
                    f,
                    "layer `{layer}`: its weights and inputs can make the accumulator {of} wrap around; {would_do} never does (`auto`)"
                )
            }
            Self::DroppedQuantiser { layer, before } => write!(
                f,
                "layer `{layer}`: hls4ml leaves this quantiser out, since the result of `{before}` is `auto`; give `{before}` the quantiser's type as its result"
            ),
            Self::Dead { layer, of, value, would_do } => {
                write!(
                    f,
                    "layer `{layer}`: every output is {value} in {of}, whatever the input; "
                )?;
                match would_do {
                    Some(would_do) => write!(f, "{would_do} tells them apart"),
                    None => write!(f, "what tells them apart is lost before it"),
                }
            }
        }
    }
}

/// The unit of a softmax's table from which it is of no use: exp(-1/2) is less than two thirds already.
const COARSE: f64 = 0.5;

/// What is wrong with the types that `config` gives `model`; what depends on data is read off `profiles` and `traces`, which may be empty.
///
/// # Errors
/// What [`Model::firmware`] refuses.
pub fn findings(
    model: &Model,
    config: &HlsConfig,
    profiles: &[Profile],
    traces: &[LayerTrace],
) -> Result<Vec<Finding>, Error> {
    let layers = model.firmware(config)?;
    let mut found = Vec::new();
    for profile in profiles {
        // Where sums and result have one type, the result's figures say it all.
        let same = |other: &&Profile| {
            other.layer == profile.layer && other.what == Variable::Result && other.of == profile.of
        };
        if profile.what != Variable::Accumulator || !profiles.iter().any(|other| same(&other)) {
            found.extend(of_profile(profile));
        }
    }
    // Every accumulator as wide as it can need to be.
    let mut wide = config.clone();
    wide.model.precision.remove("maximum");
    for section in
        wide.layer_name.values_mut().chain(wide.layer_type.values_mut()).chain([&mut wide.model])
    {
        section.precision.insert("accum".to_owned(), handaxe_fixed::Precision::Auto);
    }
    let never = model.firmware(&wide).unwrap_or_default();
    for (place, ((_, layer), built)) in model.layers().zip(&layers).enumerate() {
        let name = || layer.name().to_owned();
        let before = || {
            layer.inputs().first().map_or(String::new(), |&id| model.layer(id).name().to_owned())
        };
        if let (Op::Activation { function: Activation::Softmax }, Some(input)) =
            (layer.op(), layer.inputs().first())
        {
            found.extend(useless_table(name(), before(), &layers[input.index()].result(), built));
        }
        if let Some(roots) = built.inverse_roots {
            let end = 0.5f64.powi(roots.range_power as i32);
            let variance = largest_variance(layer.name(), profiles, traces);
            found.extend((variance > end).then(|| Finding::BeyondTable {
                layer: name(),
                variance,
                end,
            }));
        }
        if let (Op::Quantise { .. }, true) = (layer.op(), built.passes) {
            found.push(Finding::DroppedQuantiser { layer: name(), before: before() });
        }
        let accumulators =
            (built.types.get("accum"), never.get(place).and_then(|never| never.types.get("accum")));
        if let (true, (Some(of), Some(would_do))) = (layer.op().has_kernel(), accumulators)
            && of.overflow == Overflow::Wrap
            && of.max() < largest_sum(model, built, &layers)
            && !profiles.iter().any(|profile| {
                profile.layer == layer.name()
                    && profile.what == Variable::Accumulator
                    && profile.overflows > 0
            })
        {
            found.push(Finding::MayWrap { layer: name(), of: *of, would_do: *would_do });
        }
    }
    let layers = model.layers().zip(&layers).map(|((_, layer), built)| (layer.name(), built));
    for (layer, built) in layers {
        let dead = traces.iter().find(|trace| trace.dead && trace.layer == layer);
        found.extend(dead.map(|trace| of_dead(trace, built.result())));
    }
    Ok(found)
}

fn of_profile(profile: &Profile) -> Option<Finding> {
    let (layer, variable, of) = (profile.layer.clone(), profile.variable, profile.of);
    if profile.overflows > 0 {
        let share = profile.overflows as f64 / profile.count.max(1) as f64;
        return Some(Finding::Overflow {
            layer,
            variable,
            of,
            share,
            range: profile.range,
            would_do: profile.that_holds(1.0),
        });
    }
    let median = profile.quartiles.map_or(0.0, |quartiles| quartiles[2]);
    let vanishing = profile.what != Variable::Accumulator && 2 * profile.underflows > profile.count;
    let would_do = profile.that_shows();
    vanishing.then_some(Finding::Vanishing { layer, variable, of, median, would_do })
}

/// A type that shows sixteen steps of the outputs' range, if that asks for more bits than there are.
fn of_dead(trace: &LayerTrace, of: FixedType) -> Finding {
    let (low, high) = (f64::from(trace.float.0), f64::from(trace.float.1));
    let fraction = of.fraction().max(fraction_of((high - low) / 16.0));
    let would_do = holding(&of, (low, high), fraction);
    let more = would_do.integer > of.integer || would_do.fraction() > of.fraction();
    let (layer, value) = (trace.layer.clone(), trace.fixed.0);
    Finding::Dead { layer, of, value, would_do: more.then_some(would_do) }
}

fn useless_table(
    layer: String,
    before: String,
    of: &FixedType,
    built: &FirmwareLayer,
) -> Option<Finding> {
    let reach = match built.softmax {
        Softmax::Stable => of.integer - i32::from(of.signed),
        Softmax::Latency => of.integer,
        Softmax::Legacy | Softmax::Argmax => return None,
    };
    let unit = 2f64.powi(reach) / built.table_size as f64;
    let would_do = "ap_fixed<16,6,AP_RND,AP_SAT>";
    (unit >= COARSE).then_some(Finding::UselessTable { layer, before, of: *of, unit, would_do })
}

/// The largest variance that a layer normalisation was seen to take the root of.
fn largest_variance(layer: &str, profiles: &[Profile], traces: &[LayerTrace]) -> f64 {
    let profiled = profiles
        .iter()
        .filter(|profile| profile.layer == layer && profile.what == Variable::Variance)
        .map(|profile| profile.range.1);
    let traced = traces.iter().filter(|trace| trace.layer == layer);
    let traced = traced.filter_map(|trace| trace.variance.map(f64::from));
    profiled.chain(traced).fold(0.0, f64::max)
}

/// The largest |sum| of a kernel over all inputs that its type holds.
fn largest_sum(model: &Model, built: &FirmwareLayer, layers: &[FirmwareLayer]) -> f64 {
    let layer = model.layer(built.id);
    let Some(input) = layer.inputs().first().map(|id| layers[id.index()].result()) else {
        return 0.0;
    };
    let most = input.max().max(-input.min());
    let weights = handaxe_emulate::firmware_weights(model, built);
    let values = |wanted: &str| {
        weights.iter().find(|(name, ..)| *name == wanted).map_or(&[][..], |(.., values)| values)
    };
    let channels = layer.output_shape().last().copied().unwrap_or(1).max(1);
    let mut sums = vec![0.0; channels];
    for (place, weight) in values("weight").iter().enumerate() {
        sums[place % channels] += f64::from(weight.abs()) * most;
    }
    sums.iter_mut().zip(values("bias")).for_each(|(sum, bias)| *sum += f64::from(bias.abs()));
    sums.into_iter().fold(0.0, f64::max)
}
