//! `handaxe knapsack`.

use std::fs;

use crate::common::handaxe;

#[test]
fn solves_what_it_generates() {
    let folder = tempfile::tempdir().unwrap();
    let made = handaxe(folder.path(), "knapsack generate 1,1000,5,2");
    assert_eq!(made.code, 0, "{}", made.stderr);
    fs::write(folder.path().join("problem.txt"), made.stdout).unwrap();
    let ran = handaxe(folder.path(), "knapsack solve problem.txt --json");
    let json = ran.json();
    assert_eq!((ran.code, &json["schema"], &json["status"]), (0, &1.into(), &"optimal".into()));
    assert_eq!((json["value"].as_f64(), json["gap"].as_f64()), (Some(23811551649.0), Some(0.0)));
    assert_eq!(json["selected"].as_array().unwrap().len(), 583);
    assert_eq!(json["load"], serde_json::json!([2285, 286]));
}

#[test]
fn says_what_is_wrong_with_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let solve = |text: &str, more: &str| {
        fs::write(folder.path().join("p"), text).unwrap();
        handaxe(folder.path(), &format!("knapsack solve p {more}"))
    };
    let broken = solve("1 2\n5\n1 x\n", "");
    assert_eq!(broken.code, 2);
    assert!(broken.stderr.contains("line 3: `x` should be a saving"), "{}", broken.stderr);
    let json = solve("{\"values\": [1],\n \"weights\": 3}", "");
    assert_eq!(json.code, 2);
    assert!(json.stderr.contains("line 2:"), "{}", json.stderr);
    let infeasible = solve("1 1\n-1\n1 1\n", "--json");
    assert_eq!((infeasible.code, &infeasible.json()["status"]), (2, &"infeasible".into()));
    for (flags, said) in [
        ("--problem 2", "problems 1 to 1"),
        ("--solver simplex", "branch_bound"),
        ("--time-limit -1", "at least 0"),
        ("--gap nan", "gap"),
    ] {
        let ran = solve("1 1\n5\n1 1\n", flags);
        assert_eq!(ran.code, 2, "{flags}");
        assert!(ran.stderr.contains(said), "{flags}: {}", ran.stderr);
    }
    let spec = handaxe(folder.path(), "knapsack generate 1,2,3");
    assert_eq!(spec.code, 2);
    assert!(spec.stderr.contains("seed,N,K,M"), "{}", spec.stderr);
}

#[test]
fn knows_the_old_name_of_mip() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("p"), "1 3\n6\n10 5\n9 6\n1 1\n").unwrap();
    let ran = handaxe(folder.path(), "knapsack solve p --solver CBC_MIP --json");
    assert_eq!((ran.code, &ran.json()["solver"]), (0, &"mip".into()), "{}", ran.stderr);
    assert_eq!(ran.json()["value"].as_f64(), Some(11.0));
    let help = handaxe(folder.path(), "knapsack solve --help");
    assert!(help.stdout.contains("CBC_MIP"), "{}", help.stdout);
}
