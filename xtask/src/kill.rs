//! `cargo xtask kill`: runs are killed at random moments and must end with the bits of one that was not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::ROOT;

/// Files of a run that must be the same to the bit.
const SAME: [&str; 4] =
    ["baseline.safetensors", "epochs.jsonl", "model.safetensors", "reduction.json"];

/// Numbers that depend on the seed only (Steele et al. 2014, splitmix64).
struct Numbers(u64);

impl Numbers {
    /// In 0..1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    }
}

/// Runs the embedded example once whole, then `runs` times with kills (SIGKILL where there are signals) after random
/// shares of its time, each resumed and killed again until it ends.
pub(crate) fn random_moments(runs: usize, seed: u64) -> Result<(), String> {
    crate::cargo("build --workspace --bin handaxe")?;
    let folder = Path::new(ROOT).join("target/kill");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
    }
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let whole = folder.join("whole");
    let started = Instant::now();
    wait(start(&whole, false)?)?;
    let length = started.elapsed();
    eprintln!("an undisturbed run takes {:.2} s; seed {seed}", length.as_secs_f64());
    let mut numbers = Numbers(seed);
    for run in 1..=runs {
        let cut = folder.join(format!("cut-{run:03}"));
        let kills = one(&cut, length, &mut numbers)?;
        check_same(&whole, &cut)?;
        eprintln!("run {run} of {runs}: killed {kills} times, the same bits");
    }
    fs::remove_dir_all(&folder).map_err(|error| error.to_string())
}

/// One run with its kills, of which there are so many, at least one: a machine that has become idle since the first run was
/// timed may be done before the first.
fn one(cut: &Path, mut length: Duration, numbers: &mut Numbers) -> Result<usize, String> {
    let mut kills = 0;
    loop {
        let begun = cut.join("run.toml").is_file();
        let mut child = start(cut, begun)?;
        std::thread::sleep(length.mul_f64(0.02 + 0.8 * numbers.next()));
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(_) => {
                wait(child)?;
                if kills > 0 {
                    return Ok(kills);
                }
                fs::remove_dir_all(cut).map_err(|error| error.to_string())?;
                length /= 2;
            }
            None => {
                child.kill().map_err(|error| error.to_string())?;
                child.wait().map_err(|error| error.to_string())?;
                kills += 1;
            }
        }
    }
}

/// Begins the example in a directory, or goes on with what stands there. It ends with a reduction, so that this is cut
/// too.
fn start(out: &Path, begun: bool) -> Result<Child, String> {
    let binary = PathBuf::from(ROOT).join("target/debug/handaxe");
    let mut command = Command::new(binary);
    command.arg("optimize");
    if begun {
        command.arg("--resume").arg(out);
    } else {
        let example = Path::new(ROOT).join("crates/cli/src/example.toml");
        command.arg(example).args(["--reduce", "--force", "--out"]).arg(out);
    }
    command.arg("--quiet").stdout(Stdio::null());
    command.spawn().map_err(|error| format!("handaxe could not be started: {error}"))
}

fn wait(mut child: Child) -> Result<(), String> {
    let status = child.wait().map_err(|error| error.to_string())?;
    // What was asked may not be met; it ran all the same.
    match status.code() {
        Some(0 | 3) => Ok(()),
        _ => Err(format!("handaxe failed: {status}")),
    }
}

fn check_same(whole: &Path, cut: &Path) -> Result<(), String> {
    for name in SAME {
        let read = |run: &Path| fs::read(run.join(name)).ok();
        if read(whole) != read(cut) {
            return Err(format!("{} differs from {}", cut.join(name).display(), whole.display()));
        }
    }
    Ok(())
}
