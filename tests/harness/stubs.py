"""Python gRPC stubs of our protos, generated on demand beside the build.

    from harness import stubs
    gateway_pb2, gateway_pb2_grpc = stubs.load("sluice/gateway/v1/gateway")
"""

import fcntl
import hashlib
import importlib
import os
import shutil
import subprocess
import sys

from harness.stack import ROOT

PROTOS = ("sluice/generator/v1/sampling", "sluice/generator/v1/generator",
          "sluice/tokenizer/v1/tokenizer", "sluice/gateway/v1/gateway",
          "google/rpc/status", "google/rpc/error_details")
GRPC_PROTOS = ("grpc/health/v1/health", "grpc/reflection/v1alpha/reflection")
GRPC_PROTO_ROOT = "/usr/share/grpc-proto"


def _generate():
    """Makes the modules once for each state of the protos; returns where."""
    digest = hashlib.sha256()
    for proto in PROTOS:
        with open(os.path.join(ROOT, "proto", proto + ".proto"), "rb") as file:
            digest.update(file.read())
    base = os.path.join(ROOT, "build", "python-stubs")
    os.makedirs(base, exist_ok=True)
    out = os.path.join(base, digest.hexdigest()[:16])
    with open(os.path.join(base, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(out):
            _run_protoc(out + ".new")
            os.rename(out + ".new", out)
    return out


def _run_protoc(out):
    shutil.rmtree(out, ignore_errors=True)
    # A directory named grpc would hide the runtime: health and reflection are
    # generated under another name.
    renamed = os.path.join(out, "renamed")
    for proto in GRPC_PROTOS:
        target = os.path.join(renamed, proto.replace("grpc/", "grpc_", 1) + ".proto")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(os.path.join(GRPC_PROTO_ROOT, proto + ".proto"), target)
    plugin = shutil.which("grpc_python_plugin")
    command = ["protoc", f"--plugin=protoc-gen-grpc={plugin}",
               f"--python_out={out}", f"--grpc_out={out}"]
    subprocess.run(command + ["-I", os.path.join(ROOT, "proto")]
                   + [p + ".proto" for p in PROTOS],
                   check=True, cwd=os.path.join(ROOT, "proto"))
    subprocess.run(command + ["-I", renamed]
                   + [p.replace("grpc/", "grpc_", 1) + ".proto"
                      for p in GRPC_PROTOS], check=True, cwd=renamed)


def load(proto):
    """(messages module, service module) of one proto."""
    directory = _generate()
    if directory not in sys.path:
        sys.path.insert(0, directory)
    name = proto.replace("/", ".")
    return (importlib.import_module(name + "_pb2"),
            importlib.import_module(name + "_pb2_grpc"))


def load_health():
    return load("grpc_health/v1/health")


def load_reflection():
    return load("grpc_reflection/v1alpha/reflection")
