use std::str::{FromStr, SplitWhitespace};

use crate::{Error, Problem};

/// A problem from a file, with the optimum that the file states for it, if any.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The problem.
    pub problem: Problem<'static>,
    /// The value that the file says is best: a claim, not a proof.
    pub stated: Option<f64>,
}

/// What is wrong with a line of a file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The file ends too early.
    #[error("the file ends here, where {expected} should follow")]
    End {
        /// What should be there.
        expected: &'static str,
    },
    /// A word that is not the number expected.
    #[error("`{given}` should be {expected}")]
    Number {
        /// The word.
        given: String,
        /// What should be there.
        expected: &'static str,
    },
    /// There is more than the counts at the beginning announce.
    #[error(
        "`{given}` stands after the end of the last problem: check the counts at its beginning"
    )]
    Trailing {
        /// The first word too many.
        given: String,
    },
    /// Not the JSON form.
    #[error("{reason}; expected {{\"values\": [N], \"weights\": [[N] x M], \"capacity\": [M]}}")]
    Json {
        /// What the JSON reader says.
        reason: String,
    },
}

/// Reads problems from text, in any of three forms.
///
/// - Plain: `M N`, then `M` capacities, then `N` times `value a_1 .. a_M`.
/// - OR-Library: the number of problems alone on the first line; for each `N M optimum` (0 for not known),
///   `N` values, `M` rows of `N` savings, `M` capacities.
/// - JSON: `{"values": [N], "weights": [[N] x M], "capacity": [M]}`.
///
/// ```
/// let read = handaxe_knapsack::read("1 3\n6\n10 5\n9 6\n1 1\n")?;
/// assert_eq!(read[0].problem.len(), 3);
/// let broken = handaxe_knapsack::read("1 3\n6\n10 5\nnine 6\n1 1\n");
/// assert_eq!(broken.unwrap_err().to_string(), "line 4: `nine` should be a value: a finite number of at least 0");
/// # Ok::<(), handaxe_knapsack::Error>(())
/// ```
///
/// # Errors
/// [`Error::Line`] with the line and the reason, or an error of [`Problem::new`].
pub fn read(text: &str) -> Result<Vec<Instance>, Error> {
    if text.trim_start().starts_with('{') {
        return Ok(vec![Instance { problem: json(text)?, stated: None }]);
    }
    let mut words = Words::new(text);
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let instances = if first.split_whitespace().count() == 1 {
        let count: usize = words.number("the number of problems: an integer")?;
        (0..count).map(|_| or_library(&mut words)).collect::<Result<_, _>>()?
    } else {
        vec![Instance { problem: plain(&mut words)?, stated: None }]
    };
    match words.next() {
        None => Ok(instances),
        Some(given) => Err(words.fault(Fault::Trailing { given: given.to_owned() })),
    }
}

const VALUE: &str = "a value: a finite number of at least 0";
const SAVING: &str = "a saving: an integer of at least 0";
const CAPACITY: &str = "a capacity: an integer";
const ITEMS: &str = "the number of items: an integer";
const RESOURCES: &str = "the number of resources: an integer";

fn plain(words: &mut Words<'_>) -> Result<Problem<'static>, Error> {
    let resources: usize = words.number(RESOURCES)?;
    let items: usize = words.number(ITEMS)?;
    let capacity: Vec<i64> = words.numbers(resources, CAPACITY)?;
    let mut values = Vec::new();
    let mut savings = vec![Vec::new(); resources.min(words.left)];
    for _ in 0..items {
        values.push(words.value()?);
        for row in &mut savings {
            row.push(words.number(SAVING)?);
        }
    }
    Problem::new(&values, &savings, &capacity)
}

fn or_library(words: &mut Words<'_>) -> Result<Instance, Error> {
    let items: usize = words.number(ITEMS)?;
    let resources: usize = words.number(RESOURCES)?;
    let stated: f64 = words.number("the best value known: a number")?;
    let values: Vec<f64> = (0..items).map(|_| words.value()).collect::<Result<_, _>>()?;
    // Rows without items take no words: a count alone must not make them.
    let rows = (0..resources.min(words.left)).map(|_| words.numbers(items, SAVING));
    let savings: Vec<Vec<u64>> = rows.collect::<Result<_, _>>()?;
    let capacity: Vec<i64> = words.numbers(resources, CAPACITY)?;
    let problem = Problem::new(&values, &savings, &capacity)?;
    Ok(Instance { problem, stated: (stated > 0.0).then_some(stated) })
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    values: Vec<Value>,
    weights: Vec<Vec<u64>>,
    capacity: Vec<i64>,
}

/// A value as a problem takes it: checked where it is read, so that the line is known.
#[derive(serde::Deserialize)]
#[serde(try_from = "f64")]
struct Value(f64);

impl TryFrom<f64> for Value {
    type Error = String;

    fn try_from(given: f64) -> Result<Self, String> {
        let right = (0.0..f64::INFINITY).contains(&given);
        if right { Ok(Self(given)) } else { Err(format!("`{given}` should be {VALUE}")) }
    }
}

fn json(text: &str) -> Result<Problem<'static>, Error> {
    let Form { values, weights, capacity } = serde_json::from_str(text).map_err(|error| {
        Error::Line { line: error.line(), fault: Fault::Json { reason: error.to_string() } }
    })?;
    let values: Vec<f64> = values.into_iter().map(|Value(value)| value).collect();
    Problem::new(&values, &weights, &capacity).map_err(|error| {
        let bracket = match &error {
            Error::Rows { .. } => 0,
            Error::RowLength { resource, .. } => resource + 1,
            _ => return error,
        };
        let fault = Fault::Json { reason: error.to_string() };
        Error::Line { line: line_of_weights(text, bracket), fault }
    })
}

