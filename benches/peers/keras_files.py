"""What handaxe writes, read by the frameworks: every model of fixtures/keras, converted by handaxe, must load in Keras and answer as the
original did in its own framework, to 1e-6 of 1 or of the answer; to 5e-6 if that was the other generation of Keras, which sums in another
order (TensorFlow and jax).

python keras_files.py HANDAXE OUT, in an environment with Keras 3 (`.keras` and `.h5`) or with TensorFlow 2.14.1, QKeras 0.9.0 and HGQ
0.2.6 (`.h5`, quantised models too). Models that say that they cannot be written in a form are counted by what they say."""
import os, re, sys, warnings
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ.setdefault("KERAS_BACKEND", "jax")
import numpy as np
from common import ROOT, Tally, cases, unpacked
warnings.filterwarnings("ignore")

LISTS = [("keras/small_2.json", f"{ROOT}/fixtures/keras"), ("keras/small_3.json", f"{ROOT}/fixtures/keras"), ("keras/expected.json", f"{ROOT}/../shared")]
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


def answers(path):
    model = keras.models.load_model(path, compile=False, custom_objects=OBJECTS)
    given = [inputs(tuple(tensor.shape[1:])) for tensor in model.inputs]
    given = model(given if len(given) > 1 else given[0], training=False)
    return given if isinstance(given, (list, tuple)) else [given]


def main(handaxe, out):
    os.makedirs(out, exist_ok=True)
    tally = Tally(handaxe)
    for number, (path, weights, expected) in enumerate(cases(*LISTS)):
        path = unpacked(path, out)
        for form in FORMS:
            written = f"{out}/{number}.{form}"
            if not tally.converts(path, weights, written):
                continue
            label = f"{os.path.basename(weights or path)} as {form}"
            ours = ("_3." not in os.path.basename(path)) == KERAS_2
            try:
                tally.compare(label, answers(written), expected, TOLERANCE if ours else OTHER_GENERATION)
            except Exception as error:
                custom = not KERAS_2 and re.search("qkeras|HGQ|Unknown layer: '(Q|FixedPoint|UnaryLUT|ThresholdedReLU)|BinaryDense|TernaryDense", str(error))
                tally.counts["of QKeras, HGQ or Keras 2 alone" if custom else "not loaded"] += 1
                if not custom:
                    print(f"FAIL  {label}: {type(error).__name__} {str(error)[:200]!r}")
    version = "2.14" if KERAS_2 else keras.__version__
    tally.finish(f"Keras {version}: ", "not loaded")


main(sys.argv[1], sys.argv[2])
