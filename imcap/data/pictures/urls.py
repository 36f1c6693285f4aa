"""Pictures by URL: http and https by Python itself, others by fsspec."""

from __future__ import annotations

import glob
import re
import time
import urllib.parse
from typing import IO, Any

from imcap import __version__
from imcap.errors import InputError

URL = re.compile(r"data:image/|[a-z][a-z0-9+.-]+://", re.IGNORECASE)
OWN = ("http", "https", "data", "file")  # schemes that need no package
LARGEST = 200_000_000  # bytes of a picture
TIMEOUT = 30.0  # seconds without a byte
SLOWEST = 20_000  # bytes a second, once these seconds are over
PART = 1 << 16
# What may stand in a URL as it is; everything else is escaped.
PLAIN = "%/:=&?~#+!$,;'@()*[]"
clock = time.monotonic


def is_url(name: Any) -> bool:
    """Whether it is a str that begins like `https://` or `s3://`."""
    return isinstance(name, str) and URL.match(name) is not None


def shorten_url(url: str) -> str:
    """A URL for messages: without passwords, keys and data."""
    if url[:5].lower() == "data:":
        return f"{url[:30]}…"
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:  # no address
        return url
    host = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path, "", ""))


def read_url(url: str, largest: int = LARGEST) -> bytes:
    """Fetches what a URL names.

    Args:
        url: http, https, file or data; any other scheme goes to fsspec.
        largest: bytes above which it is refused.

    Raises:
        InputError: no answer, an error, too large, or fsspec is needed.
    """
    name = shorten_url(url)
    scheme = url.partition(":")[0].lower()
    if scheme == "file":
        return _read_file(url, name, largest)
    if scheme in OWN:
        return _read_http(url, name, largest)
    return _read_remote(url, name, largest)


def read_limited(file: IO[bytes], name: str, largest: int = LARGEST) -> bytes:
    """Reads an open file to its end.

    Args:
        file: has `read(count)`; one of the web may come slowly.
        name: what to call it in messages.
        largest: bytes above which it is refused.

    Raises:
        InputError: larger, or so slow that it would take for ever.
    """
    read = getattr(file, "read1", file.read)  # what is there already
    parts: list[bytes] = []
    total, began = 0, clock()
    while part := read(PART):
        if not isinstance(part, bytes):
            raise InputError(
                f"{name}: it gives {type(part).__name__}, not bytes; open it "
                'in mode "rb"'
            )
        parts.append(part)
        total += len(part)
        if total > largest:
            raise _too_large(name, largest)
        if clock() - began > TIMEOUT + total / SLOWEST:
            raise InputError(
                f"{name}: {total} bytes in {clock() - began:.0f} s; download "
                "it, and give the file"
            )
    return b"".join(parts)


def _too_large(name: str, largest: int) -> InputError:
    return InputError(
        f"{name}: more than {largest / 1e6:.0f} MB; download it, and give a "
        "smaller copy"
    )


def _read_file(url: str, name: str, largest: int) -> bytes:
    from urllib.request import url2pathname

    try:
        path = url2pathname(urllib.parse.urlsplit(url).path)
        with open(path, "rb") as file:
            return read_limited(file, name, largest)
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: cannot be read ({error})") from None


def _opener() -> Any:
    """urllib's opener without files and FTP, wherever servers redirect to."""
    import urllib.request as request

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler,
        request.HTTPHandler,
        request.HTTPSHandler,
        request.HTTPRedirectHandler,
        request.HTTPDefaultErrorHandler,
        request.HTTPErrorProcessor,
        request.DataHandler,
    ):
        opener.add_handler(handler())
    return opener


def _read_http(url: str, name: str, largest: int) -> bytes:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request

    agent = {"User-Agent": f"imcap/{__version__}"}
    try:
        request = Request(urllib.parse.quote(url, safe=PLAIN), headers=agent)
        with _opener().open(request, timeout=TIMEOUT) as answer:
            length = answer.headers.get("Content-Length") or ""
            announced = int(length) if length.isdecimal() else 0
            if announced > largest:
                raise _too_large(name, largest)
            data = read_limited(answer, name, largest)
        if len(data) < announced:
            raise ValueError(f"{len(data)} of {announced} bytes came")
        return data
    except HTTPError as error:
        error.close()
        raise InputError(
            f"{name}: the server says {error.code} ({error.reason}); open it "
            "in a browser to see what is there"
        ) from None
    except TimeoutError:
        raise InputError(
            f"{name}: no answer within {TIMEOUT:.0f} s; try again, or "
            "download it and give the file"
        ) from None
    except InputError:
        raise
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            f"{name}: cannot be fetched ({reason}); check the address and "
            "the connection"
        ) from None


def import_fsspec(name: str) -> Any:
    """The package fsspec; InputError where it is not installed.

    Args:
        name: what needs it.
    """
    try:
        import fsspec
    except ModuleNotFoundError:
        raise InputError(
            f"{name}: this needs fsspec: pip install 'imcap[fsspec]'; or "
            "download it, and give the file"
        ) from None
    return fsspec


def _read_remote(url: str, name: str, largest: int) -> bytes:
    fsspec = import_fsspec(name)
    try:
        with fsspec.open(url, "rb") as file:
            return read_limited(file, name, largest)
    except InputError:
        raise
    except Exception as error:  # each store raises its own
        raise _not_read(name, error) from None


def _not_read(name: str, error: Exception) -> InputError:
    line = " ".join(str(error).split()) or type(error).__name__
    remedy = "check the address and your rights"
    if isinstance(error, ImportError):
        remedy = "pip install 'imcap[fsspec]'"
    return InputError(f"{name}: cannot be read ({line}); {remedy}")


def is_url_pattern(url: str) -> bool:
    """Whether it is like `s3://bucket/*.jpg`; only fsspec has patterns."""
    scheme = url.partition(":")[0].lower()
    return scheme not in OWN and glob.has_magic(url)


def expand_url(url: str) -> list[str]:
    """The URLs of the files that a pattern matches, sorted.

    Raises:
        InputError: none, or the place cannot be read.
    """
    name = shorten_url(url)
    fsspec = import_fsspec(name)
    try:
        store, path = fsspec.core.url_to_fs(url)
        found = sorted(store.unstrip_protocol(one) for one in store.glob(path))
        if not found and store.exists(path):
            return [url]  # brackets in a name
    except Exception as error:  # each store raises its own
        raise _not_read(name, error) from None
    if not found:
        raise InputError(f"{name}: nothing there has such a name")
    return found
