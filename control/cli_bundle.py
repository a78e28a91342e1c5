"""`airhandler bundle` on the command line: keys, and who vouches for a trained policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
bundle = typer.Typer(
    no_args_is_help=True,
    epilog="For example: airhandler bundle keys training  |  airhandler bundle sign runs/agent/bundle --key training"
    "  |  airhandler bundle verify runs/agent/bundle --key training.pub",
)
app.add_typer(bundle, name="bundle", help="Signs trained policies, and tells whether one is what was signed.")

Folder = Annotated[Path, typer.Argument(metavar="BUNDLE", help="The folder of a bundle.")]


@bundle.command(epilog="For example: airhandler bundle keys ~/keys/training")
def keys(private: Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key is put.")]) -> None:
    """Makes a pair of keys: FILE, which only its owner can read, and FILE.pub for those who check."""
    from .signature import make_keys

    typer.echo(f"keep {private} where bundles are not; give away {make_keys(private)}")


@bundle.command(epilog="For example: airhandler bundle sign runs/agent/bundle --key ~/keys/training")
def sign(folder: Folder, key: Annotated[Path, typer.Option("--key", metavar="FILE", help="Private key.")]) -> None:
    """Signs a bundle with a private key."""
    from .signature import sign_bundle

    typer.echo(f"signed: {sign_bundle(folder, key)}")


@bundle.command(epilog="For example: airhandler bundle verify runs/agent/bundle --key training.pub")
def verify(folder: Folder, key: Annotated[Path, typer.Option("--key", metavar="FILE.pub", help="Public key.")]) -> None:
    """Tells whether a bundle is what the holder of the private key signed. The exit code is 2 if it is not."""
    from .signature import check_signature

    check_signature(folder, key)
    typer.echo(f"{folder} is what the holder of {key} signed")
