"""The directory of a training of image-text matching."""

import hashlib
import json
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
# Arguments of `Scan` that are flags of the same name.
OF_THE_MODEL = (
    "embed_size", "word_dim", "num_layers", "bi_gru", "no_imgnorm",
    "no_txtnorm", "precomp_enc_type", "cross_attn", "raw_feature_norm",
    "agg_func", "lambda_lse", "lambda_softmax", "global_head",
    "global_weight", "feature_dropout", "word_dropout",
)  # fmt: skip


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

    @property
    def kind(self) -> tuple[str, ...]:
        """What size scores have: of one kind they can be averaged as is."""
        config = self.config
        if config.matcher == "ridge":
            return config.matcher, config.ridge_scores
        return (config.matcher,)

    def fingerprint(self, checkpoint: str = "best") -> str | None:
        """SHA-256 of the weights and of every setting that scores depend on.

        None where there are no weights.
        """
        weights = super().fingerprint(checkpoint)
        if weights is None:
            return None
        settings: dict[str, Any] = self._scan_settings()
        if self.config.matcher == "ridge":
            settings = {"rank": self.config.ridge_rank, "kind": self.kind}
        text = json.dumps([weights, settings], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

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

        try:
            return Scan(
                self.vocabulary.size, self.channels, **self._scan_settings()
            )
        except ValueError as error:
            raise InputError(str(error)) from None

    def _scan_settings(self) -> dict[str, Any]:
        """What `Scan` is built with, besides its sizes."""
        settings = {name: getattr(self.config, name) for name in OF_THE_MODEL}
        if self.config.mixed_precision:
            settings["dtype"] = f"mixed_{self.config.mixed_precision}"
        return settings


def register_matcher() -> None:
    """Registers with Keras every class that a saved matcher names."""
    import imcap.models.ridge_matcher
    import imcap.models.scan  # noqa: F401
