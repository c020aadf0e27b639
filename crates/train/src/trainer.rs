use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::Device;
use handaxe_data::{Direction, Metric, Parts, Targets, seeded};
use handaxe_graph::Model;
use handaxe_optimize::{ByKernel, Curvature, EpochRecord, Fit, Flow, ForeignError, Part, Trainer};
use handaxe_prune::Regularisers;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::batch::Batch;
use crate::curvature::{CurvatureSums, Point, Sums, add_sums, means};
use crate::kernel::chunks;
use crate::loss::{Loss, for_targets, loss};
use crate::node::Pass;
use crate::optimiser::Rule;
use crate::step::{Held, Penalties, step};
use crate::{Error, MeanSquaredError, Network, Settings};

/// The first of the streams of a seed from which the order of samples and dropout are drawn, two a stretch.
const STREAM: u64 = 0x7a19_0000_0000;

/// The first of the streams of a seed from which directions for estimates of curvature are drawn.
const CURVATURE_STREAM: u64 = 0xc0b0_0000_0000;

/// Batches whose derivatives are taken side by side.
const BATCHES_TOGETHER: usize = 16;

/// Trains a network on candle. Same seed, same bits, whatever the number of threads.
///
/// ```
/// use handaxe_data::{Dataset, Parts, Targets, Tensor, metric};
/// use handaxe_optimize::{Fit, Flow, Part, Trainer};
/// use handaxe_train::{CandleTrainer, Initialiser, Settings, initialise, parse};
///
/// let corners = Tensor::new(vec![4, 2], vec![0., 0., 0., 1., 1., 0., 1., 1.])?;
/// let xor = Dataset::new(vec![corners], Targets::classes(vec![0, 1, 1, 0], 2)?)?;
/// let mut model = parse("dense:8,tanh,dense:2,softmax", "xor", &[2])?;
/// initialise(&mut model, Initialiser::default(), 7)?;
///
/// let data = Parts { train: xor.clone(), validation: xor.clone(), test: xor };
/// let settings = Settings { learning_rate: 0.05, ..Settings::default() };
/// let mut trainer = CandleTrainer::new(&model, data, metric("accuracy")?, settings)?;
/// trainer.fit(&Fit { epochs: 100, frozen: None, stream: 0, ..Fit::default() }, &mut |_| Ok(Flow::GoOn))?;
/// assert_eq!(trainer.evaluate(Part::Test)?, 1.0);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct CandleTrainer {
    network: Network,
    data: Arc<Parts>,
    metric: Arc<dyn Metric>,
    others: Vec<Arc<dyn Metric>>,
    loss: Arc<dyn Loss>,
    settings: Settings,
    rule: Box<dyn Rule>,
}

impl CandleTrainer {
    /// A trainer of `model` from the weights that it has. The loss is categorical cross-entropy where the targets are
    /// classes, binary cross-entropy where one output tells two of them apart, and mean squared error where they are
    /// values. Several outputs are held against values side by side, in the order of the outputs.
    ///
    /// # Errors
    /// Settings out of range; data that do not fit the model: [`Error::InputCount`], [`Error::InputShape`],
    /// [`Error::OutputShape`], [`Error::Outputs`]; a last layer that does not suit the task: [`Error::LastLayer`],
    /// [`Error::Range`].
    pub fn new(
        model: &Model,
        data: Parts,
        metric: Box<dyn Metric>,
        settings: Settings,
    ) -> Result<Self, Error> {
        settings.check()?;
        let network = Network::new(model)?;
        let parts =
            [("training", &data.train), ("validation", &data.validation), ("test", &data.test)];
        for (part, data) in parts {
            network.check_inputs(part, data.inputs().iter().map(|input| input.shape()))?;
            check_outputs(part, &network, data.targets())?;
        }
        let width = network.output_shape().iter().product();
        let loss = match &settings.loss {
            Some(name) => loss(name)?,
            None => for_targets(data.train.targets(), width),
        };
        let rule = settings.optimiser.rule();
        let (data, metric) = (Arc::new(data), Arc::from(metric));
        let trainer = Self {
            network,
            data,
            metric,
            others: Vec::new(),
            loss: Arc::new(MeanSquaredError),
            settings,
            rule,
        };
        trainer.with_loss(loss)
    }

