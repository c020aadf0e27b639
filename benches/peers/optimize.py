#!/usr/bin/env python3
"""hls4ml's optimize_model beside handaxe: the same networks, data, epochs and schedule, whole processes.

Makes a virtual environment of its own in a temporary folder (or in the folder named by PEERS_VENV) with the last stack on which
hls4ml's optimizer runs (TensorFlow 2.14.1, keras-tuner 1.4.8, OR-Tools 9.6, numpy 1). For each seed Keras trains
a 16-64-32-32-5 network on the jets; then both prune half of its DSPs (ap_fixed<16,6>, reuse factor 4, Resource, polynomial
schedule) starting from that file. Prints a table; --write puts it into benches/RESULTS.md under "## The Optimization API".

    benches/peers/optimize.py JETS.npz [--seeds 5] [--epochs 10] [--steps 5] [--write]

Workarounds that the reference needs: tuner `Manual` (its searches judge on training metrics and take ten times as long), the greedy
knapsack (its default, CBC, answers not the optimum where it stops at its gap; the time is the same), labels as one-hot, an enumeration taught
to serialise, the legacy Adam (it zeroes every variable of the optimiser, which in the new one is the learning rate too: nothing would train).
"""
import json, os, platform, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release/handaxe"
PACKAGES = ["tensorflow-cpu==2.14.1", "keras-tuner==1.4.8", "ortools==9.6.2534", "numpy<2", "hls4ml", "qkeras", "pyparsing<3.2"]
SPARSITY, REUSE, BATCH, RTOL = 0.5, 4, 64, 0.9


def in_venv():
    """Runs this script again in an environment that has the peer."""
    folder = Path(os.environ.get("PEERS_VENV") or Path(tempfile.gettempdir()) / "handaxe-peers-optimize")
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    if subprocess.run([python, "-c", "import hls4ml, keras_tuner, ortools"], capture_output=True).returncode:
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    os.environ.update(PEERS_IN_VENV="1", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="", TF_USE_LEGACY_KERAS="1")
    os.execv(python, [str(python), *sys.argv])


