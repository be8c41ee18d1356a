#include "services/generator/torch/trainer/id_file.h"

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/json.h"

namespace sluice::generator {
namespace {

constexpr int64_t kMaxIds = (int64_t{1} << 31) - 1;
constexpr int64_t kMaxDocumentIds = int64_t{1} << 20;

}  // namespace

absl::StatusOr<IdFile> IdFile::Read(const std::string& prefix) {
  IdFile file;
  RETURN_IF_ERROR(file.ReadIndex(absl::StrCat(prefix, ".json")));
  RETURN_IF_ERROR(file.ReadIds(absl::StrCat(prefix, ".u16")));
  return file;
}

absl::Status IdFile::ReadIndex(const std::string& path) {
  ASSIGN_OR_RETURN(const JsonDocument document,
                   JsonDocument::ReadFile(path, JsonLimits{}));
  const JsonValue root = document.root();
  ASSIGN_OR_RETURN(const int64_t vocabulary,
                   root.GetInt("vocabulary_size", 1, 65536));
  vocabulary_size_ = static_cast<int32_t>(vocabulary);
  ASSIGN_OR_RETURN(const JsonValue begin, root.Get("answer_begin"));
  ASSIGN_OR_RETURN(const std::vector<int64_t> marks,
                   begin.AsInts(0, vocabulary - 1));
  if (marks.empty()) return begin.Error("must not be empty");
  answer_begin_.assign(marks.begin(), marks.end());
  ASSIGN_OR_RETURN(const int64_t end,
                   root.GetInt("answer_end", 0, vocabulary - 1));
  answer_end_ = static_cast<uint16_t>(end);
  ASSIGN_OR_RETURN(const int64_t last,
                   root.GetInt("end_of_text", 0, vocabulary - 1));
  end_of_text_ = static_cast<int32_t>(last);
  ASSIGN_OR_RETURN(const JsonValue offsets, root.Get("document_offsets"));
  ASSIGN_OR_RETURN(offsets_, offsets.AsInts(0, kMaxIds));
  if (offsets_.size() < 2 || offsets_[0] != 0) {
    return offsets.Error("needs 0 and the end of at least one document");
  }
  for (size_t i = 1; i < offsets_.size(); ++i) {
    const int64_t length = offsets_[i] - offsets_[i - 1];
    if (length < 2 || length > kMaxDocumentIds) {
      return offsets.Error(absl::StrCat("document ", i - 1, " has ", length,
                                        " ids, limit 2..", kMaxDocumentIds));
    }
  }
  return absl::OkStatus();
}

absl::Status IdFile::ReadIds(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  const int64_t bytes = in.tellg();
  if (bytes != 2 * tokens()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": ", bytes, " bytes, the index wants ", 2 * tokens()));
  }
  ids_.resize(static_cast<size_t>(tokens()));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(ids_.data()), bytes);
  if (!in) return absl::DataLossError(absl::StrCat(path, ": cannot be read"));
  const auto bad = std::find_if(ids_.begin(), ids_.end(), [this](uint16_t id) {
    return id >= vocabulary_size_;
  });
  if (bad != ids_.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": id ", *bad, ", vocabulary ", vocabulary_size_));
  }
  return absl::OkStatus();
}

absl::Span<const uint16_t> IdFile::document(int32_t index) const {
  SLUICE_CHECK(index >= 0 && index < documents(), "document index");
  return absl::MakeConstSpan(ids_).subspan(static_cast<size_t>(offsets_[index]),
                                           static_cast<size_t>(length(index)));
}

int32_t IdFile::length(int32_t index) const {
  return static_cast<int32_t>(offsets_[index + 1] - offsets_[index]);
}

std::vector<IdFile::Span> IdFile::Answers(int32_t index) const {
  const absl::Span<const uint16_t> ids = document(index);
  std::vector<Span> answers;
  auto at = ids.begin();
  while (true) {
    at = std::search(at, ids.end(), answer_begin_.begin(), answer_begin_.end());
    if (at == ids.end()) return answers;
    at += static_cast<std::ptrdiff_t>(answer_begin_.size());
    const auto end = std::find(at, ids.end(), answer_end_);
    const auto stop = end == ids.end() ? end : end + 1;
    if (stop != at) {
      answers.push_back({static_cast<int32_t>(at - ids.begin()),
                         static_cast<int32_t>(stop - ids.begin())});
    }
    at = stop;
  }
}

}  // namespace sluice::generator
