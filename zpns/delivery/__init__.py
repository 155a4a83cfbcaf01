"""ZPNs' server role: from durable push jobs to outcomes, across crashes and restarts."""

from zpns.delivery.worker import Worker

__all__ = ["Worker"]
