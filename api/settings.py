"""How a process is configured: the environment variables of the contract, section 1."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import StringConstraints, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.errors import ConfigurationError

__all__ = ["Settings"]


_WRONG_FORM = "is no address without a user, a query and a fragment, as in https://upheld.example.com"


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

    @classmethod
    def load(cls) -> "Settings":
        """The settings of this process. Raises `ConfigurationError`, in one line that names the variable."""
        try:
            settings = cls()
        except ValidationError as error:
            first = error.errors()[0]
            name = "_".join(str(part) for part in first["loc"]).upper()
            says = _WRONG_FORM if first["type"] == "string_pattern_mismatch" else first["msg"]
            raise ConfigurationError(f"UPHELD_{name}: {says}") from None
        if settings.test_clock and settings.auth == "required":
            raise ConfigurationError("UPHELD_TEST_CLOCK: goes with UPHELD_AUTH=open only")
        return settings
