"""What pip is asked for on each platform, see requirements.txt."""

from pathlib import Path

import pytest
from packaging.requirements import Requirement

LINES = (
    (Path(__file__).parent.parent / "requirements.txt")
    .read_text(encoding="utf-8")
    .splitlines()
)


def wanted(system, machine, version):
    """Names of what is asked for there."""
    platform = {
        "platform_system": system,
        "platform_machine": machine,
        "python_version": version,
    }
    all_of_them = [
        Requirement(line) for line in LINES if line and line[0] != "#"
    ]
    return [
        one.name
        for one in all_of_them
        if one.marker is None or one.marker.evaluate(platform)
    ]


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13"])
@pytest.mark.parametrize(
    ("system", "machine"),
    [("Linux", "x86_64"), ("Darwin", "x86_64"), ("Darwin", "arm64")],
)
def test_litert_is_asked_for_where_it_has_wheels(system, machine, version):
    names = wanted(system, machine, version)
    is_intel_mac = (system, machine) == ("Darwin", "x86_64")
    has_wheels = not is_intel_mac or version in ("3.10", "3.11")
    assert names.count("ai-edge-litert") == has_wheels
    assert names.count("tensorflow") == 1
