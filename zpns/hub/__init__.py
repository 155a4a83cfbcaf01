"""ZIM's server role: who is registered, who wrote what to whom, who calls whom."""

from zpns.hub.base import Hub
from zpns.hub.embedded import EmbeddedHub

__all__ = ["EmbeddedHub", "Hub"]
