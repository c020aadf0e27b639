#!/usr/bin/env python3
"""rule4ml beside handaxe on synthesis results: the rows of fixtures/synthesis.

Makes a virtual environment of its own in a temporary folder (or in the folder named by PEERS_VENV) with rule4ml 0.2.0, gives its
default models (gnn) and its others (mlp) every single Dense layer and whole network of Dense layers among the rows, and prints
how far off they are in the form of fixtures/synthesis/errors.md, whose lines for the same rows ("Networks left out": by constants
that know nothing of the network or shape) follow. The single layers are of the board alveo-u250; boards that rule4ml does not know are
taken for one of their family. Of versions of the tools it is asked for those of the row's, Vivado HLS up to 2020.1 or Vitis from 2020.2
on, and the mean counts. It sees shapes, strategy, precision and reuse factor, no weights. Each network is described once, which its `predict` would do for each
figure and version of a tool. The mlp is asked for all networks of one depth at a time; the gnn for each alone, as a user asks, since
its answers depend on what else is asked with them (its GraphNorm is over the whole batch). TensorFlow and PyTorch are installed for the processor alone (about 2 GB; rule4ml's own requirements would
bring those for CUDA, 12 GB). --write puts the table into benches/RESULTS.md under "### Beside rule4ml".

    benches/peers/estimate.py [--write]
"""
import gzip, itertools, json, os, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROWS = ROOT / "fixtures/synthesis/rows.jsonl.gz"
ERRORS = ROOT / "fixtures/synthesis/errors.md"
RESULTS = ROOT / "benches/RESULTS.md"
# In this order: rule4ml itself without its requirements, which name TensorFlow and PyTorch for CUDA. The extra index has PyTorch without it.
# Python 3.9 to 3.11.
INSTALLS = [
    ["torch==2.8.0", "--extra-index-url", "https://download.pytorch.org/whl/cpu"],
    ["tensorflow-cpu==2.15.1", "keras==2.15.0", "keras-tuner", "torch-geometric", "scikit-learn", "pandas", "optuna", "tqdm"],
    ["rule4ml==0.2.0", "--no-deps"],
]
KINDS = ["single Dense, Resource", "single Dense, Latency", "whole designs"]
# rule4ml's name: ours.
FIGURES = {"DSP": "dsp", "LUT": "lut", "FF": "ff", "BRAM": "bram18", "CYCLES": "latency", "INTERVAL": "interval"}
BOARDS = {"series7": "pynq-z2", "ultrascale": "alveo-u250"}
SAID = """Command: `benches/peers/estimate.py --write`, whose head says how rule4ml 0.2.0 is asked: gnn are its default models, mlp its others. Errors in percent of what C synthesis
reports, counts where it reports 0; handaxe's are of networks left out. rule4ml sees no weights."""
ACTIVATIONS = {"clip": "relu", "softmax": "softmax", "sigmoid": "sigmoid", "tanh": "tanh"}


