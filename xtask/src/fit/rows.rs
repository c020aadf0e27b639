//! Reports of synthesis as rows that can be fitted.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use flate2::read::GzDecoder;
use handaxe_fixed::{FixedType, Precision};
use handaxe_graph::{IoType, Strategy};
use handaxe_objective::estimate::{
    Codes, Family, Matrix, Multipliers, Profile, Quantity, Row, Tool, Unit, Work, codes,
};
use serde_json::Value;

use super::npz::{self, Array};

/// One line of the table, by column.
type Line = BTreeMap<String, String>;

/// The source whose weights are integer codes, one Dense layer a design.
const SWEEP: &str = "Dendendelen/wa-hls4ml-search";

/// Of a type: all bits, and those before the point.
type Width = (u32, i32);

/// Of all numbers of the sweep but weights.
const SWEEP_WIDTH: Width = (16, 6);

/// What the rows are made from.
struct Tables {
    codes: BTreeMap<String, Array>,
    weights: BTreeMap<String, Array>,
    /// Bits of what a layer of a design takes and gives, by weights and configuration.
    widths: BTreeMap<(String, String), (Width, Width)>,
}

/// All rows of which enough is known.
pub(super) fn read(folder: &Path) -> Result<Vec<Row>, String> {
    let lines = lines(&folder.join("hls4ml_rows.csv.gz"))?;
    let mut tables = Tables {
        codes: npz::read(&folder.join("wa_dense_kernels_int.npz"))?,
        weights: npz::read(&folder.join("project_weights.npz"))?,
        widths: BTreeMap::new(),
    };
    for line in &lines {
        if let ([input, output, ..], false) =
            (types(line).as_slice(), line["weights_key"].is_empty())
        {
            let key = (line["weights_key"].clone(), line["config"].clone());
            tables.widths.entry(key).or_insert((*input, *output));
        }
    }
    let later: Vec<&Line> = lines.iter().filter(|line| line["stage"] == "vivado_synth").collect();
    let synthesised = lines.iter().filter(|line| line["stage"] == "hls_csynth");
    let rows = synthesised.filter_map(|line| {
        let units = tables.units(line).unwrap_or_default();
        let whole = line["level"] == "design";
        let implemented =
            implemented(line, &later).filter(|_| whole).map(figures).unwrap_or_default();
        if units.is_empty() && implemented.is_empty() {
            return None;
        }
        let (source, fold) = (line["source_repo"].clone(), fold(line));
        let (profile, figures) = (profile(line), figures(line));
        Some(Row { source, fold, profile, whole, units, figures, implemented })
    });
    Ok(rows.collect())
}

fn lines(path: &Path) -> Result<Vec<Line>, String> {
    let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| fail(&error))?;
    let mut reader = csv::Reader::from_reader(GzDecoder::new(file));
    reader.deserialize().collect::<Result<_, _>>().map_err(|error| fail(&error))
}

fn number(line: &Line, column: &str) -> Option<u64> {
    let value: f64 = line.get(column)?.parse().ok()?;
    (value >= 0.0).then_some(value.round() as u64)
}

fn figures(line: &Line) -> BTreeMap<Quantity, u64> {
    let columns = [
        (Quantity::Dsp, "dsp"),
        (Quantity::Lut, "lut"),
        (Quantity::Ff, "ff"),
        (Quantity::Bram18, "bram18k"),
        (Quantity::Latency, "lat_max"),
        (Quantity::Interval, "ii_max"),
    ];
    let figures = columns.into_iter();
    figures.filter_map(|(quantity, column)| Some((quantity, number(line, column)?))).collect()
}

