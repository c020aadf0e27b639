//! The directory of a run: at any moment in a state to resume from.
//!
//! `run.toml` (effective configuration), `baseline.safetensors`, `steps.jsonl`, `epochs.jsonl`, `checkpoints/`, and at the
//! end `model.safetensors` (and `model.keras` or `model.h5`) and `result.json`. A step counts from the moment that
//! `steps.jsonl`, written last, is renamed, a reduction likewise from `reduction.json`.

use std::fs;
use std::path::{Path, PathBuf};

use handaxe_formats::model::Format;
use handaxe_formats::{native, write_atomically};
use handaxe_graph::Model;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{
    Checkpoint, CurveRecord, Error, Event, ForeignError, Observer, Phase, Reduction,
    ReductionRecord, ResultRecord, StepRecord,
};

const CONFIG: &str = "run.toml";
const BASELINE: &str = "baseline.safetensors";
const STEPS: &str = "steps.jsonl";
const EPOCHS: &str = "epochs.jsonl";
const REDUCTION: &str = "reduction.json";
const CHECKPOINTS: &str = "checkpoints";
const MODEL: &str = "model.safetensors";
const RESULT: &str = "result.json";

/// All that a run, its report and a run over folds write; nothing else is ever deleted.
const OURS: [&str; 16] = [
    CONFIG,
    BASELINE,
    STEPS,
    EPOCHS,
    REDUCTION,
    CHECKPOINTS,
    MODEL,
    "model.keras",
    "model.h5",
    RESULT,
    "report.html",
    "metric.svg",
    "resources.svg",
    "masks.svg",
    "training.svg",
    "folds.json",
];

/// A run on disk. As an [`Observer`] it records every epoch and step and keeps a checkpoint.
#[derive(Debug, Clone)]
pub struct RunDir {
    path: PathBuf,
    steps: Vec<StepRecord>,
    epochs: Vec<CurveRecord>,
}

impl RunDir {
    /// A new directory; with `force` it replaces the run that stands there.
    ///
    /// # Errors
    /// [`Error::Exists`] without `force`; [`Error::Foreign`] when something stands there that no run wrote.
    pub fn create(path: &Path, force: bool) -> Result<Self, Error> {
        Self::check_free(path, force)?;
        for old in if path.exists() { entries(path)? } else { Vec::new() } {
            let removed =
                if old.is_dir() { fs::remove_dir_all(&old) } else { fs::remove_file(&old) };
            removed.map_err(io("remove", &old))?;
        }
        fs::create_dir_all(path).map_err(io("create", path))?;
        Ok(Self::at(path))
    }

    /// Whether [`RunDir::create`] would succeed, without touching anything.
    ///
    /// # Errors
    /// As [`RunDir::create`].
    pub fn check_free(path: &Path, force: bool) -> Result<(), Error> {
        if !path.exists() {
            return Ok(());
        }
        if !force {
            return Err(Error::Exists { path: path.to_owned() });
        }
        check_ours(path)
    }

    /// A new directory `<root>/<name>-NNN` with the first free number.
    ///
    /// # Errors
    /// The file system's.
    pub fn numbered(root: &Path, name: &str) -> Result<Self, Error> {
        fs::create_dir_all(root).map_err(io("create", root))?;
        let mut number = 1;
        loop {
            let path = root.join(format!("{name}-{number:03}"));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self::at(&path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(io("create", &path)(error)),
            }
        }
    }