    /// Trains by another loss.
    ///
    /// # Errors
    /// What [`Loss::check`] says of the network's last layers and the targets.
    pub fn with_loss(self, loss: Box<dyn Loss>) -> Result<Self, Error> {
        let last = self.network.last_layers();
        for data in [&self.data.train, &self.data.validation, &self.data.test] {
            loss.check(&last, data.targets())?;
        }
        Ok(Self { loss: Arc::from(loss), ..self })
    }

    /// Trains and evaluates in candle's own operations on `device`, which may be another one than the processor.
    pub fn unfused(self, device: Device) -> Self {
        Self { network: self.network.unfused(device), ..self }
    }

    /// Tells other metrics beside the one that decides.
    ///
    /// # Errors
    /// A metric that cannot judge the network's answers.
    pub fn with_others(self, others: Vec<Box<dyn Metric>>) -> Result<Self, Error> {
        let trainer = Self { others: others.into_iter().map(Arc::from).collect(), ..self };
        trainer.others_on(Part::Validation)?;
        Ok(trainer)
    }

    fn others_on(&self, part: Part) -> Result<BTreeMap<String, f64>, Error> {
        if self.others.is_empty() {
            return Ok(BTreeMap::new());
        }
        let (outputs, targets) = self.answers(part)?;
        let judge = |metric: &Arc<dyn Metric>| {
            Ok((metric.name().to_owned(), metric.evaluate(&outputs, targets)?))
        };
        self.others.iter().map(judge).collect()
    }

    /// What the network answers to a part of the data, and what is right.
    fn answers(&self, part: Part) -> Result<(handaxe_data::Tensor, &Targets), Error> {
        let data = match part {
            Part::Validation => &self.data.validation,
            Part::Test => &self.data.test,
        };
        let mut answers = Vec::new();
        for block in data.blocks() {
            answers.extend_from_slice(self.network.outputs(&block?)?.values());
        }
        let shape = [vec![data.len()], self.network.output_shape()].concat();
        Ok((handaxe_data::Tensor::new(shape, answers)?, data.targets()))
    }

    /// One pass over the training samples in the order of `order`; the mean loss.
    fn epoch(
        &mut self,
        order: &[usize],
        rate: f64,
        (held, regularisers): (&Held, Option<&Regularisers>),
        dropout: &mut ChaCha8Rng,
    ) -> Result<f64, Error> {
        let mut penalties = Penalties::new(&self.settings, regularisers);
        let (mut total, size) = (0.0, self.settings.batch_size);
        let mut batch = Batch::new(&self.data.train, &[])?;
        for samples in order.chunks(size) {
            batch.read(&self.data.train, samples)?;
            let Batch { inputs, targets } = &batch;
            let pass = &mut Pass::Training(dropout);
            let (mean, gradients) = self.network.gradients(inputs, pass, (&*self.loss, targets))?;
            if !mean.is_finite() {
                return Ok(mean);
            }
            self.rule.begin(rate);
            let rule = self.rule.as_mut();
            let paid = step(&self.network, gradients, &mut penalties, held, rule)?;
            total += (mean + paid) * targets.len() as f64;
        }
        Ok(total / order.len() as f64)
    }

    /// What `each` makes of all batches of training samples with the network's gradients at them, in order. Batches are
    /// looked at by all threads, some at a time, so that memory does not grow with the data.
    fn each_batch<T: Send>(
        &self,
        each: impl Fn(usize, &Point<'_>) -> Result<T, Error> + Send + Sync,
        mut take: impl FnMut(T),
    ) -> Result<(), Error> {
        let order: Vec<usize> = (0..self.data.train.len()).collect();
        let (network, loss, size) = (&self.network, &*self.loss, self.settings.batch_size);
        let data = &self.data.train;
        for (block, samples) in order.chunks(size * BATCHES_TOGETHER).enumerate() {
            let batches = samples.chunks(size).enumerate().collect();
            let done = chunks::map(usize::MAX, batches, |(place, samples)| {
                let Batch { inputs, targets } = Batch::new(data, samples)?;
                let point = Point::new(network, loss, &inputs, &targets)?;
                each(block * BATCHES_TOGETHER + place, &point)
            });
            for done in done {
                take(done?);
            }
        }
        Ok(())
    }

    fn check_finite(&self, epoch: usize, loss: f64) -> Result<(), Error> {
        let learning_rate = self.settings.learning_rate;
        if !loss.is_finite() {
            return Err(Error::Diverged { epoch, what: "the loss", value: loss, learning_rate });
        }
        match self.network.first_not_finite()? {
            Some(value) => {
                let value = f64::from(value);
                Err(Error::Diverged { epoch, what: "a weight", value, learning_rate })
            }
            None => Ok(()),
        }
    }
}

impl Trainer for CandleTrainer {
    fn direction(&self) -> Direction {
        self.metric.direction()
    }

