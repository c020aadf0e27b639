//! What a run says of its network at hardware precision.

use handaxe::prelude::*;

use crate::{network, optimize};

/// Where types lose what training kept, the run says which; where they hold it, it says nothing.
#[test]
fn types_that_lose_the_accuracy_are_named() {
    let model = network();
    for (precision, expected) in [("ap_fixed<24,10>", None), ("ap_fixed<5,2>", Some("wrap around"))]
    {
        let config = HlsConfig::uniform(precision.parse().unwrap(), 4, Strategy::Resource).unwrap();
        let run = optimize(&model).objective(Parameter).config(config);
        let settings = handaxe::run::Settings { rtol: Some(0.9), ..crate::settings() };
        let result = run.final_sparsity(0.25).settings(settings).run(&mut ()).unwrap().result;
        let fixed = result.metrics["accuracy in fixed point"].last.validation;
        assert_eq!(fixed < result.tolerance, expected.is_some(), "{precision}: {fixed}");
        let told = result.diagnostics.iter().find(|told| told.contains("at hardware precision"));
        assert_eq!(told.is_some(), expected.is_some(), "{precision}: {:?}", result.diagnostics);
        if let (Some(told), Some(expected)) = (told, expected) {
            assert!(told.contains(expected) && told.contains("layer `"), "{told}");
        }
    }
}
