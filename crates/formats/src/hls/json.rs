use std::collections::BTreeMap;

use handaxe_graph::{HlsConfig, Section, Softmax};
use serde_json::{Map, Value, json as value};

/// A configuration as JSON with hls4ml's keys, which hls4ml and [`parse`](super::parse) read.
///
/// ```
/// let text = "{\"Model\": {\"Precision\": {\"default\": \"fixed<16,6,TRN,WRAP,0>\"}, \"ReuseFactor\": 2, \"Strategy\": \"Resource\"}}";
/// let config = handaxe_formats::hls::parse(text)?;
/// assert_eq!(handaxe_formats::hls::parse(&handaxe_formats::hls::json(&config))?, config);
/// # Ok::<(), handaxe_formats::Error>(())
/// ```
pub fn json(config: &HlsConfig) -> String {
    let mut levels = Map::new();
    let mut model = section(&config.model);
    // hls4ml cannot do without these two.
    model.entry("Precision").or_insert(value!({ "default": HlsConfig::DEFAULT_PRECISION }));
    model.entry("ReuseFactor").or_insert(value!(1));
    levels.insert("Model".to_owned(), Value::Object(model));
    let named = |sections: &BTreeMap<String, Section>| -> Map<String, Value> {
        sections.iter().map(|(name, one)| (name.clone(), Value::Object(section(one)))).collect()
    };
    for (level, sections) in [("LayerType", &config.layer_type), ("LayerName", &config.layer_name)]
    {
        if !sections.is_empty() {
            levels.insert(level.to_owned(), Value::Object(named(sections)));
        }
    }
    format!("{:#}\n", Value::Object(levels))
}

fn section(section: &Section) -> Map<String, Value> {
    let all = section.precision.iter().map(|(variable, of)| (variable.clone(), value!(of)));
    let (tables, precision): (Map<_, _>, Map<_, _>) =
        all.partition(|(variable, _)| variable.ends_with("_t"));
    let implementation = section.softmax.map(|way| match way {
        Softmax::Stable => "stable",
        Softmax::Latency => "latency",
        Softmax::Legacy => "legacy",
        Softmax::Argmax => "argmax",
    });
    let settings = [
        ("Precision", (!precision.is_empty()).then_some(Value::Object(precision))),
        ("ReuseFactor", section.reuse_factor.map(|factor| value!(factor))),
        ("Strategy", section.strategy.map(|strategy| value!(strategy.to_string()))),
        ("ParallelizationFactor", section.parallelization_factor.map(|factor| value!(factor))),
        ("TableSize", section.table_size.map(|size| value!(size))),
        ("TableRangePower2", section.table_range_power2.map(|power| value!(power))),
        ("Implementation", implementation.map(|name| value!(name))),
    ];
    let stated = settings.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    stated.chain(tables).collect()
}
