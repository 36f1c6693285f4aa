"""Learning curves: a picture of metrics.jsonl, kept up to date."""

import sys
import time
from pathlib import Path

import keras

CURVES = "curves.png"


EVERY = 60.0  # seconds between drawings: each costs about half of one


class LearningCurves(keras.callbacks.Callback):
    """Draws a run's metrics.jsonl as curves.png.

    After an epoch, unless the last drawing is younger than a minute; whoever
    calls `fit` draws once more when it ends, however it ends.

    Args:
        folder: directory of the run.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self.folder = Path(folder)
        self._drawn = time.monotonic()

    def on_epoch_end(
        self, epoch: int, logs: dict[str, float] | None = None
    ) -> None:
        if time.monotonic() - self._drawn >= EVERY:
            self.draw()

    def draw(self) -> None:
        """Draws what there is; a training does not fail for a picture."""
        from imcap.drawing.curves import draw_learning_curves

        source = self.folder / "metrics.jsonl"
        if not source.exists():
            return  # it ended within its first epoch
        try:
            draw_learning_curves(source, self.folder / CURVES)
        except (OSError, ValueError) as error:
            line = " ".join(str(error).split())
            print(f"note: no learning curves: {line}", file=sys.stderr)
        self._drawn = time.monotonic()
