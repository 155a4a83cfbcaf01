"""
From a notification and tokens to outcomes: windows, deadlines, retries, credentials.

``Sender`` is for whoever has tokens and needs neither hub nor store. ``Lane`` is what
it, and the durable delivery above, make attempts with.
"""

from zpns.sender.lane import Attempt, Lane, Load
from zpns.sender.sender import Deliveries, Sender

__all__ = ["Attempt", "Deliveries", "Lane", "Load", "Sender"]
