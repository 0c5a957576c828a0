"""The manifests: what they name is there, they fit each other and the server, and Kubernetes and KServe take them."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path

import pytest

from server.doctor.memory import SIZES
from server.fetching.address import read_addresses
from server.processes.arbiter import GRACEFUL_SECONDS
from server.settings import Settings, read_settings
from tests.conftest import ROOT
from tests.support.deploy.manifests import (
    EXTRAS,
    FOLDER,
    SOURCES,
    Manifest,
    documents,
    environment_of,
    kustomized,
    of_kind,
    pod_of,
)

DOCKERFILE = (ROOT / "Dockerfile").read_text()
PYTHON = ROOT / "build" / "kubernetes" / "bin" / "python"
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
STOP_SECONDS = 25  # what a server promises


def all_objects() -> list[Manifest]:
    """Every object that these files can make."""
    made = kustomized()
    made += [of_kind(kustomized(patch=source), "Deployment") for source in SOURCES]
    for extra in EXTRAS:
        before, after = len(kustomized()), kustomized(extra=extra)
        assert len(after) == before + 1
        made += documents(extra)
    return made + documents("kserve")


def containers(pod: Manifest) -> list[Manifest]:
    return [*pod["initContainers"], *pod["containers"]]


def test_a_pod_checks_before_it_serves_and_may_do_little() -> None:
    pod = pod_of(kustomized())
    (check,), (container,) = pod["initContainers"], pod["containers"]
    assert check["command"] == ["python", "-m", "server", "check"]
    assert check["image"] == container["image"] == "YOUR-REGISTRY/dynonnx:1"
    assert "command" not in container  # what the image starts
    assert pod["securityContext"]["runAsNonRoot"]
    assert f"\nUSER {pod['securityContext']['runAsUser']}\n" in DOCKERFILE
    for each in (check, container):
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"name": "tmp", "mountPath": "/tmp"} in each["volumeMounts"]  # noqa: S108 - the pod's own
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert not pod["enableServiceLinks"]


def test_ports_probes_and_times_are_the_servers() -> None:
    made = kustomized()
    pod, service = pod_of(made), of_kind(made, "Service")
    (container,) = pod["containers"]
    (port,) = container["ports"]
    assert port["containerPort"] == Settings().port
    assert f"PORT={port['containerPort']}" in DOCKERFILE
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    for probe in PROBES:
        assert container[probe]["httpGet"]["port"] == port["name"]
    assert container["lifecycle"]["preStop"]["exec"]["command"][0] == "sleep"
    sleeps = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] >= sleeps + STOP_SECONDS > sleeps + GRACEFUL_SECONDS
    labels = of_kind(made, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == labels
    assert of_kind(made, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    (monitor,) = documents("service-monitor")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]


@pytest.mark.parametrize("source", SOURCES)
def test_models_come_by_a_volume_that_both_containers_see(source: str) -> None:
    pod = pod_of(kustomized(patch=source))
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert volumes == {"tmp", "models"}
    for container in containers(pod):
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts == {"tmp": "/tmp", "models": "/app/models"}  # noqa: S108 - the pod's own
        settings = read_settings(environment_of(container))
        assert bool(read_addresses(settings.models_from)) == (source == "models-from")
    assert "\nWORKDIR /app\n" in DOCKERFILE


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_is_added_is_for_this_deployment(extra: str) -> None:
    (added,) = documents(extra)
    deployment = of_kind(documents("dynonnx"), "Deployment")
    target = added["spec"].get("scaleTargetRef", deployment["metadata"])
    assert target["name"] == deployment["metadata"]["name"]


def test_autoscalers_ask_for_the_goal_that_the_servers_have() -> None:
    goal = Settings().scale_utilisation
    (hpa,), (by_time,) = documents("hpa-demand"), documents("hpa")
    pods = hpa["spec"]["metrics"][0]["pods"]
    assert pods["metric"]["name"] == "dynonnx_scale_demand"
    assert int(pods["target"]["averageValue"].removesuffix("m")) == round(goal * 1000)
    assert by_time["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == round(goal * 100)
    for file, name in (("keda-prometheus", "threshold"), ("keda-metrics-api", "targetValue")):
        (scaled,) = documents(file)
        assert float(scaled["spec"]["triggers"][0]["metadata"][name]) == goal


def test_kserve_runs_the_same_server() -> None:
    runtime, service = documents("kserve")
    (container,) = runtime["spec"]["containers"]
    (port,) = container["ports"]
    assert container["name"] == "kserve-container"
    assert port["containerPort"] == Settings().port  # Knative sets PORT by it, and lets nobody else
    assert "PORT" not in environment_of(container)
    assert read_settings(environment_of(container)).models == Path("/mnt/models")
    (format_,) = runtime["spec"]["supportedModelFormats"]
    model = service["spec"]["predictor"]["model"]
    assert model["modelFormat"]["name"] == format_["name"]
    assert model["protocolVersion"] in runtime["spec"]["protocolVersions"]
    assert model["runtime"] == runtime["metadata"]["name"]
    ours = pod_of(documents("dynonnx"))["containers"][0]
    for probe in PROBES[1:]:
        assert container[probe]["httpGet"]["path"] == ours[probe]["httpGet"]["path"]


def test_the_page_names_every_file() -> None:
    page = (FOLDER / "README.md").read_text()
    assert [file.name for file in FOLDER.glob("*.yaml") if file.name not in page] == []


def test_memory_is_that_of_a_small_dyno() -> None:
    limit = pod_of(documents("dynonnx"))["containers"][0]["resources"]["limits"]["memory"]
    assert int(limit.removesuffix("Mi")) << 20 == SIZES["basic"].memory_bytes


def wrong_with(*manifests: Manifest) -> list[str]:
    """What the schemas find."""
    if not PYTHON.is_file():
        pytest.skip("kubernetes-validate and KServe are not installed: make test-kubernetes installs them")
    lines = "\n".join(map(json.dumps, manifests))
    command = [str(PYTHON), "-m", "tests.support.deploy.schemas"]
    done = subprocess.run(command, cwd=ROOT, input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_kubernetes_and_kserve_take_every_object() -> None:
    assert wrong_with(*all_objects()) == []


@pytest.mark.slow
def test_the_schemas_notice() -> None:
    deployment = of_kind(kustomized(), "Deployment")
    misspelt, mistyped = copy.deepcopy(deployment), copy.deepcopy(deployment)
    misspelt["spec"]["template"]["spec"]["terminationGracePeriod"] = 35
    mistyped["spec"]["replicas"] = "two"
    runtime, service = documents("kserve")
    runtime["spec"]["supportedFormats"] = []
    del service["spec"]["predictor"]["model"]["modelFormat"]
    assert {line.split()[0] for line in wrong_with(misspelt)} == {"Deployment"}
    assert {line.split()[0] for line in wrong_with(mistyped)} == {"Deployment"}
    assert [line.split()[0] for line in wrong_with(runtime, service)] == ["ClusterServingRuntime", "InferenceService"]
