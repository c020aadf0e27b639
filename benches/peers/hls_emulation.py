#!/usr/bin/env python3
"""Whether handaxe computes the same raw integers as the C++ that hls4ml generates, and how long either takes.

Makes a virtual environment of its own in a temporary folder (or in the folder named by PEERS_VENV) with hls4ml 1.3.0,
TensorFlow 2.14.1, QKeras 0.9.0 and HGQ 0.2.6; makes networks with random weights from fixed seeds (those of HGQ are files); converts each with each of its
configurations, compiles with g++, and predicts 10,000 inputs. Then `handaxe predict --bit-exact` (built in release mode unless HANDAXE names
a binary) answers the same inputs, and every output must be equal. What hls4ml answered is kept in the folder EMULATION_CACHE
(or a temporary one), so that a second run only runs handaxe. Prints a line a case; ends with 1 if one differs.

    benches/peers/hls_emulation.py [--hls4ml-only] [--extract FOLDER] [CASE...]

--extract writes what the Rust tests read: the networks, the configurations, some inputs, hls4ml's types and raw outputs.
"""
import gzip, json, os, re, shutil, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("HANDAXE") or Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release/handaxe"
PACKAGES = ["hls4ml==1.3.0", "tensorflow-cpu==2.14.1", "numpy<2", "qkeras==0.9.0", "pyparsing<4", "pyyaml"]
INPUTS, EXTRACTED = 10_000, 1_600  # samples; numbers of inputs in an extract

# Networks of HGQ that are files.
FILES = {
    "table": ROOT / "fixtures/keras/small/table.h5",
    "hgq_jet_classifier": ROOT.parent / "shared/data/models/example-models/keras/hgq_jet_classifier.h5",
}

