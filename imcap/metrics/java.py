"""Java programs in a fixed locale, and why one of them failed.

METEOR writes numbers as Java's locale has them, and a decimal comma is no
number to its reader in Python.
"""

import os
import re
import subprocess
from contextlib import contextmanager

# Every property that numbers depend on. Java reads options of its
# environment variables too: those of _JAVA_OPTIONS win over all others.
ENGLISH = tuple(
    f"-Duser.{name}{kind}={value}"
    for name, value in (("language", "en"), ("country", "US"))
    for kind in ("", ".format", ".display")
)
# What a JVM says of itself before anything went wrong.
CHATTER = re.compile(r"(NOTE: )?Picked up |WARNING: |.* VM warning: |SLF4J: ")
LONGEST = 200  # characters of a reason


class EnglishJava:
    """Stands for `subprocess` in pycocoevalcap: Java speaks English there."""

    PIPE = subprocess.PIPE

    @staticmethod
    def Popen(command, **options):
        """A process, as `subprocess.Popen` starts it."""
        return subprocess.Popen(
            _in_english(command), env=_environment(), **options
        )

    @staticmethod
    def check_call(command, **options):
        """Runs to the end, without a word; what was said goes to the error."""
        subprocess.run(
            _in_english(command),
            env=_environment(),
            check=True,
            capture_output=True,
            **options,
        )


@contextmanager
def english_java(module):
    """Context in which a module of pycocoevalcap starts Java in English.

    Args:
        module: one that starts processes through its name `subprocess`.
    """
    plain, module.subprocess = module.subprocess, EnglishJava
    try:
        yield
    finally:
        module.subprocess = plain


def _in_english(command):
    return [command[0], *ENGLISH, *command[1:]]


def _environment():
    given = os.environ.get("_JAVA_OPTIONS", "")
    return {**os.environ, "_JAVA_OPTIONS": " ".join([given, *ENGLISH]).strip()}


def reason_of_failure(said, otherwise):
    """The exception among what a Java program said, in one line.

    Args:
        said: bytes, its standard error.
        otherwise: what to say where it names no reason.

    Returns:
        Str: the innermost cause, else all that stands before the trace.

    Example:
        >>> reason_of_failure(b"Picked up JAVA_TOOL_OPTIONS: -Xmx1m", "why")
        'why'
    """
    lines = said.decode(errors="replace").splitlines()
    lines = [one for one in lines if one.strip() and not CHATTER.match(one)]
    causes = [one for one in lines if one.startswith("Caused by: ")]
    if causes:
        return causes[-1].removeprefix("Caused by: ")[:LONGEST]
    first = []
    for line in lines:
        if re.match(r"\s+(at |\.\.\. )", line):
            break
        first.append(line.strip())
    text = re.sub(r'^Exception in thread "[^"]*" ', "", "; ".join(first))
    return text[:LONGEST] or str(otherwise)
