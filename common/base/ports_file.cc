#include "common/base/ports_file.h"

#include "absl/strings/str_cat.h"
#include "common/base/file.h"

namespace sluice {

std::string ToJson(const BoundPorts& ports) {
  std::string json = "{";
  const auto add = [&](const char* name, std::optional<uint16_t> port) {
    if (!port) return;
    absl::StrAppend(&json, json.size() > 1 ? "," : "", "\"", name,
                    "\":", *port);
  };
  add("grpc", ports.grpc);
  add("http", ports.http);
  add("ops", ports.ops);
  return json + "}\n";
}

absl::Status WritePortsFile(const std::string& path, const BoundPorts& ports) {
  if (path.empty()) return absl::OkStatus();
  return WriteFileAtomically(path, ToJson(ports));
}

}  // namespace sluice
