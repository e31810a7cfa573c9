"""How a process is configured: the environment variables of the contract, section 1."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.errors import ConfigurationError

__all__ = ["Settings"]


_WRONG_FORM = "is no address without a user, a query and a fragment, as in https://upheld.example.com"


_ANCESTOR = re.compile(r"'self'|https?://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:([0-9]{1,5}|\*))?", re.ASCII)


def _ancestors(value: str) -> str:
    """The origins of a policy's `frame-ancestors` (CSP level 3); nobody may mean just anybody."""
    for origin in value.split():
        if _ANCESTOR.fullmatch(origin.lower()) is None:
            raise ValueError(f"'{origin}' is no origin, as in https://helpdesk.example.com, nor 'self'")
    return " ".join(value.lower().split())


class Settings(BaseSettings):
    """The settings, read from `UPHELD_…`.

    >>> Settings(test_clock=True).data_dir
    PosixPath('.upheld')
    """

    model_config = SettingsConfigDict(env_prefix="UPHELD_", extra="ignore", env_ignore_empty=True)

    database_url: str | None = None
    data_dir: Path = Path(".upheld")
    config: Path | None = None
    auth: Literal["open", "required"] | None = None
    master_key: str | None = None
    master_key_file: Path | None = None
    test_clock: bool = False
    public_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#@]+$")] | None = None
    """Where people reach this service: what the links that it gives out begin with."""
    frame_ancestors: Annotated[str, AfterValidator(_ancestors)] | None = None
    """Which origins may show the desk inside a page of theirs; None allows nobody."""

    @classmethod
    def load(cls) -> "Settings":
        """The settings of this process. Raises `ConfigurationError`, in one line that names the variable."""
        try:
            settings = cls()
        except ValidationError as error:
            first = error.errors()[0]
            name = "_".join(str(part) for part in first["loc"]).upper()
            says = (
                _WRONG_FORM
                if first["type"] == "string_pattern_mismatch"
                else first["msg"].removeprefix("Value error, ")
            )
            raise ConfigurationError(f"UPHELD_{name}: {says}") from None
        if settings.test_clock and settings.auth == "required":
            raise ConfigurationError("UPHELD_TEST_CLOCK: goes with UPHELD_AUTH=open only")
        return settings
