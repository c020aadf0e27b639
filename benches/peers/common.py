"""What the scripts share that convert every model of the fixtures and run what handaxe wrote."""
import collections, gzip, json, os, subprocess, sys
import numpy as np

ROOT = os.path.dirname(os.path.abspath(__file__)) + "/../.."


def cases(*lists):
    """Path, weights and answers of every model that is there, of lists below fixtures/ and the folders that their paths start in."""
    for name, folder in lists:
        for case in json.load(open(f"{ROOT}/fixtures/{name}")):
            model, _, weights = case["model"].partition(":weights=")
            path = f"{folder}/{model}"
            if "outputs" in case and os.path.exists(path):
                yield path, f"{folder}/{weights}" if weights else "", case["outputs"]


def unpacked(path, out):
    """The path of a file, or of its content where it is packed."""
    if not path.endswith(".gz"):
        return path
    plain = f"{out}/{os.path.basename(path)[:-3]}"
    with gzip.open(path) as packed, open(plain, "wb") as file:
        file.write(packed.read())
    return plain


class Tally:
    """What became of the models, and how far answers are from what they should be."""

    def __init__(self, handaxe):
        self.handaxe, self.counts, self.worst, self.said = handaxe, collections.Counter(), 0.0, collections.Counter()

    def converts(self, path, weights, written):
        """Whether handaxe writes a model; if not, what it says is counted."""
        run = subprocess.run([self.handaxe, "convert", f"{path}:weights={weights}" if weights else path, written, "--force"], capture_output=True, text=True)
        if run.returncode:
            self.counts["not written"] += 1
            self.said[run.stderr.strip().split(": ")[-1]] += 1
        return run.returncode == 0

    def compare(self, label, answers, expected, tolerance, most=None):
        """Answers with expected ones, of 1 or of the answer; of more than `most` elements every so many are expected."""
        assert len(answers) == len(expected), f"{len(answers)} outputs, not {len(expected)}"
        off = 0.0
        for got, want in zip(answers, expected):
            got, want = np.asarray(got, dtype=np.float64).ravel(), np.array(want)
            got = got[:: max(1, got.size // most)] if most else got
            off = max(off, float(np.max(np.abs(got - want) / np.maximum(1, np.abs(want)))))
        self.worst = max(self.worst, off)
        self.counts["equal" if off <= tolerance else "off"] += 1
        if off > tolerance:
            print(f"OFF   {label}: {off:.1e}")

    def finish(self, title, failures):
        """Prints the sums; ends with 1 if answers are off or there are such failures."""
        print(title + ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items())), f"(worst difference {self.worst:.1e})")
        for what, count in self.said.most_common():
            print(f"  {count} not written: {what}")
        sys.exit(1 if self.counts["off"] + self.counts[failures] else 0)
