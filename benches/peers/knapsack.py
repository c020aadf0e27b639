#!/usr/bin/env python3
"""Other knapsack solvers on the problems that ours are measured on.

Makes a virtual environment of its own in a temporary folder (or in the folder named by PEERS_VENV) with
OR-Tools and HiGHS, builds the `handaxe` binary in release mode, runs all on the same files, one
thread each, and prints tables that stand in benches/RESULTS.md under "## Knapsack" (--write puts them there).

    benches/peers/knapsack.py [--write] [--limit SECONDS] [PART...]

Parts: specs, large (a million items), long (100,000 items, two resources, limit 240 s), pisinger, chu-beasley. All of them
if none is named. --limit is for each peer on each problem (60 s if not given; chu-beasley always has 60 s).
"""
import json, os, platform, resource, statistics, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release/handaxe"
SPECS = [f"1,{n},{k},{m}" for n, k in ((1000, 5), (10000, 10), (100000, 20)) for m in (1, 2, 3)]
LARGE = [f"1,1000000,50,{m}" for m in (1, 2, 3)]
# The whole of the shared data, or what stands in the tree.
FOLDERS = [ROOT.parent / "shared/golden/knapsack", ROOT / "fixtures/knapsack"]


def found(*names):
    return next(folder / name for folder in FOLDERS for name in names if (folder / name).exists())


def in_venv():
    """Runs this script again in an environment that has the peers."""
    folder = Path(os.environ.get("PEERS_VENV") or Path(tempfile.gettempdir()) / "handaxe-peers-knapsack")
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    if subprocess.run([python, "-c", "import ortools, highspy, numpy"], capture_output=True).returncode:
        subprocess.run([python, "-m", "pip", "install", "-q", "ortools", "highspy", "numpy"], check=True)
    os.environ["PEERS_IN_VENV"] = "1"
    os.execv(python, [str(python), *sys.argv])


def load(path):
    words = Path(path).read_text().split()
    m, n = int(words[0]), int(words[1])
    capacity = [int(w) for w in words[2:2 + m]]
    rows = [words[2 + m + i * (m + 1):2 + m + (i + 1) * (m + 1)] for i in range(n)]
    return [int(r[0]) for r in rows], [[int(r[1 + j]) for r in rows] for j in range(m)], capacity


def highs(values, rows, capacity, limit):
    import highspy, numpy as np
    model = highspy.Highs()
    for key, value in dict(output_flag=False, threads=1, mip_rel_gap=0.0, mip_abs_gap=0.5, time_limit=limit).items():
        model.setOptionValue(key, value)
    n = len(values)
    index = np.arange(n, dtype=np.int32)
    model.addVars(n, np.zeros(n), np.ones(n))
    model.changeColsCost(n, index, -np.array(values, dtype=float))
    model.changeColsIntegrality(n, index, np.array([highspy.HighsVarType.kInteger] * n))
    for row, most in zip(rows, capacity):
        used = np.flatnonzero(row).astype(np.int32)
        model.addRow(-highspy.kHighsInf, most, len(used), used, np.array(row, dtype=float)[used])
    model.run()
    kept = [x > 0.5 for x in model.getSolution().col_value] if model.getSolution().value_valid else []
    return kept, model.modelStatusToString(model.getModelStatus())


def cp_sat(values, rows, capacity, limit):
    from ortools.sat.python import cp_model
    model = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in values]
    for row, most in zip(rows, capacity):
        model.add(cp_model.LinearExpr.weighted_sum(x, row) <= most)
    model.maximize(cp_model.LinearExpr.weighted_sum(x, values))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = limit
    status = solver.solve(model)
    found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    return ([solver.boolean_value(v) for v in x] if found else []), solver.status_name(status)


def or_tools(kind):
    def run(values, rows, capacity, limit):
        from ortools.algorithms.python import knapsack_solver as k
        solver = k.KnapsackSolver(getattr(k.SolverType, kind), "knapsack")
        solver.set_time_limit(limit)
        solver.init(values, rows, capacity)
        solver.solve()
        status = "Optimal" if solver.is_solution_optimal() else "not proven"
        return [solver.best_solution_contains(i) for i in range(len(values))], status
    return run


PEERS = {
    "HiGHS": highs,
    "OR-Tools CP-SAT": cp_sat,
    "OR-Tools CBC": or_tools("KNAPSACK_MULTIDIMENSION_CBC_MIP_SOLVER"),
    "OR-Tools SCIP": or_tools("KNAPSACK_MULTIDIMENSION_SCIP_MIP_SOLVER"),
    "OR-Tools branch and bound": or_tools("KNAPSACK_MULTIDIMENSION_BRANCH_AND_BOUND_SOLVER"),
    "OR-Tools dynamic": or_tools("KNAPSACK_DYNAMIC_PROGRAMMING_SOLVER"),
}


