"""The comparison's own judgement, without peers and without times."""

import os
import sys
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests")]
from harness.proofs import Samples, load_proof  # noqa: E402
from peers import cells, measure, report, sides, stream_client  # noqa: E402

ECHO = """
import json, sys
print(json.dumps({"threads": 1}), flush=True)
for line in sys.stdin:
    print(json.dumps({"case": line.strip(), "tokens_per_second": 5.0}), flush=True)
"""


def add_pairs(book, cell, ratio, share=0.9, count=measure.PAIRS, foreign=0.0):
    for _ in range(count):
        book.sample(kind="pair", cell=cell.name,
                    ours={"tokens_per_second": 10 * ratio, "share": share,
                          "bandwidth": 5e10, "vnni_peak": 1.8e12,
                          "foreign": foreign},
                    peer={"tokens_per_second": 10.0, "foreign": 0.0})


def add_sides(book, model, weights, vnni="1"):
    book.sample(kind="driver", model=model, weights=weights, case="tg64",
                tokens_per_second=10.0, llama_bench=10.0)
    book.sample(kind="sides", model=model, weights=weights, cores=[0, 1],
                ours={"isa": "avx512", "threads": 2},
                peer={"system_info": f"CPU : AVX512_VNNI = {vnni} | "})


class CellsTest(unittest.TestCase):
    def test_the_table_has_every_cell_of_the_claim_once(self):
        names = [cell.name for cell in cells.table()]
        self.assertEqual(len(names), 32)
        self.assertEqual(len(set(names)), 32)

    def test_a_whole_name_chooses_one_cell_and_a_beginning_all_behind_it(self):
        self.assertEqual([c.name for c in cells.select("a/int8/tg64")],
                         ["a/int8/tg64"])
        self.assertEqual(len(cells.select("a/int8")), 8)
        self.assertEqual(len(cells.select("")), 32)

    def test_a_name_of_nothing_is_refused(self):
        with self.assertRaisesRegex(ValueError, "none begins so"):
            cells.select("c/int8")


class PairsTest(unittest.TestCase):
    def setUp(self):
        self.book = Samples()
        self.cell = cells.select("a/int8/tg64")[0]

    def test_pairs_beside_foreign_work_do_not_count(self):
        add_pairs(self.book, self.cell, 2.0, count=2)
        add_pairs(self.book, self.cell, 9.0, count=3, foreign=0.5)
        self.assertEqual(len(measure.pairs_of(self.book, self.cell)), 2)

    def test_pairs_before_a_new_start_do_not_count(self):
        add_pairs(self.book, self.cell, 2.0)
        self.book.sample(kind="anew", cell=self.cell.name)
        add_pairs(self.book, self.cell, 3.0, count=1)
        figures = report.summarise(self.book, self.cell)
        self.assertEqual((figures["pairs"], figures["ratio"][1]), (1, 3.0))

    def test_each_shortfall_is_named(self):
        add_pairs(self.book, self.cell, 1.5, share=0.5, count=3)
        lacks = report.shortfalls(self.cell, report.summarise(self.book, self.cell))
        self.assertEqual(lacks, ["3 of 7 pairs", "1.50x of 1.8x",
                                 "50% of the probe, 78% wanted"])

    def test_the_fastest_flags_of_the_peer_are_compared_with(self):
        for flags, rate in ((["flash=1"], 5.0), (["flash=0"], 7.0)):
            self.book.sample(kind="flags", model="a", weights="int8", case="tg64",
                             flags=flags, tokens_per_second=rate)
        best = measure.best_flags(self.book, "a", "int8", "decode")
        self.assertEqual(best, ("flash=0",))
        self.assertEqual(measure.best_flags(self.book, "a", "int8", "prefill"),
                         sides.DEFAULT_PEER_FLAGS)