    fn model(&self) -> Result<Model, ForeignError> {
        Ok(self.network.model()?)
    }

    fn restore(&mut self, model: &Model) -> Result<(), ForeignError> {
        Ok(self.network.load(model)?)
    }

    fn of(&self, model: &Model) -> Result<Box<dyn Trainer + Send>, ForeignError> {
        Ok(Box::new(Self {
            network: self.network.of(model)?,
            data: self.data.clone(),
            metric: self.metric.clone(),
            others: self.others.clone(),
            loss: self.loss.clone(),
            settings: self.settings.clone(),
            rule: self.settings.optimiser.rule(),
        }))
    }

    fn evaluate(&mut self, part: Part) -> Result<f64, ForeignError> {
        let (outputs, targets) = self.answers(part)?;
        Ok(self.metric.evaluate(&outputs, targets)?)
    }

    fn others(&mut self, part: Part) -> Result<BTreeMap<String, f64>, ForeignError> {
        Ok(self.others_on(part)?)
    }

    fn gradients(&mut self) -> Result<ByKernel, ForeignError> {
        let mut sums = Sums::new();
        let each = |_, point: &Point<'_>| point.gradients();
        self.each_batch(each, |gradients| add_sums(&mut sums, gradients))?;
        Ok(means(sums, self.data.train.len()))
    }

    fn curvature(&mut self, stream: u64) -> Result<Curvature, ForeignError> {
        let (seed, probes) = (self.settings.seed, self.settings.probes);
        let stream = CURVATURE_STREAM.wrapping_add(stream);
        let mut sums = CurvatureSums::default();
        let each = |batch: usize, point: &Point<'_>| {
            // Each batch draws from a place of its own, so that batches need not wait for each other.
            let mut draw = seeded(seed, stream);
            draw.set_word_pos((batch as u128) << 40);
            point.curvature(probes, &mut draw)
        };
        self.each_batch(each, |curvature| sums.add(curvature))?;
        Ok(sums.mean(self.data.train.len()))
    }

    fn reset(&mut self) -> Result<(), ForeignError> {
        self.rule = self.settings.optimiser.rule();
        Ok(())
    }

    fn fit(
        &mut self,
        fit: &Fit<'_>,
        progress: &mut dyn FnMut(&EpochRecord) -> Result<Flow, ForeignError>,
    ) -> Result<(), ForeignError> {
        let held = Held::new(&self.network, fit.frozen, fit.train_shared)?;
        let stream = STREAM.wrapping_add(fit.stream.wrapping_mul(2));
        let mut shuffle = seeded(self.settings.seed, stream);
        let mut dropout = seeded(self.settings.seed, stream.wrapping_add(1));
        let mut order: Vec<usize> = (0..self.data.train.len()).collect();
        for epoch in 1..=fit.epochs {
            order.shuffle(&mut shuffle);
            let rate = self.settings.learning_rate * self.settings.rate.share(epoch, fit.epochs);
            let penalties = (&held, fit.regularisers);
            let pass = || self.epoch(&order, rate, penalties, &mut dropout);
            let loss = chunks::inside(pass)?;
            let checked = self.check_finite(epoch, loss);
            checked.map_err(|error| handaxe_optimize::Error::NotFinite(error.into()))?;
            let metric = self.evaluate(Part::Validation)?;
            if progress(&EpochRecord { epoch, loss, metric })? == Flow::Stop {
                break;
            }
        }
        Ok(())
    }
}

/// Whether a network's answers can be held against `targets`.
fn check_outputs(part: &'static str, network: &Network, targets: &Targets) -> Result<(), Error> {
    let output = network.output_shape();
    let fits = match targets {
        Targets::Classes { .. } if network.output_count() > 1 => {
            return Err(Error::Outputs { given: network.output_count() });
        }
        // One output tells two classes apart.
        Targets::Classes { classes, .. } => {
            output == [*classes] || (output == [1] && *classes == 2)
        }
        Targets::Values(values) => output.iter().product::<usize>() == values.row_len(),
    };
    if fits {
        return Ok(());
    }
    Err(Error::OutputShape { part, output, targets: targets.width() })
}
