"""What handaxe writes, run by others: every model of fixtures/onnx and fixtures/keras, converted by handaxe to ONNX, must answer in
onnxruntime, or in qonnx if it is quantised, as the original did in its own framework, to 1e-5 of 1 or of the answer.

python onnx_files.py HANDAXE OUT, in an environment with onnxruntime, onnx and qonnx. Models that say that they cannot be written are
counted by what they say."""
import os, sys, warnings
warnings.filterwarnings("ignore")
import onnx
from common import ROOT, Tally, cases, unpacked
sys.path.insert(0, f"{ROOT}/fixtures/onnx")
from expect import MOST, answer

TOLERANCE = 1e-5
SHARED = f"{ROOT}/../shared"
LISTS = [("onnx/small.json", f"{ROOT}/fixtures/onnx"), ("onnx/expected.json", f"{SHARED}/data"), ("keras/small_2.json", f"{ROOT}/fixtures/keras"),
         ("keras/small_3.json", f"{ROOT}/fixtures/keras"), ("keras/expected.json", SHARED)]


def main(handaxe, out):
    os.makedirs(out, exist_ok=True)
    tally = Tally(handaxe)
    for number, (path, weights, expected) in enumerate(cases(*LISTS)):
        path, written = unpacked(path, out), f"{out}/{number}.onnx"
        if not tally.converts(path, weights, written):
            continue
        label = os.path.basename(weights or path)
        try:
            onnx.checker.check_model(written)
            tally.compare(label, answer(onnx.load(written)), expected, TOLERANCE, MOST)
        except Exception as error:
            tally.counts["not run"] += 1
            print(f"FAIL  {label}: {type(error).__name__} {str(error)[:300]!r}")
    tally.finish("", "not run")


main(sys.argv[1], sys.argv[2])