def in_venv():
    """Runs this script again in an environment that has the peer."""
    folder = Path(os.environ.get("PEERS_VENV") or Path(tempfile.gettempdir()) / "handaxe-peers-estimate")
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    if subprocess.run([python, "-c", "import rule4ml"], capture_output=True).returncode:
        for packages in INSTALLS:
            subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    os.environ.update(PEERS_IN_VENV="1", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
    os.execv(python, [str(python), *sys.argv])


def matrix(unit):
    return unit["work"].get("matrix") if isinstance(unit["work"], dict) else None


def kind(row):
    """The line that a row counts for, none for parts of designs and what is no chain of Dense layers."""
    if not row["whole"] or not row["units"] or not row["figures"]:
        return None
    if len(row["units"]) > 1:
        return KINDS[2]
    return KINDS[1 if matrix(row["units"][0])["strategy"].lower() == "latency" else 0]


def network(units):
    import keras
    layers = [keras.Input((units[0]["inputs"],))]
    for unit in units:
        if matrix(unit):
            layers.append(keras.layers.Dense(unit["outputs"]))
        elif isinstance(unit["work"], dict):
            layers.append(keras.layers.BatchNormalization())
        elif unit["work"] in ACTIVATIONS:
            layers.append(keras.layers.Activation(ACTIVATIONS[unit["work"]]))
    model = keras.Sequential(layers)
    model.build((None, units[0]["inputs"]))
    return model


def configuration(row):
    first = next(matrix(unit) for unit in row["units"] if matrix(unit))
    bits = first["weight_bits"]
    model = {"strategy": first["strategy"].capitalize(), "precision": f"ap_fixed<{bits}, {min(6, max(1, bits // 2))}>", "reuse_factor": first["reuse"]}
    return {"board": BOARDS[row["profile"]["family"]], "model": model}


def predictors():
    """rule4ml's two kinds of models."""
    import rule4ml.models.wrappers as wrappers
    gnn = wrappers.MultiModelWrapper()
    gnn.load_default_models()
    mlp = wrappers.MultiModelWrapper()
    folder = Path(wrappers.__file__).parent / "weights/v2/mlp"
    for config in sorted(folder.glob("*.config.json")):
        wrapper = wrappers.KerasModelWrapper()
        wrapper.load(str(config), str(config).replace(".config.json", ".weights.h5"))
        mlp.add_model_wrapper(wrapper)
    return {"rule4ml gnn": gnn, "rule4ml mlp": mlp}


def answers(predictor, networks):
    """What the predictor says of each network: rule4ml's description and configuration of it, and its tool."""
    import rule4ml.models.wrappers as wrappers
    found = [{} for _ in networks]
    for theirs, wrapper in predictor._models.items():
        batches = {}
        for place, (described, _, _) in enumerate(networks):
            # Shallower networks would be filled up beside deeper ones.
            alike = len(described) if isinstance(wrapper, wrappers.KerasModelWrapper) else place
            batches.setdefault(alike, []).append(place)
        for places in batches.values():
            for place, value in zip(places, ask(wrapper, [networks[place] for place in places])):
                found[place][FIGURES[theirs]] = max(0.0, value)
    return found


def ask(wrapper, networks):
    """What `wrapper.predict` answers for each network by its own configuration, the mean over all versions of its tool."""
    from rule4ml.parsers.data_parser import get_global_inputs, get_layers_data, to_dataframe
    known = wrapper.global_categorical_maps
    asked, layers, owners = [], [], []
    for place, (described, config, tool) in enumerate(networks):
        for hls4ml, version in itertools.product(known.get("hls4ml_version") or [None], known.get("vivado_version") or [None]):
            if version is None or (version <= "2020.1") == (tool == "vivado"):
                asked.append(get_global_inputs(described, config, hls4ml_version=hls4ml, vivado_version=version))
                layers.append(get_layers_data(described))
                owners.append(place)
    maps = {"global_categorical_maps": known, "sequential_categorical_maps": wrapper.sequential_categorical_maps}
    frame = to_dataframe(meta_data=[], global_inputs=asked, sequential_inputs=layers, targets=[], **maps)
    values = wrapper.predict_from_df(frame).astype(float).reshape(len(asked))
    own = [[value for value, owner in zip(values, owners) if owner == place] for place in range(len(networks))]
    return [float(sum(values) / len(values)) for values in own]


def described(row):
    """rule4ml's description of a row's network, layers with their sizes and the reuse factors that are possible; its configuration
    and tool."""
    from rule4ml.parsers.network_parser import config_from_keras_model
    config = configuration(row)
    return config_from_keras_model(network(row["units"]), config), config, row["profile"]["tool"]


def quantile(values, share):
    return sorted(values)[round((len(values) - 1) * share)]


def lines(tool, rows, predicted):
    """Median, 75th and 90th percentile of the relative errors, in percent; counts where the report says 0."""
    for what in KINDS:
        for figure in FIGURES.values():
            errors = []
            for row, answer in zip(rows, predicted):
                if kind(row) == what and figure in answer and figure in row["figures"]:
                    actual = row["figures"][figure]
                    error = abs(answer[figure] - actual)
                    errors.append(100 * error / actual if actual else error)
            if errors:
                shown = " | ".join(f"{quantile(errors, share):.1f}" for share in (0.5, 0.75, 0.9))
                yield f"| {what} | {figure} | {tool} | {len(errors)} | {shown} |"


def ours():
    """handaxe's errors of the same rows, from the table that `cargo xtask fit` wrote."""
    section = ERRORS.read_text().split("# Networks left out")[1].split("\n# ")[0]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 8 and cells[0] in KINDS:
            what, figure, count, _, *errors, _ = cells
            yield f"| {what} | {figure} | handaxe | {count} | {' | '.join(f'{float(error):.1f}' for error in errors)} |"


def main():
    with gzip.open(ROWS, "rt") as file:
        rows = [json.loads(line) for line in file]
    rows = [row for row in rows if kind(row)]
    table = list(ours())
    networks = [described(row) for row in rows]
    for tool, predictor in predictors().items():
        table += lines(tool, rows, answers(predictor, networks))
    order = list(FIGURES.values())
    table.sort(key=lambda line: (KINDS.index(line.split(" | ")[0][2:]), order.index(line.split(" | ")[1])))
    text = "\n".join(["| rows | figure | tool | count | median % | p75 % | p90 % |", "|---|---|---|---|---|---|---|", *table, ""])
    print(text)
    if "--write" in sys.argv:
        heading = "### Beside rule4ml\n"
        before, after = RESULTS.read_text().split(heading)
        kept = after[after.index("\n## "):] if "\n## " in after else ""
        RESULTS.write_text(before + heading + "\n" + SAID + "\n\n" + text + kept)


if __name__ == "__main__":
    main() if os.environ.get("PEERS_IN_VENV") else in_venv()
