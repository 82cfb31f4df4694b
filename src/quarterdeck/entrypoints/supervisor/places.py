"""Where the parts of an installation lie that a backup holds."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from quarterdeck.config.api import Settings, store_key_file


class CannotCopy(Exception):
    """The database is none that we copy; the text says what does."""


def database_file(config: Settings) -> Path:
    """Return the SQLite file; CannotCopy for a database server, which has its own tools."""
    parts = urlsplit(config.database)
    if parts.scheme != "sqlite":
        raise CannotCopy(
            "The database is a PostgreSQL server: use pg_dump or its own backups first, and copy the objects of "
            f"{config.store_name} after that."
        )
    return Path("/" + unquote(parts.path).lstrip("/"))


def key_places(config: Settings) -> dict[str, Path]:
    """Return where each key belongs, by its name in a backup."""
    return {
        "secret_key": config.secret_key_file,
        "factor_key": config.factor_key_file,
        "store_key": store_key_file(config),
        "sealer": config.sealer_folder,
        "signer": config.signer_folder,
        "gate_host_key": config.gate_dir / "host_key",
        "gate_host_key.pub": config.gate_dir / "host_key.pub",
    }
