"""Where a link's password comes from, and who else could read it."""

import stat
from collections.abc import Mapping
from pathlib import Path

from smpp_server.config_lines import Document, Fault, KeyPath
from smpp_server.config_model import LinkTable
from smpp_server.config_records import Secret

SOURCES = ("password", "public_password", "password_file", "password_env", "password_credential")
LONGEST_PASSWORD = 8  # octets before the NUL, SMPP 3.4 section 4.1.1
_ANYBODY_ELSE = stat.S_IRWXG | stat.S_IRWXO


class SecretError(Exception):
    """A password cannot be had; the text says why and what cures it, never the password."""


def read_password(
    table: LinkTable, document: Document, path: KeyPath, base: Path, environ: Mapping[str, str]
) -> Secret | Fault:
    """Read the password of the link at `path`, or tell why there is none."""
    written = [key for key in SOURCES if getattr(table, key) is not None]
    if len(written) != 1:
        wanted = "one of password, password_file, password_env, password_credential"
        sentence = f"needs {wanted}" if not written else f"holds {' and '.join(written)}; keep one"
        return document.fault(path, sentence)
    [key] = written
    try:
        words = _read(key, getattr(table, key), base, environ)
        if not words.isascii() or "\0" in words:
            raise SecretError("a password has ASCII characters only")
    except SecretError as error:
        return document.fault((*path, key), str(error))
    return Secret(words)


def length_warning(secret: Secret, document: Document, path: KeyPath) -> Fault | None:
    """Some carriers hand out passwords longer than the field of the bind."""
    length = len(secret.reveal())
    if length <= LONGEST_PASSWORD:
        return None
    return document.fault(
        path,
        f"the password has {length} characters, {LONGEST_PASSWORD} fit the field of SMPP 3.4; "
        "it is sent whole, which most carriers accept",
    )


def refuse_open_file(path: Path) -> None:
    """SecretError when anybody but the owner may touch the file, or it cannot be looked at."""
    mode = _mode(path)
    if mode & _ANYBODY_ELSE:
        raise SecretError(f"others may read {path} (mode {mode:03o}): chmod 600 {path}")


def _read(key: str, value: str, base: Path, environ: Mapping[str, str]) -> str:
    match key:
        case "password_file":
            path = base / value
            refuse_open_file(path)
            return _first_line(path)
        case "password_env":
            if value not in environ:
                raise SecretError(f"the environment has no {value}")
            return environ[value]
        case "password_credential":
            return _credential(value, environ)
        case _:
            return value


def _credential(name: str, environ: Mapping[str, str]) -> str:
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if directory is None:
        raise SecretError("there are no credentials: start as a systemd unit with LoadCredential=")
    if Path(name).name != name:
        raise SecretError("write the name of a credential, not a path")
    path = Path(directory) / name
    # systemd lets the unit's user in by an access list that shows as group permission.
    if _mode(path) & stat.S_IRWXO:
        raise SecretError(f"everybody may read the credential {name}: chmod o= {path}")
    return _first_line(path)


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise SecretError(f"{path} cannot be read: {error.strerror}") from None


def _first_line(path: Path) -> str:
    try:
        words = path.read_bytes().decode("ascii").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise SecretError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SecretError("a password has ASCII characters only") from None
    if not words or "\n" in words:
        raise SecretError(f"{path} must hold the password on one line and nothing else")
    return words
