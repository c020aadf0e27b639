/// Longest name that is compared, in bytes: comparing takes as long as both names' lengths multiplied.
const LONGEST: usize = 100;

/// The known name nearest to `given`, if it is near enough to be what was meant: at most a third of its letters differ.
/// Names of more than 100 bytes are near to none.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    if given.len() > LONGEST {
        return None;
    }
    let known = known.into_iter().filter(|name| name.len() <= LONGEST);
    let given = given.to_lowercase();
    let distance = |name: &str| strsim::osa_distance(&given, &name.to_lowercase());
    let (distance, name) = known.map(|name| (distance(name), name)).min()?;
    (distance <= (given.chars().count() / 3).max(1)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let known = ["ReuseFactor", "Strategy", "Precision"];
        assert_eq!(nearest("reusefactr", known).as_deref(), Some("ReuseFactor"));
        assert_eq!(nearest("Clock", known), None);
        let long = "Strategy".repeat(100_000);
        assert_eq!(nearest(&long, [long.as_str()]), None);
    }
}
