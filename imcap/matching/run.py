"""The directory of a training of image-text matching."""

from typing import TYPE_CHECKING

import numpy as np

from imcap.errors import InputError
from imcap.matching.settings import MatchConfig
from imcap.runs.run import Run

if TYPE_CHECKING:
    from imcap.models.scan import Scan


class MatchRun(Run):
    """A `Run` whose task is a `Scan`.

    Example:
        >>> run = MatchRun.open("runs/t2i")
        >>> scan = run.task()
    """

    config_class = MatchConfig
    command = "imcap match train"
    config: MatchConfig
    trains_encoder = False

    def build_task(self) -> "Scan":
        """The `Scan` with fresh weights."""
        from imcap.models.scan import Scan

        config = self.config
        self.check_width(config.img_dim)
        options = {}
        if config.mixed_precision:
            options["dtype"] = f"mixed_{config.mixed_precision}"
        try:
            scan = Scan(
                self.vocabulary.size,
                self.channels,
                embed_size=config.embed_size,
                word_dim=config.word_dim,
                num_layers=config.num_layers,
                bi_gru=config.bi_gru,
                no_imgnorm=config.no_imgnorm,
                no_txtnorm=config.no_txtnorm,
                precomp_enc_type=config.precomp_enc_type,
                cross_attn=config.cross_attn,
                raw_feature_norm=config.raw_feature_norm,
                agg_func=config.agg_func,
                lambda_lse=config.lambda_lse,
                lambda_softmax=config.lambda_softmax,
                **options,
            )
        except ValueError as error:
            raise InputError(str(error)) from None
        # Weights are read into what is built.
        features = np.zeros((1, 1, self.channels), "float32")
        scan({"features": features, "tokens": np.ones((1, 2), "int32")})
        return scan


def register_matcher() -> None:
    """Registers with Keras every class that a saved `Scan` names."""
    import imcap.models.scan  # noqa: F401
