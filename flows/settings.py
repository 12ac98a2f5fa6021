"""Where things are and what they may use: environment variables with the prefix `DAILIES_`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from catalog.store import StoreAddress
from manifests.schedule import web_address

_LARGEST_PICTURE = 144_000_000


class Settings(BaseSettings):
    """Every setting is `DAILIES_<NAME>`; `dailies doctor` prints each with where it came from."""

    model_config = SettingsConfigDict(env_prefix="DAILIES_", extra="ignore", validate_default=True)

    home: Path = Field(default=Path("~/.dailies"), description="Catalog, store, weights and Prefect's own home.")
    database_url: str = Field(default="", description="Catalog database; empty: SQLite in the home.")
    store_url: str = Field(
        default="", description="Artifact store: a folder or s3://bucket/prefix; empty: `store` in the home."
    )
    cache_dir: Path | None = Field(default=None, description="Copies of a bucket's files; empty: `cache` in the home.")
    cache_gb: float = Field(default=50.0, gt=0, description="How large those copies may grow in all, in GB.")
    weights_dir: Path | None = Field(default=None, description="Weights; empty: `weights` in the home.")
    weights_mirror: str = Field(default="", description="URL that stands for every publisher of weights' https://host.")
    device: str = Field(default="auto", description="auto, cpu, cuda:N or vulkan:N, for the engines that can use one.")
    compile: bool = Field(default=True, description="Compile SVD's networks on a CUDA device.")
    ffmpeg: str = Field(default="", description="ffmpeg binary; empty: the one that came with the package.")
    workers: int = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)), ge=1, le=256, description="Cores to work with."
    )
    max_pixels: int = Field(default=_LARGEST_PICTURE, ge=1_000_000, description="Largest source picture, in pixels.")
    lease_seconds: float = Field(default=120.0, ge=5, description="How long a silent worker keeps its shots.")
    patience_seconds: float = Field(
        default=900.0, ge=0, description="How long work waits for a store, database or disk that is away or full."
    )
    run_on: Literal["auto", "here", "pools"] = Field(
        default="auto", description="Where batches are worked: here, pools, or auto: pools where live workers are."
    )
    reconcile_seconds: float = Field(
        default=60.0, ge=1, description="How often runs without a parent are looked for, on a Prefect server."
    )
    keep_masters_days: float = Field(
        default=30.0,
        ge=0,
        description="Days that masters, mezzanines and stills stay after their last use; 0: for ever.",
    )
    keep_superseded_days: float = Field(
        default=90.0,
        ge=0,
        description="Days that superseded deliveries stay, and the pictures only they need; 0: ever.",
    )
    approved_index: str = Field(
        default="plain", description="Columns of the index of approved deliveries: plain, dam, shop or a YAML file."
    )
    price_cpu_hour: float = Field(default=0.0, ge=0, description="Money per hour of this machine, for estimates.")
    price_gpu_hour: float = Field(default=0.0, ge=0, description="Money per hour of a GPU, for what work has cost.")
    log_format: Literal["text", "json"] = Field(
        default="text", description="Logs as text, or as one JSON object a line, with run and shot, on stderr."
    )
    notify_file: Path | None = Field(
        default=None, description="Who is told what happens; empty: `notify.yaml` in the home."
    )
    ping_url: str = Field(
        default="", description="URL that is told of scheduled starts and ends; a manifest's own stands over it."
    )
    currency: str = Field(default="", max_length=8, description="What stands before sums of money, such as € or USD.")

    @field_validator("home", "weights_dir", "cache_dir", "notify_file")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value is not None else None

    @field_validator("device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?|vulkan(:\d+)?", value):
            raise ValueError("wanted auto, cpu, cuda:N or vulkan:N")
        return value

    @field_validator("ping_url")
    @classmethod
    def _address(cls, value: str) -> str:
        try:
            return web_address(value) if value else value
        except PydanticCustomError:  # its words quote the URL, which is a secret
            raise ValueError("wanted an http or https URL, with no name or password in it") from None

    @field_validator("database_url")
    @classmethod
    def _driver(cls, value: str) -> str:
        return value.replace("postgresql://", "postgresql+psycopg://", 1)

    @property
    def catalog_url(self) -> str:
        """SQLAlchemy's URL of the catalog."""
        return self.database_url or f"sqlite:///{self.home / 'catalog.db'}"

    @property
    def store(self) -> StoreAddress:
        """Where the artifacts are, and this machine's copies of them."""
        return StoreAddress(
            self.store_url or str(self.home / "store"), self.cache_dir or self.home / "cache", int(self.cache_gb * 1e9)
        )

    @property
    def weights(self) -> Path:
        """Folder of the weights that no package brings."""
        return self.weights_dir or self.home / "weights"

    @property
    def compiled(self) -> Path | None:
        """Folder of compiled kernels, so that they are compiled once; None where nothing is to be compiled."""
        return self.home / "compiled" if self.compile else None

    @property
    def notify(self) -> Path:
        """The file that says who is told what happens."""
        return self.notify_file or self.home / "notify.yaml"

    @property
    def prefect_home(self) -> Path:
        """Prefect's own database and profiles, apart from any other Prefect on this machine."""
        return self.home / "prefect"
