#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = handaxe_knapsack::read(text);
});