# Network, backend, granularity (of hls4ml's `config_from_keras_model`), precision, reuse factor, strategy, and what else is
# put into the configuration: "Layer.Key" for settings of a layer, "Layer/variable" for its types, "/maximum" for the model's.
CASES = {
    "mlp-vivado": ("mlp", "Vivado", "model", "ap_fixed<16,6>", 1, "Latency", {}),
    "mlp-vitis": ("mlp", "Vitis", "name", "ap_fixed<16,6>", 1, "Latency", {"out/result": "ap_fixed<16,6>"}),
    "mlp-useless-softmax": ("mlp", "Vivado", "name", "ap_fixed<16,6>", 1, "Latency", {}),
    "mlp-rnd-sat": ("mlp", "Vivado", "model", "ap_fixed<10,3,AP_RND,AP_SAT>", 1, "Latency", {}),
    "mlp-narrow-wrap": ("mlp", "Vivado", "model", "ap_fixed<8,2>", 1, "Latency", {"out_softmax.Implementation": "latency"}),
    "mlp-resource": ("mlp", "Vivado", "model", "ap_fixed<9,3,AP_RND_CONV,AP_SAT_SYM>", 4, "Resource", {}),
    "mlp-resource-64": ("mlp", "Vitis", "model", "ap_fixed<9,3,AP_TRN_ZERO,AP_SAT>", 64, "Resource", {"out_softmax.Implementation": "argmax"}),
    "mlp-maximum": ("mlp", "Vitis", "name", "ap_fixed<12,4,AP_RND_INF,AP_SAT_ZERO>", 2, "Resource", {"/maximum": "ap_fixed<18,8>", "out_softmax.Implementation": "legacy"}),
    "mlp-rnd-zero": ("mlp", "Vivado", "model", "ap_fixed<11,4,AP_RND_ZERO,AP_WRAP>", 1, "Latency", {"out_softmax.TableSize": 512}),
    "mlp-wide": ("mlp", "Vivado", "name", "ap_fixed<40,12,AP_RND_MIN_INF>", 1, "Latency", {"out/result": "ap_fixed<20,8,AP_RND_CONV,AP_SAT>"}),
    "pruned-vivado": ("pruned", "Vivado", "model", "ap_fixed<16,6>", 4, "Resource", {}),
    "pruned-vitis": ("pruned", "Vitis", "name", "ap_fixed<14,5>", 1, "Latency", {"out/result": "ap_fixed<14,6,AP_RND,AP_SAT>"}),
    "bn-unfused": ("bn", "Vivado", "model", "ap_fixed<16,6>", 1, "Latency", {}),
    "bn-fused": ("bn", "Vitis", "name", "ap_fixed<16,6>", 1, "Latency", {"out/result": "ap_fixed<16,6>"}),
    "bn-fused-resource": ("bn", "Vivado", "name", "ap_fixed<10,4,AP_RND,AP_SAT>", 8, "Resource", {"out/result": "ap_fixed<16,6>"}),
    "cnn-vivado": ("cnn", "Vivado", "model", "ap_fixed<16,6>", 1, "Latency", {}),
    "cnn-vitis": ("cnn", "Vitis", "name", "ap_fixed<12,4,AP_RND_CONV,AP_SAT>", 1, "Latency", {"out/result": "ap_fixed<16,6>"}),
    "cnn-resource": ("cnn", "Vivado", "model", "ap_fixed<10,3,AP_RND,AP_SAT>", 3, "Resource", {}),
    "cnn1d-vivado": ("cnn1d", "Vivado", "model", "ap_fixed<16,6>", 1, "Latency", {}),
    "cnn1d-vitis": ("cnn1d", "Vitis", "name", "ap_fixed<14,5>", 1, "Latency", {"out/result": "ap_fixed<18,8>"}),
    "qmlp-vivado": ("qmlp", "Vivado", "name", "ap_fixed<16,6>", 1, "Latency", {"out/result": "ap_fixed<16,6>"}),
    "qmlp-vitis": ("qmlp", "Vitis", "name", "ap_fixed<16,6>", 4, "Resource", {"out/result": "ap_fixed<16,6>"}),
    "functions-vivado": ("functions", "Vivado", "model", "ap_fixed<16,6>", 1, "Latency", {}),
    "functions-vitis": ("functions", "Vitis", "name", "ap_fixed<13,5,AP_RND,AP_SAT>", 1, "Latency", {}),
    "merges-vivado": ("merges", "Vivado", "model", "ap_fixed<16,6>", 1, "Latency", {}),
    "merges-vitis": ("merges", "Vitis", "name", "ap_fixed<12,4>", 1, "Latency", {}),
    "planes-vivado": ("planes", "Vivado", "model", "ap_fixed<16,6>", 1, "Latency", {}),
    "hgq-jets": ("hgq_jet_classifier", "Vitis", "model", "ap_fixed<16,6>", 1, "Latency", {}),
    "hgq-jets-vivado": ("hgq_jet_classifier", "Vivado", "model", "ap_fixed<16,6>", 1, "Latency", {}),
    "hgq-table": ("table", "Vitis", "model", "ap_fixed<16,6>", 1, "Latency", {}),
    "hgq-trained": ("hgq", "Vitis", "model", "ap_fixed<16,6>", 1, "Latency", {}),
    "hgq-trained-vivado": ("hgq", "Vivado", "model", "ap_fixed<12,4>", 1, "Latency", {}),
    "norms-vivado": ("norms", "Vivado", "model", "ap_fixed<16,6>", 1, "Latency", {}),
    "norms-vitis": ("norms", "Vitis", "name", "ap_fixed<16,6>", 1, "Latency", {}),
    "norms-narrow": ("norms", "Vivado", "model", "ap_fixed<9,4>", 1, "Latency", {}),
    "norms-wide": ("norms", "Vitis", "name", "ap_fixed<24,8,AP_RND,AP_SAT>", 1, "Latency", {
        "/maximum": "ap_fixed<28,12>", "norm1/accum": "ap_fixed<30,10>", "norm1.table_t": "ap_ufixed<34,6>", "norm1.TableSize": 1000,
        "norm2/accum": "auto", "norm2/result": "ap_fixed<20,6,AP_RND_ZERO,AP_SAT_SYM>", "norm2.TableRangePower2": 2,
        "coarse.table_t": "ap_fixed<12,4>", "coarse/result": "ap_fixed<40,8>", "fine/scale": "ap_fixed<10,2>", "fine/bias": "ap_fixed<14,1>",
        "fine/accum": "ap_fixed<26,4>", "fine.table_t": "ap_ufixed<18,8,AP_RND,AP_SAT>", "fine.TableRangePower2": 8, "fine.TableSize": 3000}),
    "norms-odd": ("norms", "Vitis", "name", "ap_fixed<20,9>", 1, "Latency", {
        "norm1/accum": "ap_fixed<40,34>", "norm2/accum": "ap_fixed<9,9>", "norm2.table_t": "ap_ufixed<5,7>", "coarse/accum": "ap_ufixed<12,3>", "fine/accum": "ap_fixed<8,12>",
        "norm1.TableRangePower2": 12, "coarse.TableRangePower2": 30, "coarse/table": "ap_ufixed<40,9>"}),
    "norms-type": ("norms", "Vivado", "type", "ap_fixed<14,5,AP_RND_CONV,AP_SAT>", 1, "Latency", {}),
    "functions-type": ("functions", "Vivado", "type", "ap_fixed<16,6>", 1, "Latency", {}),
    "merges-type": ("merges", "Vivado", "type", "ap_fixed<13,5>", 1, "Latency", {}),
    "cnn1d-type": ("cnn1d", "Vitis", "type", "ap_fixed<15,5,AP_RND,AP_SAT>", 1, "Latency", {}),
    "planes-type": ("planes", "Vivado", "type", "ap_fixed<12,5,AP_RND,AP_SAT>", 1, "Latency", {}),
    "qmlp-type": ("qmlp", "Vivado", "type", "ap_fixed<18,8>", 1, "Latency", {}),
    "ints-vivado": ("ints", "Vivado", "name", "ap_fixed<16,6>", 1, "Latency", {
        "series/result": "ap_int<5>", "conv/weight": "ap_int<2>", "conv/bias": "ap_fixed<9,4>", "conv/accum": "ap_int<6>", "conv/result": "ap_int<6>",
        "conv_linear/result": "ap_int<6>", "most/result": "auto", "most/accum": "auto", "mean/accum": "ap_int<8>", "mean/result": "ap_fixed<12,6>",
        "norm/scale": "ap_int<2>", "norm/bias": "ap_fixed<10,4>", "norm/result": "ap_fixed<14,5>", "fc/weight": "ap_fixed<9,3>", "fc/bias": "ap_int<3>",
        "fc/accum": "ap_int<7>", "fc/result": "ap_int<5>", "fc_linear/result": "ap_int<5>", "fine/weight": "ap_uint<4>", "fine/bias": "ap_uint<2>",
        "fine/accum": "ap_fixed<20,9>", "fine/result": "ap_fixed<14,7>", "fine_linear/result": "ap_fixed<14,7>", "less/result": "ap_uint<3>",
        "cut/result": "ap_int<4>", "sigmoid/result": "ap_fixed<12,2>", "tanh.table_t": "ap_int<4>", "tanh/result": "ap_fixed<8,3>",
        "leaky/result": "ap_int<6>", "sum/result": "auto", "half/result": "ap_int<5>", "both/result": "auto", "more/result": "auto"}),
    "ints-vitis": ("ints", "Vitis", "name", "ap_int<9>", 1, "Resource", {
        "series/result": "ap_fixed<12,5,AP_RND,AP_SAT>", "conv/weight": "ap_fixed<8,2>", "conv/result": "ap_fixed<10,4>", "conv_linear/result": "ap_fixed<10,4>", "mean/accum": "ap_int<10>",
        "fc/weight": "ap_fixed<8,3>", "norm/scale": "ap_fixed<12,3>", "norm/result": "ap_fixed<14,6>", "leaky/param": "ap_fixed<8,1>"}),
    "signs-vivado": ("signs", "Vivado", "name", "ap_fixed<16,6>", 1, "Latency", {
        "sign1/result": "ap_int<2>", "three1/result": "ap_int<2>", "fc1_linear/result": "ap_fixed<6,2>", "fc1/result": "ap_fixed<6,2>",
        "sign2/result": "ap_uint<1>", "three2/result": "ap_fixed<5,1,AP_TRN,AP_SAT>"}),
    "signs-vitis": ("signs", "Vitis", "model", "ap_fixed<11,4>", 1, "Latency", {}),
    "planes-vitis": ("planes", "Vitis", "name", "ap_fixed<12,4,AP_RND,AP_SAT>", 1, "Latency", {}),
}


