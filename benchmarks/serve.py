"""`imcap serve` under load, and under uploads that are broken.

python benchmarks/serve.py --model runs/adaptive --images data/flickr8k/images

A server process is asked by several clients at once, each with one picture
after another; the same pictures are captioned offline in batches of 16, with
the same decoding, for comparison. Server and clients share the machine.
"""

import argparse
import collections
import contextlib
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from broken_uploads import broken_uploads

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

OFFLINE = 192  # pictures captioned offline, before and after
DECODINGS = {
    "greedy": ("method=greedy", {"beam_size": 1}),
    "beam 3": ("method=beam&beam_size=3", {"beam_size": 3}),
    "beam 5": ("method=beam&beam_size=5", {"beam_size": 5}),
}


def line(name, value, unit="", note=""):
    """Prints one row of a report."""
    print(f"{name:48} {value:>12} {unit:8} {note}", flush=True)


class Server:
    """An `imcap serve` process on a free port.

    Args:
        model: directory of a run.
    """

    def __init__(self, model):
        words = ["-m", "imcap", "serve", "--model", model, "--port", "0"]
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, *words], stdout=subprocess.PIPE, text=True
        )
        address = self.process.stdout.readline().split()[2]
        self.started = time.perf_counter() - began
        self.host = address.removeprefix("http://")

    def resident(self):
        """Bytes of memory that it holds now."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def close(self):
        """Ends it."""
        self.process.terminate()
        self.process.wait(30)


class Client:
    """One connection to a server, made anew when it breaks."""

    def __init__(self, host):
        self.connection = http.client.HTTPConnection(host, timeout=120)

    def caption(self, picture, query):
        """Status and answer to one upload; (None, reason) without one."""
        target = f"/api/caption?{query}"
        try:
            # The answer may come before the upload has ended.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.connection.request("POST", target, picture)
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            return None, repr(error)


def load(host, pictures, query, clients, seconds):
    """Asks for so many seconds.

    Returns:
        Seconds of each answered request, a `Counter` of statuses, and how
        long it all took.
    """
    took, statuses, lock = [], collections.Counter(), threading.Lock()
    began = time.perf_counter()
    end = began + seconds

    def ask(seed):
        rng, client = random.Random(seed), Client(host)
        while (start := time.perf_counter()) < end:
            status, _ = client.caption(rng.choice(pictures), query)
            with lock:
                took.append(time.perf_counter() - start)
                statuses[status] += 1

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took, statuses, time.perf_counter() - began


class Offline:
    """A process that captions offline when it is told to."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, *sys.argv, "--offline"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.rate()  # compiles

    def rate(self):
        """Pictures a second."""
        self.process.stdin.write("again\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        """Ends it."""
        self.process.communicate()


def caption_offline(config):
    """For each line read, prints the rate of captioning in batches of 16."""
    import imcap

    model = imcap.load(config.model)
    paths = picture_paths(config)[:OFFLINE]
    decoding = DECODINGS[config.decoding][1]
    for _ in sys.stdin:
        began = time.perf_counter()
        for start in range(0, len(paths), 16):
            model.caption(paths[start : start + 16], **decoding)
        print(len(paths) / (time.perf_counter() - began), flush=True)


def picture_paths(config):
    """Some pictures of the folder, always the same."""
    paths = sorted(Path(config.images).glob("*.jpg"))
    random.Random(0).shuffle(paths)
    return paths[:1000]


def report_load(server, pictures, config):
    """Rate and latency under load, beside the offline rate."""
    query = DECODINGS[config.decoding][0]
    offline = Offline()
    load(server.host, pictures, query, config.clients, 3)  # settles
    line("measuring for", f"{config.seconds:.0f}", "s")
    rates = [offline.rate()]
    took, statuses, seconds = load(
        server.host, pictures, query, config.clients, config.seconds
    )
    rates.append(offline.rate())
    offline.close()
    expected = statistics.mean(rates)
    rate = len(took) / seconds
    cuts = statistics.quantiles(took, n=100)
    print(f"\n{config.clients} clients, {seconds:.0f} s, {config.decoding}")
    line("answers by status", str(dict(statuses)))
    line("captioned", f"{rate:.1f}", "/s")
    note = "before {:.1f}, after {:.1f}".format(*rates)
    line("offline, batches of 16", f"{expected:.1f}", "/s", note)
    line("  share of it", f"{rate / expected:.0%}")
    for place in (50, 95, 99):
        line(f"latency, p{place}", f"{cuts[place - 1] * 1e3:.0f}", "ms")


def report_broken(server, pictures, config):
    """What broken uploads are answered, and what memory they leave."""
    query = DECODINGS[config.decoding][0]
    client = Client(server.host)
    _, expected = client.caption(pictures[0], query)
    before, highest = server.resident(), 0
    statuses = collections.defaultdict(collections.Counter)
    for kind, upload in broken_uploads(pictures, config.broken):
        status, _ = client.caption(upload, query)
        statuses[kind][status] += 1
        highest = max(highest, server.resident())
    print(f"\n{config.broken} broken uploads")
    for kind, found in statuses.items():
        line(f"  {kind}", str(dict(found)))
    line("memory before", f"{before / 1e6:.0f}", "MB")
    line("memory after", f"{server.resident() / 1e6:.0f}", "MB")
    line("  highest between", f"{highest / 1e6:.0f}", "MB")
    same = client.caption(pictures[0], query)[1] == expected
    line("it captions as before", str(same))


def main():
    """Measures one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--images", required=True)
    parser.add_argument("--decoding", choices=DECODINGS, default="beam 5")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--broken", type=int, default=200)
    parser.add_argument("--offline", action="store_true")
    config = parser.parse_args()
    if config.offline:
        return caption_offline(config)
    pictures = [path.read_bytes() for path in picture_paths(config)]
    server = Server(config.model)
    try:
        line("start, compiled and warm", f"{server.started:.1f}", "s")
        line("memory after start", f"{server.resident() / 1e6:.0f}", "MB")
        if config.seconds:
            report_load(server, pictures, config)
        if config.broken:
            report_broken(server, pictures, config)
    finally:
        server.close()
    return None


if __name__ == "__main__":
    main()
