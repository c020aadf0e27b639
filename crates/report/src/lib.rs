//! Tables, plots and a self-contained HTML page from the records of a run
