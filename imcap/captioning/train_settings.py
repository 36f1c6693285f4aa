"""Settings of training a captioner, in the names of the lineage."""

import dataclasses
import math
from typing import Any

from imcap.captioning.model_settings import CaptionerConfig
from imcap.data.pictures.limits import ABOUT_LIMIT, MAX_PIXELS
from imcap.errors import InputError
from imcap.options import option

ES_METRICS = ("CIDEr", "Bleu_4", "loss")
OPTIMIZERS = (
    "adam", "adamw", "sgd", "sgdm", "rmsprop", "adagrad", "adadelta",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class SelfCriticalConfig(CaptionerConfig):
    """Settings of self-critical training: samples, rewards and baseline."""

    self_critical_after: int = option(
        -1,
        "epochs of cross-entropy before self-critical training; 0 begins "
        "with it, which needs --start_from; -1: never",
        heading="Self-critical training",
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
        path=True,
    )


@dataclasses.dataclass(frozen=True)
class TrainConfig(SelfCriticalConfig):
    """Trains a captioner and keeps everything of it in one directory.

    imcap train --sgate --input_json data/cocotalk.json
        --input_h5 data/cocotalk_label.h5 --features data/features.h5
        --checkpoint_path runs/adaptive
    """

    input_json: str = option(
        "",
        "captions: cocotalk.json, or any format that `imcap prepare` reads; "
        "or SPLIT=FILE of several",
        "json_file",
        path=True,
        several=True,
        heading="What is read and written",
    )
    id: str = option("", "name of the run: --checkpoint_path is save/ID")
    preset: str | None = option(
        None, "flags from a file of `imcap/presets`; given flags go first"
    )
    input_h5: str | None = option(
        None,
        "label file of cocotalk.json; default: the one beside it",
        "input_label_h5",
        "h5file",
        path=True,
    )
    strict: bool = option(
        False, "refuse captions of which something would be left out"
    )
    references: str | None = option(
        None,
        "full captions for validation, where --input_json holds cut ones",
        path=True,
    )
    features: str | None = option(
        None,
        "feature file or folder from `imcap extract`; default: features.h5 "
        "beside --input_json",
        "input_img_feat_dir",
        "input_att_dir",
        path=True,
    )
    augmented_features: str | None = option(
        None,
        "crops of the training pictures from `imcap extract --augment`; "
        "training takes each as often as the picture itself",
        path=True,
    )
    position_folder: str | None = option(
        None,
        "folder of grid vectors or boxes; default: the boxes beside "
        "--features, or the cells of a grid",
        "input_grid_vec_dir",
        "input_box_dir",
        path=True,
    )
    images_root: str = option(
        "", "folder of the pictures, for --cnntrain", path=True
    )
    checkpoint_path: str = option(
        "save",
        "directory of the run",
        "run",
        "model_name",
        path=True,
    )
    start_from: str | None = option(
        None,
        "run to continue; with another --checkpoint_path, a new run begins "
        "from its best weights",
        "model_file",
        path=True,
    )
    force: bool = option(False, "begin anew where a run exists already")

    vocabulary_from: str = option(
        "train",
        "captions that make the vocabulary",
        choices=("train", "all"),
        heading="Words",
    )
    word_count_threshold: int | None = option(
        None, "words seen this often or less become UNK; default: 5, of less "
        "than 3,000 captions so few that 95% of their words are known",
    )  # fmt: skip
    max_length: int = option(16, "longest caption in words", "seqlen")

    batch_size: int = option(
        10,
        "pictures a batch",
        "bs",
        heading="Optimisation",
    )
    seq_per_img: int = option(5, "captions a picture", "n_caps")
    max_epochs: int = option(20, "epochs", "nepochs")
    optim: str = option("adam", "optimizer", choices=OPTIMIZERS)
    learning_rate: float = option(5e-4, "learning rate", "lr")
    optim_alpha: float = option(0.9, "Adam's first beta; momentum", "alpha")
    optim_beta: float = option(0.999, "Adam's second beta", "beta")
    optim_epsilon: float = option(1e-8, "Adam's epsilon")
    weight_decay: float = option(0.0, "decoupled weight decay")
    grad_clip: float = option(
        0.1, "bound on each entry of a gradient; 0: none", "clip"
    )
    clip_norm: float = option(
        0.0, "bound on the norm of all gradients; 0: none"
    )
    accumulate: int = option(1, "batches whose gradients make one update")
    weight_average: float = option(
        0.0, "validate and keep a running mean of the weights with this "
        "momentum, such as 0.999; 0: the weights themselves",
    )  # fmt: skip
    schedule: str = option(
        "constant", "learning rate over steps",
        choices=("constant", "step", "cosine", "noam"),
    )  # fmt: skip
    warmup: int = option(0, "steps of growing learning rate", "noamopt_warmup")
    noamopt: bool = option(False, "the same as --schedule noam", old=True)
    noamopt_factor: float = option(1.0, "factor of noam")
    learning_rate_decay_start: int = option(
        -1,
        "epoch from which the rate falls by steps, as with --schedule "
        "step; -1: never",
    )
    learning_rate_decay_every: int = option(3, "epochs a step")
    learning_rate_decay_rate: float = option(0.8, "factor a step")
    reduce_on_plateau: int = option(
        0, "halve the rate after so many epochs without a better one"
    )
    label_smoothing: float = option(0.0, "label smoothing factor")
    loss_reduction: str = option(
        "token", "mean of the loss over words or captions",
        choices=("token", "caption"),
    )  # fmt: skip
    scheduled_sampling_start: int = option(
        -1, "epoch from which the model reads some of its own words"
    )
    scheduled_sampling_increase_every: int = option(5, "epochs a step")
    scheduled_sampling_increase_prob: float = option(0.05, "share a step")
    scheduled_sampling_max_prob: float = option(0.25, "largest share")
    mixed_precision: str | None = option(
        None, "compute in half precision", choices=("float16", "bfloat16")
    )
    jit_compile: bool = option(False, "compile with XLA; JAX always does")
    cache: bool = option(False, "keep all features, but crops, in memory")
    workers: int = option(2, "threads that make batches")
    seed: int = option(123, "of everything random")

    cnntrain: bool = option(
        False,
        "train the CNN too, from pictures",
        heading="The CNN",
    )
    finetune_from: str | None = option(
        None, "first CNN layer to train; default: its last quarter"
    )
    lrmult_conv: float = option(
        0.1, "learning rate of the CNN over that of the rest"
    )
    max_pixels: int = option(MAX_PIXELS, ABOUT_LIMIT)

    val_images_use: int = option(
        -1,
        "validation pictures; -1: all",
        heading="Validation",
    )
    val_beam_size: int = option(1, "beams in validation; 1: greedy")
    es_metric: str = option(
        "CIDEr", "what the best epoch is best in", choices=ES_METRICS
    )
    patience: int = option(5, "epochs without a better one; 0: never", "pat")
    save_checkpoint_every: int = option(
        0, "batches between saves, besides those of each epoch"
    )
    train_only: bool = option(False, "no validation")
    perform_validation_every: int = option(
        0,
        "accepted for old command lines: each epoch is validated",
        old=True,
    )
    language_eval: bool = option(
        True,
        "accepted for old command lines: captions are always scored",
        old=True,
    )


def validate_config(config: TrainConfig) -> TrainConfig:
    """The config with what one setting says of another, in range.

    Raises:
        InputError: settings out of range, or that do not go together.
    """
    if config.noamopt:
        config = dataclasses.replace(
            config, schedule="noam", warmup=config.warmup or 10000
        )
    if config.learning_rate_decay_start >= 0 and config.schedule == "constant":
        config = dataclasses.replace(config, schedule="step")
    if config.lstm and config.sgate:
        raise InputError(
            "--lstm turns attention off and --sgate adds to it; give one"
        )
    if config.reduce_on_plateau and config.schedule != "constant":
        raise InputError("--reduce_on_plateau needs --schedule constant")
    if config.es_metric not in ES_METRICS:
        raise InputError(
            f"--es_metric {config.es_metric}: there are {', '.join(ES_METRICS)}"
        )
    if config.self_critical_after == 0 and not config.start_from:
        raise InputError(
            "--self_critical_after 0 learns nothing from weights of chance; "
            "give --start_from RUN, or a later epoch"
        )
    if config.cnntrain and config.augmented_features:
        raise InputError(
            "--augmented_features are of a network that does not learn; "
            "leave them out, or --cnntrain"
        )
    if config.sample_temperature <= 0:
        raise InputError("--sample_temperature must be above 0")
    if not 0 <= config.weight_average < 1:
        raise InputError("--weight_average must be at least 0 and below 1")
    check_ranges(config)
    return config


POSITIVE = (
    "max_epochs", "max_length", "batch_size", "accumulate", "seq_per_img",
    "val_beam_size", "lstm_dim", "emb_dim", "z_dim", "workers",
    "num_layers", "heads", "ff_size",
)  # fmt: skip
NOT_NEGATIVE = (
    "learning_rate", "warmup", "patience", "seed", "alpha_c",
    "save_checkpoint_every",
)  # fmt: skip
SHARES = ("optim_alpha", "optim_beta", "dr_ratio", "location_dropout")


def check_ranges(config: Any) -> None:
    """Refuses numbers of a training that nothing could be done with.

    Raises:
        InputError: with the range.
    """
    for name in POSITIVE:
        if getattr(config, name, 1) < 1:
            raise InputError(f"--{name} must be at least 1")
    for name in NOT_NEGATIVE:
        value = getattr(config, name, 0)
        if not 0 <= value < math.inf:
            raise InputError(f"--{name} {value}: it must be at least 0")
    for name in SHARES:
        if not 0 <= getattr(config, name, 0) < 1:
            raise InputError(f"--{name} must be at least 0 and below 1")
