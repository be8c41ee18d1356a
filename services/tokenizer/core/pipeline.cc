#include "services/tokenizer/core/pipeline.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/vocabulary/stream_decoder.h"

namespace sluice::tokenizer {
namespace {

constexpr size_t kMaxTextBytes = size_t{1} << 30;

absl::Status CheckLength(size_t bytes) {
  if (bytes <= kMaxTextBytes) return absl::OkStatus();
  return FieldError("text", "too long", absl::StrCat(bytes, " bytes"),
                    absl::StrCat(kMaxTextBytes));
}

}  // namespace

struct Pipeline::Job {
  std::string_view text;
  absl::Span<const MatchRegion> regions;  // cover the text
  bool add_special_tokens;
  bool with_offsets;
};

// One text on its way through the stages.
class Pipeline::Run {
 public:
  Run(const PipelineParts& parts, const Job& job, Encoding& out)
      : parts_(parts), job_(job), out_(out) {}

  absl::Status EncodeAll() {
    uint32_t done = 0;
    for (const AddedMatch& match : parts_.raw.Find(job_.text, job_.regions)) {
      RETURN_IF_ERROR(EncodeGap(done, match.begin));
      Add(match.id, match.begin, match.end);
      done = match.end;
    }
    return EncodeGap(done, static_cast<uint32_t>(job_.text.size()));
  }

 private:
  void Add(int32_t id, uint32_t begin, uint32_t end) {
    out_.ids.push_back(id);
    if (!job_.with_offsets) return;
    out_.offsets.push_back(
        {static_cast<int32_t>(begin), static_cast<int32_t>(end)});
  }

  // Bytes [begin, end) of the input, which hold no raw added token.
  absl::Status EncodeGap(uint32_t begin, uint32_t end) {
    if (begin >= end) return absl::OkStatus();
    base_ = begin;
    NormalizedText stretch(job_.text.substr(begin, end - begin));
    if (parts_.normalizer != nullptr) {
      RETURN_IF_ERROR(parts_.normalizer->Normalize(stretch));
      RETURN_IF_ERROR(CheckLength(stretch.text().size()));
    }
    if (parts_.normalized.empty()) {
      return EncodeStretch(stretch, 0, stretch.text().size());
    }
    size_t done = 0;
    for (const AddedMatch& match :
         parts_.normalized.Find(stretch.text(), RegionsOf(stretch, end))) {
      RETURN_IF_ERROR(EncodeStretch(stretch, done, match.begin));
      Add(match.id, base_ + stretch.OriginalBegin(match.begin),
          base_ + stretch.OriginalEnd(match.end));
      done = match.end;
    }
    return EncodeStretch(stretch, done, stretch.text().size());
  }

  // The regions of the input as they lie in a stretch, which was made of the
  // bytes up to `end`. What was put behind them belongs to the last region.
  std::vector<MatchRegion> RegionsOf(const NormalizedText& stretch,
                                     uint32_t end) const {
    const auto size = static_cast<uint32_t>(stretch.text().size());
    std::vector<MatchRegion> regions;
    for (const MatchRegion& region : job_.regions) {
      if (region.end <= base_) continue;
      if (region.end >= end) {
        regions.push_back({size, region.parse_special});
        break;
      }
      regions.push_back(
          {std::min(stretch.FromOriginal(region.end - base_), size),
           region.parse_special});
    }
    return regions;
  }

  // Bytes [begin, end) of a stretch, which hold no added token at all.
  absl::Status EncodeStretch(const NormalizedText& stretch, size_t begin,
                             size_t end) {
    if (begin >= end) return absl::OkStatus();
    const auto offset = static_cast<uint32_t>(begin);
    PreTokenized job{NormalizedText(stretch.text().substr(begin, end - begin)),
                     {},
                     base_ + stretch.OriginalBegin(offset) == 0};
    RETURN_IF_ERROR(parts_.pre_tokenizer.Run(job));
    RETURN_IF_ERROR(CheckLength(job.text.text().size()));
    for (const Piece& piece : job.pieces) {
      tokens_.clear();
      RETURN_IF_ERROR(parts_.model->Encode(piece.In(job.text.text()), tokens_));
      for (const ModelToken& token : tokens_) {
        out_.ids.push_back(token.id);
        if (!job_.with_offsets) continue;
        AddOffset(stretch, offset, job.text,
                  {piece.begin + token.begin, piece.begin + token.end});
      }
    }
    return absl::OkStatus();
  }

  // `token` lies in `text`, which the pre-tokenizer made of the stretch from
  // `offset` on.
  void AddOffset(const NormalizedText& stretch, uint32_t offset,
                 const NormalizedText& text, Piece token) {
    const uint32_t begin =
        stretch.OriginalBegin(offset + text.OriginalBegin(token.begin));
    const uint32_t end =
        stretch.OriginalEnd(offset + text.OriginalEnd(token.end));
    // What stands for nothing lies behind what was removed there.
    out_.offsets.push_back(
        {static_cast<int32_t>(base_ + begin),
         static_cast<int32_t>(base_ + std::max(begin, end))});
  }

