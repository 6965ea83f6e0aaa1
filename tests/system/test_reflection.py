# SPDX-License-Identifier: Apache-2.0
"""Reflection, and `buf curl` as a client that has nothing else to go by."""

import json
import os
import shutil
from pathlib import Path

import grpc
import pytest
from google.protobuf import descriptor_pb2

from lib import REPOSITORY, pb
from lib.client import SERVICE
from lib.net import CommandFailed

VERSIONS = ["v1", "v1alpha"]
SERVICES = {
    SERVICE,
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
}
LOOPBACK = "[::1]:50554"


@pytest.fixture(scope="module")
def agent(start_agent):
    return start_agent("--listen", LOOPBACK, "--insecure-loopback")


@pytest.fixture(params=VERSIONS)
def ask(request, client):
    """Asks reflection one question after the other on one stream each."""
    package = f"grpc.reflection.{request.param}"
    question = pb.message(f"{package}.ServerReflectionRequest")
    answer = pb.message(f"{package}.ServerReflectionResponse")
    with grpc.insecure_channel(client.target) as channel:
        method = channel.stream_stream(
            f"/{package}.ServerReflection/ServerReflectionInfo",
            question.SerializeToString,
            answer.FromString,
        )
        yield lambda *asked: list(method((question(**one) for one in asked), timeout=10))


def files(answer) -> dict:
    packed = answer.file_descriptor_response.file_descriptor_proto
    found = [descriptor_pb2.FileDescriptorProto.FromString(file) for file in packed]
    return {file.name: file for file in found}


def test_services_are_listed(ask):
    (answer,) = ask({"list_services": ""})
    assert {service.name for service in answer.list_services_response.service} == SERVICES


def test_files_are_what_the_contract_says(ask):
    by_symbol, by_method, by_name = ask(
        {"file_containing_symbol": SERVICE},
        {"file_containing_symbol": f"{SERVICE}.SetMark"},
        {"file_by_filename": "waymark/v1/marker.proto"},
    )
    expected = descriptor_pb2.FileDescriptorProto()
    pb.service(SERVICE).file.CopyToProto(expected)
    for answer in (by_symbol, by_method, by_name):
        found = files(answer)["waymark/v1/marker.proto"]
        assert found.service == expected.service
        assert found.message_type == expected.message_type
        assert found.enum_type == expected.enum_type


def test_what_is_not_there_is_not_found(ask):
    for answer in ask(
        {"file_containing_symbol": "no.such.Symbol"}, {"file_by_filename": "no/such.proto"}
    ):
        assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


# ---- buf curl ----


@pytest.fixture(scope="module")
def buf(network, agent):
    """Runs `buf curl` in the node's namespace; answers what it printed."""
    places = [os.environ.get("BUF"), REPOSITORY / "build/tools/node_modules/.bin/buf"]
    program = next((place for place in places if place and Path(place).exists()), None)
    program = program or shutil.which("buf")
    if not program:
        pytest.skip("buf is not installed: `./dev setup` installs it, or set BUF")

    def run(*arguments: str) -> str:
        always = ("curl", "--protocol", "grpc", "--http2-prior-knowledge")
        return network.node.run(str(program), *always, *arguments, timeout=30)

    return run


def test_buf_lists_services_and_methods(buf):
    assert set(buf("--list-services", f"http://{LOOPBACK}").split()) == SERVICES
    methods = buf("--list-methods", f"http://{LOOPBACK}").split()
    ours = {method for method in methods if method.startswith(SERVICE)}
    assert ours == {f"{SERVICE}/{method.name}" for method in pb.service(SERVICE).methods}


def test_buf_sets_a_mark(buf, client, destination):
    request = {
        "mark": {
            "match": {"destination": str(destination)},
            "scitag": {"experiment": "cms", "activity": "Analysis Input"},
        }
    }
    printed = buf("-d", json.dumps(request), f"http://{LOOPBACK}/{SERVICE}/SetMark")
    answer = json.loads(printed)
    assert answer["outcome"] == "OUTCOME_CREATED"
    assert answer["mark"]["owner"] == "insecure:loopback"
    mark = client.get(destination)
    assert mark.scitag.experiment_id == 3 and mark.scitag.activity_id == 14


def test_buf_prints_why_it_was_refused(buf):
    request = {"mark": {"match": {"destination": "192.0.2.1"}, "flow_label": 1}}
    with pytest.raises(CommandFailed) as failed:
        buf("-d", json.dumps(request), f"http://{LOOPBACK}/{SERVICE}/SetMark")
    printed = json.loads(failed.value.args[1])
    assert printed["code"] == "invalid_argument" and "192.0.2.1" in printed["message"]
    assert {detail["type"] for detail in printed["details"]} >= {
        "google.rpc.ErrorInfo",
        "google.rpc.BadRequest",
    }
