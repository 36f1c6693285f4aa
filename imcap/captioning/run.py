"""Run directory of a captioner's training."""

from typing import TYPE_CHECKING, Any

from imcap.captioning.train_settings import TrainConfig
from imcap.errors import InputError
from imcap.options import to_json
from imcap.runs.pretrained import CAPTIONER
from imcap.runs.run import Run

if TYPE_CHECKING:
    from imcap.training.task import CaptioningTask


class CaptionerRun(Run):
    """A `Run` whose task is a `CaptioningTask`.

    Example:
        >>> run = CaptionerRun.open("runs/adaptive")
        >>> task = run.task()
    """

    config_class = TrainConfig
    command = "imcap train"
    shipped = CAPTIONER
    config: TrainConfig

    @property
    def trains_encoder(self) -> bool:  # type: ignore[override]
        """Whether the picture network is trained along."""
        return self.config.cnntrain

    @property
    def finetune_from(self) -> str | None:  # type: ignore[override]
        """The first layer of the picture network that is trained."""
        return self.config.finetune_from

    def build_task(self) -> "CaptioningTask":
        """The task with fresh weights."""
        from imcap.models.registry import build_captioner
        from imcap.training.task import CaptioningTask

        config = self.config
        options = to_json(config)
        options["dropout"] = config.dr_ratio if config.dr else 0.0
        options["eos_id"] = self.vocabulary.eos_id
        # Captions may be asked for that are longer than those learnt.
        options["max_positions"] = max(32, config.max_length + 8)
        self.check_width(config.img_feat_size)
        if config.mixed_precision:
            options["dtype"] = f"mixed_{config.mixed_precision}"
        try:
            captioner = build_captioner(
                config.caption_model,
                self.vocabulary.size,
                self.channels,
                **options,
            )
        except ValueError as error:
            raise InputError(str(error)) from None
        encoder = self.build_encoder() if config.cnntrain else None
        return CaptioningTask(captioner, encoder)

    def set_positions(self, read: Any, captioner: Any) -> None:
        """Sets the positions of locations that a reader gives, if asked for."""
        read.locate(
            captioner.wanted_positions,
            self.config.num_grids,
            self.config.position_folder,
            self.encoder_metadata.get("grid"),
        )


def register_captioners() -> None:
    """Registers with Keras every class that a saved captioner names."""
    import imcap.models.registry
    import imcap.training.task  # noqa: F401
