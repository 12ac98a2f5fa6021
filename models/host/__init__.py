"""An engine in a child process that can be killed: a crash or a hang ends the child, not the worker."""

from models.host.hosted import Hosted, hosted
from models.host.parent import Host
from models.host.request import Progress

__all__ = ["Host", "Hosted", "Progress", "hosted"]
