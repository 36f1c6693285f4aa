"""How captions may be asked for, and the compiled decoders that answer."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from imcap.serve.limits import Refused

if TYPE_CHECKING:
    from imcap.captioning.caption import Caption
    from imcap.captioning.captioner import LoadedCaptioner
    from imcap.captioning.generation import Generator

METHODS = ("beam", "greedy", "sample")


# Each of them is compiled, so there are only so many.
BEAM_SIZES = (2, 3, 5, 10)


TEMPERATURES = (0.5, 0.7, 1.0, 1.3)


DRAWN = 5  # captions that sampling draws


MAX_LENGTH = 20  # words, as `imcap caption`


# What the page offers first, compiled before anybody asks.
WARM = (
    {"method": "greedy"},
    {"method": "beam", "beam_size": "3", "captions": "3"},
    {"method": "beam", "beam_size": "5"},
    {"method": "sample", "captions": "5"},
)


@dataclasses.dataclass(frozen=True)
class Setting:
    """One compiled way to decode.

    Args:
        method: "greedy", "beam" or "sample".
        beam_size: int; 1 where nothing is searched.
        temperature: float; 1 where nothing is drawn.
        several: bool, all beams are wanted and not the best alone, so the
            search goes on until each has ended.
    """

    method: str
    beam_size: int = 1
    temperature: float = 1.0
    several: bool = False


def parse_setting(query: Mapping[str, str]) -> tuple[Setting, int]:
    """What a query asks for.

    Args:
        query: mapping of str to str: method, beam_size, temperature and
            captions, each of which may be absent.

    Returns:
        A `Setting`, and how many captions are wanted.

    Raises:
        Refused: 400 for what is unknown or not among the choices.
    """
    known = ("method", "beam_size", "temperature", "captions")
    strange = sorted(set(query) - set(known))
    if strange:
        raise Refused(
            400, f"unknown setting {strange[0]!r}; use {', '.join(known)}"
        )
    method = _one_of(query, "method", METHODS, str)
    wanted = _one_of(query, "captions", range(1, max(BEAM_SIZES) + 1), int, 1)
    if method == "greedy":
        return Setting(method), 1
    if method == "sample":
        warmth = _one_of(query, "temperature", TEMPERATURES, float, 1.0)
        return Setting(method, temperature=warmth), min(wanted, DRAWN)
    beams = _one_of(query, "beam_size", (1, *BEAM_SIZES), int, 5)
    if beams == 1:
        return Setting("greedy"), 1
    return Setting(method, beams, several=wanted > 1), min(wanted, beams)


def _one_of(
    query: Mapping[str, str],
    name: str,
    choices: Sequence,
    kind: type,
    default: Any = None,
) -> Any:
    """A value of a query, checked; the first choice where it is absent."""
    if name not in query:
        return choices[0] if default is None else default
    try:
        value = kind(query[name])
    except ValueError:
        value = None
    if value not in choices:
        shown = ", ".join(map(str, choices))
        raise Refused(400, f"{name} must be one of {shown}")
    return value


class Decoders:
    """Compiled decoders of a run, made when first asked for and kept.

    Args:
        model: the captioner.
    """

    def __init__(self, model: "LoadedCaptioner"):
        self.model = model
        self.generators: dict[Setting, OpenBatch] = {}

    def __call__(
        self, setting: Setting, pixels: Sequence[np.ndarray]
    ) -> "list[list[Caption]]":
        """Captions of B pictures, for each the best first.

        Args:
            setting: how they are decoded.
            pixels: B arrays (side, side, 3).
        """
        from imcap.captioning.generation import generate

        if setting not in self.generators:
            self.generators[setting] = self._generator(setting)
        inputs = self.model.reader.inputs(pixels)
        words = self.model.run.vocabulary
        return list(
            generate(
                self.generators[setting], words, [inputs], keep_attention=True
            )
        )

    def warm_up(self, progress: Callable[[Iterable], Iterable] = iter) -> None:
        """Compiles what the page offers, for batches of any size.

        Args:
            progress: wraps the list of what is to be done.
        """
        side = self.model.reader.size
        blank = np.zeros((side, side, 3), "float32")
        for query in progress(WARM):
            setting, _ = parse_setting(query)
            # The second size makes Keras leave the encoder's open.
            for count in (1, 2):
                self(setting, [blank] * count)

    def _generator(self, setting: Setting) -> "OpenBatch":
        from imcap.captioning.decoding_settings import DecodingSettings
        from imcap.captioning.generation import make_generator

        decoding = DecodingSettings(
            beam_size=setting.beam_size,
            sample_n=DRAWN if setting.method == "sample" else 0,
            temperature=setting.temperature,
            max_length=MAX_LENGTH,
        )
        generator = make_generator(
            self.model.task,
            self.model.run,
            decoding,
            returned=setting.beam_size if setting.several else 1,
        )
        return OpenBatch(generator)


class OpenBatch:
    """A generator compiled once, for batches of any size.

    Keras would compile anew for the second size that comes.

    Args:
        generator: an `imcap.captioning.generation.Generator`.
    """

    def __init__(self, generator: "Generator"):
        self.generator = generator
        self.compiled: Callable[[dict], dict] | None = None

    def predict_on_batch(self, inputs: Mapping[str, np.ndarray]) -> dict:
        """As Keras' own: dict of arrays to dict of tensors."""
        import tensorflow as tf

        tensors = {name: tf.convert_to_tensor(a) for name, a in inputs.items()}
        if self.compiled is None:
            signature = {
                name: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)
                for name, tensor in tensors.items()
            }
            self.compiled = tf.function(
                lambda inputs: self.generator(inputs),
                input_signature=[signature],
                autograph=False,
            )
        return self.compiled(tensors)
