"""A site that asks for signed bundles puts no other one in charge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.control.signature import make_keys, sign_bundle
from airhandler.deploy.connectors.bus import BusConnection
from airhandler.deploy.live_site import run_live_site
from airhandler.deploy.site_file import SiteSettings, load_site
from tests.deploy.bacnet_device import device, site_text
from tests.deploy.scenes import bundle, settings


class _ReachedError(Exception):
    """The site would have been connected to."""


def _connect(*_: Any, **__: Any) -> BusConnection:
    raise _ReachedError


def _site(folder: Path) -> SiteSettings:
    with device(find_building("datacentre-dx")) as peer:
        text = site_text(peer, stage="advisory", trusted_key="training.pub")
    (folder / "site.yaml").write_text(yaml.safe_dump(text))
    return load_site(folder / "site.yaml")


def test_only_a_bundle_with_the_signature_is_put_in_charge(tmp_path: Path) -> None:
    make_keys(tmp_path / "training")
    site, agent = _site(tmp_path), bundle(tmp_path / "agent")
    chosen = settings(tmp_path / "out", controller=str(agent))
    with pytest.raises(UserError, match="is not signed"):
        run_live_site(chosen, site, connect=_connect)
    sign_bundle(agent, tmp_path / "training")
    with pytest.raises(_ReachedError):
        run_live_site(chosen, site, connect=_connect)


def test_rules_are_our_own_code(tmp_path: Path) -> None:
    make_keys(tmp_path / "training")
    with pytest.raises(_ReachedError):
        run_live_site(settings(tmp_path / "out", controller="outdoor-reset"), _site(tmp_path), connect=_connect)
