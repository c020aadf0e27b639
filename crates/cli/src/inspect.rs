//! `handaxe inspect`: what a network is, and what each objective says of it.

mod passes;

use clap::Args;
use handaxe::graph::{HlsConfig, Layer, LayerAttributes, Model};
use handaxe::objective::{Action, Objective};
use handaxe::prune::Groups;
use handaxe::report::{Align, Table};
use handaxe::run::{ByResource, SCHEMA};
use handaxe::{Error, RunConfig, known_objectives};
use serde::Serialize;

use crate::failure::Failure;
use crate::options::{Hardware, Speech};
use crate::{files, output};

const EXAMPLES: &str = "\
A network in ONNX goes through passes when it is read, each of which joins what belongs together; --print-passes lists them, and
--dump-after shows the graph after one of them, `read` standing for the graph before all.

Examples:
  handaxe inspect jets.keras
  handaxe inspect --print-passes
  handaxe inspect jets.onnx --dump-after merge-lines
  handaxe inspect jets.safetensors --config hls4ml_config.yml --json";

/// Show a network's layers, shapes and parameters, and what each objective says of them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub(crate) struct Command {
    #[command(flatten)]
    network: Network,
    /// List the passes that networks go through, and what each does
    #[arg(long, exclusive = true)]
    print_passes: bool,
    /// Show the graph as it is after a pass, in place of all else
    #[arg(long, value_name = "PASS", conflicts_with_all = ["config", "precision", "reuse_factor", "strategy", "io_type"])]
    dump_after: Option<String>,
}

/// A network and the hardware it is for.
#[derive(Debug, Args)]
pub(crate) struct Network {
    /// The network: .safetensors, .keras, .h5, .onnx or model.json:weights=FILE.h5
    #[arg(value_name = "MODEL", required_unless_present = "model_flag")]
    model: Option<String>,
    /// The same as MODEL
    #[arg(long = "model", id = "model_flag", value_name = "FILE", conflicts_with = "model")]
    model_flag: Option<String>,
    #[command(flatten)]
    hardware: Hardware,
}

/// What was asked about, loaded.
pub(crate) struct Subject {
    pub(crate) model: Model,
    pub(crate) config: Option<HlsConfig>,
    pub(crate) objectives: Vec<Box<dyn Objective>>,
    layers: Vec<LayerAttributes>,
    pub(crate) diagnostics: Vec<String>,
}

impl Network {
    fn reference(&self) -> Result<&str, Failure> {
        let named = self.model.as_deref().or(self.model_flag.as_deref());
        named.ok_or_else(|| Failure::Input("no model is named".to_owned()))
    }

    pub(crate) fn load(&self) -> Result<Subject, Failure> {
        let reference = self.reference()?;
        let config = RunConfig::default().overridden(&self.hardware)?.hls()?;
        let model = files::load(reference)?;
        let (layers, diagnostics) = model.attributes(config.as_ref()).map_err(Error::from)?;
        let objectives = known_objectives(config.as_ref())?;
        let diagnostics = diagnostics.iter().map(ToString::to_string).collect();
        Ok(Subject { model, config, objectives, layers, diagnostics })
    }
}

impl Subject {
    /// Says on standard error what is done differently from what was written.
    pub(crate) fn notes(&self, speech: Speech) {
        self.diagnostics.iter().for_each(|diagnostic| speech.note(&format!("note: {diagnostic}")));
        if self.config.is_none() {
            speech.note(
                "note: without --config, --precision, --reuse-factor or --strategy only parameters and FLOPs are known",
            );
        }
    }
}

/// What an objective says of a layer.
#[derive(Serialize)]
struct Opinion {
    layer: String,
    objective: String,
    structure: Option<String>,
    groups: Option<usize>,
    cost: ByResource<u64>,
    savings_of_a_group: ByResource<u64>,
    left_alone: Option<String>,
}

impl Opinion {
    fn new(objective: &dyn Objective, layer: &LayerAttributes) -> Result<Self, Error> {
        let named = |numbers: Vec<u64>| {
            let names = objective.resources().iter().map(|name| (*name).to_owned());
            names.zip(numbers).collect::<ByResource<u64>>()
        };
        let mut opinion = Self {
            layer: layer.name.clone(),
            objective: objective.name().to_owned(),
            structure: None,
            groups: None,
            cost: named(objective.cost(layer)),
            savings_of_a_group: ByResource::new(),
            left_alone: None,
        };
        match objective.optimisable(layer) {
            Ok(how) => {
                let groups = Groups::new(&layer.weight_shape, &how.structure)?;
                let savings = objective.savings(layer, &how, groups.size(0), Action::Prune);
                opinion.structure = Some(how.structure.to_string());
                opinion.groups = Some(groups.count());
                opinion.savings_of_a_group = named(savings);
            }
            Err(obstacle) => opinion.left_alone = Some(obstacle.to_string()),
        }
        Ok(opinion)
    }
}

