//! What a layer costs on given hardware, and what cutting one group of its weights saves
