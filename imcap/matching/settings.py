"""The flags of `imcap match train`, in SCAN's names."""

import dataclasses

from imcap.errors import InputError
from imcap.options import option

ACCEPTED = "accepted for old command lines: "


NORMS = (
    "clipped_l2norm", "l2norm", "clipped_l1norm", "l1norm", "clipped",
    "softmax", "no_norm",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class MatchConfig:
    """Trains stacked cross attention and keeps everything in one directory.

    imcap match train --preset scan_t2i_avg_f30k --data_path data/
        --data_name f30k_precomp --checkpoint_path runs/t2i
    imcap match train --preset scan_t2i_avg_flickr8k --features features.h5
        --input_json dataset_flickr8k.json --checkpoint_path runs/t2i
    """

    preset: str | None = option(
        None, "flags from a file of `imcap/presets/matching`; given flags "
        "go first", heading="What is read and written",
    )  # fmt: skip

    data_path: str = option(
        "./data/", "folder of SCAN's *_precomp folders", path=True
    )
    data_name: str = option("precomp", "the one of them to read")
    vocab_path: str = option(
        "./vocab/", "folder of DATA_NAME_vocab.json, or such a file; counted "
        "anew where it is missing",
        path=True,
    )  # fmt: skip
    input_json: str | None = option(
        None, "captions in any format that `imcap prepare` reads, instead "
        "of --data_path; or SPLIT=FILE of several",
        path=True,
        several=True,
    )  # fmt: skip
    input_h5: str | None = option(
        None, "label file of cocotalk.json", path=True
    )
    strict: bool = option(
        False, "refuse captions of which something would be left out"
    )
    features: str | None = option(
        None, "features of --input_json's pictures; default: features.h5 "
        "beside it",
        path=True,
    )  # fmt: skip
    augmented_features: str | None = option(
        None, "crops of the training pictures, from `imcap extract --augment`; "
        "each epoch draws one view a caption: the whole picture or any crop, "
        "all equally likely",
        path=True,
    )  # fmt: skip
    checkpoint_path: str = option(
        "save",
        "directory of the run",
        "run",
        "model_name",
        path=True,
    )
    start_from: str | None = option(
        None, "run to continue; with another --checkpoint_path, a new run "
        "begins from its best weights", "resume",
        path=True,
    )  # fmt: skip
    force: bool = option(False, "begin anew where a run exists already")
    word_count_threshold: int | None = option(
        None, "words of training and validation seen less often become <unk>; "
        "default: 4, of less than 3,000 captions so few that 95% of their "
        "words are known",
    )  # fmt: skip

    matcher: str = option(
        "scan", "stacked cross attention, or ridge regression from features "
        "to words, solved in seconds: a baseline",
        choices=("scan", "ridge"), heading="The model",
    )  # fmt: skip
    ridge_lambda: float = option(
        1e4, "how much --matcher ridge holds its weights down"
    )
    ridge_rank: int = option(
        0, "rank of its weights, which are then kept as two factors; 0: full"
    )
    ridge_scores: str = option(
        "standard", "cosines of predicted and said words, or standard scores: "
        "in deviations from a caption's mean score on training pictures",
        choices=("cosine", "standard"),
    )  # fmt: skip
    no_baseline: bool = option(
        False, "do not fit the ridge that evaluation shows beside attention"
    )
    img_dim: int = option(0, "width the features must have; 0: any")
    embed_size: int = option(1024, "width of the common space")
    word_dim: int = option(300, "width of word embeddings")
    num_layers: int = option(1, "layers of the GRU")
    bi_gru: bool = option(False, "read captions in both directions")
    no_imgnorm: bool = option(False, "leave regions as long as they are")
    no_txtnorm: bool = option(False, "leave words as long as they are")
    precomp_enc_type: str = option(
        "basic", "image encoder", choices=("basic", "weight_norm")
    )
    cross_attn: str = option(
        "t2i", "words look at regions, or regions at words",
        choices=("t2i", "i2t"),
    )  # fmt: skip
    raw_feature_norm: str = option(
        "clipped_l2norm", "how scores are normalised", choices=NORMS
    )
    agg_func: str = option(
        "LogSumExp", "what makes one score of many",
        choices=("LogSumExp", "Mean", "Sum", "Max"),
    )  # fmt: skip
    lambda_lse: float = option(6.0, "how sharp LogSumExp is")
    lambda_softmax: float = option(9.0, "how sharp attention is")

    global_head: int = option(
        0, "width of one more vector for the whole of a picture and of a "
        "caption, whose cosine is added to the score; 0: none",
    )  # fmt: skip
    global_weight: float = option(
        1.0, "what that cosine is multiplied by in the score"
    )
    feature_dropout: float = option(0.0, "share of channels hidden in training")
    word_dropout: float = option(0.0, "share of words hidden in training")

    loss: str = option(
        "hinge", "the right pair wins by a margin, or is told from all others "
        "of a batch; the global head always learns by the latter",
        choices=("hinge", "contrastive"), heading="Optimisation",
    )  # fmt: skip
    temperature: float = option(
        0.05, "what contrastive losses divide scores by"
    )
    margin: float = option(0.2, "by which a right pair must win")
    max_violation: bool = option(
        False, "learn from the hardest wrong pair only, not from their sum"
    )
    max_violation_after: int = option(
        0, "epochs of the sum before --max_violation counts"
    )
    mask_same_image: bool = option(
        False, "other captions of the same image are not wrong"
    )
    batch_size: int = option(128, "captions a batch, each with its image", "bs")
    max_epochs: int = option(30, "epochs", "num_epochs")
    learning_rate: float = option(2e-4, "learning rate", "lr")
    lr_update: int = option(15, "epochs until the rate falls to a tenth")
    schedule: str = option(
        "step", "learning rate over steps", choices=("step", "cosine")
    )
    warmup: int = option(0, "steps of growing learning rate")
    grad_clip: float = option(
        2.0, "bound on the norm of all gradients; 0: none", "clip_norm"
    )
    weight_decay: float = option(0.0, "decoupled weight decay")
    weight_average: float = option(
        0.0, "validate and keep a running mean of the weights with this "
        "momentum, such as 0.999; 0: the weights themselves",
    )  # fmt: skip
    mixed_precision: str | None = option(
        None, "compute in half precision", choices=("float16", "bfloat16")
    )
    jit_compile: bool = option(False, "compile with XLA; JAX always does")
    cache: bool = option(False, "keep all features in memory")
    workers: int = option(2, "threads that make batches")
    seed: int = option(123, "of everything random")

    patience: int = option(
        0,
        "epochs without a better rsum; 0: never stop",
        "pat",
        heading="Validation",
    )
    save_checkpoint_every: int = option(
        0, "batches between saves, besides those of each epoch"
    )
    train_only: bool = option(False, "no validation")
    val_step: int = option(500, ACCEPTED + "each epoch is validated", old=True)
    log_step: int = option(10, ACCEPTED + "progress shows all", old=True)
    logger_name: str = option("", ACCEPTED + "logs are in the run", old=True)


def validate_config(config: MatchConfig) -> MatchConfig:
    """The config, in range.

    Raises:
        InputError: settings out of range.
    """
    for name in ("max_epochs", "lr_update", "num_layers", "embed_size"):
        if getattr(config, name) < 1:
            raise InputError(f"--{name} must be at least 1")
    if config.ridge_lambda <= 0:
        raise InputError("--ridge_lambda must be above 0")
    for name in ("ridge_rank", "global_head"):
        if getattr(config, name) < 0:
            raise InputError(f"--{name} starts from 0")
    for name in ("feature_dropout", "word_dropout"):
        if not 0 <= getattr(config, name) < 1:
            raise InputError(f"--{name} must be at least 0, below 1")
    if config.global_weight < 0:
        raise InputError("--global_weight must be at least 0")
    if config.temperature <= 0:
        raise InputError("--temperature must be above 0")
    if not 0 <= config.weight_average < 1:
        raise InputError("--weight_average must be at least 0, below 1")
    if config.loss == "contrastive" and config.max_violation:
        raise InputError(
            "--max_violation is of --loss hinge; with contrastive give "
            "--max_violation False"
        )
    if config.matcher == "ridge" and config.augmented_features is not None:
        raise InputError(
            "--augmented_features: a ridge is solved for whole pictures; "
            "crops are for --matcher scan"
        )
    return config