class ProofTest(unittest.TestCase):
    def setUp(self):
        self.proof = load_proof("peers-engine")
        self.book = Samples()

    def test_what_was_not_measured_is_named(self):
        cell = cells.select("b/int4/tg64")[0]
        add_pairs(self.book, cell, 2.0)
        short, absent = self.proof.judge(self.book)
        self.assertEqual(short, [])
        self.assertEqual(len(absent), 31)
        self.assertNotIn(cell.name, absent)

    def test_a_cell_below_its_ratio_falls_short(self):
        add_pairs(self.book, cells.select("b/int4/tg64")[0], 1.0)
        short, _ = self.proof.judge(self.book)
        self.assertEqual(short, ["b/int4/tg64 1.00x of 1.15x"])

    def test_a_peer_at_its_best_gives_no_reason(self):
        add_pairs(self.book, cells.select("a/int8/tg64")[0], 2.0)
        add_sides(self.book, "a", "int8")
        self.assertEqual(self.proof.weak_peer(self.book), [])

    def test_a_peer_without_our_instructions_is_no_peer(self):
        add_sides(self.book, "a", "int8", vnni="0")
        self.assertIn("without its VNNI", self.proof.weak_peer(self.book)[0])

    def test_a_driver_slower_than_llama_bench_is_no_peer(self):
        add_sides(self.book, "a", "int8")
        for _ in range(9):
            self.book.sample(kind="driver", model="a", weights="int8", case="tg64",
                             tokens_per_second=5.0, llama_bench=10.0)
        self.assertIn("0.50 of llama-bench", self.proof.weak_peer(self.book)[0])

    def test_a_driver_that_was_not_compared_is_no_peer(self):
        add_pairs(self.book, cells.select("a/int8/tg64")[0], 2.0)
        self.assertIn("not compared", self.proof.weak_peer(self.book)[0])


def server_run(rate, first, output=64 * 64):
    return {"tokens_per_second": rate, "ttft_p50_s": first, "ttft_p99_s": first,
            "fairness": 0.9, "prompt_tokens": 64 * 128, "output_tokens": output}


class ServerProofTest(unittest.TestCase):
    def setUp(self):
        self.proof = load_proof("peers-server")
        self.cell = next(c for c in self.proof.CELLS if c.name == "a/int8/32")

    def test_enough_of_everything_falls_short_of_nothing(self):
        pair = {"ours": server_run(300, 1.0), "peer": server_run(100, 4.0)}
        self.assertEqual(self.proof.shortfalls(self.cell, [pair] * 7)[1], [])

    def test_each_shortfall_is_named(self):
        pair = {"ours": server_run(200, 2.0, output=5), "peer": server_run(100, 4.0)}
        lacks = " ".join(self.proof.shortfalls(self.cell, [pair] * 6)[1])
        for words in ("6 of 7 pairs", "2.00x of 2.8x", "ttft_p50_s at 0.50",
                      "ttft_p99_s at 0.50", "ours: 8192 -> 5 tokens"):
            self.assertIn(words, lacks)


class SideTest(unittest.TestCase):
    def test_a_case_goes_in_and_a_measurement_comes_out(self):
        with sides.Side([sys.executable, "-c", ECHO],
                        sides.choose_cores(0)) as side:
            self.assertEqual(side.introduction, {"threads": 1})
            answer = side.measure("tg64")
        self.assertEqual((answer["case"], answer["tokens_per_second"]),
                         ("tg64", 5.0))
        self.assertGreaterEqual(answer["foreign"], 0)

    def test_a_side_that_ends_is_an_error(self):
        with self.assertRaisesRegex(RuntimeError, "exit 3"):
            sides.Side([sys.executable, "-c", "import sys; sys.exit(3)"],
                       sides.choose_cores(0))


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    events = (b'{"choices":[{"text":"a"}]}', b'{"choices":[{"text":"bc"}]}',
              b'{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":3}}',
              b"[DONE]")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in self.events:
            data = b"data: " + event + b"\n\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *arguments):
        pass


class StreamClientTest(unittest.TestCase):
    def setUp(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.addCleanup(self.thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def test_pieces_of_a_chunked_stream_make_the_text(self):
        port = self.server.server_address[1]
        self.assertEqual(stream_client.ask(port, "x", 3, {}), "abc")

    def test_all_clients_and_requests_are_counted(self):
        load = stream_client.Load(clients=3, requests=2)
        figures = stream_client.run(self.server.server_address[1], load, {})
        self.assertEqual((figures["requests"], figures["prompt_tokens"],
                          figures["output_tokens"]), (6, 24, 18))
        self.assertEqual(len(figures["client_rates"]), 3)

    def test_no_two_requests_begin_alike(self):
        load = stream_client.Load(clients=32, requests=4)
        heads = {stream_client.prompt(load, c, r)[:8]
                 for c in range(32) for r in range(4)}
        self.assertEqual(len(heads), 128)


if __name__ == "__main__":
    unittest.main()
