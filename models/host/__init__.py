"""An engine in a child process that can be killed: a crash or a hang ends the child, not the worker."""

from models.host.parent import Host, Hosted, hosted

__all__ = ["Host", "Hosted", "hosted"]
