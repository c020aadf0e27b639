use super::Pass;
use super::line::{Pairs, line, set};
use crate::model::{Rewrite, readers};
use crate::{Error, LayerId, Model, Op};

/// Multiplications by constants and additions of constants that follow each other are one.
pub(super) struct MergeLines;

impl Pass for MergeLines {
    fn name(&self) -> &'static str {
        "merge-lines"
    }

    fn description(&self) -> &'static str {
        "constants that are multiplied or added one after the other become one line for each channel; a line that changes nothing is left out"
    }

    fn run(&self, model: Model) -> Result<Model, Error> {
        let lines = lines(&model);
        if lines.iter().all(Option::is_none) {
            return Ok(model);
        }
        let readers = readers(&model);
        // Whether the line behind takes this one in.
        let taken = |rewrite: &Rewrite, id: LayerId| match readers[id.index()].as_slice() {
            [reader] => lines[reader.index()].is_some() && !rewrite.old.outputs().contains(&id),
            _ => false,
        };
        let mut rewrite = Rewrite::new(model);
        // What the lines before a line come to, with the name of their first.
        let mut pending: Vec<Option<(Pairs, LayerId)>> = vec![None; readers.len()];
        for id in rewrite.ids() {
            let inputs = rewrite.inputs(id);
            let Some(own) = &lines[id.index()] else {
                rewrite.keep(id, &inputs)?;
                continue;
            };
            let before = rewrite.old.layer(id).inputs().first();
            let before = before.and_then(|before| pending[before.index()].take());
            let (whole, first) = match before {
                Some((before, first)) => (behind(&before, own), first),
                None => (own.clone(), id),
            };
            rewrite.place(id, inputs[0]);
            if taken(&rewrite, id) {
                pending[id.index()] = Some((whole, first));
            } else if whole.iter().any(|pair| *pair != (1.0, 0.0)) {
                let name = rewrite.old.layer(first).name().to_owned();
                let new = rewrite.add(&name, Op::line(), &inputs)?;
                set(&mut rewrite.new, new, &whole)?;
                rewrite.place(id, new);
            }
        }
        let outputs: Vec<LayerId> =
            rewrite.old.outputs().iter().map(|&id| rewrite.at(id)).collect();
        rewrite.finish(&outputs)
    }
}

/// gamma and beta of every line whose weights are not quantised.
fn lines(model: &Model) -> Vec<Option<Pairs>> {
    let pairs = |(gamma, beta): (&[f32], &[f32])| {
        gamma.iter().zip(beta).map(|(gamma, beta)| (f64::from(*gamma), f64::from(*beta))).collect()
    };
    let free = |(_, layer): (LayerId, &crate::Layer)| {
        line(layer).filter(|_| layer.quantisers().next().is_none()).map(pairs)
    };
    model.layers().map(free).collect()
}

/// One line behind another.
fn behind(before: &[(f64, f64)], own: &[(f64, f64)]) -> Pairs {
    let pairs = before.iter().zip(own);
    pairs.map(|((g, b), (gamma, beta))| (g * gamma, b * gamma + beta)).collect()
}
