# SPDX-License-Identifier: Apache-2.0
"""A client of ReplaceMarks that is to be killed half-way: says so when it has sent what it has.

usage: vanish.py TARGET MARKS, with tests/system in PYTHONPATH
"""

import sys
import threading

from lib import pb
from lib.client import Client

wm = pb.waymark


def steps(count: int):
    yield wm.ReplaceMarksRequest(begin={"options": {"owner": "vanishing"}})
    for first in range(0, count, 1000):
        marks = [
            {"match": {"destination": f"2001:db8:dead::{number:x}"}, "flow_label": 1}
            for number in range(first, min(first + 1000, count))
        ]
        yield wm.ReplaceMarksRequest(chunk={"marks": marks})
    print("sent", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    with Client(sys.argv[1]) as client:
        client.start_upload("ReplaceMarks", steps(int(sys.argv[2])), timeout=3600).result()
