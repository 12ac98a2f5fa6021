"""Stage `encode`: frames in, delivery files and posters out, through one ffmpeg process.

`VERSION` goes into every recipe's hash: raise it when the same recipe starts to give other bytes.
"""

from tasks.encode.binary import ffmpeg_path, versions
from tasks.encode.deliveries import Encoded, encode
from tasks.encode.graph import Output
from tasks.encode.process import EncodeError

VERSION = 1

__all__ = ["VERSION", "EncodeError", "Encoded", "Output", "encode", "ffmpeg_path", "versions"]
