#include "services/tokenizer/core/pipeline.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/stream_decoder.h"
#include "common/vocabulary/utf8.h"

namespace sluice::tokenizer {
namespace {

constexpr size_t kMaxTextBytes = size_t{1} << 30;

}  // namespace

// One text on its way through the stages.
class Pipeline::Run {
 public:
  Run(const PipelineParts& parts, bool parse_special, bool with_offsets,
      Encoding& out)
      : parts_(parts),
        parse_special_(parse_special),
        with_offsets_(with_offsets),
        out_(out) {}

  absl::Status EncodeRaw(std::string_view text) {
    uint32_t done = 0;
    for (const AddedMatch& match : parts_.raw.Find(text, parse_special_)) {
      RETURN_IF_ERROR(EncodeGap(text, done, match.begin));
      Add(match.id, match.begin, match.end);
      done = match.end;
    }
    return EncodeGap(text, done, static_cast<uint32_t>(text.size()));
  }

 private:
  void Add(int32_t id, uint32_t begin, uint32_t end) {
    out_.ids.push_back(id);
    if (!with_offsets_) return;
    out_.offsets.push_back(
        {static_cast<int32_t>(begin), static_cast<int32_t>(end)});
  }

  // Bytes [begin, end) of the input, which hold no raw added token.
  absl::Status EncodeGap(std::string_view text, uint32_t begin, uint32_t end) {
    if (begin >= end) return absl::OkStatus();
    base_ = begin;
    NormalizedText stretch(text.substr(begin, end - begin));
    if (parts_.normalizer != nullptr) parts_.normalizer->Normalize(stretch);
    if (parts_.normalized.empty()) {
      return EncodeStretch(stretch, 0, stretch.text().size());
    }
    size_t done = 0;
    for (const AddedMatch& match :
         parts_.normalized.Find(stretch.text(), parse_special_)) {
      RETURN_IF_ERROR(EncodeStretch(stretch, done, match.begin));
      Add(match.id, base_ + stretch.OriginalBegin(match.begin),
          base_ + stretch.OriginalEnd(match.end));
      done = match.end;
    }
    return EncodeStretch(stretch, done, stretch.text().size());
  }

  // Bytes [begin, end) of a stretch, which hold no added token at all.
  absl::Status EncodeStretch(const NormalizedText& stretch, size_t begin,
                             size_t end) {
    if (begin >= end) return absl::OkStatus();
    const std::string_view text = stretch.text().substr(begin, end - begin);
    if (!parts_.pre_tokenizer.prepends_space() || text.front() == ' ') {
      return EncodePieces(stretch, text, begin, 0);
    }
    const std::string spaced =
        absl::StrCat(" ", absl::string_view(text.data(), text.size()));
    return EncodePieces(stretch, spaced, begin, 1);
  }

  // `text` is `prepended` bytes and then the stretch from `begin` on.
  absl::Status EncodePieces(const NormalizedText& stretch,
                            std::string_view text, size_t begin,
                            uint32_t prepended) {
    ASSIGN_OR_RETURN(std::vector<Piece> pieces,
                     parts_.pre_tokenizer.Split(text));
    for (const Piece& piece : pieces) {
      tokens_.clear();
      parts_.model->Encode(piece.In(text), tokens_);
      uint32_t at = piece.begin;
      for (const ModelToken& token : tokens_) {
        out_.ids.push_back(token.id);
        if (with_offsets_) {
          AddOffset(stretch, static_cast<uint32_t>(begin), prepended,
                    {at, at + token.bytes});
        }
        at += token.bytes;
      }
    }
    return absl::OkStatus();
  }

  void AddOffset(const NormalizedText& stretch, uint32_t begin,
                 uint32_t prepended, Piece token) {
    const auto in_stretch = [&](uint32_t at) {
      return begin + (at > prepended ? at - prepended : 0);
    };
    out_.offsets.push_back(
        {static_cast<int32_t>(base_ +
                              stretch.OriginalBegin(in_stretch(token.begin))),
         static_cast<int32_t>(base_ +
                              stretch.OriginalEnd(in_stretch(token.end)))});
  }

  const PipelineParts& parts_;
  const bool parse_special_;
  const bool with_offsets_;
  Encoding& out_;
  uint32_t base_ = 0;  // where the stretch starts in the input
  std::vector<ModelToken> tokens_;
};

Pipeline::Pipeline(PipelineParts parts) : parts_(std::move(parts)) {}

absl::Status Pipeline::EncodeInto(std::string_view text,
                                  const EncodeOptions& options,
                                  bool with_offsets, Encoding& out) const {
  if (text.size() > kMaxTextBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "text: too long, got ", text.size(), " bytes, limit ", kMaxTextBytes));
  }
  if (!IsUtf8(text)) {
    return absl::InvalidArgumentError(
        absl::StrCat("text: not UTF-8, got ", text.size(), " bytes"));
  }
  const auto end = static_cast<int32_t>(text.size());
  const auto add_all = [&](const std::vector<int32_t>& ids, int32_t at) {
    if (!options.add_special_tokens) return;
    out.ids.insert(out.ids.end(), ids.begin(), ids.end());
    if (!with_offsets) return;
    out.offsets.insert(out.offsets.end(), ids.size(), ByteOffset{at, at});
  };
  add_all(parts_.post_processor.before, 0);
  Run run(parts_, options.parse_special, with_offsets, out);
  RETURN_IF_ERROR(run.EncodeRaw(text));
  add_all(parts_.post_processor.after, end);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int32_t>> Pipeline::Encode(
    std::string_view text, const EncodeOptions& options) const {
  Encoding out;
  RETURN_IF_ERROR(EncodeInto(text, options, /*with_offsets=*/false, out));
  return std::move(out.ids);
}

absl::StatusOr<Encoding> Pipeline::EncodeWithOffsets(
    std::string_view text, const EncodeOptions& options) const {
  Encoding out;
  RETURN_IF_ERROR(EncodeInto(text, options, /*with_offsets=*/true, out));
  return out;
}

std::string Pipeline::Decode(absl::Span<const int32_t> ids,
                             bool skip_special) const {
  return StreamDecoder(parts_.vocabulary, skip_special).Finish(ids);
}

}  // namespace sluice::tokenizer
