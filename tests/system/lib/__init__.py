# SPDX-License-Identifier: Apache-2.0
"""What system tests and the demo are made of: networks, packets, agents and clients."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
