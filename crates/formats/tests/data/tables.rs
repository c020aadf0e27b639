//! `.csv` and `.arff`.

use handaxe_data::Targets;
use handaxe_formats::data::load;

use crate::common::{Folder, classes, values};

#[test]
fn tables_with_and_without_header() {
    let folder = Folder::new();
    let named = folder.file("a.csv", "pt,eta,kind\n1, 2.5, q\n3,-4e-1,g\n");
    let data = load(&named).unwrap();
    assert_eq!(values(&data), [1.0, 2.5, 3.0, -0.4]);
    assert_eq!(classes(&data), (&[1, 0][..], 2));
    let chosen = folder.file("b.csv", "kind,pt,eta\n1,10,20\n0,30,40\n");
    let data = load(&format!("{chosen}:y=kind,x=eta")).unwrap();
    assert_eq!((values(&data), classes(&data).0), (vec![20.0, 40.0], &[1, 0][..]));
    let bare = folder.file("c.csv", "1,2,0\n3,4,1\n\n");
    assert_eq!(load(&bare).unwrap().inputs()[0].shape(), [2, 2]);
    assert_eq!(classes(&load(&format!("{bare}:y=0")).unwrap()).0, [1, 3]);
    let real = folder.file("d.csv", "\u{feff}a,b\n1,0.5\n2,1\n");
    assert!(
        matches!(load(&real).unwrap().targets(), Targets::Values(v) if v.values() == [0.5, 1.0])
    );
}

#[test]
fn broken_tables_are_named() {
    let folder = Folder::new();
    for (content, selection, lesson) in [
        ("", "", "no rows"),
        ("a,b\n", "", "no rows"),
        ("a\n1\n", "", "1 columns"),
        ("a,b\n1,2\n3\n", "", "line 3 has 1 fields, the first line has 2"),
        ("a,b\n1,2\nx,2\n", "", "line 3, column `a`: `x` is not a finite number"),
        ("a,b\n1,2\nnan,2\n", "", "line 3, column `a`: `nan` is not a finite number"),
        ("1e99,2\n", "", "line 1, column `0`: `1e99` is not a finite number"),
        ("a,b\n1,2\n3,-1\n", "", "line 3, column `b`: label -1 is out of range"),
        ("a,b\n1,2.5\n3,inf\n", "", "line 3, column `b`: `inf` is not a finite number"),
        ("a,b\n1,2\n3,\n", "", "line 3, column `b`: the value is missing"),
        ("a,b\n1,2\n,2\n", "", "line 3, column `a`: the value is missing"),
        ("a,b\n1,2\n\"3,2\n", "", "line 3: a quote is not closed"),
        ("a,b\n1,2\n", ":y=a,y=b", "2 columns"),
        ("a,b,c\n1,2,x\n", ":y=b,y=c", "`c` holds text"),
        ("a,b\n1,2\n", ":y=c", "it has no column `c`"),
        ("length,label\n1,2\n", ":y=lable", "did you mean `label`?"),
        ("a,b\n1,2\n", ":x=a,y=b,x_test=a,y_test=b", "`x_test= or y_test=` after the file's name"),
    ] {
        let file = folder.file("broken.csv", content);
        let message = load(&format!("{file}{selection}")).unwrap_err().to_string();
        assert!(message.contains(lesson), "{content:?}: {message}");
        assert!(message.starts_with(&file), "{message}");
    }
    let binary = folder.file("broken.csv", [b'a', 0xff, b',', b'1', b'\n']);
    assert!(load(&binary).unwrap_err().to_string().ends_with("line 1 is not UTF-8"));
    let commas = folder.file("broken.csv", vec![b','; 1 << 20]);
    assert!(load(&commas).unwrap_err().to_string().contains("line 1 has more than 262144 fields"));
    let endless = folder.file("broken.csv", vec![b'1'; (1 << 24) + 2]);
    assert!(load(&endless).unwrap_err().to_string().contains("line 1 is longer than 16777216"));
}

#[test]
fn columns_of_a_table_can_be_one_hot_or_several_values() {
    let folder = Folder::new();
    let file = folder.file("a.csv", "pt,\"is q\",is_g\n1,1,0\n2,0,1\n3,0,1\n");
    let data = load(&format!("{file}:y=is q,y=is_g")).unwrap();
    assert_eq!((values(&data), classes(&data)), (vec![1.0, 2.0, 3.0], (&[0, 1, 1][..], 2)));
    let data = load(&format!("{file}:y=pt,y=is_g,x=is q")).unwrap();
    let Targets::Values(targets) = data.targets() else { panic!("expected values") };
    assert_eq!(
        (targets.shape(), targets.values()),
        (&[3, 2][..], &[1.0, 0.0, 2.0, 1.0, 3.0, 1.0][..])
    );
}

