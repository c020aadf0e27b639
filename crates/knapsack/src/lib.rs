//! Multi-dimensional 0/1 knapsack: problem, solution with proof, solvers
