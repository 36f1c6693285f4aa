"""Run directory: all there is to know of a training."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError
from imcap.files import atomic_write, file_digest, read_json, write_json
from imcap.options import from_json
from imcap.runs.environment import (
    ENVIRONMENT,
    absolute_settings,
    find_again,
    record_environment,
)
from imcap.runs.kinds import is_matching
from imcap.runs.pretrained import OUTPUTS, outputs, resolve

if TYPE_CHECKING:
    import keras

ENCODER_WEIGHTS = "encoder.weights.h5"
# What calibration leaves, which is of these weights alone.
CONFIDENCE_WEIGHTS = "confidence.weights.h5"
# A ridge of the same pairs, beside a matcher that learns attention.
BASELINE_WEIGHTS = "baseline.weights.h5"
CONFIDENCE_ABOUT = "confidence.json"

SomeRun = TypeVar("SomeRun", bound="Run")


class Run:
    """Run directory of a training, read or begun.

    `captioning.run.CaptionerRun` and `matching.run.MatchRun` are its kinds.

    Args:
        path: the directory.
        config: the dataclass of its flags, see `config_class`.
        vocabulary: `Vocabulary`.
        encoder: dict that describes the picture network of the features
            (name, layer, image_size, channels, grid …); {} where unknown.
        channels: int, D of the features.

    Example:
        >>> run = CaptionerRun.open("runs/adaptive")
        >>> task = run.task()
    """

    config_class: type  # of its flags
    command: str  # what makes such runs
    shipped: Path  # what "pretrained" means
    trains_encoder = False  # whether the picture network is trained along
    finetune_from: str | None = None  # its first layer that is trained

    def __init__(
        self,
        path: str | Path,
        config: Any,
        vocabulary: Vocabulary,
        encoder: dict[str, Any],
        channels: int,
    ) -> None:
        self.path = Path(path)
        self.config = config
        self.vocabulary = vocabulary
        self.encoder_metadata = encoder
        self.channels = channels

    @property
    def state(self) -> Path:
        """The file to continue from."""
        return self.path / "state.npz"

    @property
    def best(self) -> Path:
        """The weights of the best epoch."""
        return self.path / "best.weights.h5"

    @property
    def ids(self) -> tuple[int, int, int]:
        """(bos, eos, pad) for decoders."""
        words = self.vocabulary
        return words.bos_id, words.eos_id, words.pad_id

    @property
    def encoder_weights(self) -> Path:
        """The file of the picture network; what ships has one together."""
        folder = self.path.parent if self.path == self.shipped else self.path
        return folder / ENCODER_WEIGHTS

    @property
    def outputs(self) -> Path:
        """Where results go: into the run, if it is ours to write."""
        return OUTPUTS if self.path == self.shipped else outputs(self.path)

    @classmethod
    def open(cls: type[SomeRun], path: str | Path) -> SomeRun:
        """Reads a run; what is missing or damaged is an InputError.

        Args:
            path: the directory, or "pretrained" for what ships.
        """
        path = resolve(path, cls.shipped)
        remedy = f"give the directory of a run made by `{cls.command}`"
        if not path.is_dir():
            raise InputError(f"{path}: no such run; {remedy}")
        if not (path / "config.json").exists():
            raise InputError(f"{path}: no config.json in it; {remedy}")
        if is_matching(path) != (cls.command == "imcap match train"):
            raise InputError(f"{path}: a run of another kind; {remedy}")
        config: Any = from_json(cls.config_class, path / "config.json")
        config = find_again(config, path)
        vocabulary = Vocabulary.load(path / "vocabulary.json")
        features = read_features(path / "features.json", remedy)
        words = features.get("vocabulary", vocabulary.fingerprint)
        if words != vocabulary.fingerprint:
            raise InputError(
                f"{path / 'vocabulary.json'}: not the vocabulary that this "
                "run was trained with; put its own back"
            )
        return cls(
            path,
            config,
            vocabulary,
            features["encoder"],
            features["channels"],
        )

    def begin(self, encoder_weights: str | Path | None = None) -> None:
        """Writes what is known before training.

        Args:
            encoder_weights: path of the picture network's weights; they are
                copied, so that the run needs nothing else to caption.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        kept = self.path / ENCODER_WEIGHTS
        source = Path(encoder_weights) if encoder_weights else None
        if source is not None and not source.is_file():
            source = None
        names = (
            "metrics.jsonl",
            ENVIRONMENT,
            BASELINE_WEIGHTS,
            CONFIDENCE_WEIGHTS,
            CONFIDENCE_ABOUT,
        )
        for old in (self.state, self.best, *map(self.path.joinpath, names)):
            old.unlink(missing_ok=True)
        if source is None or source.resolve() != kept.resolve():
            kept.unlink(missing_ok=True)
        self.write_config()
        self.vocabulary.save(self.path / "vocabulary.json")
        write_json(
            self.path / "features.json",
            {
                "encoder": self.encoder_metadata,
                "channels": self.channels,
                "vocabulary": self.vocabulary.fingerprint,
            },
            indent=1,
        )
        if source is not None:
            with atomic_write(kept) as partial:
                shutil.copyfile(source, partial)

    def write_config(self) -> None:
        """Writes config.json, and adds to environment.json."""
        values = absolute_settings(self.config)
        write_json(self.path / "config.json", values, indent=1)
        record_environment(self.path)

    def build_task(self) -> Any:
        """The task with fresh weights; each kind of run has its own."""
        raise TypeError(f"{type(self).__name__} lacks build_task")

    def check_width(self, wanted: int) -> None:
        """Refuses features of another width than --img_feat_size."""
        if wanted and wanted != self.channels:
            raise InputError(
                f"--img_feat_size {wanted}: the features are {self.channels} "
                "wide; leave the flag out, or give other --features"
            )

    def build_encoder(self) -> "keras.Model":
        """The picture network, trainable as the config says."""
        from imcap.vision.networks import build_encoder, train_from

        if not self.encoder_metadata:
            raise InputError(
                f"{self.path}: it is not known what made its features, so "
                "pictures cannot be read; train on `imcap extract`'s files"
            )
        weights = self.encoder_weights
        # A run that trains its CNN keeps it among its own weights.
        trained = self.trains_encoder and (
            self.best.exists() or self.state.exists()
        )
        try:
            encoder = build_encoder(
                self.encoder_metadata,
                weights if weights.exists() else None,
                filled_later=trained,
            )
            if self.trains_encoder:
                train_from(encoder, self.finetune_from)
        except ValueError as error:
            raise InputError(f"{self.path}: {error}") from None
        return encoder

    def task(self, checkpoint: str = "best") -> Any:
        """The trained task.

        Args:
            checkpoint: "best", or "last" for where training stopped.
        """
        from imcap.training.checkpoints import load_weights

        task = self.build_task()
        if checkpoint == "last" or not self.best.exists():
            return self._last(task)
        try:
            load_weights(self.best, task)
        except (ValueError, FileNotFoundError) as error:
            raise InputError(str(error)) from None
        return task

    def _last(self, task: Any) -> Any:
        from imcap.training.checkpoints import load_state

        if not self.state.exists():
            raise InputError(f"{self.path}: it holds no weights yet; train it")
        try:
            load_state(self.state, task, weights_only=True)
        except ValueError as error:
            raise InputError(str(error)) from None
        return task

    def fingerprint(self, checkpoint: str = "best") -> str | None:
        """SHA-256 of the weights' file; None where there is none."""
        path = self.best if checkpoint == "best" else self.state
        path = path if path.exists() else self.state
        if not path.exists():
            return None
        return file_digest(path)


def read_features(path: Path, remedy: str) -> dict[str, Any]:
    """Reads features.json; what it must hold and lacks is an InputError."""
    values = read_json(path, remedy)
    if (
        not isinstance(values, dict)
        or not isinstance(values.get("encoder"), dict)
        or not isinstance(values.get("channels"), int)
    ):
        raise InputError(
            f"{path}: it does not say what the features of the run are; "
            "restore it"
        )
    return values
