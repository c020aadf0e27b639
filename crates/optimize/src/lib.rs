//! The optimisation loop over traits, and its run directory
