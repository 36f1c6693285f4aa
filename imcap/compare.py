"""`imcap compare`: two runs on the same pictures, and how sure that is.

imcap compare runs/adaptive runs/transformer --split test
"""

import dataclasses
import hashlib
import json
import sys
from pathlib import Path

from imcap.config import load_keras, option, positional, run_command
from imcap.data.errors import InputError
from imcap.data.files import read_json, write_json
from imcap.evaluate import SETTINGS, EvaluateConfig, output_folder, settings
from imcap.match_runs import is_matching

# In which order metrics are shown.
ORDER = (
    "CIDEr", "Bleu_4", "METEOR", "ROUGE_L", "SPICE", "Bleu_1", "Bleu_2",
    "Bleu_3",
)  # fmt: skip
METEOR = (
    "METEOR is the mean over pictures here, which is higher than that of the "
    "corpus"
)


@dataclasses.dataclass(frozen=True)
class CompareConfig(EvaluateConfig):
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
    resamples: int = option(1000, "resamples of the pictures")
    shown: int = option(
        100, "pictures on the page, those that differ most; -1: all"
    )
    output: str | None = option(
        None, "the HTML file, JSON beside it; default: in the second run's "
        "comparisons",
    )  # fmt: skip


def compare(config):
    """Runs the command; returns what comparison.json holds."""
    check_flags(config)
    load_keras()
    from imcap.compare_page import write_comparison
    from imcap.comparison import Side, compared, same_pictures
    from imcap.runs import Run

    runs = [Run.open(path) for path in config.runs]
    sides = [
        Side(name, run, *results(of_run(config, run.path), run))
        for name, run in zip(names(config.runs), runs, strict=True)
    ]
    same_pictures(*sides)
    found = compared(*sides, config.resamples, config.seed)
    found["split"], found["decoding"] = config.split, config.method()
    for line in table(found):
        print(line)
    path = output_file(config, sides)
    write_json(path.with_suffix(".json"), found, indent=1)
    write_comparison(config, sides, found, path)
    print(f"written to {path} and {path.with_suffix('.json').name}")
    return found


def check_flags(config):
    """Refuses flags that do not make a comparison."""
    if len(config.runs) != 2:
        raise InputError(
            f"give two runs to compare, there are {len(config.runs)}"
        )
    config.check()
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


def names(paths):
    """What to call two runs: as short as tells them apart."""
    first, second = (Path(path).resolve() for path in paths)
    if first.name != second.name:
        return first.name, second.name
    if first.parent.name != second.parent.name:
        return tuple(f"{one.parent.name}/{one.name}" for one in (first, second))
    return str(paths[0]), str(paths[1])


def of_run(config, path):
    """The `EvaluateConfig` that one run of them is evaluated with."""
    values = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(EvaluateConfig)
    }
    return EvaluateConfig(**values | {"model": str(path), "output": None})


def results(config, run):
    """A run's captions and scores, made now unless they are there already.

    Args:
        config: `EvaluateConfig` of the run.
        run: the `Run`.

    Returns:
        The entries of per_image.json, and the `CaptionSet` they are of.
    """
    from imcap.evaluate import evaluate, open_split
    from imcap.training_data import with_references

    # As JSON has them: lists for tuples.
    wanted = json.loads(json.dumps(settings(config, run)))
    folder = known_results(run, wanted)
    if folder is None:
        folder = output_folder(config, run)
        if folder.exists():  # results of other flags, which stay
            digest = hashlib.sha256(json.dumps(wanted).encode()).hexdigest()
            folder = folder.with_name(f"{folder.name}_{digest[:8]}")
        print(f"{run.path}: captioning split {config.split} …")
        evaluate(dataclasses.replace(config, output=str(folder)))
    else:
        print(f"{run.path}: results of {folder}")
    rows = read_json(folder / "per_image.json", "evaluate the run again")
    captions, _ = open_split(config, run)
    references = config.references or run.config.references
    return rows, with_references(captions, references)


def known_results(run, wanted):
    """The folder with results of these settings, None where there is none."""
    for path in sorted((run.path / "evaluation").glob(f"*/{SETTINGS}")):
        there = path.with_name("per_image.json").exists()
        if there and read_json(path, "evaluate the run again") == wanted:
            return path.parent
    return None


def table(found):
    """The lines that are printed."""
    first, second = found["runs"]
    width = max(12, len(first) + 2, len(second) + 2)
    lines = [
        f"{'':9}{first:>{width}}{second:>{width}}  difference  95% interval"
    ]
    for name, one in found["metrics"].items():
        low, high = one["interval"]
        mark = "differs" if one["excludes_zero"] else "may be chance"
        lines.append(
            f"{name:9}{one['first']:{width}.4f}{one['second']:{width}.4f}"
            f"{one['difference']:+12.4f}  [{low:+.4f}, {high:+.4f}]  {mark}"
        )
    lines.append(
        f"{found['images']} pictures, {found['resamples']} resamples of them"
    )
    if "METEOR" in found["metrics"]:
        lines.append(f"note: {METEOR}")
    return lines


def output_file(config, sides):
    """Where the page goes."""
    if config.output:
        return Path(config.output)
    other = sides[0].name.replace("/", "_")
    name = f"{output_folder(config, sides[1].run).name}_with_{other}.html"
    return sides[1].run.path / "comparisons" / name


def main(argv=None):
    """Runs `imcap compare`; returns the exit status."""
    return run_command("compare", CompareConfig, compare, argv)


if __name__ == "__main__":
    sys.exit(main())