fn profile(line: &Line) -> Profile {
    let part = line["part"].as_str();
    let key = line["weights_key"].as_str();
    Profile {
        tool: if line["tool"] == "Vitis" { Tool::Vitis } else { Tool::Vivado },
        family: if part.starts_with("xc7") { Family::Series7 } else { Family::Ultrascale },
        clock_ns: line["clk_target_ns"].parse().unwrap_or(5.0),
        multipliers: match key {
            _ if key.contains("/DSP_reuse") => Multipliers::Dsp,
            _ if key.contains("/LUT_reuse") => Multipliers::Fabric,
            _ => Multipliers::Auto,
        },
    }
}

/// One network of a project, or one shape of the sweep.
fn fold(line: &Line) -> String {
    let key = line["weights_key"].as_str();
    match (line["source_repo"].as_str(), key.rsplit_once('/')) {
        (SWEEP, _) => format!("{}x{}", line["n_in"], line["n_out"]),
        (_, Some((network, _))) => network.to_owned(),
        (source, None) => source.to_owned(),
    }
}

/// The folder that the reports of one build lie in or below.
fn project(line: &Line) -> String {
    let path = line["source_path"].as_str();
    let inside = path.find("_prj/").map_or(path, |end| &path[..end]);
    let folder = inside.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{}/{folder}", line["source_repo"])
}

/// What the tool reported of the same build after C synthesis: in the same commit, where that folder was written to several times.
fn implemented<'a>(line: &Line, later: &[&'a Line]) -> Option<&'a Line> {
    let of_folder: Vec<&Line> =
        later.iter().copied().filter(|later| project(later) == project(line)).collect();
    match of_folder[..] {
        [only] => Some(only),
        _ => of_folder.into_iter().find(|later| later["source_commit"] == line["source_commit"]),
    }
}

/// Bits of what a module takes and gives, or less where its line does not say.
fn types(line: &Line) -> Vec<Width> {
    let stated = [&line["in_t"], &line["out_t"]].map(|column| type_width(column));
    if let [Some(input), Some(output)] = stated {
        return vec![input, output];
    }
    let mut widths = Vec::new();
    for piece in line["module"].split("fixed_").skip(1) {
        let mut numbers = piece.split('_').map(|number| number.parse::<i32>().ok());
        if let (Some(Some(bits)), Some(Some(integer))) = (numbers.next(), numbers.next()) {
            widths.push((bits.unsigned_abs(), integer));
        }
    }
    widths
}

/// The width of `ap_fixed<16,6>`.
fn type_width(text: &str) -> Option<Width> {
    let (bits, integer) = text.split_once("fixed<")?.1.split_once(',')?;
    let integer = integer.split(|c: char| c != '-' && !c.is_ascii_digit()).next()?;
    Some((bits.parse().ok()?, integer.parse().ok()?))
}

/// Elements that a stream hands over at once: `..._32u_...` of the module's name.
fn lanes(line: &Line) -> Option<u64> {
    let pieces = line["module"].split('_');
    pieces.rev().find_map(|piece| piece.strip_suffix('u')?.parse().ok())
}

impl Tables {
    fn units(&self, line: &Line) -> Option<Vec<Unit>> {
        match (line["source_repo"].as_str(), line["level"].as_str()) {
            (SWEEP, _) => Some(vec![self.sweep(line)?]),
            (_, "design") => self.design(line),
            _ => Some(vec![self.layer(line)?]),
        }
    }

    /// A design of the sweep: one Dense layer.
    fn sweep(&self, line: &Line) -> Option<Unit> {
        let (n_in, n_out) = (number(line, "n_in")?, number(line, "n_out")?);
        let codes = &self.codes.get(&line["weights_key"])?.values;
        let codes: Vec<i64> = codes.iter().map(|&code| code as i64).collect();
        let reuse = number(line, "reuse_factor")?;
        let kind = fixed(&line["weight_t"])?;
        let matrix = Matrix {
            n_in,
            n_out,
            strategy: line["strategy"].parse().ok()?,
            reuse,
            weight_bits: kind.width,
            sum_bits: SWEEP_WIDTH.0,
            copies: 1,
            turns: 1,
            buffered: 0,
            codes: Codes::of(&codes, n_out as usize, reuse as usize),
        };
        Some(unit("dense", Work::Matrix(matrix), false, (n_in, 16), (n_out, 16)))
    }