/// The form of OpenML's jets (data set 42468), with what else the format allows.
const JETS: &str = "% 1. Title: jets\n\
    @RELATION hls4ml_lhc_jets_hlf\r\n\n\
    @ATTRIBUTE zlogz REAL\n\
    @attribute 'c1 b0' numeric % not a comment of the format, and harmless\n\
    @ATTRIBUTE\tmultiplicity\tINTEGER\n\
    @ATTRIBUTE class {w, 'q', \"t\\\"op\", z,g}\n\
    @DATA\n\
    % zlogz, c1, multiplicity, class\n\
    -2.935125,0.383155,75.0,w\n\
    -1.927335 , 2.7e-1,31,q\n\n\
    -3.112147,0.458171,61,'g'\n";

#[test]
fn arff_names_its_columns_and_orders_its_classes() {
    let folder = Folder::new();
    let file = folder.file("jets.arff", JETS);
    let data = load(&file).unwrap();
    assert_eq!(data.inputs()[0].shape(), [3, 3]);
    assert_eq!(values(&data)[..4], [-2.935125, 0.383155, 75.0, -1.927335]);
    assert_eq!(classes(&data), (&[0, 1, 4][..], 5));
    let data = load(&format!("{file}:x=multiplicity,x=c1 b0,y=class")).unwrap();
    assert_eq!(values(&data)[..2], [75.0, 0.383155]);
    let data = load(&format!("{file}:y=multiplicity,x=zlogz")).unwrap();
    assert!(matches!(data.targets(), Targets::Values(_)));

    let digits = "@relation d\n@attribute a {0,1}\n@attribute c {9,7}\n@data\n0,7\n1,9\n";
    let data = load(&folder.file("digits.arff", digits)).unwrap();
    assert_eq!((values(&data), classes(&data)), (vec![0.0, 1.0], (&[1, 0][..], 2)));
}

/// A class is found without a look at all that are declared.
#[test]
fn many_classes_take_little_time() {
    let folder = Folder::new();
    let declared: Vec<String> = (0..65_536).map(|class| format!("class{class}")).collect();
    let head = format!("@attribute a real\n@attribute c {{{}}}\n@data\n", declared.join(","));
    let data = load(&folder.file("a.arff", head + &"1,class65535\n".repeat(100_000))).unwrap();
    assert_eq!((data.len(), classes(&data).1), (100_000, 65_536));
}

#[test]
fn broken_arff_is_named() {
    let folder = Folder::new();
    let head = "@relation r\n@attribute a real\n@attribute c {x,yes}\n@data\n";
    for (content, selection, lesson) in [
        (head.to_owned(), "", "no rows"),
        ("@relation r\n@attribute a real\n".to_owned(), "", "no rows"),
        (format!("{head}1,x\n{{0 1, 1 x}}\n"), "", "line 6 is a sparse row"),
        (format!("{head}?,x\n"), "", "line 5, column `a`: the value is missing"),
        (format!("{head}1,?\n"), "", "line 5, column `c`: the value is missing"),
        (
            format!("{head}1,yse\n"),
            "",
            "`yse` is not among the declared classes; did you mean `yes`?",
        ),
        (format!("{head}1\n"), "", "line 5 has 1 fields"),
        (format!("{head}1,x,{{2}}\n"), "", "line 5 has 3 fields"),
        (format!("{head}1,'x\n"), "", "line 5: a quote is not closed"),
        (format!("{head}1e40,x\n"), "", "`1e40` is not a finite number"),
        (format!("{head}1,x\n"), ":y=a,x=c", "`c` holds text"),
        (format!("{head}1,x\n"), ":y=d", "it has no column `d`"),
        ("@attribute a vector\n@data\n1\n".to_owned(), "", "line 1: `a` is of type `vector`"),
        ("@attribute a {x\n@data\n1\n".to_owned(), "", "line 1: the classes of `a` lack a }"),
        ("@attribute a\n@data\n1\n".to_owned(), "", "line 1: expected @attribute NAME TYPE"),
        (
            "@attribute a real\n@attribute a real\n".to_owned(),
            "",
            "line 2: attribute `a` is declared twice",
        ),
        ("a,b\n1,2\n".to_owned(), "", "line 1: expected @relation"),
    ] {
        let file = folder.file("broken.arff", &content);
        let message = load(&format!("{file}{selection}")).unwrap_err().to_string();
        assert!(message.contains(lesson), "{content:?}: {message}");
        assert!(message.starts_with(&file), "{message}");
    }
}
