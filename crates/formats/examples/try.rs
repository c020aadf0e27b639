fn main() {
    for f in std::env::args().skip(1) {
        match handaxe_formats::keras::load(&f) {
            Ok(m) => {
                println!("OK {f}: {} layers {} params", m.layers().count(), m.parameters());
                for (i, l) in m.layers() {
                    println!("{} {} {:?} {:?}", i.index(), l.name(), l.op(), l.output_shape());
                }
            }
            Err(e) => println!("ERR {e}"),
        }
    }
}
