#include "clients/cli/tokenize.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/cancel_on_stop.h"
#include "common/base/error_info.h"
#include "common/base/json_quote.h"
#include "common/base/utf8.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "sluice/tokenizer/v1/tokenizer.grpc.pb.h"

namespace sluice::cli {
namespace {

using tokenizer::v1::TokenizeResponse;

// The part of the text behind token i; empty for tokens that were added, and
// for offsets that do not lie in the text.
std::string PieceOf(const TokenizeResponse& response, const std::string& text,
                    int i) {
  if (i >= response.offsets_size()) return "";
  const int begin = response.offsets(i).begin();
  const int end = response.offsets(i).end();
  if (begin < 0 || begin >= end || end > static_cast<int>(text.size())) {
    return "";
  }
  return text.substr(static_cast<size_t>(begin),
                     static_cast<size_t>(end - begin));
}

void PrintJson(const TokenizeResponse& response, const std::string& text,
               std::ostream& out) {
  out << "{\"ids\":[" << absl::StrJoin(response.ids(), ",") << "],\"pieces\":[";
  for (int i = 0; i < response.ids_size(); ++i) {
    out << (i == 0 ? "" : ",") << JsonQuote(PieceOf(response, text, i));
  }
  out << "],\"vocabulary_hash\":" << JsonQuote(response.vocabulary_hash())
      << "}\n";
}

void PrintLines(const TokenizeResponse& response, const std::string& text,
                std::ostream& out) {
  for (int i = 0; i < response.ids_size(); ++i) {
    out << response.ids(i) << "\t" << JsonQuote(PieceOf(response, text, i))
        << "\n";
  }
}

// Tokens may cut a character; colours must not. Pieces that do not end at a
// character's end are shown with those that follow.
void PrintColoured(const TokenizeResponse& response, const std::string& text,
                   std::ostream& out) {
  std::string pending;
  size_t shown = 0;
  for (int i = 0; i < response.ids_size(); ++i) {
    pending += PieceOf(response, text, i);
    if (pending.empty() || !IsValidUtf8(pending)) continue;
    std::string visible = SafeForTerminal(pending);
    // A colour would run on over the rest of the line.
    for (size_t at = visible.find('\n'); at != std::string::npos;
         at = visible.find('\n', at + 8)) {
      visible.replace(at, 1, "↵\x1b[0m\n");
    }
    out << Coloured(visible, shown++);
    pending.clear();
  }
  out << "\n"
      << Dim(absl::StrCat(response.ids_size(),
                          " tokens: ", absl::StrJoin(response.ids(), " ")))
      << "\n";
}

}  // namespace

absl::Status Tokenize(const TokenizeOptions& options, const std::string& text,
                      StopSignal& stop, Output& output) {
  if (!IsValidUtf8(text)) return FieldError("text", "not valid UTF-8");
  tokenizer::v1::TokenizeRequest request;
  request.set_text(text);
  request.set_add_special_tokens(options.add_special_tokens);
  request.set_parse_special(options.parse_special);
  request.set_with_offsets(true);
  grpc::ClientContext context;
  SetTimeout(context, options.timeout_ms * kNanosPerMilli);
  const auto stub =
      tokenizer::v1::TokenizerService::NewStub(MakeChannel(options.tokenizer));
  CancelOnStop cancel(stop, context);
  TokenizeResponse response;
  const grpc::Status status = stub->Tokenize(&context, request, &response);
  cancel.End();
  if (!status.ok() && cancel.interrupted()) {
    return absl::CancelledError("interrupted");
  }
  if (!status.ok()) return FromGrpcStatus(status);
  if (options.json) {
    PrintJson(response, text, output.out);
  } else if (output.terminals.out) {
    PrintColoured(response, text, output.out);
  } else {
    PrintLines(response, text, output.out);
  }
  output.out << std::flush;
  return absl::OkStatus();
}

}  // namespace sluice::cli
