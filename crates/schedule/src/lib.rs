//! How the target sparsity moves from step to step of an optimisation
