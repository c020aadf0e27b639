use crate::MAX_WIDTH;

/// A precision that cannot be read or built. The message says what was given and what would be right.
///
/// Texts are quoted at most [`Error::QUOTED`] characters long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name before `<` is none that we know.
    #[error(
        "unknown precision type `{name}` in `{text}`: known are ap_fixed<W,I>, ap_ufixed<W,I>, ap_int<W>, ap_uint<W> (also without `ap_`), ac_fixed<W,I,signed>, ac_int<W,signed>, float, double, half, bfloat16, std_float<W,E>, ac_float<W,I,E> and auto"
    )]
    UnknownType {
        /// The name that was given.
        name: String,
        /// The whole text.
        text: String,
    },

    /// `<` without `>`, or something after it.
    #[error("`{text}` must end with its only `>`, as in {form}")]
    Brackets {
        /// The whole text.
        text: String,
        /// How the type is written.
        form: &'static str,
    },

    /// An argument that the type cannot do without.
    #[error("`{text}` lacks its {what}: write {form}")]
    Missing {
        /// The whole text.
        text: String,
        /// The missing argument.
        what: &'static str,
        /// How the type is written.
        form: &'static str,
    },

    /// More arguments than the type takes.
    #[error("`{text}` has {given} arguments, more than its type takes: write {form}")]
    TooMany {
        /// The whole text.
        text: String,
        /// Number of arguments.
        given: usize,
        /// How the type is written.
        form: &'static str,
    },

    /// An argument that is not what stands at its place.
    #[error("`{given}` in `{text}` cannot be the {what}: expected {expected}")]
    Argument {
        /// The argument.
        given: String,
        /// The whole text.
        text: String,
        /// What stands at this place.
        what: &'static str,
        /// What would be right.
        expected: &'static str,
    },

    /// A width of zero, or above [`MAX_WIDTH`].
    #[error("width {given} is outside 1..={MAX_WIDTH} bits")]
    Width {
        /// Bits asked for.
        given: u32,
    },

    /// Integer bits too far from the number's own bits.
    #[error("{given} integer bits are outside -{MAX_WIDTH}..={MAX_WIDTH}")]
    Integer {
        /// Integer bits asked for.
        given: i32,
    },

    /// More saturation bits than bits.
    #[error("{given} saturation bits do not fit a number of {width} bits")]
    SaturationBits {
        /// Saturation bits asked for.
        given: u32,
        /// Bits of the number.
        width: u32,
    },

    /// A standard floating-point type of a size that nobody defines.
    #[error(
        "std_float<{width},{exponent}> is no standard type: use <16,5> (half), <16,8> (bfloat16), <32,8> (float) or <64,11> (double)"
    )]
    StandardFloat {
        /// Bits of the whole number.
        width: u32,
        /// Bits of the exponent.
        exponent: u32,
    },
}

impl Error {
    /// Characters of a user's text that a message repeats.
    pub const QUOTED: usize = 60;

    /// As much of a user's text as a message should repeat.
    pub(crate) fn quote(text: &str) -> String {
        match text.char_indices().nth(Self::QUOTED) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text.to_owned(),
        }
    }
}
