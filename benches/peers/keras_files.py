"""What handaxe writes, read by the frameworks: every model of fixtures/keras, converted by handaxe, must load in Keras and answer as the
original did in its own framework, to 1e-6 of 1 or of the answer; to 5e-6 if that was the other generation of Keras, which sums in another
order (TensorFlow and jax).

python keras_files.py HANDAXE OUT, in an environment with Keras 3 (`.keras` and `.h5`) or with TensorFlow 2.14.1, QKeras 0.9.0 and HGQ
0.2.6 (`.h5`, quantised models too). Models that say that they cannot be written in a form are counted by what they say."""
import collections, gzip, json, os, re, subprocess, sys, warnings
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ.setdefault("KERAS_BACKEND", "jax")
import numpy as np
warnings.filterwarnings("ignore")

ROOT = os.path.dirname(os.path.abspath(__file__)) + "/../.."
SAMPLES, TOLERANCE, OTHER_GENERATION = 4, 1e-6, 5e-6
try:
    import tensorflow
    KERAS_2 = tensorflow.__version__.startswith("2.14")
except ImportError:
    KERAS_2 = False
if KERAS_2:
    from tensorflow import keras
    sys.path.insert(0, f"{ROOT}/fixtures/keras")
    import expect
    OBJECTS, FORMS = expect.OBJECTS, ["h5"]
else:
    import keras
    OBJECTS, FORMS = {}, ["keras", "h5"]


def inputs(shape):
    """As in fixtures/keras/expect.py."""
    index = np.arange(SAMPLES * int(np.prod(shape)), dtype=np.uint64)
    steps = ((index * 2654435761) % 2**32) >> 16
    values = steps / 65536.0 if np.prod(shape) > 100 else steps / 65536.0 * 4 - 2
    return values.astype(np.float32).reshape((SAMPLES, *shape))


def cases():
    for name, folder in (("small_2.json", f"{ROOT}/fixtures/keras"), ("small_3.json", f"{ROOT}/fixtures/keras"), ("expected.json", f"{ROOT}/../shared")):
        for case in json.load(open(f"{ROOT}/fixtures/keras/{name}")):
            model, _, weights = case["model"].partition(":weights=")
            path = f"{folder}/{model}"
            if "outputs" in case and os.path.exists(path):
                yield path, f"{folder}/{weights}" if weights else "", case["outputs"]


def difference(path, expected):
    model = keras.models.load_model(path, compile=False, custom_objects=OBJECTS)
    given = [inputs(tuple(tensor.shape[1:])) for tensor in model.inputs]
    answers = model(given if len(given) > 1 else given[0], training=False)
    answers = answers if isinstance(answers, (list, tuple)) else [answers]
    assert len(answers) == len(expected), f"{len(answers)} outputs, not {len(expected)}"
    worst = 0.0
    for answer, want in zip(answers, expected):
        want = np.array(want)
        got = np.asarray(answer, dtype=np.float64).ravel()
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
        for form in FORMS:
            written = f"{out}/{number}.{form}"
            run = subprocess.run([handaxe, "convert", f"{path}:weights={weights}" if weights else path, written, "--force"], capture_output=True, text=True)
            label = f"{os.path.basename(weights or path)} as {form}"
            if run.returncode:
                counts["not written"] += 1
                said[run.stderr.strip().split(": ")[-1]] += 1
                continue
            try:
                off = difference(written, expected)
                worst = max(worst, off)
                ours = ("_3." not in os.path.basename(path)) == KERAS_2
                tolerance = TOLERANCE if ours else OTHER_GENERATION
                counts["equal" if off <= tolerance else "off"] += 1
                if off > tolerance:
                    print(f"OFF   {label}: {off:.1e}")
            except Exception as error:
                custom = not KERAS_2 and re.search("qkeras|HGQ|Unknown layer: '(Q|FixedPoint|UnaryLUT|ThresholdedReLU)|BinaryDense|TernaryDense", str(error))
                counts["of QKeras, HGQ or Keras 2 alone" if custom else "not loaded"] += 1
                if not custom:
                    print(f"FAIL  {label}: {type(error).__name__} {str(error)[:200]!r}")
    version = "2.14" if KERAS_2 else keras.__version__
    print(f"Keras {version}:", ", ".join(f"{count} {what}" for what, count in sorted(counts.items())), f"(worst difference {worst:.1e})")
    for what, count in said.most_common():
        print(f"  {count} not written: {what}")
    sys.exit(1 if counts["off"] + counts["not loaded"] else 0)


main(sys.argv[1], sys.argv[2])
