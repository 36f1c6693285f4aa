"""The flags of self-critical training, in the names of the lineage."""

import dataclasses

from imcap.captioner_config import CaptionerConfig
from imcap.config import option


@dataclasses.dataclass(frozen=True)
class SelfCriticalConfig(CaptionerConfig):
    """How a captioner is paid for captions of its own."""

    self_critical_after: int = option(
        -1,
        "epochs of cross-entropy before self-critical training; 0 begins "
        "with it, which needs --start_from; -1: never",
    )
    self_critical_rate: float = option(
        0.0, "learning rate of self-critical epochs; 0: --learning_rate"
    )
    baseline: str = option(
        "leave_one_out", "what a sample's reward is compared with",
        choices=("leave_one_out", "greedy", "best_of_n"),
    )  # fmt: skip
    train_sample_n: int = option(5, "samples a picture")
    sample_temperature: float = option(
        1.0, "below 1 samples are likelier, above 1 bolder"
    )
    cider_reward_weight: float = option(1.0, "weight of CIDEr-D")
    bleu_reward_weight: float = option(
        0.0, "weight of the sentence's BLEU-4, which is 1 at most, CIDEr-D 10"
    )
    entropy_reward_weight: float = option(
        0.0, "weight of the words' entropy; it keeps samples apart"
    )
    cross_entropy_weight: float = option(
        0.0, "share of cross-entropy with people's captions in the loss"
    )
    self_critical_dropout: bool = option(
        False, "draw and score samples with dropout"
    )
    cached_tokens: str | None = option(
        None,
        "document frequencies (PREFIX-idxs.p or .npz); default: counted "
        "from the training captions and kept beside --input_json",
    )
