#include "services/tokenizer/core/models/unigram.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/utf8.h"

namespace sluice::tokenizer {
namespace {

constexpr double kUnknownPenalty = 10;

}  // namespace

absl::StatusOr<std::unique_ptr<Model>> Unigram::FromJson(
    const JsonValue& model, const TokenTable& table) {
  Options options;
  const auto size = static_cast<int64_t>(table.pieces.size());
  if (model.Find("unk_id").has_value()) {
    ASSIGN_OR_RETURN(int64_t unk, model.GetInt("unk_id", 0, size - 1));
    options.unk_id = static_cast<int32_t>(unk);
  }
  ASSIGN_OR_RETURN(options.byte_fallback,
                   model.GetBoolOr("byte_fallback", false));
  return FromPieces(table.pieces, options);
}

absl::StatusOr<std::unique_ptr<Model>> Unigram::FromPieces(
    const std::vector<ScoredPiece>& pieces, const Options& options) {
  if (pieces.empty()) {
    return absl::InvalidArgumentError(
        "tokenizer.json: model.vocab: a Unigram model needs an array of "
        "tokens with their scores");
  }
  std::unique_ptr<Unigram> made(new Unigram());
  made->options_ = options;
  double lowest = std::numeric_limits<double>::infinity();
  for (size_t id = 0; id < pieces.size(); ++id) {
    const ScoredPiece& piece = pieces[id];
    made->scores_.push_back(piece.score);
    const bool found_in_text = piece.kind == PieceKind::kNormal ||
                               piece.kind == PieceKind::kUserDefined;
    if (!found_in_text) {
      if (piece.kind == PieceKind::kByte) {
        made->ids_[std::string(piece.spelling)] = static_cast<int32_t>(id);
      }
      continue;
    }
    made->trie_.Insert(piece.spelling, static_cast<int32_t>(id));
    made->ids_[std::string(piece.spelling)] = static_cast<int32_t>(id);
    lowest = std::min(lowest, piece.score);
  }
  made->unknown_score_ = lowest - kUnknownPenalty;
  for (int byte = 0; byte < 256; ++byte) {
    auto found = made->ids_.find(absl::StrFormat("<0x%02X>", byte));
    made->byte_ids_[byte] = found == made->ids_.end() ? -1 : found->second;
  }
  return made;
}

std::vector<Unigram::Step> Unigram::BestSteps(std::string_view piece) const {
  std::vector<Step> steps(piece.size() + 1);
  for (size_t at = 0; at < piece.size();) {
    const size_t character = Utf8Length(piece[at]);
    const double here = steps[at].score;
    const auto offer = [&](size_t length, int32_t id, double score) {
      Step& step = steps[at + length];
      if (!step.reached || here + score > step.score) {
        step = {here + score, static_cast<uint32_t>(at), id, true};
      }
    };
    bool has_character = false;
    trie_.ForEachPrefix(piece.substr(at), [&](size_t length, int32_t id) {
      offer(length, id, scores_[id]);
      has_character |= length == character;
    });
    if (!has_character) {
      offer(character, options_.unk_id.value_or(-1), unknown_score_);
    }
    at += character;
  }
  return steps;
}

absl::Status Unigram::AppendPart(std::string_view piece, uint32_t begin,
                                 uint32_t end,
                                 std::vector<ModelToken>& out) const {
  const std::string_view part = piece.substr(begin, end - begin);
  if (auto found = ids_.find(part); found != ids_.end()) {
    out.push_back({found->second, begin, end});
    return absl::OkStatus();
  }
  const bool bytes = options_.byte_fallback &&
                     std::all_of(part.begin(), part.end(), [this](char c) {
                       return byte_ids_[static_cast<uint8_t>(c)] >= 0;
                     });
  if (bytes) {
    for (char c : part) {
      out.push_back({byte_ids_[static_cast<uint8_t>(c)], begin, end});
    }
    return absl::OkStatus();
  }
  if (!options_.unk_id.has_value()) {
    return absl::InvalidArgumentError(
        "tokenizer.json: model.unk_id: missing, and the text needs it");
  }
  out.push_back({*options_.unk_id, begin, end});
  return absl::OkStatus();
}

absl::Status Unigram::Encode(std::string_view piece,
                             std::vector<ModelToken>& out) const {
  const std::vector<Step> steps = BestSteps(piece);
  // From the end; unknown neighbours are one part.
  struct Part {
    uint32_t begin;
    uint32_t end;
  };
  std::vector<Part> parts;
  bool joins = false;
  for (auto end = static_cast<uint32_t>(piece.size()); end > 0;) {
    const Step& step = steps[end];
    const bool unknown = step.id == options_.unk_id.value_or(-1);
    if (unknown && joins) {
      parts.back().begin = step.begin;
    } else {
      parts.push_back({step.begin, end});
    }
    joins = unknown;
    end = step.begin;
  }
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    RETURN_IF_ERROR(AppendPart(piece, part->begin, part->end, out));
  }
  return absl::OkStatus();
}

}  // namespace sluice::tokenizer
