# SPDX-License-Identifier: Apache-2.0
"""A controller in a process of its own, which nothing of the test slows down.

python3 -m lib.good_client TARGET CA CERTIFICATE KEY: marks through one connection, a call every
2 ms, until stdin ends. Then prints JSON: the times of its calls in s, and what failed.
"""

import json
import select
import sys
import time
from pathlib import Path

from lib.client import Client, Refused, Tls


def main(target: str, *files: str) -> None:
    times, failures = [], []
    with Client(target, Tls(*map(Path, files))) as client:
        client.stats()
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], 0.002)[0]:
            begun = time.monotonic()
            try:
                client.set("2001:db8::900d", flow_label=len(times) % 1000)
            except Refused as error:
                failures.append(str(error))
            times.append(time.monotonic() - begun)
    json.dump({"times": times, "failures": failures}, sys.stdout)


main(*sys.argv[1:])
