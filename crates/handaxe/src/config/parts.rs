//! The parts of a run that its settings name.

use handaxe_graph::{HlsConfig, IoType, Strategy};
use handaxe_objective::estimate::Profile;
use handaxe_objective::parts::Part;
use handaxe_optimize::LayerSettings;
use handaxe_search::Method;

use crate::{Available, Error, Fits, RunConfig, catalogue};

/// The search that takes strengths as they are given.
const MANUAL: &str = "manual";

impl RunConfig {
    /// Who finds the strengths of penalties, by name.
    pub(crate) fn search_name(&self) -> &str {
        let given = |strength: Option<f64>| strength.is_some_and(|strength| strength != 0.0);
        let of_layers = self.layers.values();
        let own =
            |layer: &LayerSettings| given(layer.sparse_penalty) || given(layer.variance_penalty);
        let penalised = self.sparse_penalty != 0.0 || self.variance_penalty != 0.0;
        let default = if penalised || of_layers.into_iter().any(own) { MANUAL } else { "bayesian" };
        self.search.as_deref().unwrap_or(default)
    }

    /// The search of that name; none where the strengths are given.
    ///
    /// # Errors
    /// An unknown name, or a range that is none.
    pub(crate) fn method(&self) -> Result<Option<Box<dyn Method>>, Error> {
        if self.search_name() == MANUAL {
            return Ok(None);
        }
        let given =
            [self.sparse_penalty, self.variance_penalty].into_iter().find(|given| *given != 0.0);
        if let Some(given) = given {
            return Err(Error::Value {
                what: "the penalty of all layers",
                given: given.to_string(),
                right: "0 where penalties are searched, or the search manual",
            });
        }
        let ends = self
            .search_range
            .split_once("..")
            .and_then(|(low, high)| Some((low.trim().parse().ok()?, high.trim().parse().ok()?)));
        let range = ends.ok_or_else(|| Error::Value {
            what: "the range of penalties",
            given: self.search_range.clone(),
            right: "two numbers above 0, such as 1e-6..1e-2",
        })?;
        let kind = self.search_name().parse().map_err(|_| Error::Value {
            what: "the search",
            given: self.search_name().to_owned(),
            right: "manual, bayesian or hyperband",
        })?;
        let (trials, seed) = (self.trials, self.seed);
        Ok(Some(Box::new(handaxe_search::Settings {
            kind,
            trials,
            range,
            seed,
            ..Default::default()
        })))
    }

    /// The part that the network must fit on, if one is named.
    fn part(&self) -> Result<Option<Part>, Error> {
        let Some(name) = &self.fit else { return Ok(None) };
        Ok(Some(catalogue(self.parts.as_deref())?.find(name)?.clone()))
    }

    /// Whose figures the estimates are.
    ///
    /// # Errors
    /// An unknown part, or a clock that is none.
    pub(crate) fn profile(&self) -> Result<Profile, Error> {
        if !(self.clock.is_finite() && self.clock > 0.0) {
            let (given, right) = (self.clock.to_string(), "a period in nanoseconds, above 0");
            return Err(Error::Value { what: "the clock", given, right });
        }
        let part = self.part()?;
        let profile = part.as_ref().map_or(Profile::default(), Part::profile);
        Ok(Profile { tool: self.tool.unwrap_or(profile.tool), clock_ns: self.clock, ..profile })
    }

    /// What the network must fit into, if anything.
    pub(crate) fn fits(&self) -> Result<Option<Fits>, Error> {
        let part = self.part()?;
        if part.is_none() && self.utilisation != 1.0 {
            let (given, right) =
                (self.utilisation.to_string(), "left out where no part is to be fitted");
            return Err(Error::Value { what: "the utilisation", given, right });
        }
        let mut available = match &part {
            Some(part) => Available::on(part, self.utilisation)?,
            None => Available::default(),
        };
        available.of.extend(self.budget.iter().flat_map(|budget| budget.of.clone()));
        if available.of.is_empty() && part.is_none() {
            return Ok(None);
        }
        if self.final_sparsity.is_some() {
            return Err(Error::SparsityAndBudget);
        }
        available.check()?;
        if let (Some(part), Some(resource)) = (&part, available.lacking()) {
            return Err(Error::PartLacks { part: part.name.clone(), resource });
        }
        let config = self.hls()?.ok_or(Error::Missing {
            what: "how the network is to be built",
            how: "`config`, or `precision`, `reuse-factor` and `strategy`",
        })?;
        Ok(Some(Fits { available, config, profile: self.profile()? }))
    }

    /// The hardware configuration: the file's, with what is said here in place of its model level. None where nothing is said.
    ///
    /// # Errors
    /// A broken file, or a precision, strategy or io_type that is none.
    pub fn hls(&self) -> Result<Option<HlsConfig>, Error> {
        let mut hls = match &self.config {
            Some(path) => handaxe_formats::hls::load(path)?,
            None => HlsConfig::default(),
        };
        if let Some(precision) = &self.precision {
            hls.model.precision.insert("default".to_owned(), precision.parse()?);
        }
        if let Some(strategy) = &self.strategy {
            hls.model.strategy = Some(strategy.parse::<Strategy>()?);
        }
        if let Some(io_type) = &self.io_type {
            hls.io_type = Some(io_type.parse::<IoType>()?);
        }
        hls.model.reuse_factor = self.reuse_factor.or(hls.model.reuse_factor);
        hls.verify()?;
        let said =
            [&self.precision, &self.strategy, &self.io_type].iter().any(|flag| flag.is_some());
        Ok((self.config.is_some() || said || self.reuse_factor.is_some()).then_some(hls))
    }
}
