"""Resuming: what a run that continues takes from the run it began as."""

from pathlib import Path
from typing import Any

from imcap.errors import InputError
from imcap.runs.run import Run, SomeRun


def open_earlier_run(
    run_class: type[SomeRun],
    checkpoint_path: str | Path,
    start_from: str | None = None,
    force: bool = False,
) -> tuple[SomeRun | None, bool]:
    """The run that a training starts from, and whether it goes on in place.

    Args:
        run_class: the kind of run that it is to be.
        checkpoint_path: directory of the training's run.
        start_from: directory of the run to start from; None for none.
        force: whether a run that lies there already is begun anew.

    Returns:
        A run or None, and a bool.

    Raises:
        InputError: a run would be overwritten that nobody said to continue.
    """
    path = Path(checkpoint_path)
    earlier = run_class.open(start_from) if start_from else None
    continues = earlier is not None and same_folder(earlier.path, path)
    exists = (path / "config.json").exists()
    if exists and not continues and not force:
        raise InputError(
            f"{path}: there is a run already; continue it with --start_from "
            f"{path}, choose another --checkpoint_path, or give --force"
        )
    return earlier, continues


def same_folder(one: Path, other: Path) -> bool:
    """Whether two paths name one folder."""
    return one.resolve() == other.resolve()


def encoder_weights(
    earlier: Run | None, metadata: dict[str, Any]
) -> str | Path | None:
    """Where the picture network's weights may be copied from."""
    if earlier is not None and earlier.encoder_weights.exists():
        return earlier.encoder_weights
    return metadata.get("weights_path")
