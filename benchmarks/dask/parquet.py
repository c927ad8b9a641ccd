"""Fit a parquet data set that is larger than the memory that the process may take.

``python -m benchmarks.dask.parquet FOLDER --gigabytes 12 --limit 4`` writes the rows (unless they
are there), fits them in a process of its own, and kills it when its resident memory exceeds the
limit.
"""

import argparse
import resource
import signal
import subprocess
import sys
from pathlib import Path
from time import perf_counter, process_time, sleep

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import dask
import dask.dataframe as dd
from sklearn_advex import AdversarialLogisticRegression

N_FEATURES, ROWS_PER_FILE = 60, 25_000  # 12 MB
BYTES_PER_FILE = 8 * N_FEATURES * ROWS_PER_FILE


def write_file(folder, number):
    rng = np.random.default_rng(number)
    X = rng.standard_normal((ROWS_PER_FILE, N_FEATURES))
    score = X[:, :10] @ np.linspace(1, 0.2, 10) + rng.logistic(size=ROWS_PER_FILE)
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(N_FEATURES)])
    frame["label"] = (score > 0).astype(np.int8)
    path = folder / f"part.{number:05d}.parquet"
    pq.write_table(pa.Table.from_pandas(frame), path, compression="none", use_dictionary=False)


def write(folder, n_files):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(len(list(folder.glob("*.parquet"))), n_files):
        write_file(folder, number)


def fit(folder):
    table = dd.read_parquet(folder)
    start, cpu = perf_counter(), process_time()
    model = AdversarialLogisticRegression(0.05)
    with dask.config.set(scheduler="threads", num_workers=2):
        model.fit(table.drop(columns=["label"]), table["label"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{perf_counter() - start:.0f} s ({process_time() - cpu:.0f} s of processor),"
        f" {model.n_passes_} passes, {model.support_[0].size} features in use, residual"
        f" {model.kkt_residual_[0]:.0e}, peak of resident memory {peak:.2f} GB"
    )


def resident_bytes(pid):
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=12.0, help="of float64 rows")
    parser.add_argument("--limit", type=float, default=4.0, help="of resident memory, in gigabytes")
    parser.add_argument("--fit", action="store_true", help="fit only, in this process")
    args = parser.parse_args()
    if args.fit:
        fit(args.folder)
        return
    n_files = round(args.gigabytes * 1e9 / BYTES_PER_FILE)
    write(args.folder, n_files)
    size = sum(path.stat().st_size for path in args.folder.glob("*.parquet")) / 1e9
    print(f"{n_files * ROWS_PER_FILE:,} rows, {size:.1f} GB, limit {args.limit} GB", flush=True)
    command = [sys.executable, "-m", "benchmarks.dask.parquet", str(args.folder), "--fit"]
    fitting = subprocess.Popen(command)
    while fitting.poll() is None:
        if resident_bytes(fitting.pid) > args.limit * 1e9:
            fitting.send_signal(signal.SIGKILL)
            sys.exit("The process took more memory than its limit.")
        sleep(0.05)


if __name__ == "__main__":
    main()
