"""The local SQL endpoint: one process's warehouse for the others on the machine.

Owns: ``POST /sql``, ``GET /healthz``, ``GET /readyz``; what text may be asked.
Invariant: nothing that comes in here writes: the first word is checked here, and the embedded
engine's reader refuses by itself. Bound to loopback by whoever serves it; it knows no tenants.
Does not own: the engine; who may ask for what (the API decides that).
"""

import json
import re

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from warehouse.port import Cell, Reader, WarehouseRefused, WarehouseUnavailable

SQL_CHARS_MAX = 256 * 1024
_READING = frozenset({"SELECT", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "WITH"})
_COMMENTS = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)
_WRITES_A_FILE = re.compile(r"\bINTO\s+OUTFILE\b", re.IGNORECASE)
_log = structlog.get_logger()


class Question(BaseModel):
    """The body of ``POST /sql``."""

    model_config = ConfigDict(extra="forbid")

    sql: str = Field(max_length=SQL_CHARS_MAX)
    parameters: dict[str, int | float | str | list[int | str] | None] = {}


def create_endpoint(warehouse: Reader) -> FastAPI:
    """The ASGI app around a warehouse.

    Args:
        warehouse: Asked from a thread per request; not closed here.
    """
    app = FastAPI(title="ncash warehouse", openapi_url=None)

    @app.post("/sql")
    def ask(question: Question) -> Response:
        parameters: dict[str, Cell] = dict(question.parameters)
        answer = warehouse.query(checked_sql(question.sql), parameters)
        # The standard library writes whole numbers of any width; others stop at 64 bits.
        body = json.dumps({"columns": answer.columns, "rows": answer.rows}, allow_nan=False)
        return Response(body, media_type="application/json")

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "up"}

    @app.get("/readyz")
    def readyz() -> dict[str, str]:
        warehouse.query("SELECT count() FROM sink_ranges")
        return {"status": "ready"}

    @app.exception_handler(WarehouseRefused)
    def refused(_: Request, error: WarehouseRefused) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 400)

    @app.exception_handler(WarehouseUnavailable)
    def unavailable(_: Request, error: WarehouseUnavailable) -> JSONResponse:
        _log.warning("warehouse cannot answer", error=str(error))
        return JSONResponse({"detail": str(error)}, 503, {"Retry-After": "1"})

    return app


def checked_sql(sql: str) -> str:
    """The statement without what stands around it, when it only reads.

    Raises:
        WarehouseRefused: It begins with another word than SELECT, SHOW, DESCRIBE, EXPLAIN or
            WITH, or writes its answer to a file.
    """
    statement = _COMMENTS.sub("", sql).rstrip().rstrip(";").rstrip()
    word = re.match(r"\(*\s*(\w*)", statement)
    if word is None or word.group(1).upper() not in _READING:
        raise WarehouseRefused("only SELECT, SHOW, DESCRIBE, EXPLAIN and WITH may be asked here")
    if _WRITES_A_FILE.search(statement):
        raise WarehouseRefused("INTO OUTFILE may not be asked here")
    return statement
