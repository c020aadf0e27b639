use std::collections::{BTreeMap, BTreeSet};

use handaxe_graph::MOST_LAYERS;

use super::node::{Node, brief};
use crate::Error;

/// Most nodes, those included that compute constants.
const MOST_NODES: usize = 16 * MOST_LAYERS;

/// The nodes that the answers depend on, each after those whose arrays it reads, else in the file's order.
pub(super) fn order(
    nodes: &[Node<'_>],
    answers: &BTreeSet<&str>,
    known: &BTreeSet<&str>,
) -> Result<Vec<usize>, Error> {
    if nodes.len() > MOST_NODES {
        return Err(Error::OnnxNodes { most: MOST_NODES });
    }
    let mut makers = BTreeMap::new();
    for node in nodes {
        for name in node.proto.output.iter().filter(|name| !name.is_empty()) {
            if known.contains(name.as_str()) || makers.insert(name.as_str(), node.index).is_some() {
                return Err(Error::OnnxTwice { array: brief(name) });
            }
        }
    }
    // Backwards from the answers: what nothing needs may be anything.
    let mut needed = vec![false; nodes.len()];
    let mut open: Vec<usize> =
        answers.iter().filter_map(|name| makers.get(name).copied()).collect();
    let mut waits = vec![0; nodes.len()];
    let mut readers = vec![Vec::new(); nodes.len()];
    while let Some(place) = open.pop() {
        if std::mem::replace(&mut needed[place], true) {
            continue;
        }
        for name in nodes[place].inputs().filter(|name| !known.contains(name)) {
            let Some(&maker) = makers.get(name) else {
                let node = brief(nodes[place].name());
                return Err(Error::OnnxReads { node, reads: brief(name) });
            };
            waits[place] += 1;
            readers[maker].push(place);
            open.push(maker);
        }
    }
    let free = |place: &usize| needed[*place] && waits[*place] == 0;
    let mut ready: BTreeSet<usize> = (0..nodes.len()).filter(free).collect();
    let mut order = Vec::new();
    while let Some(place) = ready.pop_first() {
        order.push(place);
        for &reader in &readers[place] {
            waits[reader] -= 1;
            if waits[reader] == 0 {
                ready.insert(reader);
            }
        }
    }
    match waits.iter().position(|&waits| waits > 0) {
        Some(stuck) => Err(Error::OnnxCycle { node: brief(nodes[stuck].name()) }),
        None => Ok(order),
    }
}
