//! Activations by table.

use handaxe_fixed::table::TableFunction;
use handaxe_fixed::{FixedType, Integer};
use handaxe_graph::FirmwareLayer;

use super::cast::Cast;

/// selu's factor of the positive side, of a type of its own.
const LAMBDA: f64 = 1.050_700_987_355_480_5;

/// An activation that is looked up; for elu and selu only where the number is negative.
#[derive(Debug)]
pub(super) struct Table<T> {
    function: TableFunction,
    fraction: i32,
    /// The results.
    entries: Vec<T>,
    positive: Option<(T, Cast)>,
}

impl<T: Integer> Table<T> {
    /// The table of a function, as the layer has it.
    pub(super) fn new(
        function: TableFunction,
        input: &FixedType,
        built: &FirmwareLayer,
    ) -> Option<Self> {
        let entry = built.types.get("table")?;
        let codes: Vec<T> = function.table(built.table_size, entry);
        let result = built.result();
        let entries = codes.into_iter().map(|code| result.cast(code, entry.fraction())).collect();
        let positive = (function == TableFunction::Selu)
            .then(|| {
                let of = FixedType::exact(16, 1, false).ok()?;
                let cast = Cast::new(input.width + 16, input.fraction() + of.fraction(), result);
                Some((of.cast_f64(LAMBDA), cast))
            })
            .flatten();
        Some(Self { function, fraction: input.fraction(), entries, positive })
    }

    /// elu: the table times a constant.
    pub(super) fn elu(input: &FixedType, built: &FirmwareLayer, alpha: f64) -> Option<Self> {
        let (entry, param) = (built.types.get("table")?, built.types.get("param")?);
        let factor: T = param.cast_f64(alpha);
        let codes: Vec<T> = TableFunction::Elu.table(built.table_size, entry);
        let fraction = entry.fraction() + param.fraction();
        let entries = codes
            .into_iter()
            .map(|code| built.result().cast(code.times(factor), fraction))
            .collect();
        let positive = Some((T::from(1), Cast::between(input, built.result())));
        Some(Self { function: TableFunction::Elu, fraction: input.fraction(), entries, positive })
    }

    pub(super) fn run(&self, input: &[T], output: &mut [T]) {
        let zero = T::from(0);
        for (output, code) in output.iter_mut().zip(input) {
            *output = match &self.positive {
                Some((factor, cast)) if *code >= zero => cast.one(code.times(*factor)),
                _ => self.entries[self.function.index(*code, self.fraction, self.entries.len())],
            };
        }
    }
}
