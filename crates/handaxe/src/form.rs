use handaxe_formats::model::Format;
use handaxe_graph::Model;

use crate::{Error, RunConfig};

/// What a file of `form` keeps from the framework whose form it is, for people to know.
pub fn untold(model: &Model, form: Format) -> Option<&'static str> {
    (form != Format::Native && !model.preprocessing().is_empty()).then_some(
        "the network takes standardised features; handaxe finds in its file how, other tools do not: standardise before you hand them over",
    )
}

/// The form that the final network goes back in, known before anything is trained; the model's own form is given up with a
/// note where it has no word for a layer.
pub(crate) fn form(
    config: &RunConfig,
    model: &Model,
    resumed: bool,
) -> Result<(Format, Option<String>), Error> {
    if let Some(name) = &config.format {
        let form: Format = name.parse()?;
        form.bytes(model)?;
        return Ok((form, None));
    }
    let form = match &config.model {
        Some(reference) if !resumed => Format::of(reference)?,
        _ => Format::Native,
    };
    Ok(match form.bytes(model) {
        Ok(_) => (form, None),
        Err(error) => (
            Format::Native,
            Some(format!(
                "the network cannot be written back as {form}, only as safetensors: {error}"
            )),
        ),
    })
}
