//! Loads a data set and says what it is and how long that took:
//! `cargo run --release -p handaxe-formats --example load -- jets.npz:x=hlf_ungroomed,y=label [BYTES IN MEMORY]`.

use std::time::Instant;

use handaxe_data::Standardiser;
use handaxe_formats::data::{IN_MEMORY, load_parts_within};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let reference = arguments.next().ok_or("name a data set: FILE:x=NAME,y=NAME")?;
    let memory = arguments.next().map_or(Ok(IN_MEMORY), |bytes| bytes.parse())?;
    let start = Instant::now();
    let data = load_parts_within(&reference, memory)?.train;
    let loaded = start.elapsed();
    let input = &data.inputs()[0];
    let place = if input.in_memory() { "in memory" } else { "on disk" };
    println!("{:?} {place}, {} targets wide: {loaded:?}", input.shape(), data.targets().width());
    Standardiser::fit(&**input)?;
    println!("mean and deviation: {:?}", start.elapsed() - loaded);
    Ok(())
}
