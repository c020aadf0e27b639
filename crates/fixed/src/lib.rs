//! Fixed-point number types as firmware tools write them
