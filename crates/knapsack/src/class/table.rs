//! States of a dynamic programme in a hash table, with the way to each.

use super::search::Layer;
use crate::limits::Watch;

/// An unsigned integer wide enough for keys and losses; keys wrap, so they may stand for negative numbers.
pub(crate) trait Word: Copy + Ord + std::fmt::Debug {
    const ZERO: Self;
    /// The low bits of `value`; keys need no more.
    fn wrap(value: i128) -> Self;
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn half(self) -> Self;
    /// Well mixed bits for the table.
    fn hash(self) -> u64;
}

macro_rules! word {
    ($type:ty) => {
        impl Word for $type {
            const ZERO: Self = 0;
            fn wrap(value: i128) -> Self {
                value as Self
            }
            #[inline]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            fn half(self) -> Self {
                self / 2
            }
            #[inline]
            fn hash(self) -> u64 {
                let folded = (self as u64) ^ ((self as u128 >> 64) as u64).rotate_left(23);
                let mixed = folded.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                (mixed ^ mixed >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93)
            }
        }
    };
}
word!(u64);
word!(u128);

/// No node.
pub(crate) const NONE: u32 = u32::MAX;

/// Out of memory, or told to stop.
#[derive(Debug)]
pub(crate) struct Full;

#[derive(Debug)]
struct Node<W> {
    loss: W,
    parent: u32,
    /// The node that this one improves on, found in an earlier layer.
    previous: u32,
    layer: u32,
    choice: u32,
}

/// The least loss of every key reached, layer after layer.
#[derive(Debug)]
pub(crate) struct Table<W> {
    nodes: Vec<Node<W>>,
    /// Of each state its key and its best node.
    states: Vec<(W, u32)>,
    slots: Vec<u32>,
    /// Number of states once each layer was added.
    reached: Vec<usize>,
    most: usize,
}

impl<W: Word> Table<W> {
    /// A table with the empty way in it, of at most `memory` bytes.
    pub(crate) fn new(memory: usize) -> Self {
        let each = size_of::<Node<W>>() + size_of::<(W, u32)>() + 16;
        let mut table = Self {
            nodes: Vec::new(),
            states: Vec::new(),
            slots: vec![NONE; 64],
            reached: Vec::new(),
            // Vectors double, so half of the memory may be slack.
            most: (memory / each / 2).min(NONE as usize - 1),
        };
        table.insert(
            W::ZERO,
            Node { loss: W::ZERO, parent: NONE, previous: NONE, layer: NONE, choice: 0 },
        );
        table
    }

    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }

    pub(crate) fn states(&self) -> impl Iterator<Item = (W, u32)> + '_ {
        self.states.iter().copied()
    }

    pub(crate) fn loss(&self, node: u32) -> W {
        self.nodes[node as usize].loss
    }

    /// The node of the same state that uses only layers after this one; of a table built from the end.
    pub(crate) fn beyond(&self, mut node: u32, layer: usize) -> u32 {
        while let Some(at) = self.nodes.get(node as usize) {
            if at.layer as usize > layer {
                break;
            }
            node = at.previous;
        }
        node
    }

    /// How many states (the first so many) need only layers after this one; of a table built from the end.
    pub(crate) fn reached(&self, layer: usize) -> usize {
        self.reached.get(layer + 1).copied().unwrap_or(1)
    }

    /// The best node of a key.
    #[inline]
    pub(crate) fn find(&self, key: W) -> Option<u32> {
        let state = self.slots[self.slot(key)];
        if state == NONE { None } else { Some(self.states[state as usize].1) }
    }

    /// Adds the choices of one more layer to every state, up to a loss of `most`.
    pub(crate) fn extend(
        &mut self,
        layer: &Layer<W>,
        at: usize,
        most: W,
        watch: &Watch<'_>,
    ) -> Result<(), Full> {
        self.extend_with(layer, at, most, watch, |_, _, _| Ok(None))
    }

    /// The same; `visit` sees key, loss and node of every way that is kept, and may lower the limit or end it all.
    pub(crate) fn extend_with(
        &mut self,
        layer: &Layer<W>,
        at: usize,
        mut most: W,
        watch: &Watch<'_>,
        mut visit: impl FnMut(W, W, u32) -> Result<Option<W>, Full>,
    ) -> Result<(), Full> {
        for state in 0..self.states.len() {
            if state % 4096 == 4095 && watch.stop() {
                return Err(Full);
            }
            let (key, mut parent) = self.states[state];
            while self.nodes[parent as usize].layer as usize == at {
                parent = self.nodes[parent as usize].previous;
            }
            let spent = self.loss(parent);
            for (choice, step) in layer.iter().enumerate().skip(1) {
                let loss = spent.plus(step.loss);
                if loss > most {
                    break;
                }
                let key = key.plus(step.key);
                if let Some(node) = self.offer(key, loss, parent, at as u32, choice as u32) {
                    most = visit(key, loss, node)?.unwrap_or(most);
                }
            }
            if self.nodes.len() > self.most {
                return Err(Full);
            }
        }
        if self.reached.len() <= at {
            self.reached.resize(at + 1, 1);
        }
        self.reached[at] = self.states.len();
        Ok(())
    }

    /// The choices on the way to a node.
    pub(crate) fn trace(&self, mut node: u32, chosen: &mut [usize]) {
        while let Some(&Node { parent, layer, choice, .. }) = self.nodes.get(node as usize) {
            if let Some(at) = chosen.get_mut(layer as usize) {
                *at = choice as usize;
            }
            node = parent;
        }
    }

    /// The node of a way, if there was none as good to this key.
    #[inline]
    fn offer(&mut self, key: W, loss: W, parent: u32, layer: u32, choice: u32) -> Option<u32> {
        let number = self.nodes.len() as u32;
        let state = self.slots[self.slot(key)];
        if state == NONE {
            self.insert(key, Node { loss, parent, previous: NONE, layer, choice });
            return Some(number);
        }
        let best = self.states[state as usize].1;
        if self.loss(best) <= loss {
            return None;
        }
        let node = Node { loss, parent, previous: best, layer, choice };
        self.states[state as usize].1 = number;
        self.nodes.push(node);
        Some(number)
    }

    fn insert(&mut self, key: W, node: Node<W>) {
        if self.states.len() * 2 >= self.slots.len() {
            self.slots = vec![NONE; self.slots.len() * 4];
            for state in 0..self.states.len() {
                let slot = self.slot(self.states[state].0);
                self.slots[slot] = state as u32;
            }
        }
        let slot = self.slot(key);
        let state = self.states.len() as u32;
        self.slots[slot] = state;
        self.states.push((key, self.nodes.len() as u32));
        self.nodes.push(node);
    }

    /// Where a key is, or where it would go.
    #[inline]
    fn slot(&self, key: W) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = key.hash() as usize & mask;
        loop {
            let state = self.slots[slot];
            if state == NONE || self.states[state as usize].0 == key {
                return slot;
            }
            slot = (slot + 1) & mask;
        }
    }
}
