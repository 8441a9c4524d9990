"""Runs a command and tells what it and all its waited-for descendants cost."""

import dataclasses
import os
import statistics
import subprocess
import sys
import time


@dataclasses.dataclass
class Sample:
    """What one run cost."""

    cpu: float
    """User and system seconds."""
    wall: float
    rss: float
    """The largest process, in MB."""


class Failed(Exception):
    """A command ended with another exit code than 0: its time means nothing."""


def run(argv, cwd=None, env=None, stdin=None, log=None, expect=0):
    """Runs `argv`; its output goes to the file `log`. Only the process tree itself is charged, as `wait4` counts it."""
    log = log or os.devnull
    with open(log, "wb") as out, open(stdin or os.devnull, "rb") as into:
        start = time.perf_counter()
        child = subprocess.Popen([str(word) for word in argv], cwd=cwd, env=env, stdin=into, stdout=out, stderr=out)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != expect:
        tail = "" if log == os.devnull else open(log, errors="replace").read()[-3000:]
        raise Failed(f"exit {child.returncode}: {' '.join(map(str, argv))[:400]}\n{tail}")
    return Sample(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1000)


def median(samples):
    """The median of each figure by itself."""
    pick = lambda name: statistics.median(getattr(sample, name) for sample in samples)
    return Sample(pick("cpu"), pick("wall"), max(sample.rss for sample in samples))


def say(text):
    """Progress, for people."""
    print(text, file=sys.stderr, flush=True)
