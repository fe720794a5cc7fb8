"""A profile: who I am and whom I know, in one folder.

`identity.key` is the seed of the identity's Ed25519 key in hex, readable by its owner alone; `known_brokers`
holds the pinned keys (common/trust.py). Both are made when first needed, and each is written whole or not at
all.
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from typing import Final

from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

from sandpiper.common.errors import SandpiperError
from sandpiper.common.io.homes import data_folder
from sandpiper.common.text_files import NotText, decoded
from sandpiper.common.trust import KnownBrokers, format_known, parse_known

log = logging.getLogger("sandpiper.peer")
IDENTITY: Final = "identity.key"
KNOWN: Final = "known_brokers"
_OTHERS: Final = 0o077
_ASIDE: Final = ".old"


class ProfileError(SandpiperError):
    """The profile's folder cannot be used, or not now."""


class Profile:
    """An identity, and the brokers that it has met.

    Its methods raise SandpiperError where the folder does not serve. `fresh` lists the addresses that this
    object has pinned for the first time.
    """

    def __init__(self, signing_key: SigningKey, folder: Path | None) -> None:
        self.signing_key = signing_key
        self.folder = folder
        self.fresh: list[str] = []
        self._known = KnownBrokers()

    @classmethod
    def default(cls) -> Profile:
        """Opens the user's own profile, in the platform's folder for data. Raises SandpiperError."""
        return cls.at(data_folder())

    @classmethod
    def at(cls, folder: Path | str) -> Profile:
        """Opens the profile in `folder`, and makes one if there is none. Raises SandpiperError."""
        folder = Path(folder)
        return cls(_identity(folder), folder)

    @classmethod
    def replace(cls, folder: Path, signing_key: SigningKey, *, force: bool) -> Path | None:
        """Puts another identity into `folder`, and returns where the key that was there has been put, if any.

        Raises SandpiperError; without `force` too where another key is there.
        """
        from sandpiper.common.io.files import private_folder, write_private

        path, old = folder / IDENTITY, None
        try:
            private_folder(folder)
            if path.exists():
                if not force and _identity(folder) == signing_key:
                    return None
                if not force:
                    raise SandpiperError(
                        f"{path} holds another identity already; --force puts that aside, as {IDENTITY}{_ASIDE}"
                    )
                old = path.with_name(f"{IDENTITY}{_ASIDE}")
                write_private(old, path.read_bytes())
            write_private(path, bytes(signing_key).hex().encode() + b"\n", replace=True)
        except OSError as error:
            raise SandpiperError(f"cannot write the identity key: {_why(error, path)}") from error
        return old

    @classmethod
    def ephemeral(cls) -> Profile:
        """Makes a new identity that is kept nowhere and knows nobody."""
        return cls(SigningKey.generate(), None)

    @property
    def known_file(self) -> Path | None:
        """The file with the pinned keys, to name it to a person."""
        return None if self.folder is None else self.folder / KNOWN

    def pinned(self, address: str) -> str | None:
        """Returns the key (Z85) that is pinned for `address` (`host:port`), if any."""
        return self._read().pins.get(address)

    def pin(self, address: str, key: str) -> None:
        """Pins `key` (Z85) for `address`, in place of another one."""
        known = self._read()
        if address not in known.pins:
            self.fresh.append(address)
        self._write(known.with_pin(address, key))

    def _read(self) -> KnownBrokers:
        # Read anew each time: another process may have pinned meanwhile.
        if self.known_file is None:
            return self._known
        try:
            return parse_known(decoded(self.known_file.read_bytes()))
        except FileNotFoundError:
            return KnownBrokers()
        except (OSError, NotText) as error:
            raise ProfileError(
                f"cannot read the known brokers: {_why(error, self.known_file)}; make it readable, or delete "
                "it to trust each broker anew"
            ) from error

    def _write(self, known: KnownBrokers) -> None:
        self._known = known
        if self.known_file is None:
            return
        from sandpiper.common.io.files import write_private  # only a first meeting writes

        try:
            write_private(self.known_file, format_known(known).encode())
        except OSError as error:
            raise ProfileError(
                f"cannot remember the broker's key: {_why(error, self.known_file)}; make the folder "
                "writable, or set SANDPIPER_HOME to one that is"
            ) from error


def _identity(folder: Path) -> SigningKey:
    path = folder / IDENTITY
    try:
        text = _text_or_new(path)
    except (OSError, NotText) as error:
        raise ProfileError(
            f"cannot use the identity key: {_why(error, path)}; make its folder yours and writable, or set "
            "SANDPIPER_HOME to another one"
        ) from error
    try:
        return SigningKey(bytes.fromhex(text))
    except (ValueError, CryptoError):
        raise SandpiperError(
            f"{path} is not an identity key (32 bytes in hex); restore it, or move it away to become somebody new"
        ) from None


def _text_or_new(path: Path) -> str:
    try:
        return _read_private(path)
    except FileNotFoundError:
        pass
    from sandpiper.common.io.files import private_folder, write_private  # only the first use of all writes

    private_folder(path.parent)
    with contextlib.suppress(FileExistsError):  # another process was first: its key is ours too
        write_private(path, SigningKey.generate().encode().hex().encode() + b"\n", replace=False)
    return _read_private(path)


def _read_private(path: Path) -> str:
    with path.open("rb") as file:
        if os.name == "posix" and os.fstat(file.fileno()).st_mode & _OTHERS:
            os.fchmod(file.fileno(), 0o600)
            log.warning("%s could be read by others, which is put right; they may have copied it", path)
        return decoded(file.read(4096)).strip()


def _why(error: Exception, path: Path) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or path}: {error.strerror or error}"
    return f"{path} {error}"
