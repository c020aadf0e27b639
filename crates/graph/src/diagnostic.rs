use crate::Strategy;

/// Something done differently from what was written, that the user should know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each message names its fields")]
pub enum Diagnostic {
    ReuseFactorSnapped { layer: String, asked: usize, used: usize, n_in: usize, n_out: usize },
    StrategyTreatedAs { layer: String, asked: Strategy, used: Strategy },
    StrategyBuiltAs { layer: String, asked: Strategy, used: Strategy, why: &'static str },
    UnknownLayer { name: String, nearest: Option<String> },
    DefaultUsed { setting: &'static str, value: String, layers: Vec<String> },
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ReuseFactorSnapped { layer, asked, used, n_in, n_out } => write!(
                f,
                "layer `{layer}`: reuse factor {asked} cannot be built for {n_in} x {n_out}; {used}, the closest valid one, is used"
            ),
            Self::StrategyTreatedAs { layer, asked: Strategy::Unrolled, used } => write!(
                f,
                "layer `{layer}`: no results of strategy Unrolled are known; synthesis is estimated as that of {used} with zeros left out, \
                 and the reference's objectives treat it as {used}"
            ),
            Self::StrategyTreatedAs { layer, asked, used } => {
                write!(f, "layer `{layer}`: the estimates treat strategy {asked} as {used}")
            }
            Self::StrategyBuiltAs { layer, asked, used, why } => {
                write!(f, "layer `{layer}`: hls4ml builds strategy {asked} as {used} {why}")
            }
            Self::UnknownLayer { name, nearest } => {
                write!(f, "the configuration names a layer `{name}` that the model does not have")?;
                nearest.as_ref().map_or(Ok(()), |nearest| write!(f, "; did you mean `{nearest}`?"))
            }
            Self::DefaultUsed { setting, value, layers } => {
                let layers = layers.join(", ");
                write!(f, "no {setting} is stated for {layers}: {value}, hls4ml's default, is used")
            }
        }
    }
}
