#!/usr/bin/env python3
"""Whether hls4ml takes the configurations that `handaxe config` writes, and gives every layer what they say.

Makes a virtual environment of its own in a temporary folder (or in the folder named by PEERS_VENV) with hls4ml 1.3.0,
TensorFlow 2.14.1 and QKeras 0.9.0, builds the `handaxe` binary in release mode (unless HANDAXE names one), has Keras make an MLP,
a CNN and a QKeras network, and converts each with each configuration. Prints a line a configuration; ends with 1 if one is refused
or a layer got something else.

    benches/peers/hls_config.py [FOLDER OF MORE .h5 OR .keras FILES]
"""
import os, re, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("HANDAXE") or Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release/handaxe"
PACKAGES = ["hls4ml==1.3.0", "tensorflow-cpu==2.14.1", "numpy<2", "qkeras==0.9.0", "pyparsing<4", "pyyaml"]
CASES = [
    ["--granularity", "model", "--precision", "ap_fixed<14,5>", "--reuse-factor", "2"],
    ["--granularity", "type", "--precision", "ap_fixed<18,8>", "--reuse-factor", "4", "--strategy", "Resource"],
    ["--granularity", "name"],
    ["--granularity", "name", "--backend", "Vivado", "--precision", "ap_fixed<12,4,AP_RND,AP_SAT>", "--reuse-factor", "8", "--strategy", "Resource"],
    ["--granularity", "name", "--backend", "oneAPI", "--reuse-factor", "4"],
    ["--granularity", "name", "--backend", "Vitis", "--reuse-factor", "2", "--io-type", "io_stream", "--strategy", "Resource"],
    ["--granularity", "type", "--backend", "Catapult", "--reuse-factor", "2", "--io-type", "io_parallel"],
]


def in_venv():
    """Runs this script again in an environment that has the peers."""
    folder = Path(os.environ.get("PEERS_VENV") or Path(tempfile.gettempdir()) / "handaxe-peers-hls")
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    if subprocess.run([python, "-c", "import hls4ml, tensorflow, qkeras.quantizers, yaml"], capture_output=True).returncode:
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    os.environ.update(PEERS_IN_VENV="1", TF_CPP_MIN_LOG_LEVEL="3", TF_USE_LEGACY_KERAS="1")
    os.execv(python, [str(python), *sys.argv])


def networks(folder):
    """An MLP, a CNN and a QKeras network with random weights, as whole .h5 files."""
    from tensorflow import keras
    from qkeras import QActivation, QConv2D, QDense, quantized_bits, quantized_relu
    L = keras.layers
    mlp = keras.Sequential([
        keras.Input((16,), name="features"), L.Dense(64, name="fc1"), L.Activation("relu", name="relu1"),
        L.Dense(32, activation="relu", name="FC2"), L.Dropout(0.1), L.Dense(5, activation="softmax", name="out")])
    cnn = keras.Sequential([
        keras.Input((8, 8, 3), name="image"), L.Conv2D(6, 3, name="conv1"), L.BatchNormalization(name="bn1"), L.Activation("relu", name="r1"),
        L.MaxPooling2D(2, name="pool"), L.Conv2D(4, 2, activation="relu", name="conv2"), L.Flatten(name="flat"),
        L.Dense(8, name="d1"), L.LeakyReLU(0.25, name="leaky"), L.Dense(3, activation="sigmoid", name="out")])
    bits = lambda: quantized_bits(6, 0, alpha=1)
    quantised = keras.Sequential([
        keras.Input((8, 8, 1), name="image"), QConv2D(4, 3, kernel_quantizer=bits(), bias_quantizer=bits(), name="conv1"),
        QActivation(quantized_relu(6, 2), name="r1"), L.Flatten(name="flat"),
        QDense(10, kernel_quantizer=quantized_bits(4, 1, alpha=1), bias_quantizer=bits(), name="fc1"), QActivation("quantized_tanh(8)", name="t1"),
        QDense(3, kernel_quantizer=bits(), bias_quantizer=bits(), name="out"), L.Activation("softmax", name="softmax")])
    for name, model in [("mlp", mlp), ("cnn", cnn), ("qkeras", quantised)]:
        path = folder / f"{name}.h5"
        model.save(path)
        yield path


