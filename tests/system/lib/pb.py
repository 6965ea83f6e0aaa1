# SPDX-License-Identifier: Apache-2.0
"""Message classes and enums of the contract, straight from the .proto files.

No generated code: protoc answers a descriptor set, and python3-protobuf makes the classes.
"""

import subprocess
from types import SimpleNamespace

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import enum_type_wrapper

from lib import REPOSITORY

_FILES = (
    "waymark/v1/marker.proto",
    "google/rpc/status.proto",
    "google/rpc/error_details.proto",
    "grpc/health/v1/health.proto",
    "grpc/reflection/v1/reflection.proto",
    "grpc/reflection/v1alpha/reflection.proto",
)


def _load() -> descriptor_pool.DescriptorPool:
    # fmt: off
    command = ["protoc", f"-I{REPOSITORY / 'proto'}", "--include_imports",
               "--descriptor_set_out=/dev/stdout", *_FILES]
    # fmt: on
    packed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(packed).file:
        pool.Add(file)
    return pool


_pool = _load()
_factory = message_factory.MessageFactory(_pool)


def message(full_name: str) -> type:
    """The class of a message, by "package.Name"."""
    return _factory.GetPrototype(_pool.FindMessageTypeByName(full_name))


def service(full_name: str):
    """The descriptor of a service."""
    return _pool.FindServiceByName(full_name)


def package(name: str) -> SimpleNamespace:
    """All messages, enums and enum values of a package as attributes."""
    found = SimpleNamespace()
    for file_name in _FILES:
        file = _pool.FindFileByName(file_name)
        if file.package != name:
            continue
        for short, descriptor in file.message_types_by_name.items():
            setattr(found, short, _factory.GetPrototype(descriptor))
        for short, descriptor in file.enum_types_by_name.items():
            setattr(found, short, enum_type_wrapper.EnumTypeWrapper(descriptor))
            for value in descriptor.values:
                setattr(found, value.name, value.number)
    return found


waymark = package("waymark.v1")
health = package("grpc.health.v1")
rpc = package("google.rpc")
