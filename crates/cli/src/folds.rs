//! Cross-validation: one run for each fold.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use handaxe::report::{Align, Table};
use handaxe::run::{ByResource, ResultRecord, RunDir, SCHEMA, single_threaded};
use handaxe::{Error, RunConfig, Samples};
use indicatif::MultiProgress;
use serde::Serialize;

use crate::failure::Failure;
use crate::optimize::load;
use crate::options::Speech;
use crate::output;
use crate::progress::Progress;

/// What several runs over folds come to.
#[derive(Serialize)]
struct Folds {
    schema: u32,
    folds: Vec<ResultRecord>,
    mean_baseline_test: f64,
    mean_final_test: f64,
    ratio: f64,
}

/// One run for each fold, in folders of a common directory, and their mean.
pub(crate) fn run(
    config: &RunConfig,
    samples: &Samples,
    folds: usize,
    root: &RunDir,
    speech: Speech,
) -> Result<(), Failure> {
    if samples.test.is_some() {
        let message = "--folds divides data that come without a test part".to_owned();
        return Err(Failure::Input(message));
    }
    let bars = MultiProgress::new();
    let one = |fold: usize| {
        let out = root.path().join(format!("fold-{fold}"));
        let epochs = (config.baseline_epochs, config.epochs);
        let mut progress = Progress::among(&bars, format!("fold {fold}"), epochs, speech.quiet);
        let finished = match RunDir::open(&out) {
            Ok(_) => handaxe::resume(&out, &load, &mut progress)?,
            Err(_) => {
                let config = RunConfig { fold: Some(fold), out: Some(out), ..config.clone() };
                handaxe::optimize(&config, samples, true, &mut progress)?
            }
        };
        let ResultRecord { baseline, last, met, .. } = &finished.result;
        let verdict = if *met { "met" } else { "not met" };
        progress.say(&format!("test {:.4} -> {:.4}, {verdict}", baseline.test, last.test));
        Ok::<_, Error>(finished.result)
    };
    let results = at_once(folds, one)?;
    let summary = Folds::new(results);
    let json =
        serde_json::to_vec_pretty(&summary).map_err(|error| Failure::Other(error.to_string()))?;
    let path = root.path().join("folds.json");
    handaxe::formats::write_atomically(&path, |file| file.write_all(&json)).map_err(Error::from)?;
    if speech.json {
        output::json(&summary)?
    } else {
        output::text(&summary.table())?
    }
    match summary.folds.iter().all(|result| result.met) {
        true => Ok(()),
        false => Err(Failure::NotMet("not every fold met what was asked".to_owned())),
    }
}

/// What `run` gives for each of 1..=`folds`, as many at a time as there are threads; the first error ends it.
fn at_once<T: Send>(
    folds: usize,
    run: impl Fn(usize) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let (next, failed) = (AtomicUsize::new(1), AtomicBool::new(false));
    let worker = || {
        let mut done = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let fold = next.fetch_add(1, Ordering::Relaxed);
            if fold > folds {
                break;
            }
            let result = run(fold);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            done.push((fold, result));
        }
        done
    };
    let threads = rayon::current_num_threads().min(folds);
    let mut done = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| single_threaded(worker))).collect();
        let joined = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect::<Vec<_>>()
    });
    done.sort_by_key(|(fold, _)| *fold);
    done.into_iter().map(|(_, result)| result).collect()
}

impl Folds {
    fn new(folds: Vec<ResultRecord>) -> Self {
        let mean =
            |of: fn(&ResultRecord) -> f64| folds.iter().map(of).sum::<f64>() / folds.len() as f64;
        let (mean_baseline_test, mean_final_test) =
            (mean(|fold| fold.baseline.test), mean(|fold| fold.last.test));
        let ratio = mean_final_test / mean_baseline_test;
        Self { schema: SCHEMA, folds, mean_baseline_test, mean_final_test, ratio }
    }

    fn table(&self) -> String {
        let resources: Vec<&String> =
            self.folds.iter().take(1).flat_map(|fold| fold.achieved.keys()).collect();
        let shares = resources.iter().flat_map(|name| {
            [format!("{name} asked"), "feasible".to_owned(), "reached".to_owned()]
        });
        let heads: Vec<String> =
            ["test before".to_owned(), "after".to_owned()].into_iter().chain(shares).collect();
        let columns = heads.iter().map(|head| (head.as_str(), Align::Right));
        let mut table = Table::new([("fold", Align::Left)].into_iter().chain(columns));
        for (number, fold) in self.folds.iter().enumerate() {
            let share = |shares: &ByResource<f64>, name: &str| {
                shares.get(name).map_or_else(|| "-".to_owned(), |share| format!("{share:.4}"))
            };
            let shares = resources.iter().flat_map(|name| {
                [share(&fold.asked, name), share(&fold.feasible, name), share(&fold.achieved, name)]
            });
            let scores = [fold.baseline.test, fold.last.test].map(|score| format!("{score:.4}"));
            table.row([(number + 1).to_string()].into_iter().chain(scores).chain(shares));
        }
        table.rule();
        let means =
            [self.mean_baseline_test, self.mean_final_test].map(|score| format!("{score:.4}"));
        table.row(["mean".to_owned()].into_iter().chain(means));
        format!("{table}\nMean test metric after / before: {:.4}\n", self.ratio)
    }
}
