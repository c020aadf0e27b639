//! Which reuse factors the firmware's resource strategy can build (hls4ml's rule, spec/optimization.md section 2).

/// True when a matrix multiplication of `n_in` by `n_out` can be built with reuse factor `reuse`.
pub fn is_valid_reuse_factor(reuse: usize, n_in: usize, n_out: usize) -> bool {
    let Some(size) = n_in.checked_mul(n_out).filter(|&size| size > 0 && reuse > 0) else {
        return false;
    };
    let multipliers = size.div_ceil(n_in.min(reuse));
    size.is_multiple_of(reuse)
        && (reuse < n_in || reuse.is_multiple_of(n_in))
        && (multipliers.is_multiple_of(n_out) || reuse >= n_in)
}

/// The valid reuse factor closest to `asked`, the smaller of two equally close ones.
pub fn closest_reuse_factor(asked: usize, n_in: usize, n_out: usize) -> usize {
    let size = n_in.saturating_mul(n_out).max(1);
    let asked = asked.clamp(1, size);
    let valid = |&reuse: &usize| is_valid_reuse_factor(reuse, n_in, n_out);
    // 1 and the size itself are always valid, so both searches end at a valid factor.
    let below = (1..=asked).rev().find(valid).unwrap_or(1);
    let reach = asked.saturating_add(asked - below).min(size + 1);
    (asked + 1..reach).find(valid).unwrap_or(below)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(serde::Deserialize)]
    struct Golden {
        valid: BTreeMap<String, Vec<usize>>,
        closest: Vec<Closest>,
    }

    #[derive(serde::Deserialize)]
    struct Closest {
        n_in: usize,
        n_out: usize,
        chosen: usize,
        closest: usize,
    }

    #[test]
    fn agrees_with_hls4ml() {
        let golden: Golden =
            serde_json::from_str(include_str!("../../../fixtures/graph/reuse_factors.json"))
                .unwrap();
        for (size, expected) in &golden.valid {
            let (n_in, n_out) = size.split_once('x').unwrap();
            let (n_in, n_out) = (n_in.parse().unwrap(), n_out.parse().unwrap());
            let ours: Vec<usize> = (1..=n_in * n_out)
                .filter(|&reuse| is_valid_reuse_factor(reuse, n_in, n_out))
                .collect();
            assert_eq!(&ours, expected, "{size}");
        }
        for case in &golden.closest {
            let ours = closest_reuse_factor(case.chosen, case.n_in, case.n_out);
            assert_eq!(ours, case.closest, "{}x{} asked {}", case.n_in, case.n_out, case.chosen);
        }
        assert!(golden.valid.len() > 10 && golden.closest.len() > 20);
    }
}
