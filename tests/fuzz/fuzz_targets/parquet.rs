#![no_main]

libfuzzer_sys::fuzz_target!(|content: &[u8]| {
    handaxe_fuzz::as_file("table.parquet", content, |path| {
        let _ = handaxe_formats::data::load_parts(&format!("{}:y=label", path.display()));
    });
});
