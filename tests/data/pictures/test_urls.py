"""Pictures by URL: fetched from a server of this machine, or refused."""

import base64
import contextlib
import http.server
import sys
import threading

import pytest

from helpers.tiny_pictures import picture
from imcap.data.pictures import urls
from imcap.data.pictures.encoded import read_encoded
from imcap.data.pictures.inputs import describe_picture
from imcap.data.pictures.urls import is_url, read_url, shorten_url
from imcap.errors import InputError
from imcap.vision.picture_lists import each, is_many

PICTURE = picture(1)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path: a picture, or one of the things that go wrong."""

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/gone.png":
            self.send_error(404)
            return
        if path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", path.removeprefix("/to/"))
            self.end_headers()
            return
        self.send_response(200)
        if path == "/announced.png":
            self.send_header("Content-Length", "999999999999")
        if path == "/cut.png":
            self.send_header("Content-Length", str(len(PICTURE) + 9))
        self.end_headers()
        content = b"<html>" if path == "/page.html" else PICTURE
        with contextlib.suppress(ConnectionError):
            self.wfile.write(content)
        self.server.agents.append(self.headers["User-Agent"])
        self.server.paths.append(self.path)

    def log_message(self, *arguments):
        """Says nothing."""


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.agents, server.paths = [], []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_picture_is_fetched(server):
    url = f"{server.url}/a.png?key=secret"
    assert not is_many(url) and list(each(url)) == [url]
    assert read_encoded(url) == PICTURE
    assert server.agents[0].startswith("imcap/")
    assert server.paths == ["/a.png?key=secret"]


def test_addresses_are_escaped(server):
    assert read_url(f"{server.url}/ein Bär.png") == PICTURE
    assert server.paths == ["/ein%20B%C3%A4r.png"]


def test_redirections_are_followed(server):
    assert read_url(f"{server.url}/to//a.png") == PICTURE


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/"])
def test_redirections_stay_in_the_web(server, target):
    with pytest.raises(InputError, match=r"127\.0\.0\.1"):
        read_url(f"{server.url}/to/{target}")


@pytest.mark.parametrize(
    "path, reason",
    [
        ("/gone.png", "the server says 404"),
        ("/announced.png", "more than 200 MB"),
        ("/cut.png", "bytes came"),
        ("/page.html", "not a picture"),
    ],
)
def test_what_goes_wrong_is_said(server, path, reason):
    with pytest.raises(InputError, match=f"{path}: .*{reason}"):
        read_encoded(f"{server.url}{path}?key=secret")


def test_what_is_larger_than_announced(server):
    with pytest.raises(InputError, match="more than 0 MB"):
        read_url(f"{server.url}/a.png", largest=len(PICTURE) - 1)
    assert read_url(f"{server.url}/a.png", len(PICTURE)) == PICTURE


def test_a_server_that_drips(server, monkeypatch):
    """An hour goes by between any two looks at the clock."""
    hours = iter(range(0, 99 * 3600, 3600))
    monkeypatch.setattr(urls, "clock", lambda: next(hours))
    with pytest.raises(InputError, match="download it"):
        read_url(f"{server.url}/a.png")


def test_nobody_answers(server):
    url = server.url
    server.socket.close()
    server.shutdown()
    with pytest.raises(InputError, match="cannot be fetched"):
        read_url(f"{url}/a.png")


def test_no_answer_in_time(monkeypatch):
    class Late:
        def open(self, request, timeout):
            raise TimeoutError

    monkeypatch.setattr(urls, "_opener", Late)
    with pytest.raises(InputError, match="no answer within 30 s"):
        read_url("https://example.org/a.png")


@pytest.mark.parametrize(
    "url", ["http://", "http:///a.png", "http://[::1/a.png", "http://a b/c"]
)
def test_addresses_that_are_none(url):
    with pytest.raises(InputError, match="http"):
        read_url(url)


def test_data_and_files(tmp_path):
    text = base64.b64encode(PICTURE).decode()
    assert read_encoded(f"data:image/png;base64,{text}") == PICTURE
    path = tmp_path / "a b.png"
    path.write_bytes(PICTURE)
    assert read_encoded(path.as_uri()) == PICTURE
    with pytest.raises(InputError, match="cannot be read"):
        read_url((tmp_path / "gone.png").as_uri())


def test_what_is_a_url():
    for name in ("https://a/b.jpg", "S3://a/b", "gs://a", "data:image/png,x"):
        assert is_url(name)
    for name in ("a.jpg", "C:\\a.jpg", "C://a.jpg", "a/b://c", 7, b"http://a"):
        assert not is_url(name)


def test_messages_hold_no_secrets():
    url = "https://me:word@example.org/a.png?key=secret#part"
    assert shorten_url(url) == "https://example.org/a.png"
    assert describe_picture(url) == "https://example.org/a.png"
    assert len(shorten_url("data:image/png;base64," + "A" * 999)) < 40


@pytest.fixture
def store():
    """Three files in fsspec's memory, as a bucket."""
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    files = fsspec.filesystem("memory")
    for name in ("b.png", "a.png", "c.txt"):
        files.pipe(f"/bucket/{name}", PICTURE)
    yield files
    files.rm("/bucket", recursive=True)


def test_other_stores_are_read(store):
    assert read_encoded("memory://bucket/a.png") == PICTURE
    pattern = "memory://bucket/*.png"
    assert is_many(pattern)
    found = list(each([pattern]))
    assert [one.rpartition("/")[2] for one in found] == ["a.png", "b.png"]
    assert [read_encoded(one) for one in found] == [PICTURE, PICTURE]


def test_brackets_in_a_store_are_no_pattern(store):
    store.pipe("/bucket/a[9].png", PICTURE)
    assert list(each("memory://bucket/a[9].png")) == [
        "memory://bucket/a[9].png"
    ]


@pytest.mark.parametrize(
    "url, reason",
    [
        ("memory://bucket/gone.png", "cannot be read"),
        ("memory://bucket/*.gif", "nothing there"),
        ("nowhere://bucket/a.png", "nowhere://bucket/a.png: cannot be read"),
    ],
)
def test_stores_that_do_not_have_it(store, url, reason):
    with pytest.raises(InputError, match=reason):
        [read_encoded(one) for one in each(url)]


def test_what_is_too_large_for_a_store(store):
    with pytest.raises(InputError, match="more than"):
        read_url("memory://bucket/a.png", largest=9)


@pytest.mark.parametrize("url", ["s3://bucket/a.png", "gs://bucket/*.png"])
def test_the_extra_is_named(monkeypatch, url):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(InputError, match=r"pip install 'imcap\[fsspec\]'"):
        [read_encoded(one) for one in each(url)]
