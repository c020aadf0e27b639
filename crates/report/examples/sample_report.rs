//! Writes the reports of made-up runs, to look at: `cargo run -p handaxe-report --example sample_report -- DIRECTORY`.

#[path = "../tests/sample/mod.rs"]
mod sample;

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).ok_or("usage: sample_report DIRECTORY")?;
    let samples = [
        ("jets", sample::jets()),
        ("digits", sample::digits()),
        ("deep", sample::deep()),
        ("untouched", sample::untouched()),
    ];
    for (name, sample) in samples {
        let folder = PathBuf::from(&directory).join(name);
        std::fs::create_dir_all(&folder)?;
        handaxe_report::write(&folder, &sample.run())?;
        println!("{}\n{}", folder.display(), handaxe_report::table(&sample.result));
    }
    Ok(())
}