def configuration(path, flags):
    """The text, and the reuse factor that handaxe says is built where the one asked for cannot be, by layer."""
    ran = subprocess.run([str(BINARY), "config", str(path), *flags], capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(ran.stderr.strip())
    snapped = re.findall(r"layer `(.+)`: reuse factor \d+ cannot be built for \d+ x \d+; (\d+),", ran.stderr)
    return ran.stdout, {name: int(factor) for name, factor in snapped}


def convert(path, flags, text, folder):
    """The configuration's HLSConfig and hls4ml's model of it, by the way that the form is for."""
    import hls4ml, yaml
    from tensorflow import keras
    from qkeras.utils import _add_supported_quantized_objects
    custom = {}
    _add_supported_quantized_objects(custom)
    if "--io-type" in flags:
        file = folder / "hls4ml_config.yml"
        file.write_text(text)
        with keras.utils.custom_object_scope(custom):
            config = hls4ml.converters.parse_yaml_config(str(file))
            config["OutputDir"] = str(folder / "project")
            return config["HLSConfig"], hls4ml.converters.convert_from_config(config)
    config = yaml.safe_load(text)
    model = keras.models.load_model(path, custom_objects=custom)
    backend = flags[flags.index("--backend") + 1] if "--backend" in flags else "Vitis"
    return config, hls4ml.converters.convert_from_keras_model(
        model, hls_config=config, backend=backend, output_dir=str(folder / "project"))


def check(config, model, snapped):
    """Every layer of hls4ml's model against what was written; layers that it fuses away or adds itself are passed over."""
    wrong, types, factors = [], 0, 0
    names = {name.lower(): section for name, section in config.get("LayerName", {}).items()}
    kinds = {name.lower(): section for name, section in config.get("LayerType", {}).items()}
    for layer in model.get_layers():
        section = names.get(layer.name.lower()) or kinds.get(layer.class_name.lower()) or config["Model"]
        precision = dict(section["Precision"])
        if section is config["Model"]:
            precision = {name: precision["default"] for name in ["weight", "bias"] if layer.get_attr(name + "_t") is not None}
        for variable, written in precision.items():
            got = layer.get_attr(variable + "_t")
            if written == "auto" or got is None:
                continue
            # What the network itself quantises keeps that type whatever the model's default; a layer QDense is a Dense to hls4ml's
            # look-up by type, so that its own LayerType QDense only counts in name.
            if section is config["Model"] and layer.get_attr(variable + "_quantizer") is not None:
                continue
            if variable == "bias" and not layer.get_attr("use_bias", True):
                continue  # hls4ml writes one bit of zeros
            want = model.config.backend.convert_precision_string(written)
            types += 1
            if str(got.precision) != str(want):
                wrong.append(f"{layer.name} {variable}: wrote {want}, got {got.precision}")
        if (written := section.get("ReuseFactor")) is not None and layer.get_attr("reuse_factor") is not None:
            factors += 1
            asked, got = model.config.get_reuse_factor(layer), layer.get_attr("reuse_factor")
            if asked != written:
                wrong.append(f"{layer.name} ReuseFactor: wrote {written}, got {asked}")
            elif got != written and got != snapped.get(layer.name):
                wrong.append(f"{layer.name} ReuseFactor: hls4ml builds {got}, handaxe says {snapped.get(layer.name, written)}")
        strategy = config["Model"]["Strategy"].lower()
        if model.config.get_strategy(layer).lower() != strategy:
            wrong.append(f"{layer.name} Strategy: wrote {strategy}, got {model.config.get_strategy(layer)}")
    return types, factors, wrong


def main():
    if "HANDAXE" not in os.environ:
        subprocess.run(["cargo", "build", "--release", "-q", "-p", "handaxe-cli"], cwd=ROOT, check=True)
    import contextlib, io, traceback
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        paths = list(networks(folder))
        for more in sys.argv[1:]:
            paths += sorted([*Path(more).glob("*.h5"), *Path(more).glob("*.keras")])
        for path in paths:
            for flags in CASES:
                case = f"{path.name} {' '.join(flags)}"
                noise = io.StringIO()
                try:
                    text, snapped = configuration(path, flags)
                    with contextlib.redirect_stdout(noise):
                        config, model = convert(path, flags, text, folder)
                    types, factors, wrong = check(config, model, snapped)
                except Exception as error:
                    print(f"REFUSED {case}: {error}")
                    if os.environ.get("VERBOSE"):
                        traceback.print_exc()
                    failed += 1
                    continue
                print(f"{'WRONG' if wrong else 'accepted'} {case}: {len(list(model.get_layers()))} layers, {types} types and {factors} reuse factors as written")
                for line in wrong:
                    print(f"      {line}")
                failed += bool(wrong)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main() if os.environ.get("PEERS_IN_VENV") else in_venv()
