"""What the commands that train print of their data, and at the end."""

from typing import TYPE_CHECKING, Any

from imcap.options import BETWEEN

if TYPE_CHECKING:
    from imcap.captioning.data import TrainingData
    from imcap.matching.data import MatchData
    from imcap.runs.fitting import Fitting


READ = {
    "start_from": "run",
    "input_json": "captions",
    "input_h5": "labels",
    "references": "references",
    "features": "features",
    "augmented_features": "crops",
    "position_folder": "positions",
    "images_root": "pictures",
}


def print_sources(config: Any) -> None:
    """Prints the files and folders that will be read, before they are.

    Args:
        config: the settings of a training.
    """
    found = {
        what: getattr(config, name)
        for name, what in READ.items()
        if getattr(config, name, None)
    }
    if "captions" not in found:
        found["pairs"] = f"{config.data_name} in {config.data_path}"
    reads = ", ".join(
        f"{what} {str(path).replace(BETWEEN, ' ')}"
        for what, path in found.items()
    )
    print(f"reads {reads}; writes {config.checkpoint_path}")


def print_data(data: "TrainingData | MatchData") -> None:
    """Prints in a few lines what will be trained on."""
    for note in data.notes:
        print(f"note: {note}")
    validated = 0 if data.validation is None else len(data.validation)
    print(
        f"{len(data.training)} training pictures with "
        f"{data.training.caption_count} captions, {validated} for "
        f"validation; {data.vocabulary.size} words"
    )


def print_best(loop: "Fitting") -> None:
    """Prints the best epoch of a training that is over, and its run."""
    best = loop.progress
    if best.best is not None:
        name = loop.metric.removeprefix("val_")
        print(f"best {name} {best.best:.4f} in epoch {best.best_epoch}")
    print(f"the run is in {loop.run.path}")
