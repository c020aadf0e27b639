//! `handaxe fetch` against a server of the test's own.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::common::{Ran, command};

/// What the server does with a request for a file.
#[derive(Clone, Copy)]
enum Way {
    /// All of it, or the range asked for.
    Whole,
    /// Half of what was asked for, then the connection ends.
    Half,
    /// All of it, whatever was asked for.
    NoRanges,
    /// It is not there.
    Missing,
}

/// Serves `content` under every name, one request in each of `ways`; gives its address and what it heard.
fn serve(content: Vec<u8>, ways: Vec<Way>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = heard.clone();
    std::thread::spawn(move || {
        for way in ways {
            let (mut stream, _) = listener.accept().unwrap();
            let request: Vec<String> = BufReader::new(&stream)
                .lines()
                .map(Result::unwrap)
                .take_while(|line| !line.is_empty())
                .collect();
            let range = request.iter().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("range: bytes=").map(str::to_owned)
            });
            let from =
                range.as_deref().and_then(|range| range.strip_suffix('-')?.parse::<usize>().ok());
            log.lock().unwrap().push(range.unwrap_or_default());
            let total = content.len();
            let (status, extra, body) = match (way, from) {
                (Way::Missing, _) => ("404 Not Found", String::new(), &b""[..]),
                (Way::NoRanges, _) | (_, None) => ("200 OK", String::new(), &content[..]),
                (_, Some(from)) if from >= total => (
                    "416 Range Not Satisfiable",
                    format!("Content-Range: bytes */{total}\r\n"),
                    &b""[..],
                ),
                (_, Some(from)) => {
                    let range = format!("Content-Range: bytes {from}-{}/{total}\r\n", total - 1);
                    ("206 Partial Content", range, &content[from..])
                }
            };
            let sent = if matches!(way, Way::Half) { body.len() / 2 } else { body.len() };
            let head = format!(
                "HTTP/1.1 {status}\r\n{extra}Content-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&body[..sent]).unwrap();
        }
    });
    (address, heard)
}

fn fetch(folder: &Path, arguments: &str) -> Ran {
    let mut command = command(folder, &format!("fetch {arguments}"));
    for proxy in
        ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    {
        command.env_remove(proxy);
    }
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

const JETS: &str = "hls4ml_lhc_jets_hlf.arff";

/// A small data set, larger than one block.
fn arff() -> Vec<u8> {
    let rows: String = (0..20_000).map(|row| format!("{row},{}\n", ["q", "g"][row % 2])).collect();
    format!("@relation r\n@attribute pt real\n@attribute class {{g,q}}\n@data\n{rows}").into_bytes()
}

#[test]
fn fetches_a_whole_file_and_leaves_it_alone_then() {
    let folder = tempfile::tempdir().unwrap();
    let (address, heard) = serve(arff(), vec![Way::Whole]);
    let ran = fetch(folder.path(), &format!("jets --out data --url {address}/jets.arff"));
    assert_eq!(
        (ran.code, ran.stdout.trim()),
        (0, "data/hls4ml_lhc_jets_hlf.arff:y=class"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("no checksum of it is known to handaxe; its sha256 is "),
        "{}",
        ran.stderr
    );
    let path = folder.path().join("data").join(JETS);
    assert_eq!(std::fs::read(&path).unwrap(), arff());
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    let again = fetch(folder.path(), &format!("jets --out data --url {address}/jets.arff --json"));
    let json = again.json();
    assert_eq!((again.code, &json["files"][0]["verified"]), (0, &false.into()));
    assert_eq!(json["files"][0]["bytes"], arff().len());
    assert_eq!(*heard.lock().unwrap(), [""]);
}

#[test]
fn goes_on_with_what_broke_off() {
    for (second, third) in [(Way::Whole, "range"), (Way::NoRanges, "all")] {
        let folder = tempfile::tempdir().unwrap();
        let (address, heard) = serve(arff(), vec![Way::Half, second]);
        let url = format!("jets --url {address}/jets.arff");
        let broken = fetch(folder.path(), &url);
        assert_eq!(broken.code, 1);
        assert!(broken.stderr.contains("the same command goes on from there"), "{}", broken.stderr);
        assert!(!folder.path().join(JETS).exists());
        let half = arff().len() / 2;
        assert_eq!(
            std::fs::metadata(folder.path().join(format!("{JETS}.part"))).unwrap().len(),
            half as u64
        );
        let ran = fetch(folder.path(), &url);
        assert_eq!(ran.code, 0, "{third}: {}", ran.stderr);
        assert_eq!(std::fs::read(folder.path().join(JETS)).unwrap(), arff());
        assert_eq!(*heard.lock().unwrap(), [String::new(), format!("{half}-")]);
    }
}

/// Everything may have been there before the name was changed, or something else altogether.
#[test]
fn a_complete_or_foreign_part_is_no_trap() {
    for (part, requests) in [(arff(), 1), (vec![b'x'; arff().len() + 5], 2)] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(format!("{JETS}.part")), &part).unwrap();
        let (address, heard) = serve(arff(), vec![Way::Whole; requests]);
        let ran = fetch(folder.path(), &format!("jets --url {address}/jets.arff"));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(std::fs::read(folder.path().join(JETS)).unwrap(), arff());
        assert_eq!(heard.lock().unwrap().len(), requests);
    }
}

#[test]
fn a_wrong_checksum_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _) = serve(b"not MNIST".to_vec(), vec![Way::Whole]);
    let ran = fetch(folder.path(), &format!("mnist --url {address}/"));
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("published is 440fcabf73cc"), "{}", ran.stderr);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    std::fs::write(folder.path().join("train-images-idx3-ubyte.gz"), "mine").unwrap();
    let ran = fetch(folder.path(), &format!("mnist --url {address}/"));
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("is not the published file"), "{}", ran.stderr);
}

#[test]
fn says_what_went_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _) = serve(Vec::new(), vec![Way::Missing]);
    let missing = fetch(folder.path(), &format!("jets --url {address}/jets.arff"));
    assert!(
        missing.code == 1 && missing.stderr.contains("answers with 404: the file is not there"),
        "{}",
        missing.stderr
    );
    // The server has gone with its one answer, so that nobody listens there.
    let offline = fetch(folder.path(), &format!("jets --url {address}/jets.arff"));
    assert!(
        offline.code == 1 && offline.stderr.contains("is this computer online?"),
        "{}",
        offline.stderr
    );
    let address = fetch(folder.path(), "jets --url jets.arff");
    assert!(address.code == 2 && address.stderr.contains("is no address"), "{}", address.stderr);
    assert_eq!(fetch(folder.path(), "jest").code, 2);
    std::fs::write(folder.path().join("file"), "").unwrap();
    let (address, _) = serve(arff(), vec![Way::Whole]);
    let folder_is_file =
        fetch(folder.path(), &format!("jets --out file --url {address}/jets.arff"));
    assert!(
        folder_is_file.code == 1 && folder_is_file.stderr.contains("cannot be written"),
        "{}",
        folder_is_file.stderr
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join(format!("{JETS}.part"))).unwrap();
    let (address, _) = serve(arff(), vec![Way::Whole]);
    let ran = fetch(folder.path(), &format!("jets --url {address}/jets.arff"));
    assert!(ran.code == 1 && ran.stderr.contains("is full"), "{}", ran.stderr);
}
