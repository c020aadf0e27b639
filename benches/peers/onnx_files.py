"""What handaxe writes, run by others: every model of fixtures/onnx and fixtures/keras, converted by handaxe to ONNX, must answer in
onnxruntime, or in qonnx if it is quantised, as the original did in its own framework, to 1e-5 of 1 or of the answer.

python onnx_files.py HANDAXE OUT, in an environment with onnxruntime, onnx and qonnx. Models that say that they cannot be written are
counted by what they say."""
import collections, gzip, json, os, subprocess, sys, warnings
warnings.filterwarnings("ignore")
import numpy as np
import onnx

ROOT = os.path.dirname(os.path.abspath(__file__)) + "/../.."
sys.path.insert(0, f"{ROOT}/fixtures/onnx")
from expect import MOST, answer

TOLERANCE = 1e-5


def cases():
    shared = f"{ROOT}/../shared"
    for name, folder in (("onnx/small.json", f"{ROOT}/fixtures/onnx"), ("onnx/expected.json", f"{shared}/data"),
                         ("keras/small_2.json", f"{ROOT}/fixtures/keras"), ("keras/small_3.json", f"{ROOT}/fixtures/keras"), ("keras/expected.json", shared)):
        for case in json.load(open(f"{ROOT}/fixtures/{name}")):
            model, _, weights = case["model"].partition(":weights=")
            path = f"{folder}/{model}"
            if "outputs" in case and os.path.exists(path):
                yield path, f"{folder}/{weights}" if weights else "", case["outputs"]


def difference(path, expected):
    answers = answer(onnx.load(path))
    assert len(answers) == len(expected), f"{len(answers)} outputs, not {len(expected)}"
    worst = 0.0
    for got, want in zip(answers, expected):
        got = got.ravel().astype(np.float64)
        got, want = got[:: max(1, got.size // MOST)], np.array(want)
        worst = max(worst, float(np.max(np.abs(got - want) / np.maximum(1, np.abs(want)))))
    return worst


def main(handaxe, out):
    os.makedirs(out, exist_ok=True)
    counts, worst, said = collections.Counter(), 0.0, collections.Counter()
    for number, (path, weights, expected) in enumerate(cases()):
        if path.endswith(".gz"):
            unpacked = f"{out}/{os.path.basename(path)[:-3]}"
            with gzip.open(path) as packed, open(unpacked, "wb") as file:
                file.write(packed.read())
            path = unpacked
        written = f"{out}/{number}.onnx"
        run = subprocess.run([handaxe, "convert", f"{path}:weights={weights}" if weights else path, written, "--force"], capture_output=True, text=True)
        label = os.path.basename(weights or path)
        if run.returncode:
            counts["not written"] += 1
            said[run.stderr.strip().split(": ")[-1]] += 1
            continue
        try:
            onnx.checker.check_model(written)
            off = difference(written, expected)
            worst = max(worst, off)
            counts["equal" if off <= TOLERANCE else "off"] += 1
            if off > TOLERANCE:
                print(f"OFF   {label}: {off:.1e}")
        except Exception as error:
            counts["not run"] += 1
            print(f"FAIL  {label}: {type(error).__name__} {str(error)[:300]!r}")
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())), f"(worst difference {worst:.1e})")
    for what, count in said.most_common():
        print(f"  {count} not written: {what}")
    sys.exit(1 if counts["off"] + counts["not run"] else 0)


main(sys.argv[1], sys.argv[2])
