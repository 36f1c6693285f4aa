"""Docstrings of imcap, told to griffe, which reads them for the reference.

"Example:" is its "Examples:", so that what stands there is shown as code, and
"Call arguments:" are those of a layer's `call`, where the docstring is that of
its class.
"""

import re

import griffe

HEADINGS = {
    "Example": "Examples:",
    "Call arguments": "Other Parameters: Call arguments",
}
HEADING = re.compile(rf"^( *)({'|'.join(HEADINGS)}):$", re.MULTILINE)


class Headings(griffe.Extension):
    """Renames the headings of sections before they are parsed."""

    def on_instance(self, *, obj, **kwargs):
        if obj.docstring:
            obj.docstring.value = HEADING.sub(
                lambda found: found[1] + HEADINGS[found[2]],
                obj.docstring.value,
            )
