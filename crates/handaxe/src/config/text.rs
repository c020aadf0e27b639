//! Settings as text: files and flags.

use std::path::{Path, PathBuf};

use handaxe_optimize::LayerSettings;
use serde::Serialize;

use crate::{Error, RunConfig};

impl RunConfig {
    /// Reads a `run.toml`. Paths in it are relative to the working directory, as on the command line.
    ///
    /// # Errors
    /// A file that cannot be read, or as [`RunConfig::parse`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text)
            .map_err(|error| Error::In { path: path.to_owned(), source: Box::new(error) })
    }

    /// Reads the text of a `run.toml`.
    ///
    /// # Errors
    /// [`Error::RunFile`] for broken TOML, an unknown key or a value of the wrong type, with the place.
    pub fn parse(text: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error| Error::RunFile { reason: error.to_string() })
    }

    /// These settings with the keys of `flags` in place of their own. `flags` serialises as a table of the same keys.
    ///
    /// # Errors
    /// [`Error::RunFile`] for keys or types that do not fit.
    pub fn overridden(&self, flags: &impl Serialize) -> Result<Self, Error> {
        let reason = |reason: String| Error::RunFile { reason };
        let mut table = toml::Table::try_from(self).map_err(|error| reason(error.to_string()))?;
        table.extend(toml::Table::try_from(flags).map_err(|error| reason(error.to_string()))?);
        table.try_into().map_err(|error: toml::de::Error| reason(error.to_string()))
    }

    /// The files that these settings name, each with the key that names it.
    pub(crate) fn inputs(&self) -> Vec<(&'static str, PathBuf)> {
        let files = |what, reference: &Option<String>| {
            let parts = reference.iter().flat_map(|reference| reference.split([':', ',']));
            let files = parts.map(|part| part.rsplit_once('=').map_or(part, |(_, value)| value));
            files.map(|file| (what, PathBuf::from(file))).collect::<Vec<_>>()
        };
        let config = self.config.iter().map(|path| ("config", path.clone()));
        let parts = self.parts.iter().map(|path| ("parts", path.clone()));
        let named = [files("model", &self.model), files("data", &self.data)].concat();
        // Names of arrays and columns are no files, nor are the samples that are built in.
        named.into_iter().chain(config).chain(parts).filter(|(_, path)| path.is_file()).collect()
    }

    /// What a flag says of one layer: its name, and what holds for it.
    ///
    /// ```
    /// let (name, layer) = handaxe::RunConfig::layer("fc1:structure=block 2x4,floor=8,sparse-penalty=1e-4")?;
    /// assert_eq!((name.as_str(), layer.floor, layer.sparse_penalty), ("fc1", Some(8), Some(1e-4)));
    /// assert!(handaxe::RunConfig::layer("fc2:exclude")?.1.exclude);
    /// # Ok::<(), handaxe::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Layer`] for anything else.
    pub fn layer(flag: &str) -> Result<(String, LayerSettings), Error> {
        let wrong =
            |reason: &str| Error::Layer { given: flag.to_owned(), reason: reason.to_owned() };
        let (name, settings) =
            flag.split_once(':').ok_or_else(|| wrong("there is no colon after the name"))?;
        let mut table = toml::Table::new();
        for setting in settings.split(',') {
            let (key, value) = setting.split_once('=').unwrap_or((setting, "true"));
            let value = value.trim();
            let value = value.parse().map(toml::Value::Integer).or_else(|_| {
                value
                    .parse()
                    .map(toml::Value::Float)
                    .or_else(|_| value.parse().map(toml::Value::Boolean))
            });
            let text = || setting.split_once('=').map_or("", |(_, value)| value.trim()).to_owned();
            table.insert(
                key.trim().to_owned(),
                value.unwrap_or_else(|_| toml::Value::String(text())),
            );
        }
        let layer = table.try_into().map_err(|error: toml::de::Error| wrong(error.message()))?;
        Ok((name.trim().to_owned(), layer))
    }

    /// The text of the `run.toml` that says all of this.
    ///
    /// # Errors
    /// [`Error::RunFile`] for a path that is not UTF-8.
    pub fn to_toml(&self) -> Result<String, Error> {
        toml::to_string(self).map_err(|error| Error::RunFile { reason: error.to_string() })
    }
}
