#!/usr/bin/python3
"""The checkers find what they are for."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from check_includes import check_graph, check_rules, closure  # noqa: E402
from check_style import functions  # noqa: E402
from sources import without_comments_and_strings  # noqa: E402

BODY = "  int x = 0;\n" * 80


class StyleTest(unittest.TestCase):
    def names(self, text):
        return [(name, lines, parameters)
                for name, _, lines, parameters in functions(text)]

    def test_a_long_function_is_measured(self):
        self.assertEqual(self.names(f"int F(int a, int b) {{\n{BODY}}}\n"),
                         [("F", 82, 2)])

    def test_methods_constructors_operators_and_lambdas(self):
        text = """
class A {
 public:
  A(int x, std::map<int, int> y) : x_(x), y_{y} {
    x_ = 1;
  }
  bool operator<(const A& other) const { return x_ < other.x_; }
};
absl::StatusOr<std::vector<int>> A::Load(const char* p) const noexcept {
  auto f = [](int a, int b, int c, int d, int e, int g, int h) {
    return a;
  };
  if (p) { return f; }
}
"""
        self.assertEqual(self.names(text),
                         [("A", 3, 2), ("operator<", 1, 1), ("Load", 6, 1)])

    def test_types_and_initialisers_are_no_functions(self):
        text = "struct S {\n  int a;\n};\nconstexpr int kX[] = {1, 2};\n" \
               "namespace a::b {\nenum class E { kA };\n}\n"
        self.assertEqual(self.names(text), [])

    def test_braces_in_strings_and_comments_do_not_count(self):
        text = 'void F() {\n  // }\n  Log("} {", \'{\');\n  /* } */\n}\n'
        self.assertEqual(self.names(text), [("F", 5, 0)])
        self.assertNotIn("}", without_comments_and_strings('"}" // }'))

    def test_a_default_argument_with_commas_is_one_parameter(self):
        self.assertEqual(
            self.names("void F(std::pair<int, int> p = {1, 2}, int q = 0) {\n}\n"),
            [("F", 2, 2)])


class IncludeTest(unittest.TestCase):
    def test_rules(self):
        def broken(name, quoted, angled=""):
            return bool(list(check_rules(name, quoted, angled)))
        self.assertTrue(broken("services/gateway/api/a.cc",
                               "services/generator/engine/e.h"))
        self.assertTrue(broken("services/gateway/http/a.cc",
                               "services/gateway/grpc/b.h"))
        self.assertTrue(broken("services/generator/engine/a.cc", "",
                               "torch/torch.h"))
        self.assertTrue(broken("services/generator/engine/a.cc",
                               "sluice/generator/v1/generator.pb.h"))
        self.assertFalse(broken("services/generator/service/a.cc",
                                "sluice/generator/v1/generator.pb.h"))
        self.assertTrue(broken("services/generator/kernels/a_avx2.cc", "", "vector"))
        self.assertFalse(broken("services/generator/kernels/a.cc", "", "vector"))
        self.assertTrue(broken("services/generator/kernels/a.cc",
                               "common/base/check.h"))
        self.assertTrue(broken("common/base/a.cc", "tests/x.h"))

    def test_upward_and_missing_dependencies(self):
        deps = {"a": ["b"], "b": ["c"]}
        self.assertEqual(closure(deps, "a"), {"b", "c"})
        self.assertEqual(len(list(check_graph(["a", "b"], deps))), 2)
        self.assertEqual(list(check_graph(["c", "b", "a"], deps)), [])


if __name__ == "__main__":
    unittest.main()
