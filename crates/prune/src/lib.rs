//! Structures, rankings, the knapsack instance and masks: which weights to cut
