"""A service's CURVE key, in its data folder."""

from __future__ import annotations

from pathlib import Path

from sandpiper.common.errors import SandpiperError
from sandpiper.common.io.files import private_folder, write_private
from sandpiper.common.io.sockets import CurveKeys
from sandpiper.common.text_files import decoded


def curve_keys(path: Path) -> CurveKeys:
    """The key in this file, made the first time. Raises SandpiperError."""
    try:
        private_folder(path.parent)
        if not path.exists():
            write_private(path, CurveKeys.make().secret.hex().encode() + b"\n", replace=False)
        secret = bytes.fromhex(decoded(path.read_bytes()).strip())
    except (OSError, ValueError) as error:
        raise SandpiperError(f"cannot use the key {path}: {error}; restore it, or choose another --data") from error
    if len(secret) != 32:
        raise SandpiperError(
            f"{path} is not a key of this service (32 bytes in hex); restore it, or choose another --data"
        )
    return CurveKeys.of_secret(secret)