  const PipelineParts& parts_;
  const Job& job_;
  Encoding& out_;
  uint32_t base_ = 0;  // where the stretch starts in the input
  std::vector<ModelToken> tokens_;
};

Pipeline::Pipeline(PipelineParts parts) : parts_(std::move(parts)) {}

absl::Status Pipeline::EncodeInto(const Job& job, Encoding& out) const {
  RETURN_IF_ERROR(CheckLength(job.text.size()));
  const std::optional<size_t> invalid = InvalidUtf8Offset(job.text);
  if (invalid.has_value()) {
    return FieldError("text", "not UTF-8",
                      absl::StrCat("an invalid byte at ", *invalid));
  }
  return Run(parts_, job, out).EncodeAll();
}

absl::Status Pipeline::AddSpecials(const Job& job, Encoding& out) const {
  if (!job.add_special_tokens) return EncodeInto(job, out);
  int32_t at = 0;  // where special ids stand
  for (const PostProcessor::Part& part : parts_.post_processor.single()) {
    if (part.kind != PostProcessor::Part::Kind::kIds) {
      RETURN_IF_ERROR(EncodeInto(job, out));
      at = static_cast<int32_t>(job.text.size());
      continue;
    }
    out.ids.insert(out.ids.end(), part.ids.begin(), part.ids.end());
    if (!job.with_offsets) continue;
    out.offsets.insert(out.offsets.end(), part.ids.size(), ByteOffset{at, at});
  }
  return absl::OkStatus();
}

absl::StatusOr<Encoding> Pipeline::EncodeText(std::string_view text,
                                              const EncodeOptions& options,
                                              bool with_offsets) const {
  const MatchRegion all{static_cast<uint32_t>(text.size()),
                        options.parse_special};
  Encoding out;
  RETURN_IF_ERROR(AddSpecials({.text = text,
                               .regions = absl::MakeConstSpan(&all, 1),
                               .add_special_tokens = options.add_special_tokens,
                               .with_offsets = with_offsets},
                              out));
  return out;
}

absl::StatusOr<std::vector<int32_t>> Pipeline::EncodePair(
    std::string_view first, std::string_view second,
    const EncodeOptions& options) const {
  const EncodeOptions plain{.add_special_tokens = false,
                            .parse_special = options.parse_special};
  ASSIGN_OR_RETURN(std::vector<int32_t> first_ids, Encode(first, plain));
  ASSIGN_OR_RETURN(std::vector<int32_t> second_ids, Encode(second, plain));
  std::vector<int32_t> ids;
  const auto add = [&ids](const std::vector<int32_t>& more) {
    ids.insert(ids.end(), more.begin(), more.end());
  };
  if (!options.add_special_tokens) {
    add(first_ids);
    add(second_ids);
    return ids;
  }
  for (const PostProcessor::Part& part : parts_.post_processor.pair()) {
    add(part.kind == PostProcessor::Part::Kind::kIds         ? part.ids
        : part.kind == PostProcessor::Part::Kind::kFirstText ? first_ids
                                                             : second_ids);
  }
  return ids;
}

absl::StatusOr<std::vector<int32_t>> Pipeline::Encode(
    std::string_view text, const EncodeOptions& options) const {
  ASSIGN_OR_RETURN(Encoding out,
                   EncodeText(text, options, /*with_offsets=*/false));
  return std::move(out.ids);
}

absl::StatusOr<Encoding> Pipeline::EncodeWithOffsets(
    std::string_view text, const EncodeOptions& options) const {
  return EncodeText(text, options, /*with_offsets=*/true);
}

absl::StatusOr<std::vector<int32_t>> Pipeline::EncodeParts(
    absl::Span<const TextPart> parts, bool add_special_tokens) const {
  std::string text;
  std::vector<MatchRegion> regions;
  for (const TextPart& part : parts) {
    text.append(part.text);
    RETURN_IF_ERROR(CheckLength(text.size()));
    regions.push_back({static_cast<uint32_t>(text.size()), part.parse_special});
  }
  Encoding out;
  RETURN_IF_ERROR(AddSpecials({.text = text,
                               .regions = regions,
                               .add_special_tokens = add_special_tokens,
                               .with_offsets = false},
                              out));
  return std::move(out.ids);
}

std::string Pipeline::Decode(absl::Span<const int32_t> ids,
                             bool skip_special) const {
  return StreamDecoder(parts_.vocabulary, skip_special).Finish(ids);
}

}  // namespace sluice::tokenizer
