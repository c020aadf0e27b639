//! Trains a network on raw arrays and tells each epoch, for `benches/peers/train.py`: mean loss, wall and processor seconds.
//!
//! `epochs SPEC SHAPE CLASSES BATCH EPOCHS INPUTS LABELS [adam|candle]`, with `SHAPE` such as 32x32x3, `INPUTS` little-endian
//! f32 and `LABELS` little-endian u32; `candle` trains by candle's own operations.

mod clock;

use handaxe_data::{Dataset, Parts, Targets, Tensor, metric};
use handaxe_optimize::{Fit, Flow, ForeignError, Part, Trainer};
use handaxe_train::candle::Device;
use handaxe_train::{CandleTrainer, Initialiser, Settings, initialise, parse};

fn main() -> Result<(), ForeignError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [spec, shape, classes, batch, epochs, inputs, labels, rest @ ..] = &arguments[..] else {
        return Err("SPEC SHAPE CLASSES BATCH EPOCHS INPUTS LABELS [adam|candle]".into());
    };
    let shape: Vec<usize> = shape.split('x').map(str::parse).collect::<Result<_, _>>()?;
    let inputs = words(inputs)?.into_iter().map(f32::from_le_bytes).collect();
    let labels: Vec<u32> = words(labels)?.into_iter().map(u32::from_le_bytes).collect();
    let inputs = Tensor::new([&[labels.len()], &shape[..]].concat(), inputs)?;
    let train = Dataset::new(vec![inputs], Targets::classes(labels, classes.parse()?)?)?;
    let few = train.select(&(0..train.len().min(16)).collect::<Vec<_>>())?;
    let data = Parts { test: train.clone(), train, validation: few };

    let mut model = parse(spec, "peer", &shape)?;
    initialise(&mut model, Initialiser::GlorotUniform, 1)?;
    let settings = Settings { batch_size: batch.parse()?, ..Settings::default() };
    let mut trainer = CandleTrainer::new(&model, data, metric("accuracy")?, settings)?;
    if rest.first().is_some_and(|kernels| kernels == "candle") {
        trainer = trainer.unfused(Device::Cpu);
    }
    let (mut wall, mut cpu) = (clock::wall_seconds(), clock::cpu_seconds());
    let fit = Fit { epochs: epochs.parse()?, frozen: None, stream: 0, ..Fit::default() };
    trainer.fit(&fit, &mut |record| {
        let (wall_now, cpu_now) = (clock::wall_seconds(), clock::cpu_seconds());
        println!("{} {} {}", record.loss, wall_now - wall, cpu_now - cpu);
        (wall, cpu) = (clock::wall_seconds(), clock::cpu_seconds());
        Ok(Flow::GoOn)
    })?;
    println!("accuracy {}", trainer.evaluate(Part::Test)?);
    Ok(())
}

/// A file four bytes at a time.
fn words(path: &str) -> Result<Vec<[u8; 4]>, ForeignError> {
    let bytes = std::fs::read(path)?;
    Ok(bytes.as_chunks::<4>().0.to_vec())
}
