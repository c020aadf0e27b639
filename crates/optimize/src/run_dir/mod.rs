//! The directory of a run: at any moment in a state to resume from.
//!
//! `run.toml` (effective configuration), `baseline.safetensors`, `trials.jsonl`, `steps.jsonl`, `epochs.jsonl`, `checkpoints/`,
//! and at the end `model.safetensors` (and `model.keras` or `model.h5`) and `result.json`. A step counts from the moment that
//! `steps.jsonl`, written last, is renamed, a reduction likewise from `reduction.json`.

mod files;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use handaxe_formats::model::Format;
use handaxe_formats::native;
use handaxe_graph::Model;

use crate::budget::best;
use crate::inputs::InputRecord;
use crate::{
    Checkpoint, CurveRecord, Disk, Error, Event, FileSystem, Flow, ForeignError, Observer, Phase,
    Reduction, ReductionRecord, ResultRecord, StepRecord, TrialRecord,
};
use files::{io, read_lines};

const CONFIG: &str = "run.toml";
const BASELINE: &str = "baseline.safetensors";
const TRIALS: &str = "trials.jsonl";
const STEPS: &str = "steps.jsonl";
const EPOCHS: &str = "epochs.jsonl";
const REDUCTION: &str = "reduction.json";
const INPUTS: &str = "inputs.json";
const CHECKPOINTS: &str = "checkpoints";
const MODEL: &str = "model.safetensors";
const RESULT: &str = "result.json";

/// All that a run, its report and a run over folds write; nothing else is ever deleted.
const OURS: [&str; 19] = [
    CONFIG,
    BASELINE,
    TRIALS,
    STEPS,
    EPOCHS,
    REDUCTION,
    INPUTS,
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
    "estimated.svg",
    "folds.json",
];

/// A run on disk. As an [`Observer`] it records every epoch and step and keeps a checkpoint.
#[derive(Debug, Clone)]
pub struct RunDir {
    path: PathBuf,
    trials: Vec<TrialRecord>,
    steps: Vec<StepRecord>,
    epochs: Vec<CurveRecord>,
    disk: Arc<dyn Disk>,
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

    /// The same with its files going to another disk.
    #[must_use]
    pub fn on(self, disk: Arc<dyn Disk>) -> Self {
        Self { disk, ..self }
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
        run.trials = read_lines(&path.join(TRIALS))?;
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
        let (trials, steps, epochs) = (Vec::new(), Vec::new(), Vec::new());
        Self { path: path.to_owned(), trials, steps, epochs, disk: Arc::new(FileSystem) }
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

    /// The trials of the search for penalties recorded so far.
    pub fn trials(&self) -> &[TrialRecord] {
        &self.trials
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

    /// Where the last whole trial or step left the run.
    ///
    /// # Errors
    /// A broken checkpoint.
    pub fn checkpoint(&self) -> Result<Checkpoint, Error> {
        let best = match best(&self.steps) {
            Some(step) => native::load(self.best_path(step.step))?,
            None => self.baseline()?,
        };
        let current = match self.steps.last() {
            Some(last) => native::load(self.current_path(last.step))?,
            None => self.baseline()?,
        };
        let (trials, steps) = (self.trials.clone(), self.steps.clone());
        Ok(Checkpoint { trials, steps, current, best, reduction: self.reduction()? })
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

    /// Writes down the checksums of the files that the run is made from, each with what it is to the run.
    ///
    /// # Errors
    /// A file that cannot be read, or the file system's.
    pub fn record_inputs(&self, files: &[(&str, PathBuf)]) -> Result<(), Error> {
        let records = files.iter().map(|(what, path)| InputRecord::new(what, path));
        self.write_json(INPUTS, &records.collect::<Result<Vec<_>, _>>()?)
    }

    /// Whether those files are still what they were.
    ///
    /// # Errors
    /// [`Error::InputChanged`] for the first that is not.
    pub fn check_inputs(&self) -> Result<(), Error> {
        if !self.path.join(INPUTS).is_file() {
            return Ok(());
        }
        let records: Vec<InputRecord> = self.read_json(INPUTS)?;
        records.iter().try_for_each(InputRecord::check)
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
        self.write_model(&self.path.join(BASELINE), baseline)?;
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
        self.write_model(&self.path.join(MODEL), model)?;
        if form != Format::Native {
            handaxe_formats::model::save(model, &self.path.join(format!("model.{form}")))?;
        }
        self.write_json(RESULT, result)
    }

    fn save_reduction(&self, reduction: &Reduction) -> Result<(), Error> {
        if let Some(model) = &reduction.model {
            self.write_model(&self.reduced_path(), model)?;
        }
        self.write_lines(EPOCHS, &self.epochs)?;
        self.write_json(REDUCTION, &reduction.record)
    }

    fn save_step(
        &mut self,
        record: &StepRecord,
        current: &Model,
        network: &Model,
    ) -> Result<(), Error> {
        let checkpoints = self.path.join(CHECKPOINTS);
        self.disk.create_dir(&checkpoints).map_err(io("create", &checkpoints))?;
        self.write_model(&self.current_path(record.step), current)?;
        self.steps.push(record.clone());
        if self.best_step() == Some(record.step) {
            self.write_model(&self.best_path(record.step), network)?;
        }
        self.write_lines(EPOCHS, &self.epochs)?;
        self.write_lines(STEPS, &self.steps)?;
        self.remove_stale(&checkpoints)
    }

    fn best_step(&self) -> Option<usize> {
        best(&self.steps).map(|step| step.step)
    }

    /// Only the newest checkpoints are needed, and only once the step is committed.
    fn remove_stale(&self, checkpoints: &Path) -> Result<(), Error> {
        let current = self.steps.last().map(|step| self.current_path(step.step));
        let best = self.best_step().map(|step| self.best_path(step));
        for entry in fs::read_dir(checkpoints).map_err(io("read", checkpoints))? {
            let path = entry.map_err(io("read", checkpoints))?.path();
            if Some(&path) != current.as_ref() && Some(&path) != best.as_ref() {
                self.disk.remove(&path).map_err(io("remove", &path))?;
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
}

impl Observer for RunDir {
    fn notify(&mut self, event: &Event<'_>) -> Result<Flow, ForeignError> {
        match event {
            // Trials are known by their records.
            Event::Epoch(CurveRecord { phase: Phase::Trial, .. }) => {}
            Event::Epoch(record) => self.epochs.push((*record).clone()),
            Event::Trial { record, .. } => {
                self.trials.push((*record).clone());
                self.write_lines(TRIALS, &self.trials)?;
            }
            Event::Step { record, current, best } => self.save_step(record, current, best)?,
            Event::Reduced(reduction) => self.save_reduction(reduction)?,
            Event::Baseline { .. } | Event::Masked { .. } => {}
        }
        Ok(Flow::GoOn)
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
