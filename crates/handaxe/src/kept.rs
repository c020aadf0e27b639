use handaxe_graph::{HlsConfig, Model, Strategy};

use crate::Error;

/// What is to be said of layers whose zeros synthesis will not see: a Resource layer reads its weights from memory, and multiplies
/// by those that are zero as by any others. None where no such layer has zeros.
///
/// # Errors
/// A configuration that does not verify.
pub fn kept_multipliers(model: &Model, config: &HlsConfig) -> Result<Option<String>, Error> {
    let (layers, _) = model.attributes(Some(config))?;
    let in_memory = layers.iter().filter(|layer| {
        let hls = layer.hls.as_ref();
        hls.is_some_and(|hls| hls.strategy == Strategy::Resource && hls.reuse_factor > 1)
    });
    let pruned = in_memory.filter(|layer| {
        let kernel = model.layer(layer.id).kernel();
        kernel.is_some_and(|kernel| kernel.values().contains(&0.0))
    });
    let names: Vec<&str> = pruned.map(|layer| layer.name.as_str()).collect();
    let told = || {
        format!(
            "{}: strategy Resource multiplies by zeros too, so synthesis will report no less of what is pruned; strategy Unrolled leaves \
             out multipliers whose weights are all zero",
            names.join(", ")
        )
    };
    Ok((!names.is_empty()).then(told))
}
