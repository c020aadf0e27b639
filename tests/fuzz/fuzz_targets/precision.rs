#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(precision) = text.parse::<handaxe_fixed::Precision>() {
        let written = precision.to_string();
        assert_eq!(written.parse(), Ok(precision), "{text} was written as {written}");
    }
});
