#!/usr/bin/env python3
"""Other knapsack solvers on the problems that ours are measured on.

Makes a virtual environment of its own in a temporary folder (or in the folder named by PEERS_VENV) with
OR-Tools and HiGHS, builds the `handaxe` binary in release mode, runs all on the same files, one
thread each, and prints the table that stands in benches/RESULTS.md under "## Knapsack" (--write puts it there).

    benches/peers/knapsack.py [--write] [--limit SECONDS] [--quick]
"""
import json, os, platform, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release/handaxe"
SPECS = ["1,1000,5,1", "1,1000,5,2", "1,10000,10,2", "1,10000,10,3", "1,100000,20,2", "1,100000,20,3"]
LARGE = ["1,1000000,50,1", "1,1000000,50,2", "1,1000000,50,3"]


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
    runs = []
    for _ in range(3):
        out = subprocess.run([BINARY, "knapsack", "solve", path, "--json"],
                             capture_output=True, text=True, check=True).stdout
        runs.append(json.loads(out))
    best = min(runs, key=lambda run: run["seconds"])
    return dict(value=int(best["value"]), fits=True, status=best["status"], wall=best["seconds"], cpu=best["seconds"])


def run_peer(peer, path, limit):
    try:
        done = subprocess.run([sys.executable, __file__, "--child", peer, path, str(limit)],
                              capture_output=True, text=True, timeout=limit * 2 + 30)
        return json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, json.JSONDecodeError, IndexError):
        return dict(value=0, fits=True, status="no answer", wall=None, cpu=None)


def rows_of(name, path, limit):
    result = ours(path)
    optimum = result["value"] if result["status"] == "optimal" else None
    yield name, "handaxe", result, optimum
    with open(path) as file:
        one_row = file.readline().split()[0] == "1"
    for peer in PEERS:
        if peer == "OR-Tools dynamic" and not one_row:
            continue
        yield name, peer, run_peer(peer, path, limit), optimum


def table(limit, quick):
    lines = ["| problem | solver | wall s | CPU s | value | says | truth |", "|---|---|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        for spec in SPECS if quick else SPECS + LARGE:
            path = os.path.join(folder, "problem.txt")
            with open(path, "w") as out:
                subprocess.run([BINARY, "knapsack", "generate", spec], stdout=out, check=True)
            for name, peer, r, optimum in rows_of(spec, path, limit):
                if not r["fits"]:
                    truth = "does not fit"
                elif not r["value"]:
                    truth = "nothing found in the limit"
                elif optimum is None or r["value"] == optimum:
                    truth = "right"
                else:
                    truth = f"{(optimum - r['value']) / optimum:.1e} short"
                wall = "-" if r["wall"] is None else f"{r['wall']:.4g}"
                cpu = "-" if r["cpu"] is None else f"{r['cpu']:.4g}"
                lines.append(f"| {name} | {peer} | {wall} | {cpu} | {r['value']} | {r['status']} | {truth} |")
                print(lines[-1], file=sys.stderr, flush=True)
    return lines


def write(text):
    """Replaces our section of RESULTS.md, and nothing else."""
    path = ROOT / "benches/RESULTS.md"
    old = path.read_text() if path.exists() else "# Measurements\n"
    head, _, rest = old.partition("## Knapsack\n")
    _, mark, after = rest.partition("\n## ")
    path.write_text(head.rstrip("\n") + "\n\n## Knapsack\n\n" + text + (mark + after if mark else "\n"))


def main():
    if "--child" in sys.argv:
        return child(sys.argv[2], sys.argv[3], float(sys.argv[4]))
    limit = float(sys.argv[sys.argv.index("--limit") + 1]) if "--limit" in sys.argv else 60.0
    subprocess.run(["cargo", "build", "--release", "--quiet", "-p", "handaxe-cli"], cwd=ROOT, check=True)
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    text = "\n".join([
        f"{cpu}, {os.cpu_count()} cores (shared), {platform.system()}; one thread each; limit {limit:g} s.",
        f"Command: `benches/peers/knapsack.py {' '.join(sys.argv[1:])}`. handaxe: best of three runs, the time that the "
        "solver itself reports (wall time, in both columns; one thread), the problem already built. Peers: one run, building the model included.",
        "", *table(limit, "--quick" in sys.argv)])
    write(text) if "--write" in sys.argv else print(text)


if __name__ == "__main__":
    main() if "PEERS_IN_VENV" in os.environ else in_venv()