    /// The module of one layer.
    fn layer(&self, line: &Line) -> Option<Unit> {
        let kind = line["layer_kind"].as_str();
        let known = self.widths.get(&(line["weights_key"].clone(), line["config"].clone()));
        let (input, output) = match (types(line).as_slice(), known) {
            ([input, output, ..], _) => (*input, *output),
            // The name of a module leaves out a type that another's has; without weights it hardly matters.
            (_, Some(known)) => *known,
            ([single], None) if line["cfg_kind"] == "activ" => (*single, *single),
            _ => return None,
        };
        let stream = kind.contains("array");
        let name = line["layer_name"].as_str();
        let is = |begin: &str| kind.starts_with(begin);
        if is("dense_latency_") && !is("dense_latency_wrapper") {
            return None;
        }
        if is("dense") && line["cfg_kind"] == "dense" {
            let (n_in, n_out) = (number(line, "n_in")?, number(line, "n_out")?);
            let matrix = self.matrix(line, (n_in, n_out))?;
            let ends = ((n_in, input.0), (n_out, output.0));
            return Some(unit(name, Work::Matrix(matrix), stream, ends.0, ends.1));
        }
        if is("conv_2d_cl") {
            return self.convolution(line, input, output);
        }
        let work = match () {
            () if is("relu") || is("linear") => Work::Clip,
            () if is("softmax_stable")
                || is("softmax_latency")
                || kind == "softmax_array_array" =>
            {
                Work::Softmax
            }
            () if is("sigmoid") => Work::Sigmoid,
            () if is("tanh") => Work::Tanh,
            () if is("normalize") => Work::Scale { weight_bits: output.0.min(16) },
            () => return None,
        };
        let all = number(line, "n_in")?;
        let lanes = if stream { lanes(line)? } else { all };
        let mut unit = unit(name, work, stream, (lanes, input.0), (lanes, output.0));
        unit.positions = if stream { all.div_ceil(lanes) } else { 1 };
        Some(unit)
    }

    fn convolution(&self, line: &Line, input: Width, output: Width) -> Option<Unit> {
        let of = |column: &str| number(line, column);
        let (channels, filters) = (of("n_chan")?, of("n_filt")?);
        let (height, width) = (of("filt_height")?, of("filt_width")?);
        let mut matrix = self.matrix(line, (height * width * channels, filters))?;
        matrix.turns = of("out_height")? * of("out_width")?;
        let pixels = (of("in_height")?, of("in_width")?);
        matrix.buffered = ((height - 1) * pixels.1 * channels).max(1);
        let mut unit =
            unit("conv", Work::Matrix(matrix), true, (channels, input.0), (filters, output.0));
        unit.positions = pixels.0 * pixels.1;
        Some(unit)
    }

    /// The weights of a layer with its configuration's number.
    fn matrix(&self, line: &Line, size: (u64, u64)) -> Option<Matrix> {
        let strategy: Strategy = line["strategy"].parse().ok()?;
        let reuse = number(line, "reuse_factor")?;
        self.matrix_of(
            &line["weights_key"],
            size,
            &line["config"],
            (strategy, reuse),
            (&line["weight_t"], &line["accum_t"]),
        )
    }

