//! The commands of the pages in `docs/` work as they stand there.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The lines of a page's blocks of shell commands, the blocks one after the other.
fn commands(page: &str) -> String {
    let mut inside = false;
    let mut commands = String::new();
    for line in page.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            // Examples of crates are built and run by their own tests.
            _ if inside && !line.starts_with("cargo run") => {
                commands.push_str(line);
                commands.push('\n');
            }
            _ => {}
        }
    }
    commands
}

/// Runs a page from top to bottom in a directory of its own that looks like the root of the repository.
fn run(name: &str) {
    let page = std::fs::read_to_string(root().join("docs").join(name)).unwrap();
    let commands = commands(&page);
    assert!(commands.contains("handaxe "), "{name} has no command");
    let directory = tempfile::tempdir().unwrap();
    let fixtures = root().join("fixtures").canonicalize().unwrap();
    std::os::unix::fs::symlink(fixtures, directory.path().join("fixtures")).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_handaxe")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let shell = Command::new("sh")
        .args(["-eu", "-c", &commands])
        .env("PATH", path)
        .current_dir(directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&shell.stderr);
    assert!(shell.status.success(), "{name}: {}\n{said}", shell.status);
}

macro_rules! pages {
    ($($test:ident: $page:literal),* $(,)?) => {
        $(#[test] fn $test() { run($page); })*

        #[test]
        fn every_page_with_commands_is_run() {
            let known = [$($page),*];
            for entry in std::fs::read_dir(root().join("docs")).unwrap() {
                let path = entry.unwrap().path();
                let Ok(page) = std::fs::read_to_string(&path) else { continue };
                let name = path.file_name().unwrap().to_str().unwrap();
                let runs = commands(&page).contains("handaxe ");
                assert_eq!(runs, known.contains(&name), "docs/{name}");
            }
        }
    };
}

pages! {
    hardware_precision: "hardware-precision.md",
    fitting_a_part: "fit-a-part.md",
    from_pytorch: "from-pytorch.md",
    pruning_for_dsps: "prune-for-dsps.md",
    pruning_for_flops: "prune-for-flops.md",
    reading_the_report: "read-the-report.md",
    resuming: "resume.md",
    using_keras_networks: "use-keras-networks.md",
}