    /// An existing run.
    ///
    /// # Errors
    /// A directory that is not a run's, or records that cannot be read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::check_is_run(path)?;
        let mut run = Self::at(path);
        run.steps = read_lines(&path.join(STEPS))?;
        run.epochs = read_lines(&path.join(EPOCHS))?;
        // Epochs of a step that never ended will be trained again.
        let (steps, reduced) = (run.steps.len(), run.path.join(REDUCTION).is_file());
        run.epochs.retain(|record| match record.phase {
            Phase::Reduce => reduced,
            _ => record.step <= steps,
        });
        Ok(run)
    }

    fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), steps: Vec::new(), epochs: Vec::new() }
    }

    fn check_is_run(path: &Path) -> Result<(), Error> {
        if path.join(CONFIG).is_file() {
            return Ok(());
        }
        Err(Error::NotARun { path: path.to_owned(), missing: CONFIG })
    }

    /// Where the run lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The steps recorded so far.
    pub fn steps(&self) -> &[StepRecord] {
        &self.steps
    }

    /// The epochs recorded so far.
    pub fn epochs(&self) -> &[CurveRecord] {
        &self.epochs
    }

    /// The effective configuration.
    ///
    /// # Errors
    /// The file system's.
    pub fn config(&self) -> Result<String, Error> {
        let path = self.path.join(CONFIG);
        fs::read_to_string(&path).map_err(io("read", &path))
    }

    /// The network that is pruned.
    ///
    /// # Errors
    /// A missing or broken file.
    pub fn baseline(&self) -> Result<Model, Error> {
        Ok(native::load(self.path.join(BASELINE))?)
    }

    /// The network that was handed back.
    ///
    /// # Errors
    /// A missing or broken file: the run has not ended.
    pub fn model(&self) -> Result<Model, Error> {
        Ok(native::load(self.path.join(MODEL))?)
    }

    /// The whole run in figures.
    ///
    /// # Errors
    /// A missing or broken file: the run has not ended.
    pub fn result(&self) -> Result<ResultRecord, Error> {
        self.read_json(RESULT)
    }

    /// Where the last whole step left the run; none before the first.
    ///
    /// # Errors
    /// A broken checkpoint.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        let Some(last) = self.steps.last() else { return Ok(None) };
        let best = match self.steps.iter().rfind(|step| step.good) {
            Some(step) => native::load(self.best_path(step.step))?,
            None => self.baseline()?,
        };
        let current = native::load(self.current_path(last.step))?;
        let reduction = self.reduction()?;
        Ok(Some(Checkpoint { steps: self.steps.clone(), current, best, reduction }))
    }

    /// What came of the reduction, if it was done.
    fn reduction(&self) -> Result<Option<Reduction>, Error> {
        if !self.path.join(REDUCTION).is_file() {
            return Ok(None);
        }
        let record: ReductionRecord = self.read_json(REDUCTION)?;
        let model = record.kept.then(|| native::load(self.reduced_path())).transpose()?;
        Ok(Some(Reduction { record, model }))
    }

    /// Writes what a run starts from; `curves` are of the baseline's training, if it was trained here. The configuration comes last: with it, the directory is a run.
    ///
    /// # Errors
    /// The file system's.
    pub fn begin(
        &mut self,
        config: &str,
        baseline: &Model,
        curves: &[CurveRecord],
    ) -> Result<(), Error> {
        self.epochs = curves.to_vec();
        self.write_lines(EPOCHS, &self.epochs)?;
        native::save(baseline, self.path.join(BASELINE))?;
        self.write(CONFIG, config.as_bytes())
    }

    /// Writes the configuration of a run over folds, whose runs stand in directories of their own.
    ///
    /// # Errors
    /// The file system's.
    pub fn begin_folds(&self, config: &str) -> Result<(), Error> {
        self.write(CONFIG, config.as_bytes())
    }

    /// Writes what a run ends with; the network in handaxe's own form, and in `form` if that is another.
    ///
    /// # Errors
    /// The file system's.
    pub fn finish(&self, model: &Model, form: Format, result: &ResultRecord) -> Result<(), Error> {
        native::save(model, self.path.join(MODEL))?;
        if form != Format::Native {
            handaxe_formats::model::save(model, &self.path.join(format!("model.{form}")))?;
        }
        self.write_json(RESULT, result)
    }

    fn save_reduction(&self, reduction: &Reduction) -> Result<(), Error> {
        if let Some(model) = &reduction.model {
            native::save(model, self.reduced_path())?;
        }
        self.write_lines(EPOCHS, &self.epochs)?;
        self.write_json(REDUCTION, &reduction.record)
    }

    fn save_step(
        &mut self,
        record: &StepRecord,
        current: &Model,
        best: &Model,
    ) -> Result<(), Error> {
        let checkpoints = self.path.join(CHECKPOINTS);
        fs::create_dir_all(&checkpoints).map_err(io("create", &checkpoints))?;
        native::save(current, self.current_path(record.step))?;
        if record.good {
            native::save(best, self.best_path(record.step))?;
        }
        self.steps.push(record.clone());
        self.write_lines(EPOCHS, &self.epochs)?;
        self.write_lines(STEPS, &self.steps)?;
        self.remove_stale(&checkpoints)
    }

    /// Only the newest checkpoints are needed, and only once the step is committed.
    fn remove_stale(&self, checkpoints: &Path) -> Result<(), Error> {
        let current = self.steps.last().map(|step| self.current_path(step.step));
        let best = self.steps.iter().rfind(|step| step.good).map(|step| self.best_path(step.step));
        for entry in fs::read_dir(checkpoints).map_err(io("read", checkpoints))? {
            let path = entry.map_err(io("read", checkpoints))?.path();
            if Some(&path) != current.as_ref() && Some(&path) != best.as_ref() {
                fs::remove_file(&path).map_err(io("remove", &path))?;
            }
        }
        Ok(())
    }

    fn current_path(&self, step: usize) -> PathBuf {
        self.path.join(CHECKPOINTS).join(format!("step-{step:03}.safetensors"))
    }

    fn best_path(&self, step: usize) -> PathBuf {
        self.path.join(CHECKPOINTS).join(format!("best-{step:03}.safetensors"))
    }

    fn reduced_path(&self) -> PathBuf {
        self.path.join(CHECKPOINTS).join("reduced.safetensors")
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        let path = self.path.join(name);
        let text = fs::read_to_string(&path).map_err(io("read", &path))?;
        serde_json::from_str(&text).map_err(|error| Error::Record {
            path,
            line: error.line(),
            reason: error.to_string(),
        })
    }

    fn write_json<T: Serialize>(&self, name: &str, record: &T) -> Result<(), Error> {
        let mut json =
            serde_json::to_vec_pretty(record).map_err(|error| self.record_error(name, error))?;
        json.push(b'\n');
        self.write(name, &json)
    }

    fn write_lines<T: Serialize>(&self, name: &'static str, records: &[T]) -> Result<(), Error> {
        let mut text = Vec::new();
        for record in records {
            serde_json::to_writer(&mut text, record)
                .map_err(|error| self.record_error(name, error))?;
            text.push(b'\n');
        }
        self.write(name, &text)
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        Ok(write_atomically(&self.path.join(name), |file| file.write_all(content))?)
    }

    fn record_error(&self, name: &str, error: serde_json::Error) -> Error {
        Error::Record { path: self.path.join(name), line: 0, reason: error.to_string() }
    }
}

