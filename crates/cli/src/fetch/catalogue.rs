//! What can be fetched, from where, and what it must be.

use serde::Deserialize;

use super::download::Client;
use super::error::Error;

/// A data set of one file or several.
pub(super) struct Set {
    pub(super) files: Vec<File>,
    /// What follows the first file's name in a reference.
    pub(super) selection: &'static str,
}

/// One file of a data set.
pub(super) struct File {
    pub(super) name: String,
    pub(super) url: String,
    /// The published checksum in hexadecimal digits, where one is known.
    pub(super) sha256: Option<&'static str>,
}

impl File {
    /// Whether a file of this checksum is the published one.
    pub(super) fn is_known(&self, sha256: &str) -> bool {
        self.sha256 == Some(sha256)
    }
}

/// Google's copy of MNIST, which TensorFlow Datasets loads.
const MNIST: &str = "https://storage.googleapis.com/cvdf-datasets/mnist";

/// Names and checksums as in `tensorflow_datasets/url_checksums/mnist.txt`.
const MNIST_FILES: [(&str, &str); 4] = [
    (
        "train-images-idx3-ubyte.gz",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    (
        "train-labels-idx1-ubyte.gz",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    (
        "t10k-images-idx3-ubyte.gz",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    (
        "t10k-labels-idx1-ubyte.gz",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
];

/// MNIST's four files, from the folder `url` or from the usual place.
pub(super) fn mnist(url: Option<&str>) -> Set {
    let folder = url.unwrap_or(MNIST).trim_end_matches('/');
    let file = |(name, sha256): (&str, &'static str)| File {
        name: name.to_owned(),
        url: format!("{folder}/{name}"),
        sha256: Some(sha256),
    };
    Set {
        files: MNIST_FILES.into_iter().map(file).collect(),
        selection: "y=train-labels-idx1-ubyte.gz,x_test=t10k-images-idx3-ubyte.gz,y_test=t10k-labels-idx1-ubyte.gz",
    }
}

/// OpenML's description of the jets says where their file lies.
const JETS: &str = "https://www.openml.org/api/v1/json/data/42468";

#[derive(Deserialize)]
struct Description {
    data_set_description: Place,
}

#[derive(Deserialize)]
struct Place {
    url: String,
}

/// The LHC jets of OpenML, from the file at `url` or from where OpenML says. OpenML publishes no sha256.
pub(super) fn jets(url: Option<&str>, client: &Client) -> Result<Set, Error> {
    let url = match url {
        Some(url) => url.to_owned(),
        None => place(&client.text(JETS)?)?,
    };
    let name =
        if is_parquet(&url) { "hls4ml_lhc_jets_hlf.parquet" } else { "hls4ml_lhc_jets_hlf.arff" };
    let file = File { name: name.to_owned(), url, sha256: None };
    Ok(Set { files: vec![file], selection: "y=class" })
}

fn is_parquet(url: &str) -> bool {
    url.ends_with(".pq") || url.ends_with(".parquet")
}

fn place(description: &str) -> Result<String, Error> {
    let description: Description = serde_json::from_str(description)
        .map_err(|error| Error::Description { url: JETS.to_owned(), error })?;
    Ok(description.data_set_description.url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_openml_says() {
        let said = r#"{"data_set_description": {"id": "42468", "format": "ARFF", "url": "https:\/\/example.org\/jets.arff"}}"#;
        assert_eq!(place(said).unwrap(), "https://example.org/jets.arff");
        assert!(place(r#"{"error": {"code": "111"}}"#).is_err());
    }
}
