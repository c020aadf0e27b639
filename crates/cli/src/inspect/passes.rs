//! `handaxe inspect --print-passes` and `--dump-after`.

use std::path::Path;

use handaxe::Error;
use handaxe::formats::model::Format;
use handaxe::formats::onnx::{self, BEFORE_PASSES};
use handaxe::graph::nearest;
use handaxe::graph::pass::{FIRMWARE, PIPELINES, READING};
use handaxe::run::SCHEMA;
use serde::Serialize;

use crate::failure::Failure;
use crate::options::Speech;
use crate::{files, output};

/// The passes of every pipeline, in order.
pub(super) fn print() -> Result<(), Failure> {
    let mut text = String::new();
    for pipeline in PIPELINES {
        text.push_str(&format!("{}: {}\n", pipeline.name, pipeline.when));
        for pass in pipeline.passes {
            text.push_str(&format!("  {:<17} {}\n", pass.name(), pass.description()));
        }
    }
    output::text(&text)
}

#[derive(Serialize)]
struct Dump<'a> {
    schema: u32,
    pass: &'a str,
    graph: String,
}

/// The graph of a file as it is after a pass.
pub(super) fn dump(reference: &str, pass: &str, speech: Speech) -> Result<(), Failure> {
    let of = |pipeline: &handaxe::graph::pass::Pipeline| {
        pipeline.passes.iter().any(|known| known.name() == pass)
    };
    let model = if of(&FIRMWARE) {
        FIRMWARE.run_to(pass, files::load(reference)?).map_err(Error::from)?
    } else if pass == BEFORE_PASSES || of(&READING) {
        if Format::of(reference).map_err(Error::from)? != Format::Onnx {
            let message = format!(
                "{reference} is no ONNX file: only such go through {pass} when they are read"
            );
            return Err(Failure::Input(message));
        }
        onnx::load_to(Path::new(reference), pass).map_err(Error::from)?
    } else {
        return Err(unknown(pass));
    };
    let graph = model.dump();
    if speech.json {
        return output::json(&Dump { schema: SCHEMA, pass, graph });
    }
    output::text(&graph)
}

fn unknown(pass: &str) -> Failure {
    let passes = PIPELINES.iter().flat_map(|pipeline| pipeline.passes);
    let names: Vec<&str> =
        [BEFORE_PASSES].into_iter().chain(passes.map(|pass| pass.name())).collect();
    let hint = nearest(pass, names.iter().copied())
        .map_or(String::new(), |name| format!("; did you mean `{name}`?"));
    Failure::Input(format!("no pass is called `{pass}`{hint}: known are {}", names.join(", ")))
}
