"""Keys and their epochs, pseudonyms of senders, and the sealing of numbers that wait.

One permanent key makes the pseudonyms of the opt-out list; it is never rotated nor destroyed.
Epoch keys make everything that shall be forgotten: the pseudonyms of claims and prefixes and the
seals of waiting numbers. Destroying an epoch key turns all of those into noise, in the database,
its log and every backup at once. A bare hash would not do: all mobile numbers of a country can be
counted through in seconds.

A key is 256 random bits in a file of its own, one line of text:
`smppd-key 1 NAME plain|wrapped HEX CHECK`; `wrapped` means by AES-GCM under the root key.
"""

import hashlib
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from routing.records import SenderKeys, made

KEY_OCTETS: Final = 32
PSEUDONYM_OCTETS: Final = 16
PREFIX_HIDES_DIGITS: Final = 4
MSISDN_OCTETS: Final = 20  # the longest address SMPP 3.4 can carry, 5.2.9; seals are padded to it
SEAL_OCTETS: Final = 4 + 12 + MSISDN_OCTETS + 16  # epoch, nonce, padded number, tag

_HEAD: Final = slice(-PREFIX_HIDES_DIGITS)
_CACHED_PREFIXES: Final = 32_768
_OPTOUT: Final = "optout"
_LAST_EPOCH: Final = 2**32 - 1
_KEY_FILE: Final = re.compile(r"(optout|epoch-([1-9][0-9]{0,9}))\.key", re.ASCII)
_BACKUP_CURE: Final = "restore it from where your keys are kept"


class VaultError(Exception):
    """A key cannot be used, made or destroyed; the message is a sentence with the cure."""


class _Epoch(NamedTuple):
    """One epoch key, kept only as what it is used for."""

    claim: Callable[[], hashlib.blake2b]
    prefix: Callable[[], hashlib.blake2b]
    seal: AESGCM


