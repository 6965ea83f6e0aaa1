# SPDX-License-Identifier: Apache-2.0
"""Random histories of all that can be written, by eight clients at once, against a model.

run_model.py plays longer ones, and any seed again.
"""

import os
import random
import time

from lib import model


def test_random_histories_have_one_order(network, directory, pin_dir, start_pinned):
    """start_pinned clears away what the agent leaves."""
    seed = int(os.environ.get("WAYMARK_SEED", random.SystemRandom().randrange(1 << 32)))
    updates = int(os.environ.get("WAYMARK_UPDATES", 100_000))
    print(f"seed {seed}: run_model.py --seed {seed} --updates {updates}")
    begin = time.monotonic()
    with model.running_agent(network, directory, pin_dir, echo=print) as agent:
        verdict = model.run(agent, pin_dir, seed, updates)
    print(verdict, time.monotonic() - begin)
    assert verdict.updates >= updates * 0.9
    # A run that tried nothing hard would prove nothing.
    assert {"NOT_PRIMARY", "NOT_OWNER", "MARK", "REVISION_MISMATCH", "LEASE"} <= {*verdict.refusals}
