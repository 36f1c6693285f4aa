"""The flags with which captions are decoded, whatever command asks."""

import dataclasses

from imcap.errors import InputError
from imcap.options import option


@dataclasses.dataclass(frozen=True)
class DecodingConfig:
    """Greedy, beam search or samples, and what captions must not say."""

    model: str = option("save", "directory of a run", "run")
    checkpoint: str = option("best", "which weights", choices=("best", "last"))
    ensemble: tuple[str, ...] = option(
        (), "further runs, decoded together with --model", many=True
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

    def method(self):
        """ "beam", "greedy" or "sample"."""
        if self.sample_n:
            return "sample"
        return "beam" if self.beam_size > 1 else "greedy"

    def check(self):
        """Refuses flags that are out of range."""
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

    def make_generator(self, task, run):
        """A compiled `Generator` of a run's task.

        Args:
            task: its `CaptioningTask`.
            run: the `CaptionerRun`.

        Raises:
            InputError: a flag out of range.
        """
        from imcap.captioning.generation import Generator

        self.check()
        longest = getattr(task.captioner, "max_positions", None)
        if longest and self.max_length >= longest:
            raise InputError(
                f"--max_length {self.max_length}: this run knows places of "
                f"captions up to {longest - 1} words"
            )
        generator = Generator(
            [task, *self.other_tasks(task, run)],
            run.ids,
            method=self.method(),
            count=self.sample_n or self.beam_size,
            banned=() if self.allow_unk else (run.vocabulary.unk_id,),
            max_length=self.max_length,
            length_penalty=self.length_penalty,
            groups=self.group_size,
            returned=self.group_size,
            diversity=self.diversity_lambda,
            no_repeat_ngram=self.no_repeat_ngram,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            seed=self.seed,
        )
        generator.compile(jit_compile=self.jit_compile)
        return generator

    def other_tasks(self, task, run):
        """Tasks of --ensemble; those that do not fit are an InputError."""
        tasks = []
        for path in self.ensemble:
            from imcap.captioning.run import CaptionerRun

            other = CaptionerRun.open(path)
            if other.vocabulary.words != run.vocabulary.words:
                raise InputError(
                    f"{path}: its words are not those of {run.path}"
                )
            if other.channels != run.channels or other.config.cnntrain:
                raise InputError(
                    f"{path}: it was not trained on the features of {run.path}"
                )
            tasks.append(other.task(self.checkpoint))
            wanted = tasks[-1].captioner.wanted_positions
            if wanted not in (None, task.captioner.wanted_positions):
                raise InputError(
                    f"{path}: it needs to know positions ({wanted}) that "
                    f"{run.path} does not; give it as --model"
                )
        return tasks
