"""Help of every command loads nothing that is slow."""

import subprocess
import sys

from imcap.cli import match
from imcap.cli.dispatch import COMMANDS

# All in one process: what one of them loads would be found at the end.
ASK = """
import contextlib, io, sys
from imcap.cli.dispatch import main
for command in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        try:
            status = main([*command.split(), "--help"])
        except SystemExit as left:
            status = left.code
    assert status == 0 and "--quiet" in shown.getvalue(), command
slow = ("numpy", "PIL", "h5py", "tqdm", "keras", "tensorflow", "matplotlib")
print(*(name for name in slow if name in sys.modules))
"""


def test_help_of_every_command_loads_nothing_slow():
    commands = [name for name in COMMANDS if name != "match"]
    commands += [f"match {name}" for name in match.COMMANDS]
    done = subprocess.run(
        [sys.executable, "-c", ASK, *commands],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "\n"
