//! `cargo xtask docs`: docs/formats.md, from the tables that the readers themselves follow.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use handaxe_formats::data::{FORMATS, Format};
use handaxe_formats::keras::{self, known};
use handaxe_formats::onnx;

use crate::ROOT;

/// Writes docs/formats.md, and what became of each model of the shared data where those are.
pub(crate) fn write() -> Result<(), String> {
    let save = |path: PathBuf, text: String| {
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    if let Some(models) = models()? {
        save(models_path(), models)?;
    }
    if let Some(models) = onnx_models()? {
        save(onnx_models_path(), models)?;
    }
    save(page_path(), page()?)
}

fn page_path() -> PathBuf {
    Path::new(ROOT).join("docs/formats.md")
}

fn models_path() -> PathBuf {
    Path::new(ROOT).join("fixtures/keras/models.csv")
}

fn onnx_models_path() -> PathBuf {
    Path::new(ROOT).join("fixtures/onnx/models.csv")
}

fn page() -> Result<String, String> {
    let mut page = String::from(HEAD);
    for (class, note) in known::layers() {
        let _ = writeln!(page, "| `{class}` | {note} |");
    }
    let _ = writeln!(
        page,
        "\n**Activations**, as layers or in layers: {}.",
        listed(known::activations())
    );
    let _ = writeln!(page, "\n**Quantisers** of QKeras: {}.", listed(known::quantisers()));
    page.push_str(REFUSED);
    refusals(&mut page, known::refusals());
    page.push_str(ONNX);
    for (operator, note) in onnx::known::operators() {
        let _ = writeln!(page, "| `{operator}` | {note} |");
    }
    page.push_str(ONNX_REFUSED);
    refusals(&mut page, onnx::known::refusals());
    page.push_str(DATA);
    for format in FORMATS {
        let endings = listed(format.endings.iter().copied());
        let Format { name, reference, holds, feature, .. } = format;
        let needs = feature.map(|feature| format!("; needs the cargo feature `{feature}`"));
        let needs = needs.unwrap_or_default();
        let _ = writeln!(page, "| {name} | {endings} | `{reference}` | {holds}{needs} |");
    }
    page.push_str(MODELS);
    rows(&mut page, &models_path())?;
    page.push_str(ONNX_MODELS);
    rows(&mut page, &onnx_models_path())?;
    Ok(page)
}

/// Reasons with what they are reasons for.
fn refusals(
    page: &mut String,
    refusals: impl Iterator<Item = (&'static str, &'static [&'static str])>,
) {
    for (why, kinds) in refusals {
        let kinds = match kinds {
            [] => "any other".to_owned(),
            kinds => listed(kinds.iter().copied()),
        };
        let _ = writeln!(page, "| {kinds} | {why} |");
    }
}

/// The rows of a table in a file.
fn rows(page: &mut String, path: &Path) -> Result<(), String> {
    let rows = csv::Reader::from_path(path).map_err(|error| error.to_string())?;
    for row in rows.into_records() {
        let row = row.map_err(|error| error.to_string())?;
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        let _ = writeln!(page, "| {} |", cells.join(" | "));
    }
    Ok(())
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// Every Keras model of the shared data, an architecture once for each file of weights, and what reading it gives. Nothing
/// where there are no shared data.
fn models() -> Result<Option<String>, String> {
    let shared = Path::new(ROOT).join("../shared/data");
    let Ok(manifest) = std::fs::read(shared.join("models/MANIFEST.csv")) else { return Ok(None) };
    let mut table = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| error.to_string();
    table.write_record(["model", "weights", "result", "why"]).map_err(failed)?;
    for (model, weights) in references(&manifest)? {
        let place = |file: &str| shared.join(file).display().to_string();
        let reference = match weights.as_str() {
            "" => place(&model),
            weights => format!("{}:weights={}", place(&model), place(weights)),
        };
        let (result, why) = outcome(keras::load(&reference), &place(&model));
        table.write_record([model.as_str(), &weights, result, &why]).map_err(failed)?;
    }
    let bytes = table.into_inner().map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map(Some).map_err(|error| error.to_string())
}

/// Every ONNX model of the shared data and what reading it gives. Nothing where there are no shared data.
fn onnx_models() -> Result<Option<String>, String> {
    let shared = Path::new(ROOT).join("../shared/data");
    let Ok(manifest) = std::fs::read(shared.join("models/MANIFEST.csv")) else { return Ok(None) };
    let mut files = Vec::new();
    for row in csv::Reader::from_reader(manifest.as_slice()).into_records() {
        let row = row.map_err(|error| error.to_string())?;
        files.extend(row.get(0).filter(|file| file.ends_with(".onnx")).map(str::to_owned));
    }
    files.sort();
    let mut table = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| error.to_string();
    table.write_record(["model", "result", "why"]).map_err(failed)?;
    for file in files {
        let path = shared.join(&file);
        let (result, why) = outcome(onnx::load(&path), &path.display().to_string());
        table.write_record([file.as_str(), result, &why]).map_err(failed)?;
    }
    let bytes = table.into_inner().map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map(Some).map_err(|error| error.to_string())
}

/// What reading the file at `place` gave.
fn outcome(
    read: Result<handaxe_graph::Model, handaxe_formats::Error>,
    place: &str,
) -> (&'static str, String) {
    match read {
        Ok(model) => {
            let (layers, weights) = (model.layers().count(), model.parameters());
            ("loads", format!("{layers} layers, {weights} weights"))
        }
        // The folder is this machine's.
        Err(error) => ("clear error", error.to_string().replace(&format!("{place}: "), "")),
    }
}

/// Models and files of weights as the manifest's column `check` tells them.
fn references(manifest: &[u8]) -> Result<Vec<(String, String)>, String> {
    let rows: Vec<csv::StringRecord> = csv::Reader::from_reader(manifest)
        .into_records()
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    let of_kind = |kind: &'static str| {
        let field = |row: &csv::StringRecord, place| row.get(place).unwrap_or("").to_owned();
        rows.iter()
            .filter(move |row| field(row, 7).starts_with(kind))
            .map(move |row| (field(row, 0), field(row, 7)))
    };
    let architectures: Vec<String> = of_kind("keras json").map(|(file, _)| file).collect();
    let stem = |file: &str| format!("{}_", file.trim_end_matches(".json"));
    let mut found: Vec<(String, String)> =
        of_kind("keras3 zip").map(|(file, _)| (file, String::new())).collect();
    for (file, check) in of_kind("h5 ") {
        // Weights are of the architecture whose name theirs begins with; of several, the longest.
        let owners = architectures.iter().filter(|owner| file.starts_with(&stem(owner)));
        match owners.max_by_key(|owner| owner.len()) {
            Some(owner) => found.push((owner.clone(), file)),
            None if check.contains("full_model=True") || check.contains("full model") => {
                found.push((file, String::new()))
            }
            None => return Err(format!("{file} holds weights of no architecture")),
        }
    }
    found.sort();
    Ok(found)
}

const HEAD: &str = "# Formats

Written by `cargo xtask docs` from the tables that the readers follow: change those.

## Models

| form | read | written |
|---|---|---|
| handaxe's own | `.safetensors` with the graph in its metadata | the same |
| Keras 3 | `.keras`, an archive of `config.json`, `metadata.json` and `model.weights.h5` | the same |
| Keras 2 | whole `.h5`, also under the name `.keras` | whole `.h5` |
| ONNX and QONNX | `.onnx`, opset 6 to 23, with tensors in files beside it; int8 to int64, float16 to double | `.onnx`, opset 20, with QONNX' Quant for quantisers |
| Keras 2 and 3 | architecture in `.json`, weights in `.h5` beside it or as `MODEL.json:weights=FILE.h5` | |

What a file is is told from its first bytes. A file may come from anyone: it is read in bounded memory and time, and is a model or an error that says where it is
wrong. At most 1 GiB of file, 8 MiB of architecture, 4096 layers, 32 axes and 2^27 weights are read.

## Layers of Keras

Sequential and Functional models of any of these, with branches, several inputs and outputs and models in models:

| type | what becomes of it, and what of it is read |
|---|---|
";

const REFUSED: &str = "
## What is refused

With an error that names the layer and its type. Refused too are a layer with weights that is called twice, groups of channels, data that are channels first, and
normalisation or softmax over another axis than the last.

| type | why |
|---|---|
";

const ONNX: &str = "
## Operators of ONNX and QONNX

Read for one sample at a time, channels first or last. How axes stand is noted through Transpose, Reshape and Flatten; elements are moved only where a layer needs
them otherwise, and inputs and outputs keep the file's order. Operators on constants are computed while reading. Layers are named after weights that PyTorch calls `NAME.weight`, else after
their nodes.

| operator | what becomes of it, and what of it is read |
|---|---|
";

const ONNX_REFUSED: &str = "
With an error that names the node and its operator are refused:

| operator | why |
|---|---|
";

const DATA: &str = "
## Data

Samples and what is right of them. Labels are whole numbers, one-hot rows or columns, or text; of a table the last column holds them unless `y=` names another. Train and
test part may come apart; inputs of more than 1 GiB stay on disk.

| form | files end in | reference | holds |
|---|---|---|---|
";

const MODELS: &str = "
## Models of people

What reading gives for every Keras model of the shared data (`fixtures/keras/models.csv`). Those that load answer as in Keras to 1e-5 (`tests/keras.rs`).

| model | weights | result | |
|---|---|---|---|
";

const ONNX_MODELS: &str = "
The same for every ONNX and QONNX model (`fixtures/onnx/models.csv`): those that load answer as in onnxruntime or qonnx to 1e-5 (`tests/onnx.rs`).

| model | result | |
|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(path: &Path) -> String {
        std::fs::read_to_string(path).expect("a committed file")
    }

    #[test]
    fn the_page_is_what_the_code_says() {
        assert!(
            page().as_ref() == Ok(&committed(&page_path())),
            "run `cargo xtask docs` and commit docs/formats.md"
        );
    }

    #[test]
    fn every_model_of_people_loads_or_is_refused_as_committed() {
        match models().expect("a readable manifest") {
            Some(models) => assert_eq!(models, committed(&models_path())),
            None => println!("SKIPPED: shared data absent"),
        }
        if let Some(models) = onnx_models().expect("a readable manifest") {
            assert_eq!(models, committed(&onnx_models_path()));
        }
    }
}
