#![no_main]

libfuzzer_sys::fuzz_target!(|content: &[u8]| handaxe_fuzz::as_file(
    "table.arff",
    content,
    |path| {
        let _ = handaxe_formats::data::load_parts(&path.display().to_string());
    }
));
