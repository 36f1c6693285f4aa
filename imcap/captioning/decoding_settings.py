"""Settings of decoding: greedy, beam search or sampling."""

import dataclasses

from imcap.errors import InputError
from imcap.options import option


@dataclasses.dataclass(frozen=True)
class DecodingSettings:
    """How captions are searched or drawn, and what they must not say."""

    ensemble: tuple[str, ...] = option(
        (),
        "further runs, decoded together with --model",
        many=True,
        heading="How captions are decoded",
    )
    beam_size: int = option(5, "beams; 1: greedy")
    group_size: int = option(1, "groups of a diverse beam search")
    diversity_lambda: float = option(
        0.5, "what a word loses that an earlier group said"
    )
    sample_n: int = option(0, "draw this many captions instead of searching")
    temperature: float = option(1.0, "of drawn captions")
    top_k: int = option(0, "draw among so many words; 0: all")
    top_p: float = option(1.0, "draw among words of this share; 1: all")
    seed: int = option(0, "of drawn captions")
    length_penalty: float = option(0.0, "0: sum of log p; 1: mean")
    no_repeat_ngram: int = option(0, "no n-gram twice; 0: any")
    allow_unk: bool = option(False, "let captions contain UNK")
    max_length: int = option(20, "longest caption in words")
    jit_compile: bool = option(
        False, "compile decoding with XLA: slow to start, fast for thousands"
    )

    @property
    def method(self) -> str:
        """ "beam", "greedy" or "sample"."""
        if self.sample_n:
            return "sample"
        return "beam" if self.beam_size > 1 else "greedy"

    @property
    def label(self) -> str:
        """The method with its number: "beam5", "greedy" or "sample3"."""
        count = {"beam": self.beam_size, "sample": self.sample_n}
        return f"{self.method}{count.get(self.method, '')}"

    def check(self) -> None:
        """Refuses settings that are out of range."""
        if self.beam_size < 1 or self.max_length < 1:
            raise InputError("--beam_size and --max_length start from 1")
        for name in ("sample_n", "top_k", "no_repeat_ngram", "seed"):
            if getattr(self, name) < 0:
                raise InputError(f"--{name} starts from 0")
        if not self.temperature > 0 or not 0 < self.top_p <= 1:
            raise InputError(
                "--temperature must be above 0, --top_p above 0 and at most 1"
            )
        if self.beam_size % max(self.group_size, 1) or self.group_size < 1:
            raise InputError(
                f"--group_size {self.group_size} does not divide --beam_size "
                f"{self.beam_size}"
            )
