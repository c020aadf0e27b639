//! The terminal table, as it stands.

mod sample;

use handaxe_report::table;

#[test]
fn a_perceptron() {
    insta::assert_snapshot!(table(&sample::jets().result));
}

#[test]
fn a_convolutional_network() {
    insta::assert_snapshot!(table(&sample::digits().result));
}

#[test]
fn no_step() {
    insta::assert_snapshot!(table(&sample::untouched().result));
}

#[test]
fn large_numbers_are_shortened_and_long_names_stay_different() {
    let mut result = sample::deep().result;
    for layer in &mut result.layers {
        layer.resources.before.values_mut().for_each(|count| *count *= 1_234_567);
        layer.resources.after.values_mut().for_each(|count| *count *= 654_321);
    }
    let table = table(&result);
    assert!(table.lines().all(|line| line.chars().count() <= 110), "{table}");
    let names = table.lines().filter_map(|line| line.split_whitespace().next());
    let names: std::collections::BTreeSet<_> = names.filter(|name| name.contains('…')).collect();
    assert_eq!(names.len(), 60);
    insta::assert_snapshot!(table.lines().take(6).collect::<Vec<_>>().join("\n"));
}
