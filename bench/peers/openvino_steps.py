"""Prefill and decode of OpenVINO GenAI by request, as llama-steps: runs in the
python that has openvino-genai.

    PYTHON openvino_steps.py MODEL.gguf THREADS
"""

import json
import random
import re
import sys
import time

import numpy
import openvino
import openvino_genai


class Bench:
    def __init__(self, path, threads):
        self._pipe = openvino_genai.LLMPipeline(
            path, "CPU", INFERENCE_NUM_THREADS=threads)
        self._random = random.Random(1)

    def _generate(self, prompt_tokens, new_tokens):
        """(seconds to the first token, seconds of the others)"""
        ids = numpy.array([[self._random.randrange(256)
                            for _ in range(prompt_tokens)]], dtype=numpy.int64)
        inputs = openvino_genai.TokenizedInputs(
            openvino.Tensor(ids), openvino.Tensor(numpy.ones_like(ids)))
        config = openvino_genai.GenerationConfig(
            max_new_tokens=new_tokens, ignore_eos=True, do_sample=False)
        began = time.monotonic()
        result = self._pipe.generate(inputs, config)
        took = time.monotonic() - began
        first = result.perf_metrics.get_ttft().mean / 1000
        return first, took - first

    def measure(self, case):
        """(tokens, seconds), none for a case that it has no call for"""
        match = re.fullmatch(r"(pp|tg)(\d+)(?:@(\d+))?", case)
        if not match or (match[1] == "pp" and match[3]):
            return None
        count, depth = int(match[2]), int(match[3] or 1)
        if match[1] == "pp":
            return count, self._generate(count, 1)[0]
        return count, self._generate(depth, count + 1)[1]


def main():
    bench = Bench(sys.argv[1], int(sys.argv[2]))
    say = {"model": sys.argv[1].rsplit("/", 1)[-1], "bytes": 0,
           "system_info": "OpenVINO GenAI " + openvino_genai.__version__}
    print(json.dumps(say), flush=True)
    warm = set()
    for line in sys.stdin:
        case = line.strip()
        if case not in warm:
            warm.add(case)
            bench.measure(case)
        result = bench.measure(case)
        if result is None:
            print(json.dumps({"case": case, "unsupported": True}), flush=True)
            continue
        tokens, seconds = result
        print(json.dumps({"case": case, "tokens": tokens, "seconds": seconds,
                          "tokens_per_second": tokens / seconds}), flush=True)


if __name__ == "__main__":
    main()
