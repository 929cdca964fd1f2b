#!/usr/bin/env python3
"""faiss's exact inner-product search: the other side of `moco bench search` (scripts/compare-pytorch).

IndexFlatIP over random unit rows, f32, at the faster of faiss's own block of rows and larger ones. Prints one JSON
object.
"""
import argparse
import json
import resource
import time

import faiss
import numpy as np

BLOCKS = (faiss.cvar.distance_compute_blas_database_bs, 4096, 16384, 65536)


def unit_rows(random, rows, dim):
    values = random.random((rows, dim), dtype=np.float32) * 2 - 1
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--queries", type=int, default=10_000, help="rows whose neighbours are sought")
    parser.add_argument("--bank", type=int, default=60_000, help="rows that are searched")
    parser.add_argument("--dim", type=int, default=128, help="numbers of a row")
    parser.add_argument("--k", type=int, default=200, help="neighbours of each query")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    faiss.omp_set_num_threads(args.threads)
    random = np.random.default_rng(0)
    bank, queries = (unit_rows(random, rows, args.dim) for rows in (args.bank, args.queries))
    index = faiss.IndexFlatIP(args.dim)
    index.add(bank)
    times = {}
    for block in BLOCKS:
        faiss.cvar.distance_compute_blas_database_bs = block
        index.search(queries[:100], args.k)
        began = time.perf_counter()
        index.search(queries, args.k)
        times[block] = 1e3 * (time.perf_counter() - began)
    block = min(times, key=times.get)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"version": faiss.__version__, "best_ms": times[block], "block": block, "peak_mib": peak}))


if __name__ == "__main__":
    main()