def in_venv():
    """Runs this script again in an environment that has the peers."""
    folder = Path(os.environ.get("PEERS_VENV") or Path(tempfile.gettempdir()) / "handaxe-peers-hls")
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    if subprocess.run([python, "-c", "import hls4ml, tensorflow, qkeras.quantizers, yaml, HGQ"], capture_output=True).returncode:
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
        # Its layers are all that is used; it asks for packages that training needs.
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "HGQ==0.2.6"], check=True)
    os.environ.update(PEERS_IN_VENV="1", TF_CPP_MIN_LOG_LEVEL="3", TF_USE_LEGACY_KERAS="1")
    os.execv(python, [str(python), *sys.argv])


def network(name):
    """A Keras network with weights of a fixed seed, large enough that narrow types overflow now and then."""
    import numpy as np
    from tensorflow import keras
    L = keras.layers
    if name in FILES:
        from HGQ.proxy.fixed_point_quantizer import FixedPointQuantizer
        from HGQ.proxy.unary_lut import UnaryLUT
        known = {"FixedPointQuantizer": FixedPointQuantizer, "UnaryLUT": UnaryLUT}
        return keras.models.load_model(FILES[name], compile=False, custom_objects=known)
    if name in ("mlp", "pruned", "bn"):
        layers = [keras.Input((16,), name="features")]
        for place, units in enumerate([64, 32, 32]):
            layers.append(L.Dense(units, name=f"fc{place + 1}"))
            if name == "bn":
                layers.append(L.BatchNormalization(name=f"bn{place + 1}"))
            layers.append(L.Activation("relu", name=f"relu{place + 1}"))
        model = keras.Sequential([*layers, L.Dense(5, activation="softmax", name="out")])
    elif name == "cnn":
        model = keras.Sequential([
            keras.Input((8, 8, 3), name="image"), L.Conv2D(6, 3, activation="relu", name="conv1"), L.MaxPooling2D(2, name="pool1"),
            L.Conv2D(8, 2, padding="same", strides=1, name="conv2"), L.BatchNormalization(name="bn2"), L.Activation("relu", name="relu2"),
            L.AveragePooling2D(2, padding="same", name="pool2"), L.Flatten(name="flat"), L.Dense(10, activation="relu", name="fc"),
            L.Dense(4, activation="softmax", name="out")])
    elif name == "cnn1d":
        model = keras.Sequential([
            keras.Input((12, 4), name="series"), L.ZeroPadding1D((1, 2), name="pad"), L.Conv1D(6, 3, strides=2, padding="same", name="conv1"),
            L.Activation("relu", name="relu1"), L.Conv1D(5, 1, name="pointwise"), L.AveragePooling1D(3, strides=2, padding="same", name="pool1"),
            L.Dense(6, activation="tanh", name="shared"), L.GlobalAveragePooling1D(name="mean"), L.Dense(3, activation="sigmoid", name="out")])
    elif name == "planes":
        i = keras.Input((6, 7, 2), name="image")
        padded = L.ZeroPadding2D(((1, 0), (2, 1)), name="pad")(i)
        d = L.DepthwiseConv2D(3, padding="same", name="depthwise")(padded)
        c = L.Conv2D(3, (2, 3), strides=(2, 1), name="conv")(d)
        p = L.MaxPooling2D((2, 2), strides=(1, 2), padding="same", name="pool")(c)
        t = L.Permute((3, 1, 2), name="turn")(p)
        s = L.Conv2D(4, 1, name="mix")(t)
        up = L.UpSampling2D((1, 2), name="up")(s)
        m = L.GlobalMaxPooling2D(name="most")(up)
        model = keras.Model(i, L.Dense(3, name="out")(m))
    elif name == "qmlp":
        from qkeras import QActivation, QDense, quantized_bits, quantized_relu
        bits = lambda n, i=0: quantized_bits(n, i, alpha=1)
        model = keras.Sequential([
            keras.Input((16,), name="features"), QDense(32, kernel_quantizer=bits(6), bias_quantizer=bits(6), name="fc1"),
            QActivation(quantized_relu(6, 2), name="relu1"), QDense(24, kernel_quantizer=bits(4, 1), bias_quantizer=bits(8, 2), name="fc2"),
            QActivation(quantized_relu(8, 3), name="relu2"), QDense(16, kernel_quantizer=bits(5), bias_quantizer=bits(5), name="fc3"),
            QActivation(quantized_bits(8, 2, alpha=1), name="bits3"), QDense(5, kernel_quantizer=bits(8, 1), bias_quantizer=bits(8, 1), name="out"),
            L.Activation("softmax", name="softmax")])
    elif name == "functions":
        i = keras.Input((8,), name="features")
        outs = []
        functions = [("sigmoid", L.Activation), ("tanh", L.Activation), ("elu", L.Activation), ("selu", L.Activation), ("softplus", L.Activation),
                     ("softsign", L.Activation), ("hard_sigmoid", L.Activation), ("leaky", None), ("elu2", None), ("prelu", None), ("threshold", None)]
        made = {"leaky": lambda n: L.LeakyReLU(0.3, name=n), "elu2": lambda n: L.ELU(0.6, name=n),
                "prelu": lambda n: L.PReLU(name=n, alpha_initializer=keras.initializers.RandomUniform(-0.5, 0.9, seed=3)),
                "threshold": lambda n: L.ThresholdedReLU(0.7, name=n)}
        for function, kind in functions:
            x = L.Dense(6, name=f"fc_{function}")(i)
            outs.append(L.Activation(function, name=function)(x) if kind else made[function](function)(x))
        model = keras.Model(i, outs)
    elif name == "merges":
        i = keras.Input((8,), name="features")
        a, b = L.Dense(6, name="a")(i), L.Dense(6, activation="relu", name="b")(i)
        kinds = [L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum, L.Concatenate]
        model = keras.Model(i, [kind(name=kind.__name__.lower())([a, b]) for kind in kinds])
    elif name == "norms":
        i = keras.Input((6, 8), name="series")
        a = L.LayerNormalization(name="norm1")(i)
        b = L.LayerNormalization(epsilon=1e-5, name="norm2")(L.Dense(7, activation="relu", name="mix")(a))
        coarse = L.LayerNormalization(epsilon=0.05, name="coarse")(i)
        fine = L.LayerNormalization(epsilon=1e-7, name="fine")(L.Dense(5, name="faint")(i))
        model = keras.Model(i, [b, coarse, fine])
    elif name == "ints":
        i = keras.Input((6, 4), name="series")
        c = L.Conv1D(5, 2, name="conv")(i)
        n = L.BatchNormalization(name="norm")(L.AveragePooling1D(2, padding="same", name="mean")(c))
        x = L.Flatten(name="flat")(n)
        a, b = L.Dense(6, name="fc")(x), L.Dense(6, name="fine")(x)
        joined = [L.Add(name="sum")([a, b]), L.Average(name="half")([a, b]), L.Concatenate(name="both")([a, b]), L.Maximum(name="more")([a, a])]
        functions = [L.Activation(function, name=function)(a) for function in ["sigmoid", "tanh", "softmax"]]
        model = keras.Model(i, [L.MaxPooling1D(2, padding="same", name="most")(c), L.Activation("relu", name="cut")(b), L.Subtract(name="less")([b, a]),
                                L.LeakyReLU(0.3, name="leaky")(a), *joined, *functions])
    elif name == "signs":
        i = keras.Input((8,), name="features")
        def binary_tanh(x):
            return keras.backend.sign(x)
        def ternary_tanh(x):
            return keras.backend.sign(x)
        a = L.Dense(9, name="fc1")(i)
        s, t = L.Activation(binary_tanh, name="sign1")(a), L.Activation(ternary_tanh, name="three1")(a)
        b = L.Dense(7, name="fc2")(s)
        model = keras.Model(i, [t, b, L.Activation(ternary_tanh, name="three2")(b), L.Activation(binary_tanh, name="sign2")(b)])
        # hls4ml reads names of functions only.
        text = re.sub(r'\{[^{}]*"config": "(\w+_tanh)"[^{}]*\}', r'"\1"', model.to_json())
        model.to_json = lambda: text
    elif name == "hgq":
        return hgq()
    random = np.random.default_rng(sum(name.encode()))
    for layer in model.layers:
        weights = []
        for variable, value in zip(layer.weights, layer.get_weights()):
            if "variance" in variable.name:
                value = random.uniform(0.3, 2.5, value.shape)
            elif "gamma" in variable.name:
                value = random.uniform(0.5, 1.6, value.shape)
            elif value.ndim >= 2:
                value = random.normal(0, 1.3 / np.sqrt(np.prod(value.shape[:-1])), value.shape)
            else:
                value = random.normal(0, 0.4, value.shape)
            if layer.name == "faint":
                value = value * 0.03
            if name == "ints":
                value = value * 3
            if name == "pruned" and value.ndim == 2:
                value = value * (random.random(value.shape) < 0.5)
            weights.append(value.astype("float32"))
        layer.set_weights(weights)
    return model


