#include "common/modelfiles/sentencepiece.h"

#include <bit>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/modelfiles/wire_reader.h"

namespace sluice {
namespace {

constexpr size_t kMaxPieces = size_t{1} << 24;
constexpr size_t kMaxPieceBytes = 1024;

// Field numbers of sentencepiece_model.proto.
enum ModelField : uint32_t { kPieces = 1, kTrainer = 2, kNormalizer = 3 };
enum PieceField : uint32_t { kText = 1, kScore = 2, kType = 3 };
enum TrainerField : uint32_t {
  kModelType = 3,
  kSpaceAsSuffix = 24,
  kByteFallback = 35,
  kUnknownSurface = 44,
};
enum NormalizerField : uint32_t {
  kCharsmap = 2,
  kDummyPrefix = 3,
  kRemoveSpaces = 4,
  kEscapeSpaces = 5,
};

template <typename Visit>
absl::Status ForEachField(std::string_view message, const Visit& visit) {
  WireReader reader(message);
  while (!reader.AtEnd()) {
    ASSIGN_OR_RETURN(WireField field, reader.Next());
    RETURN_IF_ERROR(visit(field));
  }
  return absl::OkStatus();
}

absl::StatusOr<SentencePiece> ReadPiece(std::string_view message) {
  SentencePiece piece;
  RETURN_IF_ERROR(
      ForEachField(message, [&](const WireField& field) -> absl::Status {
        if (field.number == kText) piece.text = std::string(field.bytes);
        if (field.number == kScore) {
          piece.score =
              std::bit_cast<float>(static_cast<uint32_t>(field.value));
        }
        if (field.number == kType) {
          if (field.value < 1 || field.value > 6) {
            return absl::InvalidArgumentError(
                absl::StrCat("unknown type, got ", field.value));
          }
          piece.kind = static_cast<PieceKind>(field.value);
        }
        return absl::OkStatus();
      }));
  if (piece.text.empty() || piece.text.size() > kMaxPieceBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "text of ", piece.text.size(), " bytes, limit 1 to ", kMaxPieceBytes));
  }
  if (!IsValidUtf8(piece.text)) {
    return absl::InvalidArgumentError("text is not UTF-8");
  }
  if (!std::isfinite(piece.score)) {
    return absl::InvalidArgumentError("score is not a finite number");
  }
  return piece;
}

absl::Status ReadTrainer(const WireField& field, SentencePieceModel& model) {
  switch (field.number) {
    case kModelType:
      if (field.value != 1 && field.value != 2) {
        return absl::UnimplementedError(
            absl::StrCat("model_type: only unigram and bpe are supported, got ",
                         field.value));
      }
      model.algorithm = static_cast<SentencePieceAlgorithm>(field.value);
      break;
    case kSpaceAsSuffix:
      model.space_as_suffix = field.value != 0;
      break;
    case kByteFallback:
      model.byte_fallback = field.value != 0;
      break;
    case kUnknownSurface:
      model.unknown_surface = std::string(field.bytes);
      break;
    default:
      break;
  }
  return absl::OkStatus();
}

absl::Status ReadNormalizer(const WireField& field, SentencePieceModel& model) {
  switch (field.number) {
    case kCharsmap:
      model.charsmap = std::string(field.bytes);
      break;
    case kDummyPrefix:
      model.add_dummy_prefix = field.value != 0;
      break;
    case kRemoveSpaces:
      model.remove_extra_whitespaces = field.value != 0;
      break;
    case kEscapeSpaces:
      model.escape_whitespaces = field.value != 0;
      break;
    default:
      break;
  }
  return absl::OkStatus();
}

absl::StatusOr<SentencePieceModel> Read(std::string_view bytes) {
  SentencePieceModel model;
  RETURN_IF_ERROR(
      ForEachField(bytes, [&](const WireField& field) -> absl::Status {
        if (field.number == kTrainer) {
          return ForEachField(field.bytes, [&](const WireField& inner) {
            return ReadTrainer(inner, model);
          });
        }
        if (field.number == kNormalizer) {
          return ForEachField(field.bytes, [&](const WireField& inner) {
            return ReadNormalizer(inner, model);
          });
        }
        if (field.number != kPieces) return absl::OkStatus();
        if (model.pieces.size() == kMaxPieces) {
          return absl::InvalidArgumentError(
              absl::StrCat("too many pieces, limit ", kMaxPieces));
        }
        absl::StatusOr<SentencePiece> piece = ReadPiece(field.bytes);
        if (!piece.ok()) {
          return absl::InvalidArgumentError(absl::StrCat(
              "pieces[", model.pieces.size(), "]: ", piece.status().message()));
        }
        model.pieces.push_back(*std::move(piece));
        return absl::OkStatus();
      }));
  if (model.pieces.empty()) {
    return absl::InvalidArgumentError("it has no pieces");
  }
  absl::flat_hash_set<absl::string_view> seen;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    if (!seen.insert(model.pieces[id].text).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("pieces[", id, "]: is there twice"));
    }
  }
  if (!IsValidUtf8(model.unknown_surface)) {
    return absl::InvalidArgumentError("unk_surface: is not UTF-8");
  }
  return model;
}

}  // namespace

absl::StatusOr<SentencePieceModel> ParseSentencePiece(std::string_view bytes,
                                                      std::string_view name) {
  absl::StatusOr<SentencePieceModel> model = Read(bytes);
  if (model.ok()) return model;
  return absl::Status(model.status().code(),
                      absl::StrCat(absl::string_view(name.data(), name.size()),
                                   ": ", model.status().message()));
}

}  // namespace sluice
