//! Passes: rewritings of a model that leave what it answers as it is, each named, each in a file of its own.
//!
//! [`READING`] is what every network in ONNX goes through, [`FIRMWARE`] what a network goes through before its own quantisers are built
//! in fixed point.

mod affine;
mod bias;
mod line;
mod prove;
mod reshapes;
mod scales;
mod transposes;
mod unread;

use crate::{Error, Model};
pub use transposes::transposition;

/// A rewriting of models.
pub trait Pass: Sync {
    /// The name under which the command line knows it.
    fn name(&self) -> &'static str;

    /// What it does, in a line.
    fn description(&self) -> &'static str;

    /// The model after it: the same answers to the same inputs.
    ///
    /// # Errors
    /// What cannot be a model: a name that is too long, or more weights than are accepted.
    fn run(&self, model: Model) -> Result<Model, Error>;
}

/// Passes that follow each other.
pub struct Pipeline {
    /// The pipeline's own name.
    pub name: &'static str,
    /// When models go through it.
    pub when: &'static str,
    /// The passes in order.
    pub passes: &'static [&'static dyn Pass],
}

/// What every network in ONNX goes through when it is read: nodes become layers one by one, and these join them.
pub const READING: Pipeline = Pipeline {
    name: "reading",
    when: "when a network in ONNX is read",
    passes: &[
        &unread::DropUnread,
        &bias::FuseBias,
        &affine::MergeLines,
        &transposes::MergeTransposes,
        &reshapes::MergeReshapes,
        &prove::ProveTransposes,
    ],
};

/// What a network goes through before its own quantisers say how it is built in firmware.
pub const FIRMWARE: Pipeline = Pipeline {
    name: "firmware",
    when: "when firmware is made of a network's own quantisers",
    passes: &[&scales::UnitScales],
};

/// Every pipeline.
pub const PIPELINES: [&Pipeline; 2] = [&READING, &FIRMWARE];

impl Pipeline {
    /// The model after all passes.
    ///
    /// ```
    /// use handaxe_graph::pass::READING;
    /// use handaxe_graph::{Model, Op};
    ///
    /// let mut model = Model::new("turned about");
    /// let input = model.add("in", Op::Input { shape: vec![4, 3] }, &[])?;
    /// let turned = model.add("turned", Op::Permute { axes: vec![1, 0] }, &[input])?;
    /// let back = model.add("back", Op::Permute { axes: vec![1, 0] }, &[turned])?;
    /// model.add("fc", Op::Dense { units: 2, bias: true }, &[back])?;
    /// let names: Vec<String> =
    ///     READING.run(model)?.layers().map(|(_, layer)| layer.name().to_owned()).collect();
    /// assert_eq!(names, ["in", "fc"]);
    /// # Ok::<(), handaxe_graph::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Pass::run`].
    pub fn run(&self, model: Model) -> Result<Model, Error> {
        self.passes.iter().try_fold(model, |model, pass| pass.run(model))
    }

    /// The model after the pass called `last` and all before it.
    ///
    /// # Errors
    /// As [`Pass::run`], and a name that no pass of the pipeline has.
    pub fn run_to(&self, last: &str, model: Model) -> Result<Model, Error> {
        let Some(place) = self.passes.iter().position(|pass| pass.name() == last) else {
            let names: Vec<&str> = self.passes.iter().map(|pass| pass.name()).collect();
            return Err(Error::UnknownName {
                what: "pass",
                given: last.to_owned(),
                known: names.join(", "),
            });
        };
        self.passes[..=place].iter().try_fold(model, |model, pass| pass.run(model))
    }
}
