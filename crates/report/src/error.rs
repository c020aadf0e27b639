#![expect(missing_docs, reason = "each message names its fields")]

/// What can go wrong in reporting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("the kernel of layer `{layer}` ({width} x {height} pixels) cannot be drawn: {source}")]
    Picture { layer: String, width: usize, height: usize, source: png::EncodingError },

    #[error(transparent)]
    Write(#[from] handaxe_formats::Error),
}
