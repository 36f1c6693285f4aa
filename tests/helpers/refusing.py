"""Commands that refuse what they are given."""


def only_error(main, capsys, *words):
    """Runs a command's `main`; the one line it fails with."""
    assert main([str(word) for word in words]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    (line,) = [one for one in said.splitlines() if "error:" in one]
    return line
