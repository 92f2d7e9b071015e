"""The settings with the surface that stored real chains have taught."""

from __future__ import annotations

from dataclasses import replace

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import SURFACE_FIT
from options_platform.domain.chain.learned import LearnedSurface, fits_of
from options_platform.settings import Settings


def with_fits(settings: Settings, warehouse: Warehouse) -> Settings:
    """`settings` with the stored fits of its tickers in the surface.

    Each session is priced by the last fit of an earlier one. The settings themselves without any
    fit, or if `plan.chain.surface.learn` is off.
    """
    chain = settings.plan.chain
    if not chain.surface.learn or not warehouse.path.exists():
        return settings
    fits = fits_of(warehouse.read(SURFACE_FIT, tickers=settings.tickers))
    if not fits:
        return settings
    surface = LearnedSurface.of(chain.surface, fits)
    return replace(settings, plan=replace(settings.plan, chain=replace(chain, surface=surface)))