    fn matrix_of(
        &self,
        key: &str,
        (n_in, n_out): (u64, u64),
        config: &str,
        (strategy, reuse): (Strategy, u64),
        (weight_type, sums): (&str, &str),
    ) -> Option<Matrix> {
        let place: String = config.chars().filter(char::is_ascii_digit).collect();
        let weights = &self.weights.get(&format!("{key}::w{place}"))?.values;
        if weights.len() as u64 != n_in * n_out {
            return None;
        }
        let kind = fixed(weight_type)?;
        let sums = type_width(sums).unwrap_or(SWEEP_WIDTH);
        let weights: Vec<f32> = weights.iter().map(|&weight| weight as f32).collect();
        let mut codes = codes(&weights, &kind);
        if strategy == Strategy::Resource {
            // Written column by column.
            let (rows, columns) = (n_in as usize, n_out as usize);
            let by_column = codes.clone();
            let places = (0..rows * columns).map(|at| at % columns * rows + at / columns);
            codes = places.map(|place| by_column[place]).collect();
        }
        Some(Matrix {
            n_in,
            n_out,
            strategy,
            reuse,
            weight_bits: kind.width,
            sum_bits: sums.0,
            copies: 1,
            turns: 1,
            buffered: 0,
            codes: Codes::of(&codes, n_out as usize, reuse as usize),
        })
    }

    /// A network of Dense layers and activations, all of whose weights are known.
    fn design(&self, line: &Line) -> Option<Vec<Unit>> {
        let layers: Vec<BTreeMap<String, Value>> =
            serde_json::from_str(&line["layers_json"]).ok()?;
        let stream = line["io_type"] == "io_stream";
        let key = &line["weights_key"];
        let (mut width, mut sure) = (type_width(&line["input_t"])?, true);
        let mut units = Vec::new();
        for layer in &layers {
            let text = |name: &str| match layer.get(name) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            let config = text("cfg");
            let known = self.widths.get(&(key.clone(), config.clone()));
            let input = known.map(|(input, _)| *input);
            // Figures of a matrix stand and fall with what it takes.
            let given = if sure { Some(width) } else { None };
            let dense = text("kind") == "dense";
            let input = if dense { input.or(given)? } else { input.unwrap_or(width) };
            let n_in: u64 = text("n_in").parse().ok()?;
            let fallback = type_width(&text("accum_t"));
            let output = known.map(|(_, output)| *output).or(fallback).unwrap_or(input);
            let function = config.to_lowercase();
            let (work, n_out) = match text("kind").as_str() {
                "dense" => {
                    let n_out: u64 = text("n_out").parse().ok()?;
                    let how = (text("strategy").parse().ok()?, text("reuse_factor").parse().ok()?);
                    let types = (text("weight_t"), text("accum_t"));
                    let types = (types.0.as_str(), types.1.as_str());
                    (Work::Matrix(self.matrix_of(key, (n_in, n_out), &config, how, types)?), n_out)
                }
                "activ" if function.starts_with("relu") => (Work::Clip, n_in),
                "activ" if function.starts_with("softmax") => (Work::Softmax, n_in),
                "activ" if function.starts_with("sigmoid") => (Work::Sigmoid, n_in),
                "activ" if function.starts_with("tanh") => (Work::Tanh, n_in),
                "activ" if function.starts_with("linear") => (Work::Clip, n_in),
                "batchnorm" => (Work::Scale { weight_bits: output.0.min(8) }, n_in),
                _ => return None,
            };
            units.push(unit(&text("name"), work, stream, (n_in, input.0), (n_out, output.0)));
            (width, sure) = (output, known.is_some());
        }
        (units.len() > 1).then_some(units)
    }
}

/// `ap_fixed<8,1>`, with the modes that exported weights already have.
fn fixed(text: &str) -> Option<FixedType> {
    match text.parse().ok()? {
        Precision::Fixed(fixed) => Some(fixed),
        _ => None,
    }
}

fn unit(name: &str, work: Work, stream: bool, input: (u64, u32), output: (u64, u32)) -> Unit {
    Unit {
        name: name.to_owned(),
        work,
        io_type: if stream { IoType::IoStream } else { IoType::IoParallel },
        inputs: input.0,
        outputs: output.0,
        input_bits: input.1,
        output_bits: output.1,
        positions: 1,
    }
}