impl Observer for RunDir {
    fn notify(&mut self, event: &Event<'_>) -> Result<(), ForeignError> {
        match event {
            Event::Epoch(record) => self.epochs.push((*record).clone()),
            Event::Step { record, current, best } => self.save_step(record, current, best)?,
            Event::Reduced(reduction) => self.save_reduction(reduction)?,
            Event::Baseline { .. } | Event::Masked { .. } => {}
        }
        Ok(())
    }
}

/// Whether all that stands in a directory was written by a run.
fn check_ours(path: &Path) -> Result<(), Error> {
    for entry in entries(path)? {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("fold-") && entry.is_dir() {
            check_ours(&entry)?;
        } else if !OURS.contains(&name.as_str()) && !name.starts_with(".handaxe-") {
            return Err(Error::Foreign { path: path.to_owned(), name });
        }
    }
    Ok(())
}

fn entries(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(path).map_err(io("read", path))?;
    entries.map(|entry| Ok(entry.map_err(io("read", path))?.path())).collect()
}

/// The records of a `.jsonl` file; none when it is not there yet.
fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Error> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io("read", path)(error)),
    };
    let parse = |(line, text): (usize, &str)| {
        serde_json::from_str(text).map_err(|error| Error::Record {
            path: path.to_owned(),
            line: line + 1,
            reason: error.to_string(),
        })
    };
    text.lines().enumerate().map(parse).collect()
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io { action, path: path.to_owned(), source }
}