def child(peer, path, limit):
    """One peer on one file, in a process of its own, so that time and memory are its own."""
    values, rows, capacity = load(path)
    wall, cpu = time.perf_counter(), time.process_time()
    kept, status = PEERS[peer](values, rows, capacity, limit)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    value = sum(v for v, k in zip(values, kept) if k)
    fits = all(sum(a for a, k in zip(row, kept) if k) <= c for row, c in zip(rows, capacity))
    print(json.dumps(dict(value=value, fits=fits, status=status, wall=wall, cpu=cpu)))


def ours(path):
    """The best of up to three runs: the time that the solver reports (wall time; one thread, the problem already built),
    and the CPU time of the whole process, reading the file included."""
    runs = []
    while len(runs) < 3 and sum(run["seconds"] for run in runs) < 5:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        out = subprocess.run([BINARY, "knapsack", "solve", path, "--json"],
                             capture_output=True, text=True, check=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        runs.append(dict(json.loads(out), cpu=cpu))
    best = min(runs, key=lambda run: run["seconds"])
    cpu = min(run["cpu"] for run in runs)
    return dict(value=int(best["value"]), fits=True, status=best["status"], wall=best["seconds"], cpu=cpu)


def run_peer(peer, path, limit):
    try:
        done = subprocess.run([sys.executable, __file__, "--child", peer, path, str(limit)],
                              capture_output=True, text=True, timeout=limit * 2 + 60)
        return json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, json.JSONDecodeError, IndexError):
        return dict(value=0, fits=True, status="no answer", wall=None, cpu=None)


def cell(r, optimum):
    """CPU seconds, and what the answer is: right, short by a share of the optimum, or nothing."""
    if r["cpu"] is None:
        return "no answer"
    time = f"{r['cpu']:.2g} s" if r["cpu"] < 100 else f"{r['cpu']:.0f} s"
    if not r["value"]:
        return f"{time}, nothing found"
    claimed = r["status"].lower() == "optimal"
    if not r["fits"]:
        return f"{time}, does not fit"
    if r["value"] == optimum:
        return f"{time}, right" + ("" if claimed else ", not proved")
    return f"{time}, {(optimum - r['value']) / optimum:.0e} short" + (", called optimal" if claimed else "")


def matrix(problems, peers, limit):
    """One line per problem, one column per solver."""
    lines = ["| problem | handaxe | " + " | ".join(peers) + " |", "|---" * (len(peers) + 2) + "|"]
    for name, path in problems:
        mine = ours(path)
        # What is right is what handaxe proves; for made-up problems it is the known optimum of fixtures/knapsack.
        optimum = mine["value"] if mine["status"] == "optimal" else None
        one_row = Path(path).read_text()[:2].split()[0] == "1"
        others = [cell(run_peer(peer, path, limit), optimum) if one_row or peer != "OR-Tools dynamic" else ""
                  for peer in peers]
        time = f"{mine['wall']:.2g} s, {'right' if optimum is not None else 'not proved'}"
        lines.append(f"| {name} | {time} | " + " | ".join(others) + " |")
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


def made(specs, folder):
    for spec in specs:
        path = os.path.join(folder, "problem.txt")
        with open(path, "w") as out:
            subprocess.run([BINARY, "knapsack", "generate", spec], stdout=out, check=True)
        yield spec, path


def pisinger():
    folder = found("pisinger")
    for path in sorted(folder.glob("*.txt"), key=lambda path: (len(path.stem.split("_")[1]), path.stem)):
        yield path.stem, str(path)


def chu_beasley(folder):
    """The problems of the file of the OR-Library, each as plain text."""
    words = found("orlib/mknapcb1.txt", "mknapcb1.txt").read_text().split()
    at, path = 1, os.path.join(folder, "problem.txt")
    for number in range(1, int(words[0]) + 1):
        n, m, _best = (int(w) for w in words[at:at + 3])
        numbers = words[at + 3:at + 3 + n + n * m + m]
        at += 3 + len(numbers)
        values, capacity = numbers[:n], numbers[n + n * m:]
        columns = [[values[i]] + [numbers[n + j * n + i] for j in range(m)] for i in range(n)]
        lines = [f"{m} {n}", " ".join(capacity), *(" ".join(column) for column in columns)]
        Path(path).write_text("\n".join(lines) + "\n")
        yield f"mknapcb1 {number}", path


