//! Quantisers as QONNX has them.

use handaxe_graph::{CodeRounding, Integer, Layer, Quantiser};

use super::{Writer, int, not_in_onnx, text};
use crate::Error;

/// Writes a layer that rounds `input`.
pub(super) fn layer(
    to: &mut Writer<'_>,
    layer: &Layer,
    quantiser: &Quantiser,
    input: &str,
) -> Result<(), Error> {
    let name = layer.name();
    if let Quantiser::Truncate { codes, kept } = quantiser {
        let inputs = [
            input.to_owned(),
            to.floats(&format!("{name}/scale"), &[], &codes.scale),
            to.floats(&format!("{name}/zero_point"), &[], &codes.zero_point),
            to.floats(&format!("{name}/bits"), &[], &[codes.bits as f32]),
            to.floats(&format!("{name}/kept"), &[], &[*kept as f32]),
        ];
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        to.node("Trunc", &inputs, name, [text("rounding_mode", mode(codes.rounding))]);
        return Ok(());
    }
    let codes = integer(layer, quantiser)?;
    to.quant(layer, &codes, input, name)?;
    Ok(())
}

impl Writer<'_> {
    /// The node that rounds an array, which makes one called `made`.
    pub(super) fn quant(
        &mut self,
        layer: &Layer,
        codes: &Integer,
        input: &str,
        made: &str,
    ) -> Result<String, Error> {
        if codes.zero_after && codes.zero_point.iter().any(|&zero| zero != 0.0) {
            return self.linear(layer, codes, input, made);
        }
        let shape =
            |values: &[f32]| if values.len() == 1 { Vec::new() } else { codes.shape.clone() };
        let scale = self.floats(&format!("{made}/scale"), &shape(&codes.scale), &codes.scale);
        if codes.signed && codes.bits == 1 {
            return Ok(self.node("BipolarQuant", &[input, &scale], made, []));
        }
        let zeros = shape(&codes.zero_point);
        let zero = self.floats(&format!("{made}/zero_point"), &zeros, &codes.zero_point);
        let bits = self.floats(&format!("{made}/bits"), &[], &[codes.bits as f32]);
        let attributes = [
            int("signed", i64::from(codes.signed)),
            int("narrow", i64::from(codes.narrow)),
            text("rounding_mode", mode(codes.rounding)),
        ];
        Ok(self.node("Quant", &[input, &scale, &zero, &bits], made, attributes))
    }
}

impl Writer<'_> {
    /// The pair of QuantizeLinear and DequantizeLinear, whose zero point is added after rounding.
    fn linear(
        &mut self,
        layer: &Layer,
        codes: &Integer,
        input: &str,
        made: &str,
    ) -> Result<String, Error> {
        let ([scale], [zero], 8, false) =
            (codes.scale.as_slice(), codes.zero_point.as_slice(), codes.bits, codes.narrow)
        else {
            return Err(not_in_onnx(
                layer,
                "a zero point that is added after rounding, but for 8 bits of one scale",
            ));
        };
        let scale = self.floats(&format!("{made}/scale"), &[], &[*scale]);
        let kind = if codes.signed { 3 } else { 2 };
        // The lowest eight bits are the code, signed or not.
        let zero = self.tensor(&format!("{made}/zero_point"), &[], kind, vec![*zero as i32 as u8]);
        let rounded = format!("{made}/codes");
        self.node("QuantizeLinear", &[input, &scale, &zero], &rounded, []);
        Ok(self.node("DequantizeLinear", &[&rounded, &scale, &zero], made, []))
    }
}

fn mode(rounding: CodeRounding) -> &'static str {
    match rounding {
        CodeRounding::HalfEven => "ROUND",
        CodeRounding::HalfUp => "HALF_UP",
        CodeRounding::HalfDown => "HALF_DOWN",
        CodeRounding::Ceil => "CEIL",
        CodeRounding::Floor => "FLOOR",
        CodeRounding::Up => "UP",
        CodeRounding::Down => "DOWN",
    }
}

/// The quantiser in terms of codes, if these give the same values.
pub(super) fn integer(layer: &Layer, quantiser: &Quantiser) -> Result<Integer, Error> {
    quantiser.integer().ok_or_else(|| {
        not_in_onnx(
            layer,
            "a quantiser that is no uniform one with a fixed scale, as QONNX' Quant is",
        )
    })
}
