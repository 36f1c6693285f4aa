"""`imcap match train`: images and captions into a common space."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from imcap.cli.parser import run_command
from imcap.cli.recall_table import recall_table
from imcap.cli.training import print_best, print_data, print_sources
from imcap.errors import InputError
from imcap.matching.settings import MatchConfig, validate_config
from imcap.runs.presets import MATCHING, read_preset
from imcap.runs.pretrained import continued_path
from imcap.startup import quiet_start

NAME = "match train"
SOURCES = ("input_json", "data_path", "data_name")  # one must be given


def train(config: MatchConfig) -> None:
    """Trains as the config says; the run's directory tells the rest."""
    with quiet_start():
        import keras

        from imcap.matching.data import open_data
        from imcap.matching.loop import MatchingLoop
        from imcap.matching.ridge import fit_run

    keras.utils.set_random_seed(config.seed)
    print_sources(config)
    run, data = open_data(config)
    print_data(data)
    if config.matcher == "ridge":
        metrics = fit_run(run, data)
        for line in recall_table(metrics) if metrics else ():
            print(line)
        print(f"the run is in {run.path}")
        return
    loop = MatchingLoop(run, data)
    loop.run_all()
    print_best(loop)


def resolve_config(given: dict[str, Any]) -> MatchConfig:
    """The config of the given flags, a preset, and the run they start from."""
    if "preset" in given:
        given = {**read_preset(given["preset"], MATCHING), **given}
    start = given.get("start_from")
    if start is None:
        config = validate_config(MatchConfig(**given))
        if not any(given.get(name) for name in SOURCES):
            raise InputError(
                "give --input_json FILE, captions in any format that `imcap "
                "prepare` reads, with --features; or --data_path FOLDER and "
                "--data_name NAME for SCAN's *_precomp folders; or "
                "--start_from RUN to go on with a run"
            )
        return config
    from imcap.matching.run import MatchRun

    earlier = MatchRun.open(start).config
    given.setdefault("checkpoint_path", continued_path(start))
    return validate_config(dataclasses.replace(earlier, **given))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `imcap match train`; returns the exit status."""
    return run_command(NAME, MatchConfig, train, argv, resolve_config)