#[derive(Serialize)]
struct Inspection<'a> {
    schema: u32,
    model: &'a Model,
    /// Of kernels, as the objective `parameter` counts them.
    parameters: usize,
    /// All that is stored: biases, scales and running statistics too.
    weights: usize,
    attributes: &'a [LayerAttributes],
    opinions: Vec<Opinion>,
    diagnostics: &'a [String],
}

/// Runs `handaxe inspect`.
pub(crate) fn inspect(command: &Command, speech: Speech) -> Result<(), Failure> {
    if command.print_passes {
        return passes::print();
    }
    if let Some(pass) = &command.dump_after {
        return passes::dump(command.network.reference()?, pass, speech);
    }
    let subject = command.network.load()?;
    subject.notes(speech);
    let mut opinions = Vec::new();
    for objective in &subject.objectives {
        for layer in &subject.layers {
            opinions.push(Opinion::new(&**objective, layer)?);
        }
    }
    if speech.json {
        let Subject { model, layers, diagnostics, .. } = &subject;
        let parameters = files::parameters(model);
        let weights = model.parameters();
        return output::json(&Inspection {
            schema: SCHEMA,
            model,
            parameters,
            weights,
            attributes: layers,
            opinions,
            diagnostics,
        });
    }
    output::text(&format!(
        "{}\n{}\n",
        layer_table(&subject.model),
        attribute_table(&subject.layers)
    ))?;
    output::text(&opinion_table(&opinions).to_string())?;
    Ok(())
}

/// `parameters` are the weights of kernels, which is what is pruned; `all weights` has biases and statistics too.
fn layer_table(model: &Model) -> Table {
    let heads = [
        ("layer", Align::Left),
        ("type", Align::Left),
        ("reads", Align::Left),
        ("output", Align::Left),
    ];
    let numbers = ["parameters", "all weights"].map(|head| (head, Align::Right));
    let mut table = Table::new(heads.into_iter().chain(numbers));
    let kernel = |layer: &Layer| layer.kernel().map_or(0, |kernel| kernel.values().len());
    for (_, layer) in model.layers() {
        let reads: Vec<&str> = layer.inputs().iter().map(|&id| model.layer(id).name()).collect();
        table.row([
            layer.name(),
            layer.op().layer_type().name(),
            &reads.join(", "),
            &format!("{:?}", layer.output_shape()),
            &kernel(layer).to_string(),
            &layer.parameters().to_string(),
        ]);
    }
    table.rule();
    let last = [files::parameters(model), model.parameters()].map(|count| count.to_string());
    table.row(["total", "", "", "", &last[0], &last[1]]);
    table
}

fn attribute_table(layers: &[LayerAttributes]) -> Table {
    let heads = ["layer", "kernel", "n_in x n_out", "io_type", "strategy", "weights", "output"];
    let heads = heads.map(|head| (head, Align::Left)).into_iter();
    let configured = layers.iter().any(|layer| layer.hls.is_some());
    let known = if configured { 8 } else { 2 };
    let mut table = Table::new(heads.chain([("reuse factor", Align::Right)]).take(known));
    for layer in layers {
        let kernel = format!("{:?}", layer.weight_shape);
        let mut row = vec![layer.name.clone(), kernel];
        if let Some(hls) = &layer.hls {
            row.push(format!("{} x {}", hls.n_in, hls.n_out));
            row.extend([hls.io_type.to_string(), hls.strategy.to_string()]);
            row.extend([hls.weight_precision.to_string(), hls.output_precision.to_string()]);
            row.push(hls.reuse_factor.to_string());
        }
        table.row(row);
    }
    table
}

fn opinion_table(opinions: &[Opinion]) -> Table {
    let left = ["objective", "layer", "optimised as"].map(|head| (head, Align::Left));
    let right = [("groups", Align::Right)];
    let last = [("cost", Align::Left), ("a group saves", Align::Left)];
    let mut table = Table::new(left.into_iter().chain(right).chain(last));
    let numbers = |numbers: &ByResource<u64>| {
        numbers
            .iter()
            .map(|(name, number)| format!("{number} {name}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    for opinion in opinions {
        let saves =
            opinion.left_alone.clone().unwrap_or_else(|| numbers(&opinion.savings_of_a_group));
        table.row([
            opinion.objective.as_str(),
            &opinion.layer,
            opinion.structure.as_deref().unwrap_or("-"),
            &opinion.groups.map_or_else(String::new, |groups| groups.to_string()),
            &numbers(&opinion.cost),
            &saves,
        ]);
    }
    table
}
