"""`sandpiper id`: who I am to others, and carrying that to another machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click
import msgspec

from sandpiper.cli.options.secrets import passphrase_options, resolve_passphrase
from sandpiper.cli.options.settings import folders
from sandpiper.cli.printing import show_lines, show_object
from sandpiper.cli.stdio import status
from sandpiper.common.errors import SandpiperError, UsageError
from sandpiper.common.limits import BACKUP_CHARS
from sandpiper.common.text_files import NotText, decoded

_PIPE: Final = "-"


class Identity(msgspec.Struct, tag_field="type", tag="identity"):
    """The user's identity: its fingerprint, which others see as `from`, the public key (hex) and the key's file."""

    fingerprint: str
    key: str
    file: str


@click.group("id", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Your identity: the key by which others recognise you.

    \b
    sandpiper id show
    sandpiper id export sandpiper-id.txt          on the old machine
    sandpiper id import sandpiper-id.txt          on the new one
    """  # noqa: D301  # click means the character
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@command.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print the identity object.")
def show(as_json: bool) -> None:
    """Show your fingerprint, which others see beside your nick. It is no secret."""
    from sandpiper.common.keys import fingerprint
    from sandpiper.peer.profile import IDENTITY, Profile

    folder = folders().data
    key = bytes(Profile.at(folder).signing_key.verify_key)
    found = Identity(fingerprint(key), key.hex(), str(folder / IDENTITY))
    if as_json:
        show_object(found)
    else:
        show_lines(f"fingerprint  {found.fingerprint}", f"key file     {found.file}")


@command.command("export")
@click.argument("file", default=_PIPE)
@click.option("--force", is_flag=True, help="Overwrite an existing FILE.")
@passphrase_options
@click.pass_context
def export(context: click.Context, file: str, force: bool) -> None:
    """Write your identity to FILE, or `-` for stdout, encrypted with a passphrase.

    The passphrase is asked for, unless SANDPIPER_PASSPHRASE or --passphrase-file gives it. Whoever has both can act as
    you.
    """
    import nacl.utils

    from sandpiper.common.io.files import write_private
    from sandpiper.peer import backup
    from sandpiper.peer.profile import Profile

    path = Path(file)
    if file != _PIPE and path.exists() and not force:
        raise UsageError(f"{file} is there already; name another file, or use --force")
    identity = Profile.at(folders().data).signing_key
    passphrase = resolve_passphrase(context, again=True)
    text = backup.lock(
        identity, passphrase, nacl.utils.random(backup.SALT_BYTES), nacl.utils.random(backup.NONCE_BYTES)
    )
    if file == _PIPE:
        click.echo(text, nl=False)
        return
    try:
        write_private(path, text.encode(), replace=force)
    except OSError as error:
        raise SandpiperError(f"cannot write {file}: {error.strerror or error}") from None
    status(f"your identity is in {file}, locked with the passphrase; `sandpiper id import` reads it")


@command.command("import")
@click.argument("file")
@click.option("--force", is_flag=True, help="Replace the identity that is here, which is kept under another name.")
@passphrase_options
@click.pass_context
def import_(context: click.Context, file: str, force: bool) -> None:
    """Take over the identity in FILE, or `-` for stdin, as `sandpiper id export` wrote it."""
    from sandpiper.common.keys import fingerprint
    from sandpiper.peer import backup
    from sandpiper.peer.profile import Profile

    text = _read(file)
    backup.named(text)  # before anybody types a passphrase for it
    identity = backup.unlock(text, resolve_passphrase(context, again=False))
    old = Profile.replace(folders().data, identity, force=force)
    if old is not None:
        status(f"the identity that was here is in {old} now")
    status(f"you are {fingerprint(bytes(identity.verify_key))} now")


def _read(file: str) -> str:
    try:
        if file == _PIPE:
            data = sys.stdin.buffer.read(BACKUP_CHARS + 1)
        else:
            with Path(file).open("rb") as source:
                data = source.read(BACKUP_CHARS + 1)
    except OSError as error:
        raise SandpiperError(f"cannot read {file}: {error.strerror or error}") from None
    try:
        return decoded(data)
    except NotText as error:
        raise SandpiperError(f"{file} {error}") from None
