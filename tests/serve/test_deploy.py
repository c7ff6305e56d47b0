"""The deployment examples: well-formed, and naming only commands, options and routes there are."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from facellm.checkpoint import SHIPPED
from facellm.cli import app
from serve import launcher

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OPTIONS = re.compile(r"(?<!\S)(--[a-z][a-z-]+)")


def own_options() -> set[str]:
    command = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    return {name for parameter in command.params for name in parameter.opts}


def objects() -> dict[str, Any]:
    documents = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    return {one["kind"]: one for one in documents}


def container() -> Any:
    [one] = objects()["Deployment"]["spec"]["template"]["spec"]["containers"]
    return one


def unit() -> dict[str, dict[str, list[str]]]:
    """Section → key → values, as a key may stand several times."""
    sections: dict[str, dict[str, list[str]]] = {}
    for line in (DEPLOY / "facellm.service").read_text().splitlines():
        if line.startswith("["):
            keys = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, line
            keys.setdefault(key, []).append(value)
    return sections


def instructions() -> list[tuple[str, str]]:
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in lines]


def test_the_container_copies_what_there_is_and_starts_the_server() -> None:
    steps = instructions()
    assert steps[0][0] == "FROM"
    for name, rest in steps:
        if name == "COPY":
            *sources, _ = shlex.split(rest)
            for source in sources:
                assert (ROOT / source).exists(), source
    packages = {name.split(".")[0] for name in ("facellm", "data_engine", "eval", "rl", "serve")}
    assert packages <= {rest.split()[0] for name, rest in steps if name == "COPY"}
    assert dict(steps)["USER"] not in ("0", "root")
    entry = yaml.safe_load(dict(steps)["ENTRYPOINT"])
    assert entry[:2] == ["facellm", "serve"]
    assert {part for part in entry if part.startswith("--")} <= own_options()


def test_the_unit_is_a_unit() -> None:
    sections = unit()
    assert set(sections) == {"Unit", "Service", "Install"}
    service = sections["Service"]
    command = shlex.split(service["ExecStart"][0])
    assert command[0].startswith("/")
    assert command[1] == "serve"
    assert {part for part in command if part.startswith("--")} <= own_options()
    # The engine must outlive the SIGTERM that its server drains on, and the drain its limit.
    assert service["KillMode"] == ["mixed"]
    assert int(service["TimeoutStopSec"][0]) > 2 * int(launcher.OPTIONS["--shutdown-timeout"])
    assert service["Restart"] == ["always"]
    assert "FACELLM_API_KEY" not in "".join(service["Environment"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "facellm.service").read_text()
    file = tmp_path / "facellm.service"
    file.write_text(text.replace("/opt/facellm/.venv/bin/facellm", "/bin/true"))
    line = ["systemd-analyze", "verify", "--man=no", str(file)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert "Unknown key" not in done.stderr
    assert "Failed to parse" not in done.stderr


def test_the_pods_are_probed_where_no_key_is_needed() -> None:
    from serve.access import OPEN

    server = container()
    ports = {port["name"] for port in server["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert server[probe]["httpGet"]["path"] in OPEN
        assert server[probe]["httpGet"]["port"] in ports
    spec = objects()["Deployment"]["spec"]["template"]["spec"]
    drain = int(server["args"][server["args"].index("--shutdown-timeout") + 1])
    wait = int(server["lifecycle"]["preStop"]["exec"]["command"][1])
    assert spec["terminationGracePeriodSeconds"] > wait + 2 * drain


def test_the_objects_fit_each_other() -> None:
    found = objects()
    assert set(found) == {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"}
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    assert found["Service"]["spec"]["ports"][0]["targetPort"] == container()["ports"][0]["name"]
    assert found["NetworkPolicy"]["spec"]["egress"] == []
    volumes = {one["name"] for one in found["Deployment"]["spec"]["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in container()["volumeMounts"]} == volumes
    names = {one["name"] for one in container()["env"]}
    assert "FACELLM_API_KEY" in names


@pytest.mark.slow
def test_every_option_named_is_known_to_vllm_or_us() -> None:
    pytest.importorskip("vllm", reason="vLLM is not installed")
    launcher.set_environment()
    from vllm.entrypoints.launchers.cli_args import make_arg_parser
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = make_arg_parser(FlexibleArgumentParser())
    known = {name for action in parser._actions for name in action.option_strings}
    known |= own_options()
    docs = (ROOT / "docs/serving.md").read_text()
    commands = [line for line in docs.splitlines() if line.startswith("facellm serve")]
    assert len(commands) >= 5
    texts = [*commands, " ".join(container()["args"]), " ".join(launcher.OPTIONS)]
    for text in texts:
        unknown = set(OPTIONS.findall(text)) - known
        assert not unknown, text
    line = launcher.arguments(SHIPPED, "127.0.0.1", 8000, None, container()["args"])
    assert parser.parse_args(line).shutdown_timeout == 30


def test_what_is_said_of_ray_serve_exists() -> None:
    try:
        from ray.serve.llm import LLMConfig, build_openai_app
    except ImportError as error:
        pytest.skip(f"ray[serve] is not installed: {error}")
    assert callable(build_openai_app)
    named = {"model_loading_config", "deployment_config", "runtime_env"}
    assert named <= set(LLMConfig.model_fields)
