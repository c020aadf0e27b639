#![no_main]

libfuzzer_sys::fuzz_target!(|content: &[u8]| {
    let _ = handaxe_formats::data::parts_of_npz(content);
});
