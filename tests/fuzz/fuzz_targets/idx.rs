#![no_main]

libfuzzer_sys::fuzz_target!(|content: &[u8]| {
    let packed = content.starts_with(&[0x1f, 0x8b]);
    let name = if packed { "array.idx.gz" } else { "array.idx" };
    handaxe_fuzz::as_file(name, content, |path| {
        let _ = handaxe_formats::data::load_parts(&format!("{}:y={name}", path.display()));
    });
});
