"""Builds what reads actions: the tools' catalogue, snapshots of resources, and the readers."""

from __future__ import annotations

from counterfoil.catalogues.store import CatalogueStore
from counterfoil.config import Config
from counterfoil.core.actions.contract import DIALECTS
from counterfoil.core.catalog import ArgumentsCheck, Catalog
from counterfoil.core.model import Registered
from counterfoil.ports import Clock
from counterfoil.reading.pool import ReaderPool
from counterfoil.schemas_registry import arguments_check
from counterfoil.system import SystemClock


def build_reader(config: Config, clock: SystemClock, shelf: CatalogueStore) -> ReaderPool:
    """The children that read commands, with the parsers that the registered resources need."""
    dialects = any(item.type in DIALECTS for item in config.resources.values())
    return ReaderPool(
        catalogues=shelf,
        dialects=dialects,
        registered=Registered.of(config.resources.values(), config.documents),
        monotonic=clock.monotonic,
    )


def build_catalogues(config: Config, clock: Clock) -> CatalogueStore:
    """The snapshots of resources that commands are read by."""
    return CatalogueStore(
        config.catalogue.directory,
        config.keys.directory,
        max_age_seconds=config.catalogue.max_age_seconds,
        clock=clock,
    )


def build_catalog(config: Config) -> Catalog:
    """Join `[[action]]` and `[[resource]]` entries with their argument schemas."""
    checks: dict[str, ArgumentsCheck] = {
        tool: arguments_check(item.schema) for tool, item in config.arguments.items()
    }
    return Catalog(
        mappings=config.actions,
        resources=config.resources,
        checks=checks,
        fractions=frozenset(tool for tool, item in config.arguments.items() if item.fractions),
    )
