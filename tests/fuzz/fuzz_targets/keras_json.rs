#![no_main]

libfuzzer_sys::fuzz_target!(|architecture: &[u8]| {
    let weights = include_bytes!("../../../fixtures/keras/small/parts_2_weights.h5");
    let _ = handaxe_formats::keras::from_parts(architecture, weights);
});
