"""`imcap score`: captions of anybody against references.

imcap score --results results.json --references captions_val2014.json
imcap score --results ours.json theirs.csv --references dataset_coco.json
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imcap.captioning.evaluation import DEFAULT_METRICS, check_metrics
from imcap.cli.compare import table
from imcap.cli.outputs import check_files
from imcap.cli.parser import run_command
from imcap.data.captions.sources import caption_files
from imcap.errors import InputError
from imcap.files import write_json, write_rows
from imcap.options import REQUIRED, option

if TYPE_CHECKING:
    from imcap.captioning.scoring import CaptionScores


@dataclasses.dataclass(frozen=True)
class ScoreConfig:
    """Scores files of captions, whoever made them, with 95% intervals.

    Results are COCO's (a list of {image_id, caption}), {"results": [...]},
    a dict from image to caption, JSON lines or a table; references any
    caption file that `imcap prepare` reads. Images are matched by id, or by
    file name, and what one side lacks is said. Several files of results are
    compared in pairs. METEOR and SPICE need Java.
    """

    results: tuple[str, ...] = option(
        REQUIRED, "files of captions", "results_file", many=True
    )
    references: tuple[str, ...] = option(
        REQUIRED, "caption file to compare with, or several", "ann_file",
        many=True,
    )  # fmt: skip
    metrics: tuple[str, ...] = option(
        DEFAULT_METRICS, "what to compute", many=True
    )
    strict: bool = option(
        False, "fail where an image has no caption, or a caption no image"
    )
    resamples: int = option(1000, "resamples of the pictures")
    seed: int = option(0, "of the resamples")
    csv: str | None = option(
        None, "also write the scores of each image to this table"
    )
    json: str | None = option(None, "also write everything to this file")


def score(config: ScoreConfig) -> dict[str, Any]:
    """Runs the command; returns what --json would write."""
    check_flags(config)
    from imcap.captioning.scoring import (
        compare_all,
        names_of_files,
        score_all,
    )

    names = names_of_files(config.results)
    systems = score_all(
        dict(zip(names, config.results, strict=True)),
        config.references,
        metrics=config.metrics,
        resamples=config.resamples,
        seed=config.seed,
        strict=config.strict,
    )
    for note in dict.fromkeys(one for s in systems for one in s.notes):
        print(f"note: {note}", file=sys.stderr)
    for system in systems:
        print(f"{system.name}: {len(system.rows)} images")
        for line in lines(system):
            print(line)
    pairs = compare_all(systems, config.resamples, config.seed)
    for pair in pairs:
        print()
        for line in table(pair):
            print(line)
    found = as_json(config, systems, pairs)
    if config.csv:
        write_table(config.csv, systems)
    if config.json:
        write_json(config.json, found, indent=1)
    return found


def check_flags(config: ScoreConfig) -> None:
    """Refuses flags that score nothing."""
    from imcap.captioning.scoring import check_resamples

    check_metrics(config.metrics)
    check_resamples(config.resamples, config.seed)
    if len({Path(path).resolve() for path in config.results}) < len(
        config.results
    ):
        raise InputError("--results names one file twice")
    inputs = [path for _, path in caption_files(config.references)]
    check_files(config.csv, config.json, inputs=[*inputs, *config.results])


def ordered(system: CaptionScores) -> list[str]:
    """Names of the metrics in the order in which they are shown."""
    from imcap.captioning.comparison import ORDER

    return [name for name in ORDER if name in system.overall]


def lines(system: CaptionScores) -> list[str]:
    """The lines of one system's scores that are printed."""
    said = []
    for name in ordered(system):
        low, high = system.intervals[name]
        said.append(
            f"{name:9}{system.overall[name]:.4f}  [{low:.4f}, {high:.4f}]"
        )
    return said


def as_json(
    config: ScoreConfig,
    systems: Sequence[CaptionScores],
    pairs: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """What --json holds."""
    from imcap.captioning.comparison import LEVEL, METEOR

    return {
        "references": list(config.references),
        "resamples": config.resamples,
        "level": LEVEL,
        "results": [
            {
                "name": system.name,
                "images": len(system.rows),
                "metrics": {
                    name: {
                        "score": system.overall[name],
                        "interval": list(system.intervals[name]),
                    }
                    for name in ordered(system)
                },
                "notes": list(system.notes),
            }
            for system in systems
        ],
        "pairs": list(pairs),
        "note": METEOR if pairs else None,
    }


def write_table(path: str, systems: Sequence[CaptionScores]) -> None:
    """Writes a row an image and system, with a head; UTF-8."""
    columns = ["image_id", "caption", *ordered(systems[0])]
    rows: list[list[Any]] = [["results", *columns]]
    for system in systems:
        for row in system.rows:
            rows.append([system.name, *(row[name] for name in columns)])
    several = len(systems) > 1
    write_rows(path, rows if several else [row[1:] for row in rows])


def main(argv: list[str] | None = None) -> int:
    """Runs `imcap score`; returns the exit status."""
    return run_command("score", ScoreConfig, score, argv)


if __name__ == "__main__":
    sys.exit(main())
