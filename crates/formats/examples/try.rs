fn main() {
    for f in std::env::args().skip(1) {
        match handaxe_formats::keras::load(&f) {
            Ok(m) => println!("OK {f}: {} layers {} params", m.layers().count(), m.parameters()),
            Err(e) => println!("ERR {e}"),
        }
    }
}
