#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = handaxe_formats::hls::parse(text);
});
