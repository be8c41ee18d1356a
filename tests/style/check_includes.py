#!/usr/bin/python3
"""Include directions: the folders are a DAG and this says so."""

import os
import re
import sys

from sources import ROOT, read, tracked

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)
OWN = ("common/", "services/", "clients/", "tests/", "bench/")
PB_PLACES = ("common/rpc/", "clients/", "bench/load/", "tests/",
             "services/tokenizer/service/", "services/generator/service/",
             "services/gateway/grpc/", "services/gateway/clients/")
KERNEL_FILE = re.compile(r"_(scalar|sse|avx2|avx512\w*|amx)\.cc$")
KERNEL_ALLOWED = {"immintrin.h", "cstdint", "cstddef"}
C_LIBRARY = {"assert.h", "errno.h", "fcntl.h", "limits.h", "math.h", "sched.h",
             "signal.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h",
             "string.h", "unistd.h", "pthread.h", "cpuid.h"}


def rooms():
    """The folders of the build in order, lowest first."""
    text = re.sub(r"#[^\n]*", "", read("CMakeLists.txt"))
    return re.search(r"set\(SLUICE_ROOMS(.*?)\)", text, re.S).group(1).split()


def declared_deps(kind="library"):
    """folder -> folders in the DEPS of its library (or binary)."""
    deps = {}
    for name in tracked("CMakeLists.txt"):
        folder = os.path.dirname(name)
        text = re.sub(r"#[^\n]*", "", read(name))
        match = re.search(rf"sluice_{kind}\((.*?)\)", text, re.S)
        if match and "DEPS" in match.group(1):
            words = match.group(1).split("DEPS", 1)[1].split()
            deps[folder] = [w for w in words if "::" not in w
                            and (("/" in w) or w == "proto")]
    return deps


def closure(deps, folder):
    seen, todo = set(), [folder]
    while todo:
        for dep in deps.get(todo.pop(), []):
            if dep not in seen:
                seen.add(dep)
                todo.append(dep)
    return seen


def service_of(path):
    match = re.match(r"services/([^/]+)/", path)
    return match.group(1) if match else None


def check_rules(name, quoted, angled):
    """Rules that need no graph. Yields sentences."""
    target = quoted or angled
    folder = os.path.dirname(name) + "/"
    is_test = name.endswith("_test.cc") or "/testing/" in name
    if re.search(r"\.pb\.h$", target) and not is_test and \
            not folder.startswith(PB_PLACES):
        yield f"{name}: includes {target}: protobuf stays at the edges"
    if re.match(r"(torch|ATen|c10|caffe2)/", target) and \
            not folder.startswith("services/generator/torch/"):
        yield f"{name}: includes {target}: libtorch stays behind the fence"
    if quoted and re.match(r"(tests|bench)/", target) and \
            not folder.startswith(("tests/", "bench/")):
        yield f"{name}: includes {target}: nothing includes tests or bench"
    mine, theirs = service_of(name), service_of(target)
    if quoted and theirs and mine and mine != theirs:
        yield f"{name}: includes {target}: services never include each other"
    if folder.startswith("common/") and theirs:
        yield f"{name}: includes {target}: common stands below the services"
    faces = {"services/gateway/http/", "services/gateway/grpc/"}
    if folder in faces and quoted and not is_test and \
            target.startswith(tuple(faces - {folder})):
        yield f"{name}: includes {target}: http and grpc are siblings"
    if folder == "services/generator/kernels/" and not is_test:
        yield from check_kernels(name, quoted, angled)


def check_kernels(name, quoted, angled):
    if quoted and not quoted.startswith("services/generator/kernels/"):
        yield f"{name}: includes {quoted}: kernels include only themselves"
    if angled and "/" in angled and not angled.startswith(("linux/", "sys/")):
        yield f"{name}: includes {angled}: kernels know the standard library only"
    if angled and "/" not in angled and angled.endswith(".h") and \
            angled != "immintrin.h" and angled not in C_LIBRARY:
        yield f"{name}: includes {angled}: kernels know the standard library only"
    if KERNEL_FILE.search(name) and angled and angled not in KERNEL_ALLOWED:
        yield f"{name}: includes {angled}: ISA files include only " + \
            ", ".join(sorted(KERNEL_ALLOWED))


def check_graph(order, deps):
    rank = {folder: i for i, folder in enumerate(order)}
    for folder, needs in sorted(deps.items()):
        for need in needs:
            if need not in rank:
                yield f"{folder}/CMakeLists.txt: DEPS {need}: not a room"
            elif folder in rank and rank[need] >= rank[folder]:
                yield f"{folder}/CMakeLists.txt: DEPS {need}: stands above it"


def main():
    order, deps = rooms(), declared_deps()
    binaries = declared_deps("binary")
    problems = list(check_graph(order, deps))
    for name in tracked(".cc", ".h"):
        folder = os.path.dirname(name)
        needs = binaries.get(folder, [])
        reach = closure(deps, folder) | {folder} | set(needs)
        is_test = name.endswith(("_test.cc", "main.cc", "_fuzz.cc"))
        for quoted, angled in INCLUDE.findall(read(name)):
            problems += check_rules(name, quoted, angled)
            if not quoted or quoted.endswith(".pb.h") or is_test:
                continue
            target = os.path.dirname(quoted)
            if os.path.exists(os.path.join(ROOT, quoted)) and \
                    folder in deps and target not in reach:
                problems.append(f"{name}: includes {quoted}: {target} is not "
                                f"in DEPS of {folder}")
            elif quoted.startswith(OWN) and \
                    not os.path.exists(os.path.join(ROOT, quoted)):
                problems.append(f"{name}: includes {quoted}: no such file from "
                                "the root")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
