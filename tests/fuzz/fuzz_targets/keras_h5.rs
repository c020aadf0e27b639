#![no_main]

libfuzzer_sys::fuzz_target!(|content: &[u8]| {
    let _ = handaxe_formats::keras::from_bytes(content);
});