def hgq():
    """What HGQ's short training makes of a small network: types of each element, functions by tables."""
    import numpy as np
    from HGQ import to_proxy_model, trace_minmax
    from HGQ.layers import HActivation, HDense, HQuantize
    from tensorflow import keras
    keras.utils.set_random_seed(3)
    beta = {"beta": 1e-6}
    model = keras.Sequential([
        HQuantize(input_shape=(8,), **beta), HDense(12, **beta), HActivation("tanh", **beta), HDense(6, activation="relu", **beta), HDense(4, **beta),
        HActivation("sigmoid", **beta)])
    x = np.random.default_rng(1).normal(0, 1, (2000, 8)).astype("float32")
    model.compile("adam", "mse")
    model.fit(x, np.tanh(x[:, :4] * x[:, 4:]), epochs=3, verbose=0)
    trace_minmax(model, x, cover_factor=1.2)
    return to_proxy_model(model, aggressive=False, unary_lut_max_table_size=1024)


def samples(model):
    import numpy as np
    shape = model.inputs[0].shape[1:]
    return np.random.default_rng(7).normal(0, 1.2, (INPUTS, *shape)).astype("float32")


def configuration(model, case):
    import hls4ml
    _, backend, granularity, precision, reuse_factor, strategy, more = case
    config = hls4ml.utils.config_from_keras_model(
        model, granularity=granularity, backend=backend, default_precision=precision, default_reuse_factor=reuse_factor)
    config["Model"]["Strategy"] = strategy
    if isinstance(config["Model"]["Precision"], str):
        config["Model"]["Precision"] = {"default": config["Model"]["Precision"]}
    for place, value in more.items():
        layer, _, variable = place.partition("/")
        layer, _, key = layer.partition(".")
        section = config.setdefault("LayerName", {}).setdefault(layer, {"Precision": {}}) if layer else config["Model"]
        if variable:
            section["Precision"][variable] = value
        else:
            section[key] = value
    for section in config.get("LayerName", {}).values():
        section["Trace"] = True
    return config