class Vault:
    """All keys of one server.

    After `open`, `use` must name the epochs before pseudonyms or seals can be made. Like the turn,
    the vault belongs to one thread at a time.
    """

    def __init__(self, keys: "_KeyFiles", optout: bytes, epochs: dict[int, _Epoch]) -> None:
        self._keys = keys
        self._optout_fingerprint = _derive(optout, b"fingerprint", 8).hex()
        self._optout_copy = _keyed(optout, b"optout").copy
        self._epochs = epochs
        self._live: tuple[int, ...] = ()
        self._current: _Epoch | None = None
        self._claim_copies: tuple[Callable[[], hashlib.blake2b], ...] = ()
        self._prefixes: dict[str, bytes] = {}

    @classmethod
    def open(
        cls,
        keys_dir: Path,
        entropy: Callable[[int], bytes],
        root_key: Path | None = None,
        known_fingerprint: str = "",
    ) -> Self:
        """Read all keys; on the very first start make the directory and the opt-out key.

        `root_key` is a file whose content (at least 32 octets) wraps the key files, for example a
        systemd credential; plain key files found then are wrapped at once. `known_fingerprint` is
        the opt-out fingerprint the database remembers: with it the opt-out key is never made anew.
        Raises VaultError for a missing, changed, damaged or too widely readable key.
        """
        try:
            keys = _KeyFiles(keys_dir, entropy, _read_root(root_key) if root_key else None)
            names = keys.names()
            if _OPTOUT not in names:
                if names or known_fingerprint:
                    raise VaultError(
                        f"{keys.path(_OPTOUT)} is missing; without it nobody's opt-out can be"
                        f" recognised: {_BACKUP_CURE}"
                    )
                keys.write(_OPTOUT, entropy(KEY_OCTETS))
            optout = keys.read(_OPTOUT)
            epochs = {
                int(name.removeprefix("epoch-")): _epoch(keys.read(name))
                for name in names
                if name != _OPTOUT
            }
        except OSError as error:
            raise VaultError(f"{error.filename or keys_dir}: {error.strerror}") from error
        vault = cls(keys, optout, epochs)
        if known_fingerprint and known_fingerprint != vault.optout_fingerprint():
            raise VaultError(
                f"{keys.path(_OPTOUT)} is not the key this database was made with: {_BACKUP_CURE}"
            )
        return vault

    def optout_fingerprint(self) -> str:
        """16 hexadecimal digits that tell one opt-out key from another and reveal neither."""
        return self._optout_fingerprint

    def epochs(self) -> tuple[int, ...]:
        """Numbers of the epoch keys there are, oldest first."""
        return tuple(sorted(self._epochs))

    def live(self) -> tuple[int, ...]:
        """Epochs of `SenderKeys.claims`, in the same order: the current one, then newest first."""
        return self._live

    def make_epoch(self, number: int) -> None:
        """Make a new epoch key, durable on return.

        A key that is there already is kept: a crash between the making of a key and the transaction
        that names it leaves an unused one, which is as good as new. Raises VaultError.
        """
        if not 1 <= number <= _LAST_EPOCH:
            raise VaultError(f"epoch {number} is outside 1 to {_LAST_EPOCH}")
        if number in self._epochs:
            return
        name = f"epoch-{number}"
        try:
            self._keys.write(name, self._keys.entropy(KEY_OCTETS))
            self._epochs[number] = _epoch(self._keys.read(name))
        except OSError as error:
            raise VaultError(f"{self._keys.path(name)}: {error.strerror}") from error

    def use(self, current: int, live: tuple[int, ...]) -> None:
        """Make pseudonyms and seals under `current`, and claims under every live epoch.

        Raises VaultError when a key is missing: going on without it would forget who was answered.
        """
        order = (current, *sorted(set(live) - {current}, reverse=True))
        for number in order:
            if number not in self._epochs:
                path = self._keys.path(f"epoch-{number}")
                raise VaultError(f"{path} is missing but claims stand under it: {_BACKUP_CURE}")
        self._live = order
        self._current = self._epochs[current]
        self._claim_copies = tuple(self._epochs[number].claim for number in order)
        self._prefixes = {}

    def destroy_epoch(self, number: int) -> None:
        """Overwrite and remove an epoch key and forget it; durable on return.

        Overwriting is a courtesy: file systems that copy on write and flash storage may keep the
        old octets until they reuse them; with a root key those are wrapped. Destroying a key that
        is gone does nothing. Raises VaultError for a live epoch.
        """
        if number in self._live:
            raise VaultError(f"epoch {number} is in use and cannot be destroyed")
        name = f"epoch-{number}"
        try:
            self._keys.destroy(name)
        except OSError as error:
            raise VaultError(f"{self._keys.path(name)}: {error.strerror}") from error
        self._epochs.pop(number, None)

    def sender_keys(self, msisdn: str) -> SenderKeys:
        """Pseudonyms of a sender (digits without "+"); raises VaultError before `use`."""
        head = msisdn[_HEAD]
        prefix = self._prefixes.get(head) or self._prefix(head)
        digits = msisdn.encode()
        optout = self._optout_copy()
        optout.update(digits)
        claims: tuple[bytes, ...] = ()
        for copy in self._claim_copies:
            claim = copy()
            claim.update(digits)
            claims += (claim.digest(),)
        return made(SenderKeys, (optout.digest(), claims, prefix))

    def _prefix(self, head: str) -> bytes:
        epoch = self._in_use()
        if len(self._prefixes) >= _CACHED_PREFIXES:
            self._prefixes.clear()
        pseudonym = epoch.prefix()
        pseudonym.update(head.encode())
        return self._prefixes.setdefault(head, pseudonym.digest())

    def _in_use(self) -> _Epoch:
        if self._current is None:
            raise VaultError("no epoch is in use yet")
        return self._current

    def seal(self, msisdn: str, reply_id: int) -> bytes:
        """`SEAL_OCTETS` octets only the current epoch key opens, and only for this reply.

        Raises ValueError for what is not 1 to 20 digits, VaultError before `use`.
        """
        if not (0 < len(msisdn) <= MSISDN_OCTETS and msisdn.isascii() and msisdn.isdigit()):
            raise ValueError("a number to seal is 1 to 20 digits")
        epoch = self._in_use()
        number = self._live[0].to_bytes(4, "big")
        nonce = self._keys.entropy(12)
        padded = msisdn.encode().ljust(MSISDN_OCTETS, b"\0")
        bound = number + reply_id.to_bytes(8, "big")
        return number + nonce + epoch.seal.encrypt(nonce, padded, bound)

    def unseal(self, sealed: bytes, reply_id: int) -> str:
        """The sealed number; "" when its key is gone or the seal is not this reply's."""
        epoch = self._epochs.get(int.from_bytes(sealed[:4], "big"))
        if epoch is None or len(sealed) != SEAL_OCTETS:
            return ""
        bound = sealed[:4] + reply_id.to_bytes(8, "big")
        try:
            padded = epoch.seal.decrypt(sealed[4:16], sealed[16:], bound)
        except InvalidTag:
            return ""
        return padded.rstrip(b"\0").decode()

    @staticmethod
    def spread(pseudonym: bytes) -> int:
        """A number in 0 .. 2**32 - 1, even over senders, always the same for the same pseudonym."""
        return int.from_bytes(pseudonym[:4], "big")


