"""How error answers stand in the OpenAPI document.

Invariant: every route documents the problems it can answer, in the form that is really sent.
"""

from http import HTTPStatus

from pydantic import BaseModel, ConfigDict, Field

from runtime.problems import MEDIA_TYPE, TYPE_PREFIX

Responses = dict[int | str, dict[str, object]]

TITLE = "N-Cash"
DESCRIPTION = (
    "Meters what people use while they use it, and takes the price from a prepaid wallet at once. "
    "Money is decimal text in major units with its currency and, beside it, whole micro-units. "
    "Lists are paged by cursor. Errors are RFC 9457 problem documents with a stable `type`."
)


class ProblemDocument(BaseModel):
    """An RFC 9457 problem document."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=[f"{TYPE_PREFIX}scope-missing"])
    title: str
    status: int
    detail: str = Field(description="What happened this time and how to mend it.")


def problems(*statuses: HTTPStatus) -> Responses:
    """The error answers of a route that needs a key.

    Args:
        statuses: Beside 401, 403, 422 and 503, which any such route may answer.
    """
    usual = (
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    )
    return {
        int(status): {
            "description": f"Problem: {status.phrase}",
            "content": {MEDIA_TYPE: {"schema": ProblemDocument.model_json_schema()}},
        }
        for status in sorted({*usual, *statuses})
    }
