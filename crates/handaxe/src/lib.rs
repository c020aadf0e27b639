//! Hardware-aware pruning of neural networks for FPGAs: the crate applications use
