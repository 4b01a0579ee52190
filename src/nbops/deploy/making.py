"""How a deployment is made this once, where it is not as the project's settings say."""

from __future__ import annotations

from typing import Any

import msgspec

from nbops.deploy.shipping import Shipping
from nbops.errors import UsageError
from nbops.settings import Settings


class Making(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for at one deploy; what is None or False is as the settings say."""

    base_image: str | None = None
    """What the image is built on: a tag, a digest or an id."""
    platform: str | None = None
    """What the image is made for, such as ``linux/amd64``."""
    save: str | None = None
    """The file that the proven image is written to, for ``docker load``."""
    push: str | None = None
    """The registry that the proven image is pushed to, ``host[:port]`` and perhaps a path."""
    isolated: bool = False
    """Whether the process engine makes a venv of the lock's packages."""

    def engine_for(self, engine: str | None) -> str | None:
        """Return the engine that these are for, or the one that was asked for where they are for any.

        Raises:
            UsageError: they mean nothing to the engine that was asked for.

        Example:
            >>> Making(push="registry.example.com").engine_for(None), Making().engine_for("process")
            ('docker', 'process')
        """
        of_image = next((name for name in ("base_image", "platform", "save", "push") if getattr(self, name)), None)
        if of_image is not None and (engine not in (None, "docker") or self.isolated):
            other = f"--engine {engine}" if engine not in (None, "docker") else "--isolated"
            raise UsageError(
                f"--{of_image.replace('_', '-')} needs an image, and {other} makes none", hint="--engine docker"
            )
        if self.isolated and engine not in (None, "process"):
            raise UsageError(
                f"--isolated makes a venv for the process engine, and --engine {engine} is another one",
                hint="--engine process",
            )
        if of_image is not None:
            return "docker"
        return "process" if self.isolated else engine

    def applied_to(self, settings: Settings) -> Settings:
        """Return settings in which what was asked for stands."""
        asked: dict[str, Any] = {"base_image": self.base_image, "platform": self.platform, "isolated": self.isolated}
        return msgspec.structs.replace(settings, **{name: value for name, value in asked.items() if value})

    def shipping(self) -> Shipping:
        """Return where the image goes.

        Raises:
            UsageError: the file cannot be there, or the registry names no host.
        """
        return Shipping(save=self.save, push=self.push)
