"""One side of against.py: `side.py CHECKOUT` serves measurements of the program that stands built in that checkout, with
that checkout's own contestants.py, because settings and migrations belong to the program. Each line read is a row as JSON, each
line written its answer; the first says that everything runs. Ends, and removes what it made, when its input ends."""

import json
import signal
import sys
from pathlib import Path

import wrk  # ours for both sides

WORKERS = 2  # of each: the sides are to differ in the program only, not in what its pool just did


def start(site):
    """What the rows ask for, both with the same number of workers."""
    site.use()
    for name in ("ours", "uncached"):
        site[name].stack.backend.cli.write_env(MIN_CONNECTIONS=WORKERS, MAX_CONNECTIONS=WORKERS)
    site.use("ours", "uncached")


def headers_of(site, get, row):
    contestant, headers = site[row["ours"]], site.headers
    if row["status"] == 304:
        headers = {**headers, "If-None-Match": get(contestant.port, row["path"], headers).headers["ETag"]}
    return headers


def order_of(site, row):
    if row["row"] != "login":
        return row["path"]
    (password,) = site[row["ours"]].stack.passwords.items()
    return wrk.Order(row["path"], "POST", dict(zip(("username", "password"), password)))


def answer(site, get, row):
    contestant = site[row["ours"]]
    headers, order = headers_of(site, get, row), order_of(site, row)
    if row["warm_up"]:
        run = wrk.warm_up(contestant.port, order, row["status"], headers, row["seconds"])
    else:
        run = wrk.measure(contestant.port, order, row["seconds"], headers)
    contestant.forget_logs()
    return {"rate": run.rate}


def serve(checkout):
    sys.path[0] = str(checkout / "tests" / "bench")
    from contestants import Site, get
    site = Site(checkout / "build" / "bench" / "baseline")
    try:
        start(site)
        print(json.dumps({"ready": True}), flush=True)
        for line in sys.stdin:
            print(json.dumps(answer(site, get, json.loads(line))), flush=True)
    finally:
        site.close()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    serve(Path(sys.argv[1]).resolve())
