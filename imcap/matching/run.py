"""The directory of a training of image-text matching."""

from typing import TYPE_CHECKING, Any

import numpy as np

from imcap.errors import InputError
from imcap.matching.settings import MatchConfig
from imcap.runs.pretrained import MATCHER
from imcap.runs.run import BASELINE_WEIGHTS, Run

if TYPE_CHECKING:
    from imcap.models.ridge_matcher import RidgeMatcher
    from imcap.models.scan import Scan

BASELINE_RANK = 128


class MatchRun(Run):
    """A `Run` whose task is a `Scan`, or a `RidgeMatcher`.

    Example:
        >>> run = MatchRun.open("runs/t2i")
        >>> scan = run.task()
    """

    config_class = MatchConfig
    command = "imcap match train"
    shipped = MATCHER
    config: MatchConfig
    trains_encoder = False

    def build_task(self) -> "Scan | RidgeMatcher":
        """The matcher with fresh weights."""
        self.check_width(self.config.img_dim)
        config = self.config
        if config.matcher == "ridge":
            return self._built_ridge(config.ridge_rank, config.ridge_scores)
        return self._built(self._build_scan())

    def build_baseline(self) -> "RidgeMatcher":
        """The ridge that attention is compared with, not yet fitted."""
        return self._built_ridge(BASELINE_RANK, "standard")

    def baseline(self) -> "RidgeMatcher | None":
        """The fitted ridge, where the training has left one."""
        from imcap.training.checkpoints import load_weights

        path = self.path / BASELINE_WEIGHTS
        if not path.exists():
            return None
        model = self.build_baseline()
        try:
            load_weights(path, model)
        except ValueError as error:
            raise InputError(str(error)) from None
        return model

    def _built_ridge(self, rank: int, scores: str) -> "RidgeMatcher":
        from imcap.models.ridge_matcher import RidgeMatcher

        model = RidgeMatcher(self.vocabulary.size, self.channels, rank, scores)
        return self._built(model)

    def _built(self, model: Any) -> Any:
        """A model whose weights can be read."""
        features = np.zeros((1, 1, self.channels), "float32")
        model({"features": features, "tokens": np.ones((1, 2), "int32")})
        return model

    def task(self, checkpoint: str = "best") -> Any:
        """The trained matcher; a ridge has one set of weights."""
        ridge = self.config.matcher == "ridge"
        return super().task("best" if ridge else checkpoint)

    def _build_scan(self) -> "Scan":
        from imcap.models.scan import Scan

        config = self.config
        options = {}
        if config.mixed_precision:
            options["dtype"] = f"mixed_{config.mixed_precision}"
        try:
            return Scan(
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
                global_head=config.global_head,
                global_weight=config.global_weight,
                feature_dropout=config.feature_dropout,
                word_dropout=config.word_dropout,
                **options,
            )
        except ValueError as error:
            raise InputError(str(error)) from None


def register_matcher() -> None:
    """Registers with Keras every class that a saved matcher names."""
    import imcap.models.ridge_matcher
    import imcap.models.scan  # noqa: F401