def by_turns(problems, limit):
    """handaxe and HiGHS on one problem after the other, summed up."""
    times, right = {"handaxe": [], "HiGHS": []}, {"handaxe": 0, "HiGHS": 0}
    for name, path in problems:
        results = {"handaxe": ours(path), "HiGHS": run_peer("HiGHS", path, limit)}
        best = max(r["value"] for r in results.values())
        for solver, r in results.items():
            times[solver].append(r["cpu"] if r["cpu"] is not None else limit)
            right[solver] += r["value"] == best and r["status"].lower() == "optimal"
        print(name, *(f"{solver} {ts[-1]:.3f} s" for solver, ts in times.items()), file=sys.stderr, flush=True)
    slower = sum(a > b for a, b in zip(times["handaxe"], times["HiGHS"]))
    lines = ["| solver | proved | median | mean | longest |", "|---|---|---|---|---|"]
    for solver, ts in times.items():
        numbers = (statistics.median(ts), statistics.mean(ts), max(ts))
        lines.append(f"| {solver} | {right[solver]} of {len(ts)} | " + " | ".join(f"{t:.2f} s" for t in numbers) + " |")
    return lines + ["", f"handaxe was the slower one on {slower} of {len(times['handaxe'])}."]


PARTS = {
    "specs": ("Made up as pruning makes them: `seed,N,K,M`",
              lambda folder, limit: matrix(made(SPECS, folder), list(PEERS), limit)),
    "large": ("A million items",
              lambda folder, limit: matrix(made(LARGE, folder), ["HiGHS", "OR-Tools CBC", "OR-Tools SCIP"], limit)),
    "long": ("100,000 items, two resources, four minutes",
             lambda folder, _: matrix(made(["1,100000,20,2"], folder), ["HiGHS", "OR-Tools CP-SAT"], 240.0)),
    "pisinger": ("Pisinger's families (one resource)",
                 lambda _, limit: matrix(pisinger(), ["HiGHS", "OR-Tools CP-SAT", "OR-Tools branch and bound"], limit)),
    "chu-beasley": ("Chu and Beasley, 5 resources, 100 items (mknapcb1), by turns, limit 60 s",
                    lambda folder, _: by_turns(chu_beasley(folder), 60.0)),
}


def write(sections):
    """Replaces these parts of our section of RESULTS.md, and nothing else."""
    path = ROOT / "benches/RESULTS.md"
    old = path.read_text() if path.exists() else "# Measurements\n"
    head, _, rest = old.partition("## Knapsack\n")
    section, mark, after = rest.partition("\n## ")
    for title, text in sections:
        before, found, tail = section.partition(f"### {title}\n")
        _, next_mark, following = tail.partition("\n### ")
        if found:
            section = before + f"### {title}\n\n{text}\n" + (next_mark + following)
        else:
            section = section.rstrip("\n") + f"\n\n### {title}\n\n{text}\n"
    path.write_text(head.rstrip("\n") + "\n\n## Knapsack\n" + section + mark + after)


def main():
    if "--child" in sys.argv:
        return child(sys.argv[2], sys.argv[3], float(sys.argv[4]))
    limit = float(sys.argv[sys.argv.index("--limit") + 1]) if "--limit" in sys.argv else 60.0
    parts = [part for part in PARTS if part in sys.argv] or list(PARTS)
    subprocess.run(["cargo", "build", "--release", "--quiet", "-p", "handaxe-cli"], cwd=ROOT, check=True)
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    sections = []
    for part in parts:
        title, run = PARTS[part]
        load = os.getloadavg()[0]
        with tempfile.TemporaryDirectory() as folder:
            lines = run(folder, limit)
        shown = "" if part in ("long", "chu-beasley") else f"; limit {limit:g} s of wall time"
        asked = f" --limit {limit:g}" if shown else ""
        note = (f"{cpu}, {os.cpu_count()} cores (shared, load {load:.0f} to {os.getloadavg()[0]:.0f}), {platform.system()}; one thread "
                f"each{shown}. Command: `benches/peers/knapsack.py {part}{asked}`.")
        sections.append((title, "\n".join([note, "", *lines])))
        write(sections[-1:]) if "--write" in sys.argv else print(f"### {title}\n\n{sections[-1][1]}\n")


if __name__ == "__main__":
    main() if "PEERS_IN_VENV" in os.environ else in_venv()
