"""SVD and what follows it on a CUDA device, full size, random weights: `python -m tests.benchmarks.gpu`.

Part by part, each meant to end within eight minutes: `--part svd25 --out DIR` prints a table and writes
`DIR/gpu-svd25.json`; `--results --out DIR` appends what lies there to RESULTS.md. Without a CUDA device nothing is run,
unless `--small --device cpu` asks to see that everything runs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tests.benchmarks import gpu_chain, gpu_check, gpu_frames, gpu_svd
from tests.benchmarks.gpu_bench import Bench
from tests.benchmarks.gpu_clock import machine, matmul_tflops
from tests.benchmarks.gpu_report import Report, append_results, table, written

PARTS: dict[str, Callable[[Bench], Report]] = {
    "check": gpu_check.check,
    "svd25": gpu_svd.svd25,
    "few": gpu_svd.few,
    "decode": gpu_svd.decode,
    "esrgan": gpu_frames.esrgan,
    "rife": gpu_frames.rife,
    "chain": gpu_chain.chain,
    "capped": gpu_svd.capped,
    "profile": gpu_check.profile,
}


def main() -> None:
    """Run the parts asked for; a part that fails is told after the others have run."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--part", action="append", choices=PARTS, help="all of them if none is named")
    options.add_argument("--out", type=Path, default=Path("out/gpu"), help="where JSON files go")
    options.add_argument("--device", default="cuda")
    options.add_argument("--rounds", type=int, default=3, help="timed runs of each thing after the first")
    options.add_argument("--small", action="store_true", help="a tiny checkpoint: figures mean nothing")
    kernels = Path(tempfile.gettempdir()) / "dailies-gpu-kernels"
    options.add_argument("--cache", type=Path, default=kernels, help="where compiled kernels are kept between parts")
    options.add_argument(
        "--results", action="store_true", help="append the JSON files in OUT to RESULTS.md, run nothing"
    )
    asked = options.parse_args()
    if asked.results:
        print(f"{append_results(asked.out)} parts appended")
        return
    if asked.device.startswith("cuda") and not torch.cuda.is_available():
        print(f"gpu: not run: torch {torch.__version__} sees no CUDA device (--small --device cpu shows that it runs)")
        return
    device = torch.device("cuda", 0) if asked.device == "cuda" else torch.device(asked.device)
    asked.out.mkdir(parents=True, exist_ok=True)
    ceiling = matmul_tflops(device, torch.float32 if asked.small else torch.bfloat16, 256 if asked.small else 8192)
    failed = []
    asked.cache.mkdir(parents=True, exist_ok=True)
    for part in asked.part or PARTS:
        start = time.perf_counter()
        try:
            report = PARTS[part](Bench(device, asked.small, 1 if asked.small else asked.rounds, asked.cache, ceiling))
        except Exception as error:  # told below; the next part may still be measured
            print(f"{part}: {type(error).__name__}: {error}", flush=True)
            failed.append(part)
            if asked.part and len(asked.part) == 1:
                raise
            continue
        found = written(part, report, machine(device), ceiling, time.perf_counter() - start, asked.small)
        (asked.out / f"gpu-{part}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        print(table(found), flush=True)
    if failed:
        raise SystemExit(f"gpu: failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
