"""What the parts of the benchmark share: when a run is void, how figures are summed up."""
import statistics
import subprocess

import servers


class Void(Exception):
    """The data after a run is not what the run must have left."""


# What makes a run void rather than this program wrong.
FAILURES = (Void, AssertionError, OSError, TimeoutError, servers.ReplyError, KeyError,
            subprocess.TimeoutExpired)


def expect(what, found, expected):
    if found != expected:
        raise Void(f"{what} is {found}, must be {expected}")


def fields(line):
    """The fields of one line of redis-benchmark's CSV; a command's text may hold commas."""
    return line.strip().strip('"').rsplit('","', 7)


class Summary:
    """A median with its quartiles."""

    def __init__(self, values):
        self.median = statistics.median(values)
        if len(values) > 1:
            self.low, _, self.high = statistics.quantiles(values, n=4, method="inclusive")
        else:
            self.low = self.high = self.median

    def text(self, digits=2):
        return f"{self.median:.{digits}f} ({self.low:.{digits}f}–{self.high:.{digits}f})"

    def thousands(self):
        return f"{self.median / 1000:.1f}k ({self.low / 1000:.1f}–{self.high / 1000:.1f})"
