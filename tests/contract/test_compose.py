"""docker-compose.yml and the images' Dockerfiles, checked without Docker.

Owns: that the stack's description is valid, pinned, limited, and speaks of settings that exist.
Invariant: the schema is the Compose specification's own, from the check-jsonschema package.
Does not own: whether the third parties' images do what they say; no test here can start them.
"""

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import cast

import jsonschema
import pytest
import yaml

from runtime.settings import Settings
from tests.unit.house.tree import ROOT, project_files

DOCKERFILES = sorted(ROOT.glob("infra/images/**/*Dockerfile"))
# What the stack is made of; a service that goes missing here is a decision, not a slip.
SERVICES = frozenset({
    "api", "clickhouse", "collector", "kafka-1", "kafka-2", "kafka-3", "kafka-collector",
    "migrate", "postgres", "redis", "sink", "webhooks", "worker",
})  # fmt: skip
# The oldest major version that the documentation promises to work with.
OLDEST = {"apache/kafka": 4, "redis": 7, "clickhouse/clickhouse-server": 26, "postgres": 16}
PINNED = re.compile(r"^(?P<name>[\w./-]+):(?P<major>\d+)\.\d+[\w.-]*$")
STEP_SECONDS_MAX = 150


@pytest.fixture(scope="module")
def compose() -> dict[str, object]:
    """The parsed file, its merges resolved."""
    document: object = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return cast("dict[str, object]", document)


def _services(compose: dict[str, object]) -> dict[str, dict[str, object]]:
    return cast("dict[str, dict[str, object]]", compose["services"])


def _schema() -> dict[str, object]:
    """Read the Compose schema without importing the package that carries it."""
    spec = importlib.util.find_spec("check_jsonschema")
    assert spec is not None
    assert spec.origin is not None
    place = Path(spec.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    return cast("dict[str, object]", json.loads(place.read_text(encoding="utf-8")))


def test_compose_when_checked_then_follows_the_specification(compose: dict[str, object]) -> None:
    """The file is valid under the Compose specification's JSON schema."""
    jsonschema.validate(compose, _schema())


def test_compose_when_a_key_is_misspelled_then_the_schema_refuses_it() -> None:
    """The schema is strict enough to notice a slip in a service."""
    slip = {"services": {"api": {"image": "a:1.0", "helthcheck": {}}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(slip, _schema())


def test_compose_when_listed_then_has_every_service(compose: dict[str, object]) -> None:
    """Kafka, Redis, ClickHouse, PostgreSQL and the services of ours are all there."""
    assert _services(compose).keys() == SERVICES


def test_variables_when_set_then_are_settings(compose: dict[str, object]) -> None:
    """Every NCASH_ variable is a field of the settings class; a renamed field cannot be missed."""
    known = {f"NCASH_{name.upper()}" for name in Settings.model_fields}
    used = set(re.findall(r"\bNCASH_[A-Z0-9_]+", (ROOT / "docker-compose.yml").read_text()))
    for dockerfile in DOCKERFILES:
        used |= set(re.findall(r"\bNCASH_[A-Z0-9_]+", dockerfile.read_text()))
    used.discard("NCASH_")
    assert {"NCASH_KAFKA", "NCASH_REDIS", "NCASH_CLICKHOUSE"} <= used
    assert sorted(used - known) == []


def test_settings_when_given_the_variables_then_load(
    compose: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings class takes the very values that the services get."""
    environment = cast("dict[str, str]", _services(compose)["worker"]["environment"])
    for name, value in environment.items():
        monkeypatch.setenv(name, re.sub(r"\$\{\w+:\?[^}]*\}", "secret", str(value)))
    assert Settings().model_dump()


def test_images_when_named_then_are_pinned_and_new_enough(compose: dict[str, object]) -> None:
    """Every image has a version with digits, and none is older than what is promised."""
    images = [str(service["image"]) for service in _services(compose).values()]
    for dockerfile in DOCKERFILES:
        images += re.findall(r"^FROM (\S+)", dockerfile.read_text(), flags=re.MULTILINE)
    assert len(images) > len(SERVICES)
    for image in images:
        pinned = PINNED.match(image)
        assert pinned is not None, image
        assert int(pinned["major"]) >= OLDEST.get(pinned["name"], 0), image


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_service_when_it_runs_then_has_health_and_limits(
    compose: dict[str, object], name: str
) -> None:
    """Each service has limits and bounded logs, and says whether it is well, unless it ends."""
    service = _services(compose)[name]
    deploy = cast("dict[str, dict[str, dict[str, object]]]", service["deploy"])
    assert deploy["resources"]["limits"].keys() == {"cpus", "memory"}
    assert "max-size" in cast("dict[str, dict[str, str]]", service["logging"])["options"]
    assert ("healthcheck" in service) is (name != "migrate")


@pytest.mark.parametrize(
    "name", ["kafka-1", "kafka-2", "kafka-3", "redis", "clickhouse", "postgres"]
)
def test_store_when_it_runs_then_keeps_its_data_in_a_volume(
    compose: dict[str, object], name: str
) -> None:
    """What holds data has a named volume of its own."""
    volumes = cast("list[str]", _services(compose)[name]["volumes"])
    assert [volume.partition(":")[0] for volume in volumes] == [name]
    assert name in cast("dict[str, object]", compose["volumes"])


@pytest.mark.parametrize("name", ["collector", "kafka-collector", "worker", "webhooks"])
def test_service_when_it_spreads_then_has_replicas(compose: dict[str, object], name: str) -> None:
    """What takes load runs more than once, so that losing one is ordinary."""
    deploy = cast("dict[str, int]", _services(compose)[name]["deploy"])
    assert deploy["replicas"] > 1


def _python_steps(dockerfile: Path) -> list[str]:
    """List a Dockerfile's RUN lines that call Python or a program it installed."""
    text = dockerfile.read_text(encoding="utf-8").replace("\\\n", " ")
    steps = re.findall(r"^RUN (.+)$", text, flags=re.MULTILINE)
    return [step for step in steps if re.search(r"\bpython\b|\bpip\b|\buv\b|/ncash\b", step)]


def _copy_project(target: Path) -> None:
    """Copy what a build would be sent: git's files less those of .dockerignore that matter here."""
    for path in project_files():
        if path.parts[0] not in {"tests", "docs", ".ci"}:
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, target / path)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_dockerfile_when_its_python_steps_run_then_make_a_working_image(
    dockerfile: Path, tmp_path: Path
) -> None:
    """Each RUN line of Python's succeeds, in order, in an environment that has nothing else."""
    app = tmp_path / "app"
    _copy_project(app)
    steps = _python_steps(dockerfile)
    assert len(steps) >= 2
    # Certificates, proxies and caches stay the machine's; everything of our environment goes.
    ours = re.compile(r"VIRTUAL_ENV|PYTHON|NCASH_")
    clean = {key: value for key, value in os.environ.items() if not ours.match(key)}
    clean["PATH"] = os.defpath
    for step in steps:
        words = [
            re.sub(r"^/(opt|app)", f"{tmp_path}/\\1", word)
            for word in shlex.split(step)
            if not word.startswith("--no-cache")
        ]
        # The image's python is the interpreter that made our environment, not the environment.
        words[0] = os.path.realpath(sys.executable) if words[0] == "python" else words[0]
        done = subprocess.run(
            words,
            cwd=app,
            env=clean,
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"