def raw(values, precision):
    """Codes of a type from the floating-point numbers that hls4ml hands out."""
    import numpy as np
    codes = np.asarray(values, dtype="float64") * 2.0 ** precision.fractional
    assert (codes == np.round(codes)).all() and np.abs(codes).max() < 2**53, "not the codes of its type"
    return codes.astype("int64")


def hls4ml_answers(name, case, folder):
    """What hls4ml's C++ makes of the inputs; from the cache if it is there."""
    import contextlib, io
    import numpy as np
    done = folder / "done.json"
    if done.exists():
        return json.loads(done.read_text())
    import hls4ml
    folder.mkdir(parents=True, exist_ok=True)
    model = network(case[0])
    if case[0] in FILES:
        shutil.copy(FILES[case[0]], folder / "model.h5")
    else:
        model.save(folder / "model.h5")
    x = samples(model)
    np.save(folder / "x.npy", x)
    config = configuration(model, case)
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    with contextlib.redirect_stdout(io.StringIO()):
        project = hls4ml.converters.convert_from_keras_model(
            model, hls_config=config, backend=case[1], output_dir=str(folder / "project"), io_type="io_parallel")
        start = time.perf_counter()
        project.compile()
        compiled = time.perf_counter() - start
    start = time.perf_counter()
    y = project.predict(x.astype("float64"))
    predicted = time.perf_counter() - start
    y = y if isinstance(y, list) else [y]
    types = {}
    for layer in project.get_layers():
        variables = {key: str(value.precision) for key, value in layer.types.items()}
        variables["result_t"] = str(layer.get_output_variable().type.precision)
        types[layer.name] = {"class": layer.class_name, **variables}
    outputs = [variable for variable in project.get_output_variables()]
    for place, (values, variable) in enumerate(zip(y, outputs)):
        np.save(folder / f"y{place}.npy", raw(values, variable.type.precision).reshape(len(x), -1))
    _, trace = project.trace(np.ascontiguousarray(x[:20]))
    np.savez(folder / "trace.npz", **trace)
    answer = {"compile": compiled, "predict": predicted, "types": types, "outputs": len(y), "results": [str(v.type.precision) for v in outputs]}
    done.write_text(json.dumps(answer, indent=1))
    subprocess.run(["rm", "-rf", folder / "project"])
    return answer


