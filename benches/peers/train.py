#!/usr/bin/env python3
"""PyTorch and Keras beside handaxe: the same networks, data, batches and optimiser, whole epochs with shuffling.

Makes a virtual environment of its own in a temporary folder (or in the folder named by PEERS_VENV) with PyTorch and TensorFlow;
PEERS_KERAS_VENV names another one for Keras. Every tool starts from Glorot uniform weights and trains by Adam with a learning
rate of 0.001. Tools take turns, --rounds times; a run's figure is its median epoch without the first, a tool's the median of its
runs. Prints a table; --write puts it into benches/RESULTS.md under "## Training beside PyTorch and Keras"; --curves FILE.svg draws
the losses of all tools over the epochs.

    benches/peers/train.py [--cases PART] [--threads 1,2] [--rounds 3] [--epochs 5] [--curves FILE.svg] [--write]

MNIST is looked for in ../shared/data/mnist beside the repository, or in the file named by MNIST_NPZ.
"""
import json, os, platform, resource, subprocess, sys, tempfile, time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release/examples/epochs"
MNIST = Path(os.environ.get("MNIST_NPZ") or ROOT.parent / "shared/data/mnist/mnist_60k_10k_u8.npz")
PACKAGES = ["torch==2.8.0", "tensorflow-cpu==2.14.1", "numpy<2"]
MLP = "dense:64,relu,dense:32,relu,dense:32,relu,dense:5,softmax"
CNN = ("conv:16x3,batchnorm,relu,maxpool:2,conv:16x3,batchnorm,relu,maxpool:2,conv:24x3,batchnorm,relu,maxpool:2,"
       "flatten,dense:42,relu,dense:64,relu,dense:10,softmax")
LENET = "conv:6x5:same,relu,maxpool:2,conv:16x5,relu,maxpool:2,flatten,dense:120,relu,dense:84,relu,dense:10,softmax"
# Name: network, data, batch size.
CASES = {
    "MLP 16-64-32-32-5, batch 128": (MLP, "teacher", 128),
    "MLP 16-64-32-32-5, batch 1024": (MLP, "teacher", 1024),
    "CNN 32x32x3, batch 64": (CNN, "patterns", 64),
    "LeNet on MNIST, batch 64": (LENET, "mnist", 64),
}
TOOLS = ["handaxe", "handaxe, candle's own", "torch fused", "torch", "keras"]