def prepare(jets, folder, seed):
    """The samples in three parts, standardised on the first, and a trained network; what both start from."""
    import numpy as np, tensorflow as tf
    tf.keras.utils.set_random_seed(seed)
    data = np.load(jets)
    x, y = data["hlf_ungroomed"].astype("f4"), data["label"]
    y = y.argmax(1) if y.ndim > 1 else y.astype(int)
    order = np.random.default_rng(seed).permutation(len(x))
    test, rest = np.split(order, [len(x) // 5])
    mean, deviation = x[rest].mean(0), x[rest].std(0)
    x = ((x - mean) / deviation).astype("f4")
    np.savez(folder / "jets.npz", x_train=x[rest], y_train=y[rest], x_test=x[test], y_test=y[test])
    layers = [tf.keras.layers.Input(16)]
    for index, units in enumerate([64, 32, 32]):
        layers += [tf.keras.layers.Dense(units, activation="relu", name=f"fc{index + 1}", kernel_regularizer="l1")]
        layers[-1].kernel_regularizer.l1 = 1e-4
    layers += [tf.keras.layers.Dense(5, activation="softmax", name="output")]
    model = tf.keras.Sequential(layers)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[rest], np.eye(5)[y[rest]], batch_size=BATCH, epochs=60, verbose=0)
    for layer in model.layers:
        layer.kernel_regularizer = None
    weights = model.get_weights()
    model = tf.keras.models.model_from_json(model.to_json())
    model.set_weights(weights)
    model.save(folder / "base.h5")


def peer(folder, epochs, steps, seed):
    """The child process of the reference: prints its answer as JSON."""
    import numpy as np, tensorflow as tf
    from hls4ml.optimization.dsp_aware_pruning import optimize_keras_model_for_hls4ml
    from hls4ml.optimization.dsp_aware_pruning.keras.regularizers import DenseRegularizer
    from hls4ml.optimization.dsp_aware_pruning.objectives.vivado_objectives import VivadoDSPEstimator
    from hls4ml.optimization.dsp_aware_pruning.scheduler import PolynomialScheduler
    from hls4ml.utils import config_from_keras_model
    from hls4ml.optimization.dsp_aware_pruning.config import SUPPORTED_STRUCTURES
    # Its regularisers hold an enumeration, which this Keras cannot put into JSON and back.
    given = DenseRegularizer.get_config
    DenseRegularizer.get_config = lambda self: {**given(self), "structure_type": self.structure_type.value}
    restored = lambda config: {**config, "structure_type": SUPPORTED_STRUCTURES(config["structure_type"])}
    DenseRegularizer.from_config = classmethod(lambda cls, config: cls(**restored(config)))
    tf.keras.utils.set_random_seed(seed)
    data = np.load(folder / "jets.npz")
    one_hot = lambda labels: np.eye(5, dtype="f4")[labels]
    x, y = data["x_train"], one_hot(data["y_train"])
    held = len(x) // 5
    model = tf.keras.models.load_model(folder / "base.h5", compile=False)
    config = config_from_keras_model(model, granularity="name", default_precision="ap_fixed<16,6>", default_reuse_factor=REUSE)
    config["IOType"] = "io_parallel"
    config["Model"]["Strategy"] = "Resource"
    for layer in config["LayerName"].values():
        layer.update(Strategy="Resource", ReuseFactor=REUSE, Precision={k: "ap_fixed<16,6>" for k in ("weight", "bias", "result")})
    before = model.get_weights()
    optimised = optimize_keras_model_for_hls4ml(
        model, config, VivadoDSPEstimator, PolynomialScheduler(steps, final_sparsity=SPARSITY), x[held:], y[held:], x[:held], y[:held],
        BATCH, epochs, tf.keras.optimizers.legacy.Adam(1e-3), tf.keras.losses.CategoricalCrossentropy(), "accuracy", True, RTOL,
        tuner="Manual", knapsack_solver="greedy", directory=str(folder / "hls4ml"))
    accuracy = lambda net: float((net.predict(data["x_test"], verbose=0).argmax(1) == data["y_test"]).mean())
    after = accuracy(optimised)
    model.set_weights(before)
    kernels = lambda net: [layer.get_weights()[0] for layer in net.layers if layer.get_weights()]
    print(json.dumps({"before": accuracy(model), "after": after, "dsp_before": dsps(kernels(model)), "dsp_after": dsps(kernels(optimised))}))


def dsps(kernels):
    """Multipliers: runs of as many weights as the reuse factor, of the transposed kernel, that are not all zero."""
    return int(sum((k.T.reshape(-1, REUSE) != 0).any(1).sum() for k in kernels))


def ours(folder, epochs, steps, seed):
    """The command line of handaxe for the same."""
    return [str(BINARY), "optimize", "--model", str(folder / "base.h5"), "--data", str(folder / "jets.npz"), "--standardise", "false",
            "--objective", "vivado-dsp", "--search", "manual", "--final-sparsity", str(SPARSITY), "--precision", "ap_fixed<16,6>", "--reuse-factor", str(REUSE),
            "--strategy", "Resource", "--io-type", "io_parallel", "--scheduler", "polynomial", "--steps", str(steps), "--epochs", str(epochs),
            "--batch-size", str(BATCH), "--learning-rate", "0.001", "--rtol", str(RTOL), "--seed", str(seed), "--json", "--quiet",
            "--out", str(folder / "run"), "--force"]


def measured(command):
    """Runs a process: its answer, wall and CPU seconds, peak memory in MB."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    answer = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    if os.waitstatus_to_exitcode(status) not in (0, 3) or not answer.strip():
        sys.exit(f"failed: {' '.join(map(str, command))}")
    return json.loads(answer.splitlines()[-1] if command[0] == sys.executable else answer), wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def table(rows):
    import numpy as np
    lines = ["| seed | tool | wall s | CPU s | peak MB | test accuracy before | after | DSP before | after |", "|---|---|---|---|---|---|---|---|---|"]
    for seed, tool, a, wall, cpu, memory in rows:
        lines.append(f"| {seed} | {tool} | {wall:.2f} | {cpu:.2f} | {memory:.0f} | {a['before']:.4f} | {a['after']:.4f} | {a['dsp_before']} | {a['dsp_after']} |")
    of = lambda tool, pick: np.array([pick(row) for row in rows if row[1] == tool])
    ratio = lambda column: float(np.median(of("hls4ml", lambda r: r[column]) / of("handaxe", lambda r: r[column])))
    gain = of("handaxe", lambda r: r[2]["after"]) - of("hls4ml", lambda r: r[2]["after"])
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else float("nan")
    lines.append(f"\nhls4ml over handaxe, medians: wall {ratio(3):.1f}, CPU {ratio(4):.1f}, peak memory {ratio(5):.1f}. "
                 f"Accuracy after, handaxe less hls4ml: {gain.mean():+.4f} with a standard error of {error:.4f}.")
    return "\n".join(lines)


def write(text):
    """Puts the text under its heading in RESULTS.md, in place of what stood there."""
    path, heading = ROOT / "benches/RESULTS.md", "## The Optimization API\n"
    before, _, rest = path.read_text().partition(heading)
    after = rest[rest.index("\n## ") + 1:] if "\n## " in rest else ""
    path.write_text(before.rstrip() + "\n\n" + heading + "\n" + text + "\n" + ("\n" + after if after else ""))


def option(name, default):
    return int(sys.argv[sys.argv.index(name) + 1]) if name in sys.argv else default


def main():
    jets, seeds, epochs, steps = sys.argv[1], option("--seeds", 5), option("--epochs", 10), option("--steps", 5)
    subprocess.run(["cargo", "build", "--release", "-q", "-p", "handaxe-cli"], cwd=ROOT, check=True)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(1, seeds + 1):
            folder = Path(scratch) / str(seed)
            folder.mkdir()
            subprocess.run([sys.executable, __file__, "prepare", jets, folder, str(seed)], check=True)
            settings = [str(folder), str(epochs), str(steps), str(seed)]
            rows.append((seed, "hls4ml", *measured([sys.executable, __file__, "peer", *settings])))
            answer, *costs = measured(ours(folder, epochs, steps, seed))
            dsp = answer["resources"]
            answer = {"before": answer["baseline"]["test"], "after": answer["final"]["test"], "dsp_before": dsp["before"]["dsp"], "dsp_after": dsp["after"]["dsp"]}
            rows.append((seed, "handaxe", answer, *costs))
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    shown = " ".join(["benches/peers/optimize.py", Path(jets).name, *sys.argv[2:]])
    text = f"{model}, {os.cpu_count()} cores (shared). Command: `{shown}`. {epochs} epochs a step, {steps} steps, half of the DSPs.\n\n{table(rows)}"
    print(text)
    if "--write" in sys.argv:
        write(text)


if __name__ == "__main__":
    if "PEERS_IN_VENV" not in os.environ:
        in_venv()
    if sys.argv[1] == "prepare":
        prepare(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[1] == "peer":
        peer(Path(sys.argv[2]), *map(int, sys.argv[3:6]))
    else:
        main()
