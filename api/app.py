"""The API as an app: routes, problems and parts put together.

Invariant: building it opens no connection; whoever made the parts closes them.
"""

from fastapi import FastAPI

from api.documents import DESCRIPTION, TITLE
from api.problems import install_problems
from api.routes import ROUTERS
from api.services import Services
from runtime.problems import install_problem_handlers

VERSION = "1"


def create_app(services: Services) -> FastAPI:
    """The API alone, as its own app.

    Args:
        services: Parts behind the routes.
    """
    app = FastAPI(title=TITLE, description=DESCRIPTION, version=VERSION, redoc_url=None)
    install_problem_handlers(app)
    install(app, services)
    return app


def install(app: FastAPI, services: Services) -> None:
    """Add the API to an app that may have other routes as well.

    Args:
        app: With ``runtime.problems.install_problem_handlers`` done.
        services: Parts behind the routes.
    """
    app.state.api_services = services
    install_problems(app)
    for router in ROUTERS:
        app.include_router(router)