def in_venv():
    """Runs this script again in an environment that has the peers."""
    folder = Path(os.environ.get("PEERS_VENV") or Path(tempfile.gettempdir()) / "handaxe-peers-train")
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    if subprocess.run([python, "-c", "import numpy, torch"], capture_output=True).returncode:
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    os.environ.update(PEERS_IN_VENV="1", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
    os.execv(python, [str(python), *sys.argv])


def data(kind, folder):
    """Inputs and labels, also as raw files for handaxe: a random network's answers, noisy patterns, or digits."""
    import numpy as np
    random = np.random.default_rng(1)
    if kind == "teacher":
        x = random.standard_normal((131072, 16), dtype="f4")
        hidden = np.tanh(x @ random.standard_normal((16, 32)))
        y, classes = (hidden @ random.standard_normal((32, 5))).argmax(1), 5
    elif kind == "patterns":
        y, classes = random.integers(0, 10, 2048), 10
        x = random.standard_normal((10, 32, 32, 3))[y] + 2.0 * random.standard_normal((2048, 32, 32, 3))
    else:
        archive = np.load(MNIST)
        x, y = (next(archive[key] for key in archive.files if archive[key].ndim == axes and len(archive[key]) == 60000) for axes in (3, 1))
        x, classes = x[..., None] / 255.0, 10
    x, y = np.ascontiguousarray(x, "<f4"), np.ascontiguousarray(y, "<u4")
    x.tofile(folder / f"{kind}.x")
    y.tofile(folder / f"{kind}.y")
    np.savez(folder / f"{kind}.npz", x=x, y=y)
    return list(x.shape[1:]), classes, len(x)


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def torch_epochs(spec, archive, classes, batch, epochs, threads, fused):
    import numpy as np, torch
    from torch import nn
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    x, y = torch.from_numpy(archive["x"]), torch.from_numpy(archive["y"].astype("i8"))
    if x.ndim == 4:
        x = x.permute(0, 3, 1, 2).contiguous()
    layers = []
    for token in spec.split(",")[:-1]:
        name, *rest = token.split(":")
        if name == "dense":
            layers.append(nn.LazyLinear(int(rest[0])))
        elif name == "conv":
            filters, size = map(int, rest[0].split("x"))
            layers.append(nn.LazyConv2d(filters, size, padding=size // 2 if "same" in rest else 0))
        else:
            layers.append({"relu": nn.ReLU, "flatten": nn.Flatten, "batchnorm": lambda: nn.LazyBatchNorm2d(eps=1e-3, momentum=0.01),
                           "maxpool": lambda: nn.MaxPool2d(int(rest[0]))}[name]())
    net = nn.Sequential(*layers)
    net(x[:2])
    for layer in net:
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    optimiser = torch.optim.Adam(net.parameters(), 1e-3, eps=1e-7, fused=fused)
    loss_of = nn.CrossEntropyLoss()
    for _ in range(epochs):
        wall, used, total = time.monotonic(), cpu(), 0.0
        order = torch.randperm(len(x))
        for first in range(0, len(x), batch):
            chosen = order[first:first + batch]
            loss = loss_of(net(x[chosen]), y[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(chosen)
        yield total / len(x), time.monotonic() - wall, cpu() - used


def keras_epochs(spec, archive, classes, batch, epochs, threads):
    import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.set_random_seed(1)
    layers = tf.keras.layers
    net = tf.keras.Sequential([layers.Input(archive["x"].shape[1:])])
    for token in spec.split(","):
        name, *rest = token.split(":")
        if name == "conv":
            filters, size = map(int, rest[0].split("x"))
            net.add(layers.Conv2D(filters, size, padding="same" if "same" in rest else "valid"))
        else:
            net.add({"dense": lambda: layers.Dense(int(rest[0])), "relu": layers.ReLU, "softmax": layers.Softmax, "flatten": layers.Flatten,
                     "batchnorm": layers.BatchNormalization, "maxpool": lambda: layers.MaxPooling2D(int(rest[0]))}[name]())
    net.compile("adam", "sparse_categorical_crossentropy")
    found = []

    class Clock(tf.keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.wall, self.used = time.monotonic(), cpu()

        def on_epoch_end(self, epoch, logs=None):
            found.append((logs["loss"], time.monotonic() - self.wall, cpu() - self.used))

    net.fit(archive["x"], archive["y"], batch_size=batch, epochs=epochs, verbose=0, callbacks=[Clock()])
    yield from found


def peer(tool, spec, path, classes, batch, epochs, threads):
    """The child process of a peer: a line an epoch."""
    import numpy as np
    archive = dict(np.load(path))
    run = keras_epochs(spec, archive, classes, batch, epochs, threads) if tool == "keras" else \
        torch_epochs(spec, archive, classes, batch, epochs, threads, tool == "torch fused")
    for loss, wall, used in run:
        print(loss, wall, used, flush=True)


def measured(tool, folder, case, prepared, epochs, threads):
    """One run: loss, wall and CPU seconds of each epoch."""
    spec, kind, batch = CASES[case]
    shape, classes, _ = prepared
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    if tool.startswith("handaxe"):
        command = [BINARY, spec, "x".join(map(str, shape)), classes, batch, epochs, folder / f"{kind}.x", folder / f"{kind}.y"]
        command += ["candle"] if tool != "handaxe" else []
    else:
        venv = os.environ.get("PEERS_KERAS_VENV")
        python = Path(venv) / "bin/python" if tool == "keras" and venv else sys.executable
        command = [python, __file__, "peer", tool, spec, folder / f"{kind}.npz", classes, batch, epochs, threads]
    answer = subprocess.run(list(map(str, command)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if answer.returncode:
        sys.exit(f"{tool} failed: {answer.stderr[-2000:]}")
    return [tuple(map(float, line.split())) for line in answer.stdout.splitlines() if not line.startswith("accuracy")]


def curves(losses):
    """The losses of every case and tool as one SVG, a panel a case."""
    colours = dict(zip(TOOLS, ["#c0392b", "#e6a23c", "#2c7fb8", "#7fcdbb", "#555555"]))
    width, height, parts = 360, 240, []
    for column, (case, tools) in enumerate(losses.items()):
        top = max(max(values) for values in tools.values())
        left = 20 + column * (width + 20)
        parts.append(f'<rect x="{left}" y="30" width="{width}" height="{height}" fill="none" stroke="#999"/>'
                     f'<text x="{left}" y="22">{case}: loss, 0 to {top:.2f}</text>')
        for row, (tool, values) in enumerate(tools.items()):
            step = width / max(len(values) - 1, 1)
            points = " ".join(f"{left + place * step:.1f},{30 + height * (1 - value / top):.1f}" for place, value in enumerate(values))
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colours[tool]}" stroke-width="1.5"/>'
                         f'<text x="{left + 8}" y="{height + 22 - 14 * row}" fill="{colours[tool]}">{tool}</text>')
    total = 20 + len(losses) * (width + 20)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{height + 50}" font-family="sans-serif" font-size="12">'
            f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n')


def write(text):
    """Puts the text under its heading in RESULTS.md, in place of what stood there."""
    path, heading = ROOT / "benches/RESULTS.md", "## Training beside PyTorch and Keras\n"
    before, _, rest = path.read_text().partition(heading)
    after = rest[rest.index("\n## ") + 1:] if "\n## " in rest else ""
    path.write_text(before.rstrip() + "\n\n" + heading + "\n" + text + "\n" + ("\n" + after if after else ""))


def option(name, default):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


def main():
    threads = [int(count) for count in option("--threads", "1,2").split(",")]
    rounds, epochs = int(option("--rounds", 3)), int(option("--epochs", 5))
    subprocess.run(["cargo", "build", "--release", "-q", "-p", "handaxe-train", "--example", "epochs"], cwd=ROOT, check=True)
    lines = ["| network | threads | tool | thousand samples a CPU-second | a wall second | handaxe's over it, CPU | wall | loss after |",
             "|---|---|---|---|---|---|---|---|"]
    losses = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for case in (case for case in CASES if option("--cases", "") in case):
            prepared = data(CASES[case][1], folder)
            for count in threads:
                # candle's own would take minutes for the digits, and longer with two threads than with one.
                tools = [tool for tool in TOOLS if count == 1 and CASES[case][1] != "mnist" or tool != "handaxe, candle's own"]
                runs = {tool: [] for tool in tools}
                for _ in range(rounds):
                    for tool in tools:
                        runs[tool].append(measured(tool, folder, case, prepared, epochs, count))
                rates = {tool: [prepared[2] / 1e3 / median(median(epoch[place] for epoch in run[1:]) for run in of_tool) for place in (2, 1)]
                         for tool, of_tool in runs.items()}
                for tool, (of_cpu, of_wall) in rates.items():
                    over = [rates["handaxe"][place] / rates[tool][place] for place in (0, 1)]
                    lines.append(f"| {case} | {count} | {tool} | {of_cpu:.1f} | {of_wall:.1f} | {over[0]:.2f} | {over[1]:.2f} | {runs[tool][0][-1][0]:.4f} |")
                losses[case] = {tool: [epoch[0] for epoch in of_tool[0]] for tool, of_tool in runs.items()}
                print("\n".join(lines[-len(tools):]), flush=True)
    if "--curves" in sys.argv:
        Path(option("--curves", "")).write_text(curves(losses))
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    shown = " ".join(["benches/peers/train.py", *sys.argv[1:]])
    text = f"{model}, {os.cpu_count()} cores (shared, load {os.getloadavg()[2]:.0f}). Command: `{shown}`.\n\n" + "\n".join(lines)
    print(text)
    if "--write" in sys.argv:
        write(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["peer"]:
        tool, spec, path, *numbers = sys.argv[2:]
        peer(tool, spec, path, *map(int, numbers))
    else:
        if "PEERS_IN_VENV" not in os.environ:
            in_venv()
        main()
