//! Runs that end in the middle of a write, and go on to the same bits.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handaxe::run::{Disk, Error as RunError, FileSystem, RunDir};
use handaxe::{Error, Finished, RunConfig, Samples, optimize_in, resume};

/// What happens at the n-th change of the file system.
#[derive(Debug, Clone, Copy)]
enum End {
    /// The process dies after it.
    Abort,
    /// It fails, with half of what was to be written on the medium.
    Fail(io::ErrorKind),
}

/// The file system until the n-th change.
#[derive(Debug)]
struct Ending {
    left: AtomicUsize,
    end: End,
}

impl Ending {
    fn after(left: usize, end: End) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(left), end })
    }

    fn count(
        &self,
        change: impl FnOnce() -> io::Result<()>,
        half: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        match (self.left.fetch_sub(1, Ordering::SeqCst), self.end) {
            (1, End::Abort) => {
                change()?;
                std::process::abort()
            }
            (1, End::Fail(kind)) => half().and(Err(kind.into())),
            _ => change(),
        }
    }
}

impl Disk for Ending {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        FileSystem.create_dir(path)
    }

    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let half = || FileSystem.write(path, &content[..content.len() / 2]);
        self.count(|| FileSystem.write(path, content), half)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.count(|| FileSystem.rename(from, to), || Ok(()))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        FileSystem.remove(path)
    }
}

/// A run of a reduction at the end on a table of its own beside `folder`.
fn config(folder: &Path) -> RunConfig {
    let data = folder.join("points.csv");
    if !data.is_file() {
        let parts = crate::parts();
        let handaxe::data::Targets::Classes { labels, .. } = parts.train.targets() else {
            panic!("classes");
        };
        let inputs = parts.train.inputs()[0].block(0..parts.train.len()).unwrap();
        let rows = inputs.values().chunks(8).zip(labels).map(|(row, label)| {
            let row: Vec<String> = row.iter().map(f32::to_string).collect();
            format!("{},{label}\n", row.join(","))
        });
        fs::write(&data, rows.collect::<String>()).unwrap();
    }
    let text = format!(
        "data = '{}'\nnetwork = 'dense:12,relu,dense:4,softmax'\nbaseline-epochs = 4\nobjective = 'gpu-flops'\n\
         final-sparsity = 0.5\nsteps = 3\nepochs = 2\nrtol = 0.3\nseed = 2",
        data.display()
    );
    RunConfig::parse(&text).unwrap()
}

fn begin(folder: &Path, name: &str, disk: Option<Arc<dyn Disk>>) -> Result<Finished, Error> {
    let config = config(folder);
    let dir = RunDir::create(&folder.join(name), true).unwrap();
    let dir = match disk {
        Some(disk) => dir.on(disk),
        None => dir,
    };
    optimize_in(&config, &Samples::load(&config)?, dir, &mut ())
}

/// Goes on with what stands there, or begins anew where nothing was begun.
fn go_on(folder: &Path, name: &str) {
    match RunDir::open(&folder.join(name)) {
        Ok(_) => resume(&folder.join(name), &Samples::load, &mut ()).unwrap(),
        Err(RunError::NotARun { .. }) => begin(folder, name, None).unwrap(),
        Err(error) => panic!("{error}"),
    };
}

/// All that a run leaves but wall times.
fn bits(run: &Path) -> Vec<(String, String)> {
    let mut files: Vec<PathBuf> = fs::read_dir(run).unwrap().map(|e| e.unwrap().path()).collect();
    files.extend(fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()));
    files.sort();
    let timeless = |text: &str| {
        let figures = text.lines().map(|line| line.split("\"seconds\"").next().unwrap());
        figures.collect::<Vec<_>>().join("\n")
    };
    let read = |file: &PathBuf| {
        let name = file.strip_prefix(run).unwrap().display().to_string();
        let told = !name.ends_with(".html") && !name.ends_with(".svg");
        let content = || timeless(&String::from_utf8_lossy(&fs::read(file).unwrap()));
        (told && file.is_file()).then(|| (name, content()))
    };
    files.iter().filter_map(read).collect()
}

/// Counts the changes that a whole run makes.
fn changes(folder: &Path) -> usize {
    let disk = Ending::after(usize::MAX, End::Abort);
    begin(folder, "whole", Some(disk.clone())).unwrap();
    usize::MAX - disk.left.load(Ordering::SeqCst)
}

/// The process that the test below lets die; nothing by itself.
#[test]
fn child() {
    let Ok(place) = std::env::var("HANDAXE_ABORTED_RUN") else { return };
    let (after, folder) = place.split_once(' ').unwrap();
    let disk = Ending::after(after.parse().unwrap(), End::Abort);
    begin(Path::new(folder), "cut", Some(disk)).unwrap();
}

/// Dies after 20 of the changes that a run makes, the first and the last among them, and ends with the same bits.
#[test]
fn aborted_runs_end_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let all = changes(folder.path());
    let whole = bits(&folder.path().join("whole"));
    assert!(all > 30, "{all}");
    let mut state = 11u64;
    let mut points = vec![1, all];
    while points.len() < 20 {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let point = 1 + (state >> 33) as usize % all;
        if !points.contains(&point) {
            points.push(point);
        }
    }
    for point in points {
        let place = format!("{point} {}", folder.path().display());
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "aborts::child"])
            .env("HANDAXE_ABORTED_RUN", place)
            .output()
            .unwrap()
            .status;
        assert!(!status.success(), "{point}: the child lived");
        go_on(folder.path(), "cut");
        assert!(bits(&folder.path().join("cut")) == whole, "after change {point}");
    }
}

/// A full disk and a directory that cannot be written are typed errors that name the file; nothing is lost by them.
#[test]
fn failed_writes_are_told_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let all = changes(folder.path());
    let whole = bits(&folder.path().join("whole"));
    for (number, point) in (1..=all).step_by(3).enumerate() {
        let kinds = [io::ErrorKind::StorageFull, io::ErrorKind::PermissionDenied];
        let kind = kinds[number % 2];
        let disk = Ending::after(point, End::Fail(kind));
        let error = begin(folder.path(), "cut", Some(disk)).unwrap_err();
        match &error {
            Error::Optimize(RunError::Io { action: "write", source, .. }) => {
                assert_eq!(source.kind(), kind);
            }
            other => panic!("after change {point}: {other:?}"),
        }
        assert!(!error.is_input() && error.to_string().contains("cut"), "{error}");
        go_on(folder.path(), "cut");
        assert!(bits(&folder.path().join("cut")) == whole, "after change {point}");
    }
}

/// What a run was made from must be there unchanged when it goes on.
#[test]
fn changed_inputs_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let run = begin(folder.path(), "run", None).unwrap().path;
    let data = folder.path().join("points.csv");
    let old = fs::read(&data).unwrap();
    let refused = || match resume(&run, &Samples::load, &mut ()).unwrap_err() {
        Error::Optimize(RunError::InputChanged { what, path, found }) => {
            assert_eq!((what.as_str(), &path), ("data", &data));
            found
        }
        other => panic!("{other}"),
    };
    fs::write(&data, [&old[..], b"0,0,0,0,0,0,0,0,1\n"].concat()).unwrap();
    assert_eq!(refused(), "has changed");
    fs::remove_file(&data).unwrap();
    let gone = resume(&run, &Samples::load, &mut ()).unwrap_err();
    assert!(matches!(gone, Error::Formats(_)), "{gone}");
    fs::write(&data, old).unwrap();
    resume(&run, &Samples::load, &mut ()).unwrap();
}
