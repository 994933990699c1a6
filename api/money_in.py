"""What requests of money have in common: the amount in their body, and how one was answered."""

from fastapi import Response

from api.asking import Desk, ask
from api.problems import Problem, refuse
from schemas.commands import Command, Outcome, Result
from schemas.money import amount_from_text

REPLAYED_HEADER = "Idempotency-Replayed"


def amount_of(text: str) -> int:
    """Micro-units of an amount in major units.

    Raises:
        Problem: ``amount-invalid``.
    """
    try:
        amount_micros = amount_from_text(text)
    except ValueError as fault:
        raise Problem("amount-invalid", str(fault)) from fault
    if amount_micros <= 0:
        raise Problem("amount-invalid", f"{text!r} is not more than zero")
    return amount_micros


async def answered(services: Desk, command: Command, response: Response) -> Result:
    """The result of a command that was done; a repeat is said to be one.

    Raises:
        Problem: It was refused or expired, or see ``api.asking.ask``.
        RecoverableError: A part could not be reached before anything was appended.
    """
    result, was_stored = await ask(services, command)
    if result.outcome not in {Outcome.POSTED, Outcome.DONE}:
        refuse(result)
    if was_stored:
        response.headers[REPLAYED_HEADER] = "true"
    return result
