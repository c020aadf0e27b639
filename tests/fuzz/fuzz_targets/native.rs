#![no_main]

libfuzzer_sys::fuzz_target!(|content: &[u8]| {
    let _ = handaxe_formats::native::from_bytes(content);
});
