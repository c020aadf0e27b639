#![no_main]

libfuzzer_sys::fuzz_target!(|content: &[u8]| {
    let _ = handaxe_formats::onnx::from_bytes(content);
});
