#include "common/base/flag_reference.h"

#include <map>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace sluice {
namespace {

std::string TypeName(const absl::CommandLineFlag& flag) {
  if (flag.IsOfType<bool>()) return "bool";
  if (flag.IsOfType<int32_t>()) return "int32";
  if (flag.IsOfType<int64_t>()) return "int64";
  if (flag.IsOfType<uint32_t>()) return "uint32";
  if (flag.IsOfType<uint64_t>()) return "uint64";
  if (flag.IsOfType<float>()) return "float";
  if (flag.IsOfType<double>()) return "double";
  if (flag.IsOfType<std::string>()) return "string";
  return "list";
}

std::string Cell(const std::string& text) {
  return absl::StrReplaceAll(text, {{"|", "\\|"}, {"\n", " "}});
}

std::string Row(const absl::CommandLineFlag& flag) {
  const std::string value = flag.DefaultValue();
  return absl::StrCat("| `--", flag.Name(), "` | ", TypeName(flag), " | ",
                      value.empty() ? "" : absl::StrCat("`", Cell(value), "`"),
                      " | ", Cell(flag.Help()), " |\n");
}

}  // namespace

std::string FlagReferenceMarkdown(std::string_view program,
                                  std::string_view file) {
  std::map<std::string, std::string> rows;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (!absl::EndsWith(flag->Filename(), {file.data(), file.size()})) continue;
    rows[std::string(name)] = Row(*flag);
  }
  std::string page =
      absl::StrCat("## ", std::string(program),
                   "\n\n| Flag | Type | Default | Meaning |\n|---|---|---|---|"
                   "\n");
  for (const auto& [name, row] : rows) page += row;
  return page;
}

}  // namespace sluice
