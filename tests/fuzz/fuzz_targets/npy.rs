#![no_main]

libfuzzer_sys::fuzz_target!(|content: &[u8]| handaxe_fuzz::as_file("array.npy", content, |path| {
    let path = path.display();
    let _ = handaxe_formats::data::load_parts(&format!("{path}:y={path}"));
}));
