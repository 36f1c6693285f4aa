"""What ships inside: a captioner and a matcher, by the name "pretrained"."""

from pathlib import Path

from imcap.files import is_writable

NAME = "pretrained"
FOLDER = Path(__file__).parents[1] / "pretrained"
CAPTIONER = FOLDER / "captioner"
MATCHER = FOLDER / "matcher"
LITERT = FOLDER / "captioner.tflite"
# Where commands write what else goes into the run's directory.
OUTPUTS = Path("imcap_output")


def is_pretrained(path: str | Path) -> bool:
    """Whether a run's path means what ships, and no folder of that name."""
    return str(path) == NAME and not Path(path).is_dir()


def resolve(path: str | Path, shipped: Path) -> Path:
    """The directory of a run: `shipped` for "pretrained"."""
    return shipped if is_pretrained(path) else Path(path)


def outputs(path: str | Path) -> Path:
    """Where commands write what they make of a run.

    Into its directory; below `OUTPUTS` for what ships, and for runs that
    cannot be written. A run that is not there is left to `Run.open`.
    """
    path = Path(path)
    if is_pretrained(path) or path in (CAPTIONER, MATCHER):
        return OUTPUTS
    if path.is_dir() and not is_writable(path):
        return OUTPUTS / path.resolve().name
    return path


def continued_path(path: str) -> str:
    """Where a training that starts from a run writes, if nothing is said."""
    return "save" if is_pretrained(path) else path


def encoder_weights(weights: str) -> str:
    """The path of a picture network's weights: "pretrained" is what ships."""
    return str(resolve(weights, FOLDER / "encoder.weights.h5"))
