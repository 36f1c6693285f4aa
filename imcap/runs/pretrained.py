"""What ships inside: a captioner and a matcher, by the name "pretrained"."""

from pathlib import Path

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


def continued_path(path: str) -> str:
    """Where a training that starts from a run writes, if nothing is said."""
    return "save" if is_pretrained(path) else path


def encoder_weights(weights: str) -> str:
    """The path of a picture network's weights: "pretrained" is what ships."""
    return str(resolve(weights, FOLDER / "encoder.weights.h5"))