/// The line of an opening bracket of the weights: 0 is that of all, 1 that of the first row, ... The text is known to be
/// the JSON form, so nothing but rows of numbers follows.
fn line_of_weights(text: &str, bracket: usize) -> usize {
    let start = text.find("\"weights\"").unwrap_or(0);
    let opened = text[start..].match_indices('[').nth(bracket).map_or(0, |(at, _)| at);
    1 + text[..start + opened].matches('\n').count()
}

/// The words of a text, with the line that the last one stood on.
struct Words<'t> {
    lines: std::iter::Enumerate<std::str::Lines<'t>>,
    words: SplitWhitespace<'t>,
    line: usize,
    /// At least the number of words left, so that a count in a broken file reserves no memory.
    left: usize,
}

impl<'t> Words<'t> {
    fn new(text: &'t str) -> Self {
        let lines = text.lines().enumerate();
        Self { lines, words: "".split_whitespace(), line: 1, left: text.len() / 2 + 1 }
    }

    fn next(&mut self) -> Option<&'t str> {
        loop {
            if let Some(word) = self.words.next() {
                return Some(word);
            }
            let (at, line) = self.lines.next()?;
            self.line = at + 1;
            self.words = line.split_whitespace();
        }
    }

    fn number<T: FromStr>(&mut self, expected: &'static str) -> Result<T, Error> {
        let word = self.next().ok_or_else(|| self.fault(Fault::End { expected }))?;
        let wrong = |_| self.fault(Fault::Number { given: word.to_owned(), expected });
        word.parse().map_err(wrong)
    }

    fn value(&mut self) -> Result<f64, Error> {
        let word = self.next().ok_or_else(|| self.fault(Fault::End { expected: VALUE }))?;
        match word.parse::<f64>().map(Value::try_from) {
            Ok(Ok(Value(value))) => Ok(value),
            _ => Err(self.fault(Fault::Number { given: word.to_owned(), expected: VALUE })),
        }
    }

    fn numbers<T: FromStr>(&mut self, count: usize, what: &'static str) -> Result<Vec<T>, Error> {
        let mut numbers = Vec::with_capacity(count.min(self.left));
        for _ in 0..count {
            numbers.push(self.number(what)?);
        }
        Ok(numbers)
    }

    fn fault(&self, fault: Fault) -> Error {
        Error::Line { line: self.line, fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    /// Found by fuzzing: each resource was given a row, of which no items filled the memory.
    #[test]
    fn a_count_alone_makes_no_rows() {
        assert!(fault("11\n0 1111311111 1\n").contains("the file ends here"));
    }

    #[test]
    fn reads_the_three_forms_alike() {
        let plain = read("2 3\n9 5\n1.5 1 4\n2 2 5\n3 3 6\n").unwrap();
        let or = read("1\n 3 2 0\n 1.5 2 3\n 1 2 3\n 4 5 6\n 9 5\n").unwrap();
        let json =
            r#"{"values": [1.5, 2, 3], "weights": [[1, 2, 3], [4, 5, 6]], "capacity": [9, 5]}"#;
        for read in [plain, or, read(json).unwrap()] {
            let problem = &read[0].problem;
            assert_eq!((problem.len(), problem.capacity()), (3, &[9, 5][..]));
            assert_eq!(problem.load(&[false, true, true]), [5, 11]);
            assert_eq!(problem.value(&[true, false, true]), 4.5);
        }
    }

    #[test]
    fn names_the_line_and_the_reason() {
        assert_eq!(
            fault(""),
            "line 1: the file ends here, where the number of resources: an integer should follow"
        );
        assert!(fault("1 2\n5\n1 2\n").starts_with("line 3: the file ends here"));
        assert_eq!(
            fault("1 1\n5\n1 -2\n"),
            "line 3: `-2` should be a saving: an integer of at least 0"
        );
        assert!(fault("1 1\n5\n1 2\n\n7\n").starts_with("line 5: `7` stands after the end"));
        assert!(fault("{\"values\": [1],\n \"weights\": 3}").starts_with("line 2: invalid type"));
        let json = "{\"values\": [1,\n -2], \"weights\": [[1, 1]], \"capacity\": [1]}";
        assert!(fault(json).starts_with("line 2: `-2` should be a value"), "{}", fault(json));
        let json = "{\"values\": [1, 2],\n\"weights\": [[1, 1],\n [1]],\n\"capacity\": [1, 1]}";
        assert!(
            fault(json).starts_with("line 3: row 1 of the savings has 1 entries"),
            "{}",
            fault(json)
        );
        let json = "{\"capacity\": [1],\n\"values\": [1],\n\"weights\": [[1], [1]]}";
        assert!(fault(json).starts_with("line 3: 2 rows of savings for 1"), "{}", fault(json));
        assert!(fault("{\"values\": [1],\n\n ").starts_with("line 3: EOF"));
        assert!(fault("1\n2 1 0\n5 x\n").starts_with("line 3: `x` should be a value"));
        assert!(fault("1\n2 1 0\n5 5\n1 -1\n3\n").starts_with("line 4: `-1` should be a saving"));
        assert!(fault("2\n1 1 0\n5\n1\n3\n").starts_with("line 5: the file ends here"));
        assert!(fault("18446744073709551615 1\n1\n").starts_with("line 2: the file ends"));
        assert!(fault("1 1\n-1\n1 1\n").starts_with("infeasible"));
        assert_eq!(
            fault("1 1\n5\nnan 1\n"),
            "line 3: `nan` should be a value: a finite number of at least 0"
        );
    }
}
