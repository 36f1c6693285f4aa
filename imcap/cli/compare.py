"""`imcap compare`: two runs on the same pictures, and how sure that is.

imcap compare runs/adaptive runs/transformer --split test
"""

import dataclasses
import sys
from pathlib import Path
from typing import Any

from imcap.cli.evaluate import EvaluationFlags
from imcap.cli.outputs import check_outputs
from imcap.cli.parser import run_command
from imcap.errors import InputError
from imcap.files import write_json
from imcap.options import option, positional
from imcap.runs.kinds import is_matching
from imcap.startup import load_keras


@dataclasses.dataclass(frozen=True)
class CompareConfig(EvaluationFlags):
    """Compares the captions of two runs of one split, picture by picture.

    For each metric it prints both scores, their difference and the interval
    in which it lies in 95% of resamples of the pictures; and
    writes them as JSON, and with the captions as an HTML page. What
    `imcap evaluate` already found with the same flags is used again.
    """

    runs: tuple[str, ...] = positional("two runs")
    metrics: tuple[str, ...] = option(
        ("Bleu", "METEOR", "ROUGE_L", "CIDEr"), "what to compute", many=True
    )
    resamples: int = option(
        1000,
        "resamples of the pictures",
        heading="The comparison",
    )
    shown: int = option(
        100, "pictures on the page, those that differ most; -1: all"
    )
    output: str | None = option(
        None, "the HTML file, JSON beside it; default: in the second run's "
        "comparisons",
    )  # fmt: skip


def compare(config: CompareConfig) -> dict[str, Any]:
    """Runs the command; returns what comparison.json holds."""
    check_flags(config)
    for run in config.runs:
        check_outputs(run, config.output)
    from imcap.captioning.comparison import (
        Side,
        compare_sides,
        comparison_file,
        load_results,
        open_same_pictures,
        short_names,
    )
    from imcap.captioning.run import CaptionerRun

    runs = [CaptionerRun.open(path) for path in config.runs]
    load_keras()
    from imcap.reports.comparison import write_comparison

    evaluation = config.evaluation
    names = short_names(config.runs)
    every = open_same_pictures(runs, evaluation)
    sides = [
        Side(name, run, load_results(run, evaluation), captions)
        for name, run, captions in zip(names, runs, every, strict=True)
    ]
    results = compare_sides(sides[0], sides[1], config.resamples, config.seed)
    results["split"], results["decoding"] = config.split, config.method
    for line in table(results):
        print(line)
    path = comparison_file(sides, evaluation)
    if config.output:
        path = Path(config.output)
    write_json(path.with_suffix(".json"), results, indent=1)
    write_comparison(
        sides,
        results,
        path,
        config.shown,
        config.input_json,
        config.images_root,
    )
    print(f"written to {path} and {path.with_suffix('.json').name}")
    return results


def check_flags(config: CompareConfig) -> None:
    """Refuses flags that do not make a comparison."""
    if len(config.runs) != 2:
        raise InputError(
            f"give two runs to compare, there are {len(config.runs)}"
        )
    config.evaluation.check()
    if config.resamples < 20:
        raise InputError("--resamples must be at least 20")
    if config.output and not config.output.endswith((".html", ".htm")):
        raise InputError(f"--output {config.output}: name an .html file")
    for path in config.runs:
        if is_matching(path):
            raise InputError(
                f"{path}: a matching run; `imcap match evaluate` says how "
                "good it is"
            )


def table(results: dict[str, Any]) -> list[str]:
    """The lines that are printed."""
    first, second = results["runs"]
    width = max(12, len(first) + 2, len(second) + 2)
    lines = [
        f"{'':9}{first:>{width}}{second:>{width}}  difference  95% interval"
    ]
    for name, one in results["metrics"].items():
        low, high = one["interval"]
        mark = "differs" if one["excludes_zero"] else "may be chance"
        lines.append(
            f"{name:9}{one['first']:{width}.4f}{one['second']:{width}.4f}"
            f"{one['difference']:+12.4f}  [{low:+.4f}, {high:+.4f}]  {mark}"
        )
    lines.append(
        f"{results['images']} pictures, {results['resamples']} resamples "
        "of them"
    )
    if "METEOR" in results["metrics"]:
        from imcap.captioning.comparison import METEOR

        lines.append(f"note: {METEOR}")
    return lines


def main(argv: list[str] | None = None) -> int:
    """Runs `imcap compare`; returns the exit status."""
    return run_command("compare", CompareConfig, compare, argv)


if __name__ == "__main__":
    sys.exit(main())
