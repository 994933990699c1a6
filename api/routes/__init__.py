"""Routes by noun; each file gives one ``router``.

Invariant: a route reads its parts from ``api.services`` and asks them for the caller's tenant only.
"""

from fastapi import APIRouter

from api.routes import (
    card_batches,
    control,
    events,
    freezing,
    grants,
    health,
    holds,
    mandates,
    money_given,
    passes,
    sessions,
    statistics,
    tariffs,
    top_ups,
    transfers,
    vouchers,
    wallets,
    withdrawals,
)

ROUTERS: tuple[APIRouter, ...] = (
    wallets.router,
    top_ups.router,
    transfers.router,
    vouchers.router,
    money_given.router,
    passes.router,
    mandates.router,
    sessions.router,
    grants.router,
    control.router,
    statistics.router,
    tariffs.router,
    events.router,
    freezing.router,
    health.router,
    holds.router,
    card_batches.router,
    withdrawals.router,
)