def compare(name, folder, answer):
    """Lines of differences between handaxe's codes and hls4ml's, and handaxe's seconds."""
    import numpy as np
    out = folder / "handaxe.csv"
    start = time.perf_counter()
    command = [str(BINARY), "predict", "--bit-exact", "--raw", "--model", str(folder / "model.h5"), "--config", str(folder / "config.json"),
               "--data", str(folder / "x.npy"), "--out", str(out), "--force", "--json"]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        return [ran.stderr.strip()], 0.0
    seconds = json.loads(ran.stdout).get("seconds", time.perf_counter() - start)
    given = np.loadtxt(out, delimiter=",", skiprows=1, dtype="int64", ndmin=2)
    want = np.concatenate([np.load(folder / f"y{place}.npy") for place in range(answer["outputs"])], axis=1)
    wrong = []
    if given.shape != want.shape:
        wrong.append(f"{given.shape} numbers, hls4ml has {want.shape}")
    elif (given != want).any():
        row, column = np.argwhere(given != want)[0]
        wrong.append(f"{(given != want).sum()} of {want.size} differ, first at sample {row}, column {column}: {given[row, column]}, hls4ml {want[row, column]}")
    return wrong, seconds


def extract(name, case, folder, answer, target):
    """What the Rust tests read of a case, small."""
    import numpy as np
    (target / "models").mkdir(parents=True, exist_ok=True)
    model = target / "models" / f"{case[0]}.h5"
    if not model.exists() and case[0] not in FILES:
        model.write_bytes((folder / "model.h5").read_bytes())
    x = np.load(folder / "x.npy")
    x = x[:EXTRACTED // x[0].size]
    record = {
        "network": case[0], "backend": case[1], "config": json.loads((folder / "config.json").read_text()), "types": answer["types"],
        "results": answer["results"], "x": [float(str(value)) for value in x.ravel()],
        "y": [np.load(folder / f"y{place}.npy")[:len(x)].ravel().tolist() for place in range(answer["outputs"])]}
    with open(target / f"{name}.json.gz", "wb") as file:
        file.write(gzip.compress(json.dumps(record).encode(), 9, mtime=0))


def main():
    arguments = sys.argv[1:]
    only = "--hls4ml-only" in arguments
    target = Path(arguments[arguments.index("--extract") + 1]) if "--extract" in arguments else None
    wanted = [argument for argument in arguments if argument in CASES] or list(CASES)
    if not only and "HANDAXE" not in os.environ:
        subprocess.run(["cargo", "build", "--release", "-q", "-p", "handaxe-cli"], cwd=ROOT, check=True)
    cache = Path(os.environ.get("EMULATION_CACHE") or Path(tempfile.gettempdir()) / "handaxe-emulation")
    failed = 0
    for name in wanted:
        case, folder = CASES[name], cache / name
        try:
            answer = hls4ml_answers(name, case, folder)
        except Exception as error:
            print(f"FAILED {name}: hls4ml: {error!r}", flush=True)
            if os.environ.get("VERBOSE"):
                raise
            failed += 1
            continue
        told = f"{name}: g++ {answer['compile']:.1f} s, hls4ml {1e3 * answer['predict']:.0f} ms"
        if target:
            extract(name, case, folder, answer, target)
        if only:
            print(told, flush=True)
            continue
        wrong, seconds = compare(name, folder, answer)
        failed += bool(wrong)
        print(f"{'DIFFERENT' if wrong else 'equal'} {told}, handaxe {1e3 * seconds:.2f} ms for {INPUTS} inputs", flush=True)
        for line in wrong:
            print(f"      {line}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main() if os.environ.get("PEERS_IN_VENV") else in_venv()
