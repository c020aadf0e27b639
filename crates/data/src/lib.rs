//! Arrays in memory: data sets, splits, standardisation, metrics