class _KeyFiles:
    """The key directory: reads what is safe to trust, writes so that a crash loses nothing."""

    def __init__(
        self, directory: Path, entropy: Callable[[int], bytes], root: bytes | None
    ) -> None:
        self._directory = directory
        self._root = AESGCM(root) if root else None
        self.entropy = entropy
        if not directory.exists():
            directory.mkdir(mode=0o700)
            _sync_directory(directory.parent)
        _refuse_unsafe(directory, os.lstat(directory), 0o077, "chmod 700")

    def path(self, name: str) -> Path:
        return self._directory / f"{name}.key"

    def names(self) -> list[str]:
        """Names of the key files; what an interrupted write left behind is removed."""
        names = []
        for entry in sorted(self._directory.iterdir()):
            if entry.suffix == ".new":
                self._remove(entry)
            elif match := _KEY_FILE.fullmatch(entry.name):
                names.append(match[1])
        return names

    def read(self, name: str) -> bytes:
        path = self.path(name)
        content = _read_private(path, 0o077, "chmod 600")
        damaged = VaultError(f"{path} is damaged: {_BACKUP_CURE}")
        try:
            magic, version, stored_name, form, text, check = content.decode("ascii").split()
            payload = bytes.fromhex(text)
        except ValueError:
            raise damaged from None
        if (magic, version, stored_name) != ("smppd-key", "1", name):
            raise damaged
        if form not in ("plain", "wrapped"):
            raise damaged
        key = self._unwrap(name, payload) if form == "wrapped" else payload
        if len(key) != KEY_OCTETS or check != _check(key):
            raise damaged
        if form == "plain" and self._root:
            self.write(name, key)
        return key

    def _unwrap(self, name: str, payload: bytes) -> bytes:
        if self._root is None:
            raise VaultError(f"{self.path(name)} is wrapped by a root key, and none is given")
        try:
            return self._root.decrypt(payload[:12], payload[12:], name.encode())
        except (InvalidTag, ValueError):
            raise VaultError(f"the root key given does not open {self.path(name)}") from None

    def write(self, name: str, key: bytes) -> None:
        form, payload = "plain", key
        if self._root:
            nonce = self.entropy(12)
            form, payload = "wrapped", nonce + self._root.encrypt(nonce, key, name.encode())
        path = self.path(name)
        new = path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"smppd-key 1 {name} {form} {payload.hex()} {_check(key)}\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        _sync_directory(self._directory)

    def destroy(self, name: str) -> None:
        path = self.path(name)
        if path.exists():
            self._remove(path)

    def _remove(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"\0" * os.fstat(file.fileno()).st_size)
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        _sync_directory(self._directory)


def _epoch(key: bytes) -> _Epoch:
    return _Epoch(
        claim=_keyed(key, b"claim").copy,
        prefix=_keyed(key, b"prefix").copy,
        seal=AESGCM(_derive(key, b"seal", KEY_OCTETS)),
    )


def _keyed(key: bytes, person: bytes) -> hashlib.blake2b:
    """A keyed hash state; copying one costs half of keying anew."""
    return hashlib.blake2b(key=key, person=person, digest_size=PSEUDONYM_OCTETS)


def _derive(key: bytes, person: bytes, octets: int) -> bytes:
    return hashlib.blake2b(key=key, person=person, digest_size=octets).digest()


def _check(key: bytes) -> str:
    """Tells a damaged key from a whole one, lest claims silently stop to match."""
    return _derive(key, b"check", 8).hex()


def _read_root(path: Path) -> bytes:
    """The root key in `path`. systemd shows credentials to a group through an access list, so
    group reading is allowed here; others' reading and anybody's writing is not."""
    content = _read_private(path, 0o027, "chmod o-rwx,g-w")
    if len(content) < KEY_OCTETS:
        raise VaultError(f"{path} is too short for a root key: 32 octets at least")
    return hashlib.blake2b(content.strip(), person=b"root", digest_size=KEY_OCTETS).digest()


def _read_private(path: Path, forbidden: int, cure: str) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise VaultError(f"{path} is not a plain file")
        if status.st_nlink != 1:
            raise VaultError(f"{path} has a second name (hard link): remove the other one")
        _refuse_unsafe(path, status, forbidden, cure)
        return file.read()


def _refuse_unsafe(path: Path, status: os.stat_result, forbidden: int, cure: str) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise VaultError(f"{path} is a symbolic link: name the place itself")
    if status.st_uid not in (0, os.geteuid()):
        raise VaultError(f"{path} belongs to user {status.st_uid}: chown it to the server's user")
    if status.st_mode & forbidden:
        mode = stat.S_IMODE(status.st_mode)
        raise VaultError(f"{path} is open to others (mode {mode:o}): {cure} {path}")


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
