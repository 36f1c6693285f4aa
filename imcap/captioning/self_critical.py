"""Self-critical training by its flags: rewards, frequencies, samples."""

from typing import TYPE_CHECKING

import keras

from imcap.captioning.run import CaptionerRun
from imcap.captioning.train_settings import TrainConfig
from imcap.data.captions.caption_set import CaptionSet
from imcap.data.captions.sources import first_file
from imcap.data.ngrams.document_frequencies import (
    DocumentFrequencies,
    cached_frequencies,
)
from imcap.data.ngrams.ngram_files import read_frequencies
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError

if TYPE_CHECKING:
    from imcap.training.self_critical import SelfCritical

# Above this, models of one published collection end without grammar.
HIGH_RATE = 1e-4


def make_self_critical(
    run: CaptionerRun, training: CaptionSet
) -> "SelfCritical":
    """The `SelfCritical` of a run's flags.

    Args:
        run: a `Run`.
        training: training captions, for the document frequencies.
    """
    from imcap.metrics.cider_d import CiderD
    from imcap.training.rewards import Reward
    from imcap.training.self_critical import SelfCritical

    config, vocabulary = run.config, run.vocabulary
    table = document_frequencies(config, training, vocabulary)
    try:
        cider = CiderD(
            table.ngrams,
            table.counts,
            table.images,
            vocabulary.size,
            pad_id=vocabulary.pad_id,
            eos_id=vocabulary.eos_id,
        )
        return SelfCritical(
            Reward(
                cider, config.cider_reward_weight, config.bleu_reward_weight
            ),
            run.ids,
            config.max_length + 1,
            samples=config.train_sample_n,
            baseline=config.baseline,
            temperature=config.sample_temperature,
            banned=[vocabulary.unk_id],
            dropout=config.self_critical_dropout,
            cross_entropy_weight=config.cross_entropy_weight,
            packed=packs_samples(config),
        )
    except ValueError as error:
        raise InputError(str(error)) from None


def document_frequencies(
    config: TrainConfig, training: CaptionSet, vocabulary: Vocabulary
) -> DocumentFrequencies:
    """`DocumentFrequencies`, given, or counted and kept beside the data."""
    if config.cached_tokens:
        return read_frequencies(config.cached_tokens, vocabulary)
    encoded = training.encode(vocabulary, None)
    folder = first_file(config.input_json).parent
    return cached_frequencies(folder, encoded, vocabulary)


def packs_samples(config: TrainConfig) -> bool:
    """Whether samples may be packed: their number of words is not fixed."""
    return keras.backend.backend() == "tensorflow" and not config.jit_compile


def notes(config: TrainConfig) -> list[str]:
    """Lines about flags that are known to do harm."""
    rate = config.self_critical_rate or config.learning_rate
    if rate <= HIGH_RATE:
        return []
    return [
        f"a rate of {rate:g} is more than self-critical training bears; "
        "give --self_critical_rate 1e-5 (5e-6 for transformers)"
    ]
